use super::*;
use crate::config::Config;
use crate::config::alias::{Aim, Policy};
use crate::secret::Secret;

/// The imported configuration, loaded with every variable set that it names.
fn import(text: &str) -> (Imported, Config) {
    let imported = litellm(text).expect("sound YAML");
    let names = imported.yaml.split("${").skip(1);
    let names: Vec<&str> = names.filter_map(|rest| rest.split('}').next()).collect();
    let values: Vec<String> = names
        .iter()
        .map(|name| {
            if name.contains("BASE") {
                "http://base.test".to_owned()
            } else {
                format!("the-value-of-{name}")
            }
        })
        .collect();
    let pairs = names.iter().copied().zip(values.iter().map(String::as_str));
    let config = parse(&imported.yaml, None, &Env::of(pairs));
    let config = config.unwrap_or_else(|faults| panic!("{faults}\n{}", imported.yaml));
    (imported, config)
}

fn grades(imported: &Imported, place: &str) -> Vec<Grade> {
    let findings = imported.findings.iter();
    let here = findings.filter(|finding| finding.place.contains(place));
    here.map(|finding| finding.grade).collect()
}

fn targets(config: &Config, alias: &str) -> Vec<String> {
    let alias = config.alias(alias).expect("an alias");
    let name = |aim: &Aim| match aim {
        Aim::Alias(name) => name.clone(),
        Aim::Target(target) => target.to_string(),
    };
    let weighted = alias.policy == Policy::Weighted;
    let targets = alias.targets.iter().map(|one| {
        if weighted {
            format!("{}={}", name(&one.aim), one.weight)
        } else {
            name(&one.aim)
        }
    });
    let then = alias.then.iter().map(|aim| format!("then {}", name(aim)));
    targets.chain(then).collect()
}

#[test]
fn entries_of_one_name_are_drawn_by_their_weights_requests_or_tokens() {
    let check = |more: [&str; 2], expect: &[&str]| {
        let [one, other] = more;
        let (_, config) = import(&format!(
            "model_list:
- model_name: gpt
  litellm_params: {{ model: openai/gpt-6-luna, api_key: os.environ/OPENAI_API_KEY{one} }}
- model_name: gpt
  litellm_params: {{ model: anthropic/claude-sonnet-5-5, api_key: os.environ/ANTHROPIC_API_KEY{other} }}"
        ));
        assert_eq!(targets(&config, "gpt"), expect);
    };
    let both = |a, b| {
        [
            format!("openai/gpt-6-luna={a}"),
            format!("anthropic/claude-sonnet-5-5={b}"),
        ]
    };
    let check = |more, [a, b]: [String; 2]| check(more, &[&a, &b]);
    check(["", ""], both(1, 1));
    check([", weight: 9", ", weight: 1"], both(9, 1));
    check([", weight: 0.9", ", weight: 0.1"], both(900, 100));
    check([", rpm: 600, tpm: 1", ", rpm: 60, tpm: 9"], both(600, 60));
    check([", tpm: 100000", ", tpm: 50000"], both(100_000, 50_000));
    check([", weight: 3, rpm: 1", ", rpm: 9"], both(3, 0));
}

#[test]
fn an_order_is_kept_and_keys_of_one_target_are_used_in_turn() {
    let (imported, config) = import(
        "model_list:
- { model_name: m, litellm_params: { model: groq/x, order: 2 } }
- { model_name: m, litellm_params: { model: openai/y, api_key: os.environ/A, order: 1 } }
- { model_name: m, litellm_params: { model: openai/y, api_key: os.environ/B, order: 1 } }",
    );
    assert_eq!(targets(&config, "m"), ["openai/y", "groq/x"]);
    assert_eq!(config.alias("m").unwrap().policy, Policy::Failover);
    let keys = &config.provider("openai").unwrap().keys;
    let keys: Vec<&str> = keys.iter().map(Secret::expose).collect();
    assert_eq!(keys, ["the-value-of-A", "the-value-of-B"]);
    assert_eq!(grades(&imported, "order"), [Grade::Exact]);
}

