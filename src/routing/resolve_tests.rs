//! What names mean.

use super::*;
use crate::canonical::request::Effort;
use crate::config::load::{Env, parse};
use crate::routing::words::{Meaning, search};

fn config(text: &str, env: &Env) -> Config {
    parse(text, None, env).unwrap_or_else(|faults| panic!("{faults}"))
}

fn keyed() -> Config {
    let env = Env::from([
        ("OPENAI_API_KEY", "o"),
        ("ANTHROPIC_API_KEY", "a"),
        ("GROQ_API_KEY", "q"),
    ]);
    let text = "
providers:
  lab: { type: openai-compatible, base_url: 'http://h/v1' }
models:
  smart: { targets: [google/gemini-4-argon, anthropic/claude-sonnet-5-5, fast], then: [lab/x] }
  fast: { targets: [openai/gpt-6-luna, anthropic/claude-sonnet-5-5] }
  commit: { targets: [brief], instructions: one line }
  brief: { targets: [fast], instructions: be brief, effort: low, temperature: 0 }
  far: { targets: [google/gemini-4-argon] }
  gpt-6-sol: { targets: [lab/sol] }
  ab: { policy: weighted, targets: [{ model: lab/a, weight: 9 }, lab/b], then: [lab/c] }
defaults: { model: fast }
";
    config(text, &env)
}

fn plan(config: &Config, model: &str) -> Result<Route, Error> {
    resolve(config, &Request::ask(model, "hi"))
}

fn check(model: &str, expect: &str) {
    let plan = plan(&keyed(), model).unwrap();
    let targets: Vec<String> = plan.targets.iter().map(ToString::to_string).collect();
    assert_eq!(targets.join(" "), expect, "{model}");
}

fn check_error(model: &str, expect: &str) {
    let error = plan(&keyed(), model).unwrap_err();
    assert_eq!(error.kind(), Kind::ModelNotFound);
    assert!(error.to_string().contains(expect), "{model}: {error}");
}

#[test]
fn an_alias_goes_before_everything_and_is_flattened_in_order() {
    check("fast", "openai/gpt-6-luna anthropic/claude-sonnet-5-5");
    check(
        "smart",
        "anthropic/claude-sonnet-5-5 openai/gpt-6-luna lab/x",
    );
    check("gpt-6-sol", "lab/sol");
    check("", "openai/gpt-6-luna anthropic/claude-sonnet-5-5");
    check("ab", "lab/a lab/b lab/c");
}

#[test]
fn a_provider_in_the_body_pins_and_the_model_goes_verbatim() {
    let mut request = Request::ask("openai/gpt-6-luna", "hi");
    request.provider = Some("lab".to_owned());
    let targets = resolve(&keyed(), &request).unwrap().targets;
    assert_eq!(targets, [Target::new("lab", "openai/gpt-6-luna")]);
    request.provider = Some("lap".to_owned());
    let error = resolve(&keyed(), &request).unwrap_err();
    assert_eq!((error.status(), error.param()), (400, Some("provider")));
    assert!(error.message().contains("did you mean `lab`?"));
}

#[test]
fn a_first_segment_that_names_a_provider_takes_the_rest_verbatim() {
    check("lab/meta-llama/Llama-4:free", "lab/meta-llama/Llama-4:free");
    check("openai/no-such-model", "openai/no-such-model");
    check("ollama/llama3.2:3b", "ollama/llama3.2:3b");
    check("demo", "demo/demo");
    check("demo/anything", "demo/anything");
}

#[test]
fn bare_names_are_found_in_the_catalogue_or_by_their_vendor() {
    check("gpt-6-luna", "openai/gpt-6-luna");
    check("gpt-99-new", "openai/gpt-99-new");
    check("o3", "openai/o3");
    check("chatgpt-latest", "openai/chatgpt-latest");
    check("claude-next-1", "anthropic/claude-next-1");
    check_error("ollm", "there is no model `ollm`");
    check_error("gpt-oss-120b", "there is no model `gpt-oss-120b`");
}

