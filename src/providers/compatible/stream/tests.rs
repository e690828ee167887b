//! Replies as servers send them, and what becomes of them.

use super::*;
use crate::canonical::compose::Setup;
use crate::canonical::event::{Batch, Event};
use crate::canonical::grammar::Grammar;
use crate::canonical::item::Item;
use crate::canonical::part::Part;
use crate::canonical::request::Delivery;
use crate::canonical::response::Response;

fn decoder(replay: Replay, parallel: Parallel) -> ChatDecoder {
    ChatDecoder::new(Wanted {
        provider: "lab".into(),
        model: "m".into(),
        replay,
        emulated: vec!["sh".into()],
        parallel,
        logprobs: false,
        turn: 1,
    })
}

fn composer() -> Composer {
    Composer::new(Setup {
        delivery: Delivery::Streamed,
        seed: "s".into(),
        ..Setup::default()
    })
}

/// The response that the events end in, once they are found to be grammatical.
fn response(events: &Batch) -> Response {
    Grammar::check_all(events).unwrap();
    match events.last().map(|last| &last.event) {
        Some(Open::Known(
            Event::Completed(last) | Event::Incomplete(last) | Event::Failed(last),
        )) => (*last.response).clone(),
        other => panic!("a terminal event expected, not {other:?}"),
    }
}

/// Streams these `data` fields.
fn streamed(mut decoder: ChatDecoder, frames: &[&str]) -> Response {
    let mut out = composer();
    for data in frames {
        let frame = sse::Frame {
            event: b"".as_slice().into(),
            data: data.as_bytes().into(),
        };
        if let Err(error) = decoder.frame(&frame, &mut out) {
            out.fail(&error);
        }
    }
    decoder.finish(&mut out).unwrap();
    response(&out.take())
}

fn whole(mut decoder: ChatDecoder, body: &str) -> Response {
    let mut out = composer();
    decoder.body(body.as_bytes(), &mut out).unwrap();
    response(&out.take())
}

/// The output in one line each.
fn told(response: &Response) -> Vec<String> {
    let texts = |parts: &[Open<Part>]| {
        let texts = parts.iter().filter_map(Open::known).filter_map(Part::text);
        texts.collect::<Vec<_>>().join("|")
    };
    response
        .output
        .iter()
        .map(|item| match item.known().unwrap() {
            Item::Message(item) => format!("says {}", texts(&item.content)),
            Item::Reasoning(item) => format!("thinks {}", texts(&item.summary)),
            Item::FunctionCall(item) => format!("{} {}", item.name, item.arguments),
            Item::CustomToolCall(item) => format!("custom {} {}", item.name, item.input),
            other => other.tag().to_owned(),
        })
        .collect()
}

fn delta(delta: &str) -> String {
    format!(r#"{{"id":"c1","model":"m1","choices":[{{"index":0,"delta":{delta}}}]}}"#)
}

const STOP: &str = r#"{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const CALLS: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;

fn check(deltas: &[&str], end: &[&str], expect: &[&str]) -> Response {
    let frames: Vec<String> = deltas.iter().map(|d| delta(d)).collect();
    let mut all: Vec<&str> = frames.iter().map(String::as_str).collect();
    all.extend(end);
    let response = streamed(decoder(Replay::Never, Parallel::Many), &all);
    assert_eq!(told(&response), expect);
    response
}

#[test]
fn text_and_counts_arrive() {
    let response = check(
        &[
            r#"{"role":"assistant","content":""}"#,
            r#"{"content":"a"}"#,
            r#"{"content":"b"}"#,
        ],
        &[
            STOP,
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
            "[DONE]",
        ],
        &["says ab"],
    );
    assert_eq!(
        response.status,
        crate::canonical::response::Status::Completed
    );
    assert_eq!(response.model, "m1");
    assert_eq!(response.usage.unwrap().total_tokens, 5);
}

#[test]
fn a_stream_without_its_end_is_a_failure() {
    let response = check(&[r#"{"content":"a"}"#], &[], &["says a"]);
    assert_eq!(response.error.unwrap().code, "upstream_stream_interrupted");
}

#[test]
fn done_alone_ends_an_answer_and_so_does_a_finish_reason_alone() {
    for end in ["[DONE]", STOP] {
        let response = check(&[r#"{"content":"a"}"#], &[end], &["says a"]);
        assert!(response.error.is_none(), "{end}");
    }
}

#[test]
fn after_the_finish_reason_a_broken_chunk_loses_nothing() {
    let response = check(
        &[r#"{"content":"a"}"#],
        &[STOP, "{\"usage\": "],
        &["says a"],
    );
    assert!(response.error.is_none());
}

#[test]
fn pieces_of_a_call_are_joined_by_index() {
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"","arguments":":1}"}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
        ],
        &[CALLS],
        &[r#"f {"x":1}"#, "g {}"],
    );
}

#[test]
fn calls_that_are_all_at_index_zero_are_told_apart() {
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]}"#,
        ],
        &[CALLS],
        &["f {}", "f {}"],
    );
    check(
        &[
            r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":{"x":1}}}]}"#,
        ],
        &[CALLS],
        &["f {}", r#"f {"x":1}"#],
    );
}

#[test]
fn an_id_and_a_name_that_are_sent_again_begin_nothing() {
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"1}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}"#,
        ],
        &[CALLS],
        &[r#"f {"x":1}"#],
    );
}

