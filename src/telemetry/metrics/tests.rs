use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::exposition::Page;
use super::gauges::Gauges;
use super::*;
use crate::canonical::request::Delivery;
use crate::catalog::usd::Usd;
use crate::config::load::{Env, parse};
use crate::target::Target;
use crate::telemetry::record::{Mend, Parameters, Transport};

const CONFIG: &str = "
server: { keys: [{ name: team, key: 'a-key-of-a-team' }] }
providers: { lab: { type: openai-compatible, base_url: 'http://127.0.0.1:1/v1' } }
models: { smart: { targets: [lab/one, demo] } }
";

fn metrics() -> Metrics {
    Metrics::new(&parse(CONFIG, None, &Env::default()).unwrap())
}

fn attempt(target: Target, fate: Fate, cause: Option<&str>) -> Attempt {
    let answered = fate == Fate::Answered;
    Attempt {
        target,
        fate,
        cause: cause.map(str::to_owned),
        upstream_status: None,
        span: None,
        wait: Duration::ZERO,
        started: Instant::now(),
        duration: Duration::from_millis(30),
        to_first: answered.then(|| Duration::from_millis(20)),
        tokens: answered.then(|| Tokens {
            input: 10,
            cached: 4,
            output: 6,
            ..Tokens::default()
        }),
        cost: answered.then(|| Usd::from_dollars(0.000_06)),
        estimated: None,
        upstream_request_id: None,
    }
}

fn record(asked: &str, attempts: Vec<Attempt>) -> Record {
    let last = attempts.last();
    let served = last.filter(|it| it.fate == Fate::Answered);
    Record {
        request_id: "r".to_owned(),
        began: SystemTime::now(),
        started: Instant::now(),
        door: Door::Responses,
        transport: Transport::Http,
        key: Some("team".into()),
        asked: asked.to_owned(),
        alias: (asked == "smart").then(|| asked.to_owned()),
        served: served.map(|it| it.target.clone()),
        delivery: Delivery::Streamed,
        outcome: Outcome::Completed,
        status: 200,
        code: None,
        message: None,
        response_id: None,
        response_model: None,
        finish: None,
        parameters: Parameters::default(),
        trace: None,
        tokens: last.and_then(|it| it.tokens),
        cost: last.and_then(|it| it.cost),
        to_first: Some(Duration::from_millis(50)),
        total: Duration::from_millis(100),
        overhead: Duration::from_micros(40),
        losses: Vec::new(),
        mend: Mend::Unbroken,
        attempts,
        content: None,
        messages: None,
    }
}

fn page(metrics: &Metrics) -> String {
    metrics.render(&Gauges::default())
}

fn check(page: &str, line: &str) {
    assert!(page.lines().any(|one| one == line), "no {line} in:\n{page}");
}

