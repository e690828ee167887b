//! Streams and whole replies, checked by the events' grammar and by what they fold to.

use super::*;
use crate::canonical::compose::Setup;
use crate::canonical::grammar::Grammar;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::request::Delivery;
use crate::canonical::response::{Response, Status};
use crate::canonical::sealed::{self, Envelope};
use crate::providers::Decoder as _;

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn ending(reason: &str) -> String {
    format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}","stop_sequence":null,"stop_details":null}},"usage":{{"output_tokens":5}}}}"#
    )
}

fn asked() -> Asked {
    Asked {
        model: "claude-asked".to_owned(),
        custom: vec!["patch".to_owned()],
        profile: Profile::Strict,
    }
}

fn composer(delivery: Delivery) -> Composer {
    Composer::new(Setup {
        delivery,
        seed: "seed".to_owned(),
        ..Setup::default()
    })
}

/// With the names of events and without them, since some servers leave them out.
fn try_stream(frames: &[&str]) -> Result<Response, Error> {
    let named = run(frames, |kind| kind);
    let bare = run(frames, |_| "");
    match (&named, &bare) {
        (Ok(named), Ok(bare)) => assert_eq!(named, bare),
        (named, bare) => assert_eq!(named.is_ok(), bare.is_ok()),
    }
    named
}

fn run(frames: &[&str], name: impl Fn(&str) -> &str) -> Result<Response, Error> {
    let mut decoder = Decoder::new(asked());
    let mut out = composer(Delivery::Streamed);
    let mut events = Vec::new();
    for data in frames {
        let kind = data.split('"').nth(3).unwrap();
        let frame = sse::Frame {
            event: name(kind).as_bytes().to_vec().into(),
            data: data.as_bytes().into(),
        };
        decoder.frame(&frame, &mut out)?;
        events.extend(out.take());
    }
    decoder.finish(&mut out)?;
    events.extend(out.take());
    Grammar::check_all(&events).unwrap();
    let last = events.last().unwrap();
    Ok(last.event.known().unwrap().terminal().unwrap().clone())
}

fn stream(blocks: &[&str], reason: &str) -> Response {
    let ending = ending(reason);
    let mut frames = vec![START];
    frames.extend(blocks);
    frames.extend([ending.as_str(), STOP]);
    try_stream(&frames).unwrap()
}

fn whole(json: &str) -> Result<Response, Error> {
    whole_for(asked(), json)
}

fn whole_for(asked: Asked, json: &str) -> Result<Response, Error> {
    let mut decoder = Decoder::new(asked);
    let mut out = composer(Delivery::Whole);
    decoder.body(json.as_bytes(), &mut out)?;
    decoder.finish(&mut out)?;
    let events = out.take();
    let last = events.last().unwrap();
    Ok(last.event.known().unwrap().terminal().unwrap().clone())
}

fn items(response: &Response) -> Vec<&Item> {
    response.output.iter().filter_map(Open::known).collect()
}

#[test]
fn text_blocks_are_parts_of_one_message() {
    let response = stream(
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hél"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo\n"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://x.y","title":"T","cited_text":"c","encrypted_index":"e"}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"wörld"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
        ],
        "end_turn",
    );
    assert_eq!(response.status, Status::Completed);
    assert_eq!(response.model, "claude-x");
    let Item::Message(message) = items(&response)[0] else {
        panic!("no message");
    };
    assert_eq!(
        serde_json::to_string(&message.content).unwrap(),
        r#"[{"type":"output_text","text":"Héllo\n","annotations":[],"logprobs":[]},{"type":"output_text","text":"wörld","annotations":[{"type":"url_citation","url":"https://x.y","title":"T","start_index":0,"end_index":5}],"logprobs":[]}]"#
    );
    let usage = response.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (10, 5));
}

fn check_sealed(response: &Response, at: usize, summary: &str, blocks: &[sealed::Block]) {
    let Item::Reasoning(reasoning) = items(response)[at] else {
        panic!("no reasoning");
    };
    assert_eq!(serde_json::to_string(&reasoning.summary).unwrap(), summary);
    let envelope = Envelope::open(reasoning.encrypted_content.as_deref().unwrap()).unwrap();
    assert_eq!(envelope.vendor, "anthropic");
    assert_eq!(envelope.model, "claude-asked");
    assert_eq!(envelope.blocks, blocks);
}

#[test]
fn thinking_is_sealed_with_its_exact_text_also_when_that_is_empty() {
    let response = stream(
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a\u2028b"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"S+/="}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"signature_delta","signature":"T"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"redacted_thinking","data":"R"}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
        ],
        "end_turn",
    );
    let thinking = |text: &str, signature: &str| sealed::Block::Thinking {
        text: text.to_owned(),
        signature: signature.to_owned(),
    };
    check_sealed(
        &response,
        0,
        "[{\"type\":\"summary_text\",\"text\":\"a\u{2028}b\"}]",
        &[thinking("a\u{2028}b", "S+/=")],
    );
    check_sealed(&response, 1, "[]", &[thinking("", "T")]);
    let redacted = sealed::Block::Redacted {
        data: "R".to_owned(),
    };
    check_sealed(&response, 2, "[]", &[redacted]);
}

#[test]
fn calls_carry_their_arguments_and_silence_means_none() {
    let response = stream(
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\": 1"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":".0}"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_2","name":"g","input":{}}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_3","name":"h","input":{"b":2}}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
        ],
        "tool_use",
    );
    let calls: Vec<(&str, &str)> = items(&response)
        .into_iter()
        .map(|item| match item {
            Item::FunctionCall(call) => (call.call_id.as_str(), call.arguments.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expect = [
        ("toolu_1", "{\"a\": 1.0}"),
        ("toolu_2", "{}"),
        ("toolu_3", "{\"b\":2}"),
    ];
    assert_eq!(calls, expect);
}

const PATCH: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"patch","input":{}}}"#;