#[test]
fn a_missing_index_means_the_last_call_or_a_new_one() {
    check(
        &[
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":"1}"}}]}"#,
            r#"{"tool_calls":[{"id":"b","function":{"name":"g","arguments":null}}]}"#,
        ],
        &[CALLS],
        &[r#"f {"x":1}"#, "g {}"],
    );
}

#[test]
fn calls_that_are_written_at_once_come_out_one_after_the_other() {
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\":"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}},{"index":1,"function":{"arguments":"2}"}}]}"#,
        ],
        &[CALLS],
        &[r#"f {"x":1}"#, r#"g {"y":2}"#],
    );
}

#[test]
fn text_inside_a_call_waits_for_its_end() {
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}"#,
            r#"{"content":"hm"}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#,
        ],
        &[STOP],
        &[r#"f {"x":1}"#, "says hm"],
    );
}

#[test]
fn the_older_function_call_is_a_call() {
    check(
        &[
            r#"{"function_call":{"name":"f","arguments":""}}"#,
            r#"{"function_call":{"arguments":"{\"x\":1}"}}"#,
        ],
        &[r#"{"choices":[{"delta":{},"finish_reason":"function_call"}]}"#],
        &[r#"f {"x":1}"#],
    );
}

#[test]
fn reasoning_is_read_by_each_of_its_names_and_once() {
    for name in ["reasoning", "reasoning_content", "thinking"] {
        check(
            &[&format!(r#"{{"{name}":"hm"}}"#), r#"{"content":"a"}"#],
            &[STOP],
            &["thinks hm", "says a"],
        );
    }
    check(
        &[r#"{"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm"}]}"#],
        &[STOP],
        &["thinks hm"],
    );
    check(
        &[
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]}"#,
        ],
        &[STOP],
        &["thinks hm", "says a"],
    );
}

#[test]
fn reasoning_that_must_come_back_is_sealed_before_anything_follows() {
    let response = streamed(
        decoder(Replay::ReasoningContent, Parallel::Many),
        &[
            &delta(r#"{"reasoning_content":"h"}"#),
            &delta(r#"{"reasoning_content":"m"}"#),
            &delta(r#"{"content":"a"}"#),
            STOP,
        ],
    );
    let Some(Item::Reasoning(thought)) = response.output[0].known() else {
        panic!("reasoning expected")
    };
    let sealed = thought.encrypted_content.as_deref().unwrap();
    let envelope = super::super::details::open("lab", sealed).unwrap();
    assert_eq!(
        envelope.blocks,
        [crate::canonical::sealed::Block::Thinking {
            text: "hm".into(),
            signature: String::new()
        }]
    );
}

#[test]
fn an_emulated_tool_is_called_as_the_free_form_tool_it_stands_for() {
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"sh","arguments":"{\"input\":\"ls -l\"}"}}]}"#,
        ],
        &[CALLS],
        &["custom sh ls -l"],
    );
    check(
        &[
            r#"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"py","input":"1"}}]}"#,
            r#"{"tool_calls":[{"index":0,"custom":{"input":"+1"}}]}"#,
        ],
        &[CALLS],
        &["custom py 1+1"],
    );
}

#[test]
fn only_the_first_call_is_handed_on_where_one_was_asked_for() {
    let body = r#"{"choices":[{"message":{"tool_calls":[
        {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
        {"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
    let one = whole(decoder(Replay::Never, Parallel::First), body);
    assert_eq!(told(&one), ["f {}"]);
    let both = whole(decoder(Replay::Never, Parallel::Many), body);
    assert_eq!(told(&both), ["f {}", "g {}"]);
}

#[test]
fn a_limit_makes_the_answer_incomplete() {
    let response = check(
        &[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}"#],
        &[r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#],
        &[r#"f {"x":"#],
    );
    assert_eq!(
        response.incomplete_details.unwrap().reason,
        "max_output_tokens"
    );
}

#[test]
fn an_error_inside_a_stream_fails_the_answer() {
    let response = check(
        &[r#"{"content":"a"}"#],
        &[
            r#"{"error":{"code":429,"message":"slow down"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
        ],
        &["says a"],
    );
    assert_eq!(response.error.unwrap().code, "rate_limit_exceeded");
}

#[test]
fn an_error_instead_of_a_reply_is_an_error() {
    let body =
        br#"{"error":{"message":"nope","type":"invalid_request_error","code":"model_not_found"}}"#;
    let error = decoder(Replay::Never, Parallel::Many)
        .body(body, &mut composer())
        .unwrap_err();
    assert_eq!(error.kind(), Kind::ModelNotFound);
}

#[test]
fn other_answers_than_the_first_are_left_out() {
    let response = streamed(
        decoder(Replay::Never, Parallel::Many),
        &[
            r#"{"choices":[{"index":1,"delta":{"content":"x"}},{"index":0,"delta":{"content":"a"}}]}"#,
            STOP,
        ],
    );
    assert_eq!(told(&response), ["says a"]);
}

#[test]
fn the_whole_and_the_streamed_form_of_one_answer_are_the_same() {
    let one = whole(
        decoder(Replay::Never, Parallel::Many),
        r#"{"id":"c1","model":"m1","choices":[{"index":0,"message":{"content":"ab","annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":2}}]},"finish_reason":"stop"}]}"#,
    );
    let other = streamed(
        decoder(Replay::Never, Parallel::Many),
        &[
            &delta(r#"{"content":"a"}"#),
            &delta(r#"{"content":"b"}"#),
            &delta(
                r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":2}}]}"#,
            ),
            STOP,
        ],
    );
    assert_eq!(one.output, other.output);
    assert_eq!(one.id, other.id);
}