#[test]
fn a_request_with_a_failover_is_counted_where_it_belongs() {
    let metrics = metrics();
    let attempts = vec![
        attempt(Target::new("lab", "one"), Fate::Failed, Some("overloaded")),
        attempt(Target::new("demo", "demo"), Fate::Answered, None),
    ];
    metrics.take(&[record("smart", attempts)]);
    let page = page(&metrics);
    let check = |line: &str| check(&page, line);
    check(r#"llmgw_requests_total{api="responses",model="smart",status="200"} 1"#);
    check(
        r#"llmgw_attempts_total{provider="lab",model="one",outcome="failed",cause="overloaded"} 1"#,
    );
    check(r#"llmgw_attempts_total{provider="demo",model="demo",outcome="answered",cause=""} 1"#);
    check(r#"llmgw_failovers_total{from="lab/one",to="demo/demo",cause="overloaded"} 1"#);
    check(r#"llmgw_cost_usd_total{provider="demo",model="demo",key_name="team"} 0.00006"#);
    let served = r#"gen_ai_operation_name="chat",gen_ai_provider_name="demo",gen_ai_request_model="smart",gen_ai_response_model="demo",error_type="""#;
    check(&format!(
        "gen_ai_server_request_duration_seconds_bucket{{{served},le=\"0.16\"}} 1"
    ));
    check(&format!(
        "gen_ai_server_request_duration_seconds_bucket{{{served},le=\"0.08\"}} 0"
    ));
    check(&format!(
        "gen_ai_server_request_duration_seconds_sum{{{served}}} 0.1"
    ));
    check(&format!(
        "gen_ai_server_time_to_first_token_seconds_sum{{{served}}} 0.05"
    ));
    // 50 ms for the five tokens after the first.
    check(&format!(
        "gen_ai_server_time_per_output_token_seconds_sum{{{served}}} 0.01"
    ));
    check(&format!(
        "gen_ai_client_token_usage_sum{{{served},gen_ai_token_type=\"cached_input\"}} 4"
    ));
    check(&format!(
        "gen_ai_client_token_usage_sum{{{served},gen_ai_token_type=\"output\"}} 6"
    ));
}

#[test]
fn ten_thousand_names_of_hostile_clients_are_one() {
    let metrics = metrics();
    let hostile = |n: usize| {
        let name = format!("m\"{n}\\\n{{}}");
        let mut record = record(
            &name,
            vec![
                attempt(Target::new("lab", name.as_str()), Fate::Failed, Some(&name)),
                attempt(
                    Target::new(name.as_str(), name.as_str()),
                    Fate::Answered,
                    None,
                ),
            ],
        );
        record.key = Some(name.as_str().into());
        record.code = Some(name.clone());
        record.outcome = Outcome::Failed;
        record.losses = vec![name.clone(), format!("metadata.{name}")];
        record
    };
    for n in 0..100 {
        metrics.take(&[hostile(n)]);
    }
    let few = page(&metrics).lines().count();
    for n in 100..10_000 {
        metrics.take(&[hostile(n)]);
    }
    let page = page(&metrics);
    assert_eq!(page.lines().count(), few);
    check(
        &page,
        r#"llmgw_requests_total{api="responses",model="other",status="200"} 10000"#,
    );
    check(
        &page,
        r#"llmgw_cost_usd_total{provider="other",model="other",key_name="other"} 0.6"#,
    );
    check(
        &page,
        r#"llmgw_translation_losses_total{field="metadata"} 10000"#,
    );
    check(
        &page,
        r#"llmgw_attempts_total{provider="lab",model="other",outcome="failed",cause="_OTHER"} 10000"#,
    );
}

#[test]
fn even_names_that_are_known_make_a_bounded_number_of_series() {
    let mut family: Family<2, u64> = Family::default();
    let names: Vec<String> = (0..100_000).map(|n: u32| n.to_string()).collect();
    let mut last = Last::default();
    for name in &names {
        // Twice, so that the second time it is what came last.
        family.add(&mut last, [name, "x"], 1);
        family.add(&mut last, [name, "x"], 1);
    }
    let values = family.values();
    assert_eq!(values.len(), 1001);
    let sum: u64 = values.iter().map(|(_, value)| value).sum();
    assert_eq!(sum, 200_000, "none is lost");
    let each = values.iter().filter(|(labels, _)| *labels != ["other"; 2]);
    assert!(each.map(|(_, value)| *value).all(|value| value == 2));
}

#[test]
fn labels_are_told_apart_by_what_they_say_and_not_by_what_was_asked_last() {
    let mut family: Family<2, u64> = Family::default();
    let (one, same) = ("one".to_owned(), "one".to_owned());
    let mut last = Last::default();
    for labels in [[&one, "a"], [&one, "b"], [&same, "b"], [&same, "a"]] {
        family.add(&mut last, labels, 1);
    }
    assert_eq!(family.values(), [(["one", "a"], 2), (["one", "b"], 2)]);
}

#[test]
fn what_has_no_price_or_no_counts_is_counted_as_that_and_not_as_free() {
    let metrics = metrics();
    let mut unpriced = attempt(Target::new("lab", "one"), Fate::Answered, None);
    unpriced.cost = None;
    let mut uncounted = unpriced.clone();
    uncounted.tokens = None;
    metrics.take(&[record("smart", vec![unpriced])]);
    metrics.take(&[record("smart", vec![uncounted])]);
    let page = page(&metrics);
    for reason in ["no_price", "no_counts"] {
        let line = format!(
            r#"llmgw_unpriced_requests_total{{provider="lab",model="one",reason="{reason}"}} 1"#
        );
        check(&page, &line);
    }
    assert!(!page.contains("llmgw_cost_usd_total{"));
}

#[test]
fn a_value_of_a_label_is_escaped() {
    let mut page = Page::default();
    page.gauges("g", "help", &["a"], [(["\"\\\n"], 1)]);
    check(&page.finish(), r#"g{a="\"\\\n"} 1"#);
}

#[test]
fn a_status_is_shown_if_it_can_be_one() {
    let config = parse(CONFIG, None, &Env::default()).expect("sound");
    let words = Vocabulary::of(&config);
    let check = |status, expect| assert_eq!(words.status(status), expect);
    check(0, "other");
    check(99, "other");
    check(100, "100");
    check(404, "404");
    check(599, "599");
    check(600, "other");
    check(u16::MAX, "other");
}