#[test]
fn a_call_of_an_emulated_tool_becomes_its_text() {
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"input\":\"a\\nb\"}"}}"#;
    let response = stream(
        &[PATCH, delta, r#"{"type":"content_block_stop","index":0}"#],
        "tool_use",
    );
    let Item::CustomToolCall(call) = items(&response)[0] else {
        panic!("no custom call");
    };
    assert_eq!(
        (
            call.call_id.as_str(),
            call.name.as_str(),
            call.input.as_str()
        ),
        ("toolu_1", "patch", "a\nb")
    );
}

#[test]
fn a_broken_call_of_an_emulated_tool_is_no_success() {
    let delta = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"input\":\"a"}}"#;
    let stop = r#"{"type":"content_block_stop","index":0}"#;
    let limited = stream(&[PATCH, delta, stop], "max_tokens");
    assert_eq!(limited.status, Status::Incomplete);
    let broken = stream(&[PATCH, delta, stop], "tool_use");
    assert_eq!(broken.status, Status::Failed);
}

#[test]
fn what_is_unknown_is_skipped() {
    let response = stream(
        &[
            r#"{"type":"new_event","delta":7}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"new_block","text":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"new_delta","text":{}}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
            START,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":"x"}}"#,
            r#"{"type":"content_block_stop","index":2}"#,
        ],
        "end_turn",
    );
    assert_eq!(response.output.len(), 1);
    assert_eq!(response.output_text(), "x");
}

#[test]
fn stop_reasons_become_statuses() {
    let check = |reason: &str, status: Status, why: Option<&str>| {
        let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}"#;
        let response = stream(&[block], reason);
        assert_eq!(response.status, status, "{reason}");
        let details = response.incomplete_details.map(|details| details.reason);
        assert_eq!(details.as_deref(), why, "{reason}");
    };
    check("end_turn", Status::Completed, None);
    check("stop_sequence", Status::Completed, None);
    check("tool_use", Status::Completed, None);
    check("max_tokens", Status::Incomplete, Some("max_output_tokens"));
    check(
        "model_context_window_exceeded",
        Status::Incomplete,
        Some("max_output_tokens"),
    );
    check("pause_turn", Status::Incomplete, Some("max_output_tokens"));
    check("refusal", Status::Incomplete, Some("content_filter"));
    check("something_new", Status::Completed, None);
    assert_eq!(stream(&[], "end_turn").status, Status::Completed);
    assert_eq!(stream(&[], "something_new").status, Status::Failed);
}

#[test]
fn a_cut_stream_ends_in_failed() {
    let text =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}"#;
    let cut = try_stream(&[START, text]).unwrap();
    assert_eq!(cut.status, Status::Failed);
    assert_eq!(cut.usage.unwrap().input_tokens, 10);
    let no_reason = try_stream(&[START, text, STOP]).unwrap();
    assert_eq!(no_reason.status, Status::Failed);
}

#[test]
fn an_error_event_is_an_error_of_its_class() {
    let event = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#;
    let error = try_stream(&[event]).unwrap_err();
    assert_eq!(error.kind(), Kind::Overloaded);
    assert_eq!(error.upstream_request_id(), Some("req_1"));
    assert_eq!(whole(event).unwrap_err().kind(), Kind::Overloaded);
}

#[test]
fn a_frame_that_cannot_be_read_is_an_error() {
    for frame in [
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","te"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":7}}"#,
    ] {
        let error = try_stream(&[START, frame]).unwrap_err();
        assert_eq!(error.kind(), Kind::UpstreamGarbled, "{frame}");
    }
}

#[test]
fn a_whole_reply_folds_to_what_its_stream_does() {
    let json = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"a","citations":null},
        {"type":"tool_use","id":"toolu_1","name":"f","input":{"a": 1},"caller":{"type":"direct"}}],
        "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}"#;
    let streamed = stream(
        &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\": 1}"}}"#,
            r#"{"type":"content_block_stop","index":1}"#,
        ],
        "tool_use",
    );
    assert_eq!(whole(json).unwrap(), streamed);
}

#[test]
fn a_whole_reply_that_is_no_message_is_an_error() {
    assert_eq!(whole("{}").unwrap_err().kind(), Kind::UpstreamGarbled);
    assert_eq!(whole("<html>").unwrap_err().kind(), Kind::UpstreamGarbled);
}

#[test]
fn a_call_in_the_start_of_a_message_is_read() {
    let start = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m",
        "content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}}"#;
    let response = try_stream(&[start, STOP]).unwrap();
    assert_eq!(response.status, Status::Completed);
    assert_eq!(response.output.len(), 1);
}

#[test]
fn a_search_of_the_providers_is_an_item_for_those_who_take_it() {
    let json = r#"{"id":"msg_1","type":"message","model":"m","content":[
        {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"rust"}},
        {"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]},
        {"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#;
    let profile = Profile::Native;
    let native = whole_for(Asked { profile, ..asked() }, json).unwrap();
    let Open::Unknown(search) = &native.output[0] else {
        panic!("no search");
    };
    assert_eq!(search["type"], "web_search_call");
    assert_eq!(search["action"]["query"], "rust");
    assert_eq!(native.output.len(), 2);
    assert_eq!(whole(json).unwrap().output.len(), 1);
}
