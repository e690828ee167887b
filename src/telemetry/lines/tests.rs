use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::catalog::usd::Usd;
use crate::gateway::estimate::Estimate;
use crate::gateway::journal::{Attempt, Fate};
use crate::target::Target;
use crate::telemetry::record::{Door, Parameters, Transport};

fn record() -> Record {
    let attempt = |target: Target, fate, cause: Option<&str>| Attempt {
        target,
        fate,
        cause: cause.map(str::to_owned),
        upstream_status: cause.map(|_| 503),
        span: None,
        wait: Duration::from_millis(250),
        started: Instant::now(),
        duration: Duration::from_micros(812_345),
        to_first: None,
        tokens: None,
        cost: None,
        estimated: None,
        upstream_request_id: None,
    };
    Record {
        request_id: "r-1".to_owned(),
        began: UNIX_EPOCH + Duration::from_hours(498_720),
        started: Instant::now(),
        door: Door::Messages,
        transport: Transport::Http,
        key: Some("team".into()),
        asked: "sm\"art\n".to_owned(),
        alias: Some("smart".to_owned()),
        served: Some(Target::new("b", "two")),
        attempts: vec![
            attempt(Target::new("a", "one"), Fate::Failed, Some("overloaded")),
            attempt(Target::new("b", "two"), Fate::Answered, None),
        ],
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
        tokens: Some(crate::gateway::journal::Tokens {
            input: 9,
            cached: 4,
            write_5m: 2,
            write_1h: 1,
            output: 11,
            reasoning: 5,
        }),
        cost: Some(Usd::from_dollars(0.000_06)),
        to_first: Some(Duration::from_millis(233)),
        total: Duration::from_millis(1_500),
        overhead: Duration::from_micros(420),
        losses: vec!["top_k".to_owned()],
        mend: Mend::Unbroken,
        content: None,
        messages: None,
    }
}

#[test]
fn a_line_of_json_tells_everything_of_a_request() {
    let mut line = Vec::new();
    json(&mut line, &mut Clock::default(), &record(), Level::INFO);
    let told: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(
        told,
        json!({
            "timestamp": "2026-11-23T00:00:01.500000Z", "level": "INFO", "message": "request completed",
            "request_id": "r-1", "door": "messages", "transport": "http", "stream": true, "key": "team",
            "model": "sm\"art\n", "alias": "smart", "served": "b/two", "status": 200, "outcome": "completed",
            "attempts": [
                {"target": "a/one", "fate": "failed", "cause": "overloaded", "status": 503, "wait_ms": 250.0, "ms": 812.345},
                {"target": "b/two", "fate": "answered", "wait_ms": 250.0, "ms": 812.345},
            ],
            "tokens": {"input": 9, "cached": 4, "cache_write": 3, "cache_write_1h": 1, "output": 11, "reasoning": 5},
            "cost_usd": 0.000_06, "ttft_ms": 233.0, "total_ms": 1500.0, "overhead_ms": 0.42, "losses": ["top_k"],
        })
    );
}

#[test]
fn a_line_of_text_is_one_line() {
    let line = text(&mut Clock::default(), &record(), Level::INFO, Form::Plain);
    assert_eq!(
        line,
        "2026-11-23T00:00:01.500000Z  INFO request completed request_id=r-1 door=messages model=\"sm\\\"art\\n\" \
         status=200 key=\"team\" alias=smart served=b/two \
         attempts=+250ms:a/one:failed:overloaded:812.345ms,+250ms:b/two:answered:812.345ms in=9 cached=4 written=3 \
         out=11 reasoning=5 cost=$0.00006 ttft=233ms total=1500ms overhead=0.42ms losses=\"top_k\""
    );
}

#[test]
fn what_nobody_counted_stands_beside_the_counts_and_is_marked() {
    let mut record = record();
    let of = |input, output, cost| {
        Some(Estimate {
            input,
            output,
            cost,
        })
    };
    let cost = Some(Usd::from_dollars(0.000_01));
    record.attempts[0].estimated = of(4, 2, cost);
    record.attempts[1].estimated = of(0, 3, cost);
    let check = |record: &Record, json_cost: Value, text_cost: &str| {
        let mut line = Vec::new();
        json(&mut line, &mut Clock::default(), record, Level::INFO);
        let told: Value = serde_json::from_slice(&line).unwrap();
        let expect = json!({"input": 4, "output": 5, "cost_usd": json_cost});
        assert_eq!(told["estimated"], expect);
        assert_eq!(
            (&told["tokens"]["output"], &told["cost_usd"]),
            (&json!(11), &json!(0.000_06))
        );
        let line = text(&mut Clock::default(), record, Level::INFO, Form::Plain);
        let expect = format!(" estimated=in=4,out=5{text_cost} ttft=");
        assert!(line.contains(&expect), "{line}");
    };
    check(&record, json!(0.000_02), ",cost=$0.00002");
    // One without a price makes the sum unknown.
    record.attempts[1].estimated = of(0, 3, None);
    check(&record, Value::Null, "");
}

#[test]
fn a_name_of_the_clients_is_cut() {
    assert_eq!(name(&"ü".repeat(1000)).chars().count(), MOST_NAME);
    assert_eq!(name("short"), "short");
}

#[test]
fn what_the_client_did_wrong_is_no_warning() {
    let check = |outcome, status, expect| {
        let mut record = record();
        (record.outcome, record.status) = (outcome, status);
        assert_eq!(level(&record), expect);
    };
    check(Outcome::Refused, 400, Level::INFO);
    check(Outcome::Failed, 404, Level::INFO);
    check(Outcome::Failed, 502, Level::WARN);
    // The status had gone out before it failed.
    check(Outcome::Failed, 200, Level::WARN);
    check(Outcome::HungUp, 499, Level::INFO);
}