#[test]
fn a_provider_that_sleeps_says_what_wakes_it() {
    check_error(
        "gemini-3.8-flash",
        "`GOOGLE_API_KEY` or `GEMINI_API_KEY` is not set",
    );
    check_error("mistral/large", "`MISTRAL_API_KEY` is not set");
    check_error("far", "`GOOGLE_API_KEY` or `GEMINI_API_KEY` is not set");
    let error = plan(&keyed(), "gemini-3.8-flash").unwrap_err();
    assert_eq!((error.code(), error.status()), ("no_api_key", 404));
}

#[test]
fn a_name_that_nobody_knows_brings_the_nearest() {
    check_error("fats", "the nearest are `fast`");
    check_error("sonnet-5-5", "`anthropic/claude-sonnet-5-5`");
    let error = plan(&keyed(), "zzz").unwrap_err();
    assert!(error.hint().is_some());
}

#[test]
fn a_model_that_one_provider_lists_is_found_there() {
    let mut listed = Listed::new();
    listed.insert("groq".into(), vec!["gpt-oss-120b".to_owned()]);
    let find = |listed: &Listed| target(&keyed(), listed, "gpt-oss-120b");
    assert_eq!(find(&listed).unwrap(), Target::new("groq", "gpt-oss-120b"));
    listed.insert("lab".into(), vec!["gpt-oss-120b".to_owned()]);
    let error = find(&listed).unwrap_err();
    assert!(
        error
            .message()
            .contains("`groq/gpt-oss-120b` or `lab/gpt-oss-120b`"),
        "{error}"
    );
}

#[test]
fn overlays_of_aliases_in_aliases_add_up_and_the_outer_one_wins() {
    let plan = plan(&keyed(), "commit").unwrap();
    assert_eq!(plan.alias.as_deref(), Some("commit"));
    assert_eq!(plan.overlay.instructions.as_deref(), Some("one line"));
    assert_eq!(
        (plan.overlay.effort, plan.overlay.temperature),
        (Some(Effort::Low), Some(0.0))
    );
}

#[test]
fn the_default_model_is_that_of_the_first_provider_with_a_key() {
    let check = |env: &Env, expect: Option<&str>| {
        assert_eq!(default_model(&config("", env)).ok().as_deref(), expect);
    };
    check(
        &Env::from([("GOOGLE_API_KEY", "g"), ("OPENAI_API_KEY", "o")]),
        Some("openai/gpt-6-luna"),
    );
    check(
        &Env::from([("GEMINI_API_KEY", "g")]),
        Some("google/gemini-3.8-flash"),
    );
    check(&Env::default(), None);
    assert_eq!(default_model(&keyed()).unwrap(), "fast");
}

#[test]
fn without_a_model_and_a_default_the_request_is_invalid() {
    let error = plan(&config("", &Env::default()), "").unwrap_err();
    assert_eq!((error.status(), error.param()), (400, Some("model")));
}

#[test]
fn the_terminal_finds_models_by_words() {
    let config = keyed();
    let today = Day::parse("2026-11-23").expect("a day");
    let found = |written: &str| search(&config, &Listed::new(), written, today);
    assert_eq!(found("fast").unwrap(), Meaning::Exact("fast".to_owned()));
    assert_eq!(
        found("openai/x").unwrap(),
        Meaning::Exact("openai/x".to_owned())
    );
    assert_eq!(
        found("gpt-6-luna").unwrap(),
        Meaning::Found("openai/gpt-6-luna".to_owned())
    );
    assert_eq!(
        found("Haiku 5-5").unwrap(),
        Meaning::Found("anthropic/claude-haiku-5-5".to_owned())
    );
    let error = found("sonnet").unwrap_err();
    assert!(error.message().starts_with("`sonnet` fits"), "{error}");
    assert!(found("nothing like it").is_err());
}
