use std::time::SystemTime;

use super::attributes::Value;
use super::spans::{Kind, Span};
use super::*;
use crate::canonical::request::Delivery;
use crate::catalog::usd::Usd;
use crate::config::load::{Env, parse};
use crate::gateway::finish::Finish;
use crate::gateway::journal::{Attempt, Fate, Tokens};
use crate::gateway::trace::SpanId;
use crate::target::Target;
use crate::telemetry::messages::Messages;
use crate::telemetry::record::{Door, Mend, Outcome, Parameters, Transport};

const CONFIG: &str =
    "providers: { lab: { type: openai-compatible, base_url: 'http://10.0.0.5:8000/v1' } }";

fn config(variables: &[(&str, &str)]) -> Config {
    let mut all = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")];
    all.extend(variables);
    let env = match all.as_slice() {
        [a] => Env::from([*a]),
        [a, b] => Env::from([*a, *b]),
        [a, b, c] => Env::from([*a, *b, *c]),
        _ => Env::default(),
    };
    parse(CONFIG, None, &env).expect("sound")
}

fn span_id(id: u64) -> SpanId {
    SpanId::new(id).expect("not zero")
}

fn trace(flags: u8) -> Trace {
    Trace {
        id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        parent: Some(span_id(0x00f0_67aa_0ba9_02b7)),
        span: Some(span_id(1)),
        flags,
        state: None,
    }
}

fn attempt(provider: &str, fate: Fate, span: u64) -> Attempt {
    Attempt {
        target: Target {
            provider: provider.into(),
            model: "m-1".into(),
        },
        fate,
        cause: (fate == Fate::Failed).then(|| "rate_limit_exceeded".to_owned()),
        upstream_status: (fate == Fate::Failed).then_some(429),
        span: Some(span_id(span)),
        wait: Duration::ZERO,
        started: Instant::now(),
        duration: Duration::from_secs(1),
        to_first: (fate == Fate::Answered).then_some(Duration::from_millis(250)),
        tokens: (fate == Fate::Answered).then_some(Tokens {
            input: 10,
            cached: 4,
            output: 5,
            ..Tokens::default()
        }),
        cost: None,
        estimated: None,
        upstream_request_id: None,
    }
}

fn record(attempts: Vec<Attempt>, flags: u8) -> Record {
    let served = attempts.last().map(|attempt| attempt.target.clone());
    let started = attempts
        .first()
        .map_or_else(Instant::now, |attempt| attempt.started);
    Record {
        request_id: "req_1".to_owned(),
        began: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        started,
        door: Door::Responses,
        transport: Transport::Http,
        key: Some("ci".into()),
        asked: "smart".to_owned(),
        alias: Some("smart".to_owned()),
        served,
        tokens: attempts.iter().find_map(|attempt| attempt.tokens),
        attempts,
        delivery: Delivery::Streamed,
        outcome: Outcome::Completed,
        status: 200,
        code: None,
        message: Some("what the prompt said".to_owned()),
        response_id: Some("resp_1".to_owned()),
        response_model: Some("m-1-2026".to_owned()),
        finish: Some(Finish::Stop),
        parameters: Parameters {
            temperature: Some(0.5),
            ..Parameters::default()
        },
        trace: Some(Arc::new(trace(flags))),
        cost: Some(Usd::from_dollars(0.25)),
        to_first: Some(Duration::from_millis(300)),
        total: Duration::from_secs(2),
        overhead: Duration::from_millis(1),
        losses: vec!["what.the.prompt.said".to_owned()],
        mend: Mend::Unbroken,
        content: None,
        messages: None,
    }
}

fn spans_of<'a>(record: &'a Record, peers: &'a Peers) -> Vec<Span<'a>> {
    let mut all = Vec::new();
    spans::each(record, peers, &mut Vec::new(), |span| {
        all.push(span.clone());
    });
    all
}

