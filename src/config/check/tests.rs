use std::time::Duration;

use super::*;
use crate::config::alias::{Aim, OnCut, Policy, Sticky};
use crate::config::load::parse;
use crate::config::report::resolved;
use crate::config::server::{Anonymous, hash};
use crate::config::{FetchRule, Lossy, StoreKind};
use crate::providers::Kind;

const EXAMPLE: &str = include_str!("../../../config.example.yaml");

pub(super) fn load(text: &str, env: &Env) -> Config {
    parse(text, None, env).unwrap_or_else(|faults| panic!("{faults}"))
}

/// Every fault as it is shown, in the order of the file.
fn check(text: &str, expect: &[&str]) {
    let shown = parse(text, None, &Env::default()).map_or_else(
        |faults| faults.faults.iter().map(ToString::to_string).collect(),
        |_| Vec::new(),
    );
    assert_eq!(shown, expect, "{text}");
}

#[test]
fn the_example_loads_as_it_is_and_is_all_defaults() {
    let config = load(EXAMPLE, &Env::default());
    let sleeps = "the provider `openai` sleeps: `OPENAI_API_KEY` is not set";
    assert_eq!(config.warnings, [sleeps]);
    let nothing = load("", &Env::default());
    let price = "prices:\n  ollama/*:\n    input: 0.0\n    output: 0.0\n";
    assert_eq!(
        resolved(&config).replace(price, "prices: {}\n"),
        resolved(&nothing)
    );
}