#[test]
fn addresses_become_providers_as_their_vendors_write_them() {
    let check = |params: &str, provider: &str, base_url: &str| {
        let (_, config) = import(&format!(
            "model_list: [{{ model_name: m, litellm_params: {{ {params} }} }}]"
        ));
        let found = config.provider(provider);
        let found = found.unwrap_or_else(|| panic!("{provider}: {:?}", targets(&config, "m")));
        assert_eq!(found.settings.base_url, base_url, "{params}");
        assert!(found.is_awake(), "{params}");
        assert!(
            targets(&config, "m")[0].starts_with(&format!("{provider}/")),
            "{params}"
        );
    };
    check(
        "model: openai/q, api_base: 'http://10.0.0.5:8000/v1'",
        "server-10-0-0-5",
        "http://10.0.0.5:8000/v1",
    );
    check(
        "model: q, api_base: 'https://llm.example.com/v1/', api_key: os.environ/K",
        "llm",
        "https://llm.example.com/v1",
    );
    check(
        "model: azure/d, api_base: 'https://west.openai.azure.com/', api_version: 2024-02-01, api_key: os.environ/K",
        "azure-west",
        "https://west.openai.azure.com/openai/v1",
    );
    check(
        "model: ollama_chat/q, api_base: 'http://gpu:11434'",
        "ollama-gpu",
        "http://gpu:11434/v1",
    );
    check(
        "model: hosted_vllm/q, api_base: os.environ/VLLM_BASE",
        "vllm-vllm-base",
        "http://base.test",
    );
    check(
        "model: anthropic/c, api_base: 'https://proxy.example.com/v1', api_key: os.environ/K",
        "anthropic-proxy",
        "https://proxy.example.com",
    );
    check(
        "model: nvidia_nim/m, api_key: os.environ/K",
        "integrate",
        "https://integrate.api.nvidia.com/v1",
    );
    check(
        "model: gpt-6-luna, api_key: os.environ/K",
        "openai",
        "https://api.openai.com/v1",
    );
}

#[test]
fn fallbacks_that_go_in_circles_are_written_out() {
    let (imported, config) = import(
        "model_list:
- { model_name: a, litellm_params: { model: openai/x, api_key: os.environ/K } }
- { model_name: b, litellm_params: { model: groq/y, api_key: os.environ/L } }
- { model_name: c, litellm_params: { model: mistral/z, temperature: 0.2, api_key: os.environ/M } }
router_settings:
  fallbacks: [{ a: [b] }, { b: [a, c] }]
  context_window_fallbacks: [{ a: [c] }]
litellm_settings:
  content_policy_fallbacks: [{ b: [nowhere] }]
  default_fallbacks: [b]",
    );
    assert_eq!(targets(&config, "a"), ["openai/x", "then b"]);
    assert_eq!(
        targets(&config, "b"),
        ["groq/y", "then openai/x", "then mistral/z"]
    );
    // The default is for those that have none.
    assert_eq!(targets(&config, "c"), ["mistral/z", "then b"]);
    let context = config.alias("a").unwrap().rules.when_context_over.clone();
    assert_eq!(context.unwrap().targets.len(), 1);
    assert_eq!(
        grades(&imported, "content_policy_fallbacks.b").last(),
        Some(&Grade::Manual)
    );
}

#[test]
fn no_key_of_the_file_is_copied_and_each_has_a_finding() {
    let secrets = [
        "sk-one-secret",
        "sk-two-secret",
        "sk-three-secret",
        "tok-four",
        "pg-five",
    ];
    let (imported, config) = import(
        "model_list:
- { model_name: a, litellm_params: { model: openai/x, api_key: sk-one-secret, extra_headers: { x-auth: tok-four, x-team: blue } } }
- { model_name: b, litellm_params: { model: openai/x, api_key: sk-two-secret } }
general_settings: { master_key: sk-three-secret, database_url: pg-five }
environment_variables: { LANGFUSE_SECRET: pg-five }",
    );
    let said: String = imported.findings.iter().map(ToString::to_string).collect();
    for secret in secrets {
        assert!(
            !imported.yaml.contains(secret) && !said.contains(secret),
            "{secret}"
        );
    }
    for place in [
        "[0] (a).litellm_params.api_key",
        "x-auth",
        "[1] (b).litellm_params.api_key",
        "master_key",
        "database_url",
        "LANGFUSE_SECRET",
    ] {
        assert_eq!(grades(&imported, place), [Grade::Manual], "{place}");
    }
    assert!(imported.needs_a_hand());
    assert_eq!(config.server.keys.len(), 1);
    assert!(imported.yaml.contains("x-team: blue"), "{}", imported.yaml);
}