fn value<'a>(span: &Span<'a>, key: &str) -> Option<Value<'a>> {
    let found = span.attributes.iter().find(|(name, _)| *name == key);
    found.map(|(_, value)| *value)
}

#[test]
fn a_request_is_a_server_span_and_each_attempt_a_client_span_below_it() {
    let attempts = vec![
        attempt("lab", Fate::Failed, 2),
        attempt("google", Fate::Answered, 3),
    ];
    let peers = Peers::of(&config(&[]));
    let record = record(attempts, 1);
    let spans = spans_of(&record, &peers);
    let [request, first, second] = spans.as_slice() else {
        panic!("{spans:#?}")
    };
    assert_eq!(
        (request.kind, request.name),
        (Kind::Server, ("POST", "/v1/responses"))
    );
    assert_eq!(request.parent, Some(span_id(0x00f0_67aa_0ba9_02b7)));
    assert_eq!(request.flags, 0x301, "sampled, and the parent is elsewhere");
    assert_eq!(
        (request.start, request.end),
        (1_000_000_000_000, 1_002_000_000_000)
    );
    assert_eq!(request.failure, None);
    let text = |text| Some(Value::Text(text));
    assert_eq!(value(request, "gen_ai.request.model"), text("smart"));
    assert_eq!(value(request, "gen_ai.provider.name"), text("gcp.gemini"));
    assert_eq!(
        value(request, "gen_ai.usage.input_tokens"),
        Some(Value::Number(10))
    );
    assert_eq!(value(request, "llmgw.cost_usd"), Some(Value::Real(0.25)));

    assert_eq!((first.kind, first.name), (Kind::Client, ("chat", "m-1")));
    assert_eq!(
        (first.parent, first.id, first.flags),
        (request.id.into(), span_id(2), 0x101)
    );
    assert_eq!(first.failure, Some("rate_limit_exceeded"));
    assert_eq!(value(first, "server.address"), text("10.0.0.5"));
    assert_eq!(value(first, "server.port"), Some(Value::Number(8000)));
    assert_eq!(
        value(first, "gen_ai.response.id"),
        None,
        "it did not answer"
    );

    assert_eq!(second.name, ("generate_content", "m-1"));
    assert_eq!(value(second, "gen_ai.response.model"), text("m-1-2026"));
    let stop = Value::Listed("stop");
    assert_eq!(value(second, "gen_ai.response.finish_reasons"), Some(stop));
    assert_eq!(
        value(second, "gen_ai.response.time_to_first_chunk"),
        Some(Value::Real(0.25))
    );
    assert_eq!(
        value(second, "gen_ai.usage.cache_read.input_tokens"),
        Some(Value::Number(4))
    );
    assert_eq!(
        value(second, "gen_ai.usage.reasoning.output_tokens"),
        None,
        "there is none"
    );
    assert!(
        !format!("{spans:?}").contains("the.prompt")
            && !format!("{spans:?}").contains("the prompt")
    );
}

#[test]
fn what_was_said_stands_once_where_the_answer_does_or_could_have_been() {
    let check = |fates: &[Fate], expect: Option<usize>| {
        let attempts = fates.iter().zip(2..);
        let attempts = attempts.map(|(fate, span)| attempt("lab", *fate, span));
        let mut record = record(attempts.collect(), 1);
        record.messages = Some(Messages {
            system: None,
            input: "[1]".to_owned(),
            left_out: 0,
            output: Some("[2]".to_owned()),
        });
        let peers = Peers::of(&config(&[]));
        let spans = spans_of(&record, &peers);
        let input = Value::Text("[1]");
        let has = |span: &Span| value(span, "gen_ai.input.messages") == Some(input);
        let found: Vec<usize> = (0..spans.len()).filter(|at| has(&spans[*at])).collect();
        assert_eq!(found, expect.into_iter().collect::<Vec<_>>(), "{fates:?}");
        for at in found {
            let output = value(&spans[at], "gen_ai.output.messages");
            assert_eq!(output, Some(Value::Text("[2]")));
            assert_eq!(value(&spans[at], "gen_ai.system_instructions"), None);
        }
    };
    check(&[Fate::Failed, Fate::Answered], Some(2));
    check(&[Fate::Answered, Fate::Abandoned], Some(1));
    check(&[Fate::Failed, Fate::Failed], Some(2));
    check(&[], None);
}

