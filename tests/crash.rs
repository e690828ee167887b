//! The rehearsal itself: routes that hold, and routes that it has to find fault with.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that breaks off has failed"
)]

use llmgw::config::Config;
use llmgw::config::load::{Env, parse};
use llmgw::crash::{Fault, Row, Spread, Verdict, check, rehearse, rehearsed, routes};

fn config(text: &str) -> Config {
    rehearsed(parse(text, None, &Env::default()).expect("a sound configuration"))
}

async fn row(config: &Config, route: &str, fault: Fault) -> Row {
    rehearse(config, route, fault).await
}

fn story(row: &Row) -> String {
    format!("{} {}: {:?}", row.route, row.fault.as_str(), row.runs)
}

/// One pair of targets in each protocol, so that every encoder, decoder and error is met.
const PAIRS: &str = "
providers:
  lab: { type: openai-compatible, base_url: 'http://lab.test/v1' }
models:
  responses: { targets: [openai/gpt-6-sol, lab/x] }
  messages: { targets: [anthropic/claude-sonnet-5-5, lab/x] }
  gemini: { targets: [google/gemini-3.8-flash, lab/x] }
  chat: { targets: [lab/x, openai/gpt-6-sol] }
  demo: { targets: [demo/one, lab/x] }
";

#[tokio::test(start_paused = true)]
async fn a_pair_of_targets_survives_every_fault_in_every_protocol() {
    let config = config(&PAIRS.replace("  demo: ", "  builtin: "));
    for route in ["responses", "messages", "gemini", "chat", "builtin"] {
        for fault in Fault::ALL {
            let row = row(&config, route, fault).await;
            let expect = match fault {
                // Nobody is named for these; after content the default is an honest error.
                Fault::ContentRefusal
                | Fault::Cut
                | Fault::Stall
                | Fault::BadChunk
                | Fault::NoTerminalEvent
                | Fault::ErrorInStream => Verdict::Error,
                _ => Verdict::Answered,
            };
            assert_eq!(row.verdict(), expect, "{}", story(&row));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_alone_ends_in_an_honest_error() {
    let config = config("models: { m: { targets: [openai/gpt-6-sol] } }");
    for fault in Fault::ALL {
        let row = row(&config, "m", fault).await;
        let expect = match fault {
            Fault::SlowFirstToken => Verdict::Answered,
            _ => Verdict::Error,
        };
        assert_eq!(row.verdict(), expect, "{}", story(&row));
        for run in row.runs.iter().filter(|run| run.verdict == Verdict::Error) {
            assert!(run.code.is_some(), "{}", story(&row));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn limits_that_leave_no_time_for_the_next_target_are_found() {
    let text = "models: { m: { targets: [openai/gpt-6-sol, demo], timeouts: { total: 30s } } }";
    let config = config(text);
    let row = row(&config, "m", Fault::Silence).await;
    assert_eq!(row.verdict(), Verdict::Failed, "{}", story(&row));
    let note = row.runs[0].note.as_deref().unwrap();
    assert!(note.contains("another target stood by"), "{note}");
    assert!(note.contains("timeouts.total"), "{note}");
}

#[tokio::test(start_paused = true)]
async fn a_route_that_nobody_can_serve_is_found() {
    let text = "
providers: { lab: { type: openai-compatible, base_url: 'http://lab.test/v1' } }
models: { m: { targets: [lab/x], requires: [vision] } }";
    let row = row(&config(text), "m", Fault::RateLimited).await;
    assert_eq!(row.verdict(), Verdict::Failed, "{}", story(&row));
    let note = row.runs[0].note.as_deref().unwrap();
    assert!(note.contains("no target can take"), "{note}");
}

#[tokio::test(start_paused = true)]
async fn named_exceptions_are_answered_by_those_that_are_named() {
    let text = "
models:
  m:
    targets: [openai/gpt-6-sol]
    when_context_over: { tokens: 100k, targets: [google/gemini-3.8-flash] }
    when_refused: [anthropic/claude-sonnet-5-5]";
    let config = config(text);
    for (fault, expect) in [
        (Fault::ContextOverflow, "google/gemini-3.8-flash"),
        (Fault::ContentRefusal, "anthropic/claude-sonnet-5-5"),
    ] {
        let row = row(&config, "m", fault).await;
        for run in row.runs.iter().filter(|run| run.spread == Spread::First) {
            assert_eq!(run.answered_by.as_deref(), Some(expect), "{}", story(&row));
        }
    }
}

#[test]
fn all_aliases_and_the_default_are_tried_and_other_names_are_looked_up() {
    let config = config(
        "{ models: { m: { targets: [demo] }, n: { targets: [m] } }, defaults: { model: openai/gpt-6-luna } }",
    );
    assert_eq!(routes(&config), ["m", "n", "openai/gpt-6-luna"]);
    assert!(check(&config, "groq/some-model").is_ok());
    assert_eq!(check(&config, "nothing").unwrap_err().status(), 404);
}

#[test]
fn no_key_of_the_users_is_in_a_rehearsal() {
    let text = "providers: { openai: { api_keys: [sk-real-1, sk-real-2], headers: { x-team: secret } }, lab: { type: openai, api_key_cmd: 'echo sk' } }";
    let config = config(text);
    let openai = config.provider("openai").unwrap();
    let keys: Vec<&str> = openai
        .keys
        .iter()
        .map(llmgw::secret::Secret::expose)
        .collect();
    assert_eq!(keys, ["crash-test-1", "crash-test-2"]);
    assert!(openai.headers.is_empty());
    let lab = config.provider("lab").unwrap();
    assert!(lab.key_command.is_none() && lab.is_awake());
    assert!(config.provider("groq").unwrap().is_awake());
}