#[test]
fn what_holds_for_all_models_becomes_defaults() {
    let (imported, config) = import(
        "model_list:
- { model_name: a, litellm_params: { model: openai/x, timeout: 30, stream_timeout: 2.5, input_cost_per_token: 0.0000025, output_cost_per_token: 0.00001 } }
- { model_name: a, litellm_params: { model: groq/x } }
router_settings:
  routing_strategy: latency-based-routing
  num_retries: 2
  allowed_fails: 3
  cooldown_time: 10
  model_group_alias: { gpt-4: a, old: { model: a, hidden: true } }
litellm_settings: { request_timeout: 120, drop_params: true, json_logs: true, success_callback: [langfuse] }
general_settings: { master_key: os.environ/LITELLM_MASTER_KEY }",
    );
    let alias = config.alias("a").unwrap();
    assert_eq!(alias.policy, Policy::Fastest);
    assert_eq!(alias.rules.timeouts.total.as_secs(), 30);
    assert_eq!(alias.rules.timeouts.first_token.as_millis(), 2500);
    assert_eq!(
        (
            config.defaults.retry.attempts,
            config.defaults.timeouts.total.as_secs()
        ),
        (3, 120)
    );
    assert_eq!(
        (
            config.defaults.breaker.consecutive,
            config.defaults.breaker.open.as_secs()
        ),
        (4, 10)
    );
    assert_eq!(targets(&config, "gpt-4"), ["a"]);
    assert_eq!(
        grades(&imported, "model_group_alias"),
        [Grade::Exact, Grade::Approximate]
    );
    let price = &config.prices[0];
    assert_eq!(
        (
            price.pattern.as_str(),
            price.rates.input,
            price.rates.output
        ),
        ("openai/x", Some(2.5), Some(10.0))
    );
    assert_eq!(grades(&imported, "master_key"), [Grade::Exact]);
    let manual = imported
        .findings
        .iter()
        .filter(|one| one.grade == Grade::Manual);
    assert_eq!(
        manual.map(|one| one.place.as_str()).collect::<Vec<_>>(),
        ["litellm_settings.success_callback"]
    );
}

#[test]
fn what_cannot_be_asked_here_is_named_and_left_out() {
    let (imported, config) = import(
        "model_list:
- { model_name: a, litellm_params: { model: bedrock/x } }
- { model_name: b, litellm_params: { model: something/x } }
- { model_name: 'c d', litellm_params: { model: groq/x } }
- { model_name: openai, litellm_params: { model: openai/x } }
- { model_name: 'anthropic/*', litellm_params: { model: 'anthropic/*', api_key: os.environ/ANTHROPIC_API_KEY } }
- { model_name: groq/y, litellm_params: { model: groq/y } }
- { model_name: e, litellm_params: { model: azure/x } }
guardrails: []",
    );
    let names: Vec<&str> = config
        .aliases
        .iter()
        .map(|alias| alias.name.as_str())
        .collect();
    assert_eq!(names, ["c-d", "openai-model"]);
    for (place, expect) in [
        ("(a)", Grade::Manual),
        ("(b)", Grade::Manual),
        ("(c d)", Grade::Manual),
        ("(openai)", Grade::Manual),
        ("(anthropic/*)", Grade::Exact),
        ("(groq/y)", Grade::Exact),
        ("(e)", Grade::Manual),
        ("guardrails", Grade::Manual),
    ] {
        assert_eq!(grades(&imported, place), [expect], "{place}");
    }
}

#[test]
fn bad_yaml_is_a_fault_with_its_place() {
    let fault = litellm("model_list: [").unwrap_err();
    assert!(fault.position.is_some(), "{fault}");
    assert!(litellm("[1, 2]").unwrap().needs_a_hand());
}