#[test]
fn the_example_loads_with_every_example_taken_in() {
    let taken: Vec<String> = EXAMPLE
        .lines()
        .map(|line| match line.trim_start().strip_prefix('#') {
            Some(rest)
                if !rest.is_empty() && (!rest.starts_with(' ') || rest.starts_with("  ")) =>
            {
                line.replacen('#', "", 1)
            }
            _ => line.to_owned(),
        })
        .collect();
    let key = "k".repeat(32);
    let other = "l".repeat(32);
    let env = Env::from([
        ("LLMGW_CI_KEY", key.as_str()),
        ("LLMGW_TEAM_KEY", &other),
        ("OPENAI_API_KEY", "sk-o"),
        ("GOOGLE_API_KEY", "g1"),
        ("GOOGLE_KEY_2", "g2"),
    ]);
    let config = load(&taken.join("\n"), &env);
    let told: Vec<&str> = config.warnings.iter().map(String::as_str).collect();
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(config.server.keys[0].sha256, hash(&key));
    assert_eq!(config.server.keys[0].tokens_per_minute, Some(200_000));
    assert_eq!(config.provider("google").unwrap().keys.len(), 2);
    let lab = config.provider("lab").unwrap();
    assert_eq!(lab.kind, Kind::Compatible);
    assert_eq!(lab.key_command.as_deref(), Some("op read op://lab/key"));
    assert_eq!((lab.headers.len(), lab.max_in_flight), (1, Some(64)));
    let ab = config.alias("ab").unwrap();
    assert_eq!(
        (ab.policy, ab.sticky, ab.targets[0].weight),
        (Policy::Weighted, Sticky::User, 90)
    );
    let careful = &config.alias("careful").unwrap().rules;
    assert_eq!(careful.on_cut, OnCut::Continue);
    assert_eq!(careful.timeouts.first_token, Duration::from_secs(30));
    assert_eq!(careful.timeouts.total, Duration::from_mins(10));
    assert!((careful.hedge.unwrap().max_extra - 0.03).abs() < 1e-9);
    assert_eq!(
        config.alias("commit").unwrap().targets[0].aim,
        Aim::Alias("fast".to_owned())
    );
    let shown = resolved(&config);
    for secret in [key.as_str(), &other, "sk-o", "g1", "research", "op read"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[test]
fn without_a_file_everything_has_its_default() {
    let config = load("", &Env::default());
    assert_eq!(config.server.anonymous, Anonymous::Refused);
    assert_eq!(config.server.body_limit, 33_554_432);
    assert_eq!(config.defaults.timeouts.first_token, Duration::from_mins(5));
    assert_eq!(config.defaults.lossy, Lossy::Warn);
    assert_eq!(config.store.kind, StoreKind::Sqlite);
    let awake: Vec<&str> = config
        .awake()
        .map(crate::target::ProviderName::as_str)
        .collect();
    assert_eq!(awake, ["ollama", "demo"]);
    assert!(config.warnings.is_empty());
}

#[test]
fn unknown_keys_and_values_have_their_place_and_a_question() {
    check(
        "servr: {}\n",
        &["1:1: servr: unknown key `servr`; did you mean `server`?"],
    );
    check(
        "server:\n  adress: ':1'\n",
        &["2:3: server.adress: unknown key `adress`; did you mean `address`?"],
    );
    check(
        "models:\n  a:\n    policy: fastst\n    targets: [openai/x]\n",
        &[
            "3:13: models.a.policy: `fastst` is not possible here; known are `failover`, `weighted`, `cheapest`, `fastest`, `round_robin`; did you mean `fastest`?",
        ],
    );
    check(
        "models:\n  a: {targets: [{model: openai/x, wieght: 1}]}\n",
        &["2:35: models.a.targets[0].wieght: unknown key `wieght`; did you mean `weight`?"],
    );
    check(
        "defaults: {timeouts: {idle: 5}}",
        &[
            "1:29: defaults.timeouts.idle: `5` is no duration: write it as `250ms`, `5s`, `10m`, `2h` or `30d`",
        ],
    );
    check(
        "defaults: {retry: {attempts: many}}",
        &["1:30: defaults.retry.attempts: expected a whole number, found text"],
    );
}

#[test]
fn every_fault_is_collected_in_the_order_of_the_file() {
    check(
        "log: {level: loud}\nserver: {body_limit: 0}\nproviders:\n  lab: {}\nmodels:\n  a: {targets: [b]}\n",
        &[
            "1:14: log.level: `loud` is not possible here; known are `off`, `error`, `warn`, `info`, `debug`, `trace`",
            "2:22: server.body_limit: must be at least 1",
            "4:3: providers.lab: missing key `type` (`openai-compatible`, `openai`, `anthropic` or `google`)",
            "6:17: models.a.targets[0]: `b` is no alias and no `provider/model` of a known provider",
        ],
    );
}

#[test]
fn faults_in_the_yaml_itself_have_their_place() {
    check("a: {b: ${X}}\n", &["1:9: did not find expected ',' or '}'"]);
    check("- 1\n", &["1:1: the file must be a map of sections"]);
}

#[test]
fn an_unset_variable_is_named_unless_it_is_the_key_of_a_built_in_provider() {
    check(
        "server:\n  keys:\n    - {name: a, key: '${NONE}'}\n",
        &["3:22: server.keys[0].key: the variable `NONE` is not set"],
    );
    check(
        "providers: {lab: {type: openai-compatible, base_url: '${URL}', api_key: '${NONE}'}}",
        &[
            "1:54: providers.lab.base_url: the variable `URL` is not set",
            "1:73: providers.lab.api_key: the variable `NONE` is not set",
        ],
    );
    check("providers: {mistral: {api_key: '${NONE}'}}", &[]);
}

#[test]
fn secrets_are_not_repeated_in_faults() {
    let faults = parse(
        "providers: {openai: {api_keys: sk-abc}}",
        None,
        &Env::default(),
    )
    .unwrap_err();
    assert_eq!(
        faults.to_string(),
        "1:32: providers.openai.api_keys: expected a list, found text"
    );
    let url = "providers: {lab: {type: openai, base_url: 'https://me:sk-abc@h/v1'}}";
    let faults = parse(url, None, &Env::default()).unwrap_err();
    assert!(!faults.to_string().contains("sk-abc"), "{faults}");
}

#[test]
fn an_address_beyond_loopback_needs_keys() {
    let message = "1:19: server.address: 0.0.0.0 is reachable from outside, and there are no client keys: \
                   set `server.keys`, or `server.allow_anonymous: true`";
    check("server: {address: '0.0.0.0:80'}", &[message]);
    check(
        "server: {address: '0.0.0.0:80', allow_anonymous: true}",
        &[],
    );
    check(
        "server: {address: '0.0.0.0:80', keys: [{name: a, key: 0123456789abcdefgh}]}",
        &[],
    );
    check(
        "server: {admin: '0.0.0.0:81'}",
        &["1:17: server.admin: an address beyond loopback needs `server.admin_key`"],
    );
    check("server: {admin: '127.0.0.1:81'}", &[]);
    check(
        "server: {keys: [{name: a, key: ''}]}",
        &["1:17: server.keys[0]: the key is empty"],
    );
}

#[test]
fn aliases_must_lead_somewhere() {
    check(
        "models: {a: {targets: [gpt-6-luna, opena/x, demo, openai/anything]}}",
        &[
            "1:24: models.a.targets[0]: `gpt-6-luna` is no alias and no `provider/model` of a known provider; did you mean `openai/gpt-6-luna`?",
            "1:36: models.a.targets[1]: `opena/x` is no alias and no `provider/model` of a known provider; did you mean `openai/x`?",
        ],
    );
    check(
        "models: {a: {}}",
        &["1:10: models.a: an alias needs `targets`, at least one"],
    );
    check(
        "models: {openai: {targets: [demo]}}",
        &["1:10: models.openai: `openai` is the name of a provider already"],
    );
}

#[test]
fn aliases_do_not_go_in_circles() {
    check(
        "models:\n  a: {targets: [b]}\n  b: {targets: [demo], then: [c]}\n  c: {targets: [a]}\n  d: {targets: [a]}\n",
        &["2:3: models.a: the aliases go in a circle: a → b → c → a"],
    );
    check(
        "models: {a: {targets: [a]}}",
        &["1:10: models.a: the aliases go in a circle: a → a"],
    );
    check(
        "models: {a: {targets: [b, c]}, b: {targets: [c]}, c: {targets: [demo]}}",
        &[],
    );
}

#[test]
fn an_alias_with_instructions_is_only_followed_alone() {
    check(
        "models: {a: {targets: [b]}, b: {targets: [demo], temperature: 0}}",
        &[],
    );
    check(
        "models: {a: {targets: [b, openai/x]}, b: {targets: [demo], temperature: 0}}",
        &[
            "1:23: models.a.targets: `b` has instructions or parameters of its own, so it can only be the one target of another alias",
        ],
    );
}

#[test]
fn weights_and_ranges_are_looked_at() {
    check(
        "models: {a: {policy: weighted, temperature: 3, targets: [{model: demo, weight: 0}]}}",
        &[
            "1:45: models.a.temperature: must be between 0 and 2",
            "1:57: models.a.targets: one weight at least must be more than 0",
        ],
    );
    check(
        "models: {a: {targets: [{model: demo, weight: 2}]}}",
        &["1:24: models.a.targets[0]: weights are for `policy: weighted`"],
    );
}

#[test]
fn hosts_and_networks_may_be_fetched_from() {
    let config = load(
        "fetch: {allow: [10.0.0.0/8, '*.Example.com', '::1']}",
        &Env::default(),
    );
    let network = |text: &str, bits| FetchRule::Network(text.parse().unwrap(), bits);
    let host = FetchRule::Host("*.example.com".to_owned());
    assert_eq!(
        config.fetch.allow,
        [network("10.0.0.0", 8), host, network("::1", 128)]
    );
    let fault = "is neither a host such as `files.example.com` nor a network such as `10.0.0.0/8`";
    check(
        "fetch: {allow: [10.0.0.0/33]}",
        &[&format!("1:17: fetch.allow[0]: {fault}")],
    );
}

#[test]
fn a_key_that_stands_twice_is_a_fault() {
    check(
        "log: {}\nlog: {}\n",
        &["2:1: the key `log` stands here twice"],
    );
    check(
        "models:\n  a: {targets: [demo]}\n  a: {}\n",
        &["3:3: models: the key `a` stands here twice"],
    );
}

#[test]
fn an_alias_may_be_sticky_by_a_header_and_only_then_names_one() {
    let sticky = |more: &str| {
        let targets = "targets: [{ model: demo, weight: 1 }, { model: demo/b, weight: 2 }]";
        parse(
            &format!("models: {{ m: {{ policy: weighted, {targets}, {more} }} }}"),
            None,
            &Env::default(),
        )
    };
    let header = |more| sticky(more).map(|config| config.aliases[0].sticky_header.clone());
    assert_eq!(header("sticky: header").unwrap(), "x-llmgw-sticky");
    let named = header("sticky: header, sticky_header: X-Session-Id");
    assert_eq!(named.unwrap(), "x-session-id");
    for (more, expect) in [
        (
            "sticky: header, sticky_header: 'a b'",
            "no header can have this name",
        ),
        ("sticky: user, sticky_header: x-a", "only `sticky: header`"),
        ("sticky: heder", "did you mean `header`?"),
    ] {
        let faults = sticky(more).unwrap_err().to_string();
        assert!(faults.contains(expect), "{faults}");
    }
}
