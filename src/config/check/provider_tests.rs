use super::tests::load;
use super::*;
use crate::config::load::parse;
use crate::config::provider::State;
use crate::config::report::check_report;
use crate::providers::Api;

#[test]
fn providers_wake_up_by_their_variables_in_a_fixed_order() {
    let env = Env::from([
        ("GROQ_API_KEY", "q"),
        ("GEMINI_API_KEY", "g"),
        ("ANTHROPIC_API_KEY", "a"),
        ("OPENAI_API_KEY", ""),
        ("ANTHROPIC_BASE_URL", "http://localhost:9/"),
    ]);
    let file = "providers: {work: {type: openai, base_url: 'http://h/v1'}}";
    let config = load(file, &env);
    let awake: Vec<&str> = config
        .awake()
        .map(crate::target::ProviderName::as_str)
        .collect();
    assert_eq!(
        awake,
        ["anthropic", "google", "groq", "ollama", "work", "demo"]
    );
    let anthropic = config.provider("anthropic").unwrap();
    assert_eq!(anthropic.settings.base_url, "http://localhost:9");
    assert_eq!(
        config.provider("groq").unwrap().settings.vendor.as_deref(),
        Some("groq")
    );
    let openai = &config.provider("openai").unwrap().state;
    assert_eq!(*openai, State::Asleep(vec!["OPENAI_API_KEY".to_owned()]));
}

#[test]
fn the_environment_overrides_a_plain_key_and_no_explicit_one() {
    let env = Env::from([
        ("OPENAI_API_KEY", "env"),
        ("MINE", "mine"),
        ("GEMINI_API_KEY", "gem"),
    ]);
    let key = |text: &str, provider: &str| {
        let config = load(text, &env);
        let keys = &config.provider(provider).unwrap().keys;
        keys.iter()
            .map(|key| key.expose().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        key("providers: {openai: {api_key: plain}}", "openai"),
        ["env"]
    );
    assert_eq!(
        key("providers: {openai: {api_key: '${MINE}'}}", "openai"),
        ["mine"]
    );
    assert_eq!(
        key("providers: {openai: {api_keys: [a, b]}}", "openai"),
        ["a", "b"]
    );
    assert_eq!(
        key("providers: {openai: {api_key_cmd: x}}", "openai"),
        Vec::<String>::new()
    );
    assert_eq!(
        key(
            "providers: {google: {api_key: '${GOOGLE_API_KEY}'}}",
            "google"
        ),
        ["gem"]
    );
    assert_eq!(
        key("providers: {google: {api_key: '${OTHER}'}}", "google"),
        Vec::<String>::new()
    );
    assert_eq!(
        key("providers: {groq: {api_key: plain}}", "groq"),
        ["plain"]
    );
}

#[test]
fn a_file_goes_before_the_base_url_of_the_environment() {
    let env = Env::from([
        ("OPENAI_BASE_URL", "http://env/v1"),
        ("OPENAI_API_KEY", "k"),
    ]);
    let url = |text: &str| {
        load(text, &env)
            .provider("openai")
            .unwrap()
            .settings
            .base_url
            .clone()
    };
    assert_eq!(url(""), "http://env/v1");
    assert_eq!(
        url("providers: {openai: {base_url: 'http://file/v1/', api: chat}}"),
        "http://file/v1"
    );
    let api = load("providers: {openai: {api: chat}}", &env);
    assert_eq!(api.provider("openai").unwrap().settings.api, Api::Chat);
}

#[test]
fn base_urls_are_looked_at() {
    let url = |r#type: &str, url: &str, expect: &str| {
        let text = format!("providers: {{x: {{base_url: '{url}', type: {type}}}}}");
        let shown = check_report(&parse(&text, None, &Env::default()));
        assert!(shown.contains(expect), "{url}: {shown}");
    };
    url("openai", "https://h/v1/", "ok");
    url("openai", "ftp://h", "must begin with");
    url("openai", "h:80", "must begin with");
    url("openai", "nonsense", "is no URL");
    url("openai", "https://h/v1?key=1", "must not have a `?`");
    url("anthropic", "https://h/v1", "must end before `/v1`");
    url("google", "https://h/v1beta/", "must end before `/v1beta`");
    url("opnai", "https://h", "did you mean `openai`?");
}

#[test]
fn a_base_url_that_is_the_gateway_itself_is_seen() {
    let at = |url: &str, socket: &str| {
        let text = format!("providers: {{x: {{type: openai, base_url: '{url}'}}}}");
        let config = load(&text, &Env::default());
        config
            .provider("x")
            .unwrap()
            .points_at(&[socket.parse().unwrap()])
    };
    assert!(at("http://localhost:8080/v1", "127.0.0.1:8080"));
    assert!(at("http://[::1]:8080/v1", "0.0.0.0:8080"));
    assert!(at("http://10.0.0.5:80", "10.0.0.5:80"));
    assert!(!at("http://localhost:8081/v1", "127.0.0.1:8080"));
    assert!(!at("http://api.example.com:8080/v1", "127.0.0.1:8080"));
}