#[test]
fn json_is_as_the_specification_has_it() {
    let span = Span {
        trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736,
        id: span_id(0xb7),
        parent: None,
        state: "",
        flags: 0x101,
        name: ("n", "m"),
        kind: Kind::Client,
        start: 1,
        end: 2,
        attributes: vec![("a", Value::Number(-3)), ("b", Value::Listed("c"))],
        failure: Some("boom"),
    };
    let mut body = json::Body::begin(0, &[]);
    body.add(&span);
    let body: serde_json::Value = serde_json::from_slice(&body.end()).unwrap();
    let expect = serde_json::json!({
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00000000000000b7", "flags": 257, "name": "n m", "kind": 3,
        "startTimeUnixNano": "1", "endTimeUnixNano": "2",
        "attributes": [
            {"key": "a", "value": {"intValue": "-3"}},
            {"key": "b", "value": {"arrayValue": {"values": [{"stringValue": "c"}]}}},
        ],
        "status": {"code": 2, "message": "boom"},
    });
    assert_eq!(
        body["resourceSpans"][0]["scopeSpans"][0]["spans"][0],
        expect
    );
}

#[test]
fn protobuf_is_byte_for_byte_what_the_field_numbers_say() {
    let long = "v".repeat(200);
    let most = "m".repeat(120);
    let span = Span {
        trace: 1,
        id: span_id(2),
        parent: None,
        state: "",
        flags: 1,
        name: ("n", "m"),
        kind: Kind::Client,
        start: 3,
        end: 4,
        attributes: vec![
            ("r", Value::Real(1.0)),
            ("f", Value::Flag(true)),
            ("l", Value::Listed("stop")),
            ("m", Value::Number(-1)),
            ("t", Value::Text(&long)),
            ("k", Value::Number(300)),
            ("s", Value::Text("short")),
            ("e", Value::Text("")),
            ("m", Value::Text(&most)),
        ],
        failure: None,
    };
    let mut body = protobuf::Body::begin(0, &[]);
    body.add(&span);
    let body = body.end();
    let mut expect_span = vec![0x0a, 16];
    expect_span.extend([0; 15]);
    expect_span.extend([1, 0x12, 8, 0, 0, 0, 0, 0, 0, 0, 2]);
    expect_span.extend([0x2a, 3, b'n', b' ', b'm', 0x30, 3]);
    expect_span.extend([0x39, 3, 0, 0, 0, 0, 0, 0, 0, 0x41, 4, 0, 0, 0, 0, 0, 0, 0]);
    let name = |length, key| [0x4a, length, 0x0a, 1, key, 0x12];
    expect_span.extend(name(14, b'r'));
    expect_span.extend([9, 0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    expect_span.extend(name(7, b'f'));
    expect_span.extend([2, 0x10, 1]);
    // A value within a list of values within a value.
    expect_span.extend(name(15, b'l'));
    expect_span.extend(b"\x0a\x2a\x08\x0a\x06\x0a\x04stop");
    // Negative numbers have all ten bytes.
    expect_span.extend(name(16, b'm'));
    expect_span.extend([11, 0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    // 209 and 203 and 200, as two bytes each.
    expect_span.extend([
        0x4a, 0xd1, 0x01, 0x0a, 1, b't', 0x12, 0xcb, 0x01, 0x0a, 0xc8, 0x01,
    ]);
    expect_span.extend(long.as_bytes());
    // 300 is the example of protobuf's own documentation: ac 02.
    expect_span.extend([0x4a, 8, 0x0a, 1, b'k', 0x12, 3, 0x18, 0xac, 0x02]);
    expect_span.extend(b"\x4a\x0c\x0a\x01s\x12\x07\x0a\x05short");
    expect_span.extend(b"\x4a\x07\x0a\x01e\x12\x02\x0a\x00");
    // 127 is the most that one byte tells.
    expect_span.extend(b"\x4a\x7f\x0a\x01m\x12\x7a\x0a\x78");
    expect_span.extend(most.as_bytes());
    // Field 16 as fixed32: the tag is 133, two bytes of a varint.
    expect_span.extend([0x85, 0x01, 1, 0, 0, 0]);
    assert!(body.ends_with(&expect_span), "{body:x?}");
}

#[test]
fn a_message_within_has_the_length_of_what_is_in_it() {
    let check = |text: usize, expect: &[u8]| {
        let resource = [("k".to_owned(), "v".repeat(text))];
        let body = protobuf::Body::begin(0, &resource).end();
        let is_there = body.windows(expect.len()).any(|found| found == expect);
        assert!(is_there, "{:x?}", &body[..16]);
    };
    // As `opentelemetry-proto` writes them: a length is one byte up to 127, and two from there on.
    check(3, &[0x0a, 12, 0x0a, 10, 0x0a, 1, b'k', 0x12, 5, 0x0a, 3]);
    check(
        200,
        &[
            0x0a, 0xd4, 0x01, 0x0a, 0xd1, 0x01, 0x0a, 1, b'k', 0x12, 0xcb, 0x01, 0x0a,
        ],
    );
}

#[test]
fn the_callers_decision_holds_where_the_sampler_heeds_it() {
    let check = |sampler: &str, argument: &str, incoming: Option<u8>, expect: Sampled| {
        let config = config(&[
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", argument),
        ]);
        let (tracer, _, _) = build(&config).expect("there are traces");
        let placed = tracer.place(incoming.map(trace));
        assert_eq!(placed.sampled(), expect, "{sampler} {incoming:?}");
        if let Some(flags) = incoming {
            assert_eq!(
                (placed.id, placed.parent),
                (trace(flags).id, trace(flags).parent)
            );
        }
    };
    check("parentbased_always_on", "1", None, Sampled::Yes);
    check("parentbased_always_on", "1", Some(0), Sampled::No);
    check("parentbased_always_off", "1", Some(1), Sampled::Yes);
    check("always_on", "1", Some(0), Sampled::Yes);
    check("always_off", "1", Some(1), Sampled::No);
    // The lower half of the example's id, a3ce929d0e0e4736, is 0.64 of all.
    check("traceidratio", "0.7", Some(0), Sampled::Yes);
    check("traceidratio", "0.6", Some(1), Sampled::No);
    check("traceidratio", "0", None, Sampled::No);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_and_counts_and_never_waits() {
    let config = config(&[("OTEL_BSP_MAX_QUEUE_SIZE", "2")]);
    let (tracer, sink, _exporter) = build(&config).expect("there are traces");
    for _ in 0..5 {
        sink.take(&[record(vec![], 1)]);
    }
    assert_eq!(tracer.dropped(), 3);
    sink.take(&[record(vec![], 0)]);
    assert_eq!(tracer.dropped(), 3, "what is not sampled wants no place");
}

#[test]
fn requests_wait_in_batches_of_what_is_sent_at_once() {
    let config = config(&[
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "5"),
    ]);
    let outbox = Outbox::new(&config.traces.expect("there are traces"));
    assert_eq!(outbox.load(), Load::Nothing);
    assert_eq!(outbox.put(0..1, |_, _| {}), 0);
    assert_eq!(outbox.load(), Load::Some);
    assert_eq!(outbox.put(1..7, |_, _| {}), 2, "there is room for five");
    assert_eq!(outbox.load(), Load::Batch);
    let taken = std::iter::from_fn(|| outbox.take());
    assert_eq!(taken.map(|it| it.requests).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(outbox.requests(), 0);
    outbox.close();
    assert_eq!(outbox.put(0..1, |_, _| {}), 1, "nothing more is taken");
}
