//! What clients get.

use serde_json::{Value, json};

use super::*;
use crate::canonical::sealed::{Block, Envelope};
use crate::canonical::usage::Usage;

fn everything(out: &mut Composer) {
    out.begin("up", "m-1");
    out.reasoning(0, "why");
    out.seal(0, sealed());
    out.close(0);
    out.text(1, "Hel");
    out.text(1, "lo");
    out.close(1);
    out.call(2, "c1", "f");
    out.arguments(2, "{\"a\"");
    out.arguments(2, ":1}");
    out.close(2);
    out.call(3, "c2", "g");
    out.close(3);
    out.usage(Usage::counted(10, 4, Some(1), 5, 2));
    out.stop(Stop::Complete);
    out.end();
}

fn sealed() -> String {
    let block = Block::Thinking {
        text: "why".into(),
        signature: "S".into(),
    };
    Envelope {
        vendor: "anthropic".into(),
        model: "m-1".into(),
        blocks: vec![block],
    }
    .seal()
}

#[test]
fn a_whole_answer_is_a_message() {
    let mut message = whole(everything);
    assert!(message["id"].take().as_str().unwrap().starts_with("msg_"));
    assert_eq!(
        message,
        json!({
            "id": null, "type": "message", "role": "assistant", "model": "m-1",
            "content": [
                {"type": "thinking", "thinking": "why", "signature": sealed()},
                {"type": "text", "text": "Hello", "citations": null},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
            ],
            "stop_reason": "tool_use", "stop_sequence": null, "stop_details": null,
            "usage": {
                "input_tokens": 5, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 4,
                "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 2},
            },
        })
    );
}

#[test]
fn a_stream_has_one_block_open_at_a_time() {
    let events = streamed(everything);
    let shown: Vec<String> = events
        .iter()
        .map(|(name, data)| {
            let what = [
                &data["content_block"]["type"],
                &data["delta"]["type"],
                &data["delta"]["partial_json"],
            ];
            let what: Vec<&str> = what.iter().filter_map(|value| value.as_str()).collect();
            format!("{name} {} {}", data["index"], what.join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "message_start null ",
            "content_block_start 0 thinking",
            "content_block_delta 0 thinking_delta",
            "content_block_delta 0 signature_delta",
            "content_block_stop 0 ",
            "content_block_start 1 text",
            "content_block_delta 1 text_delta",
            "content_block_delta 1 text_delta",
            "content_block_stop 1 ",
            "content_block_start 2 tool_use",
            "content_block_delta 2 input_json_delta {\"a\"",
            "content_block_delta 2 input_json_delta :1}",
            "content_block_stop 2 ",
            "content_block_start 3 tool_use",
            "content_block_delta 3 input_json_delta {}",
            "content_block_stop 3 ",
            "message_delta null ",
            "message_stop null ",
        ]
    );
    let (_, delta) = &events[events.len() - 2];
    assert_eq!(delta["delta"]["stop_reason"], "tool_use");
    assert_eq!(delta["usage"]["input_tokens"], 5);
}

#[test]
fn thinking_comes_back_as_it_was_sealed() {
    let state = |block: Value| {
        let request = decode(&json!({"messages": [
            {"role": "user", "content": "a"}, {"role": "assistant", "content": [block, {"type": "text", "text": "x"}]},
            {"role": "user", "content": "b"},
        ]}))
        .unwrap();
        serde_json::to_value(&request.input[1]).unwrap()
    };
    let item = state(json!({"type": "thinking", "thinking": "why", "signature": sealed()}));
    assert_eq!(item["encrypted_content"], json!(sealed()));
    let bare = state(json!({"type": "thinking", "thinking": "why", "signature": "Eo+/="}));
    let envelope = Envelope::open(bare["encrypted_content"].as_str().unwrap()).unwrap();
    assert_eq!(
        (envelope.vendor.as_str(), envelope.model.as_str()),
        ("anthropic", "")
    );
    assert_eq!(
        envelope.blocks,
        [Block::Thinking {
            text: "why".into(),
            signature: "Eo+/=".into()
        }]
    );
    let hidden = state(json!({"type": "redacted_thinking", "data": "D"}));
    let envelope = Envelope::open(hidden["encrypted_content"].as_str().unwrap()).unwrap();
    assert_eq!(envelope.blocks, [Block::Redacted { data: "D".into() }]);
}

#[test]
fn openais_state_returns_with_its_items_id() {
    let script: Script = |out| {
        out.begin("up", "gpt-6-luna");
        let item =
            json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"});
        out.item(serde_json::from_str(&item.to_string()).unwrap());
        out.text(1, "x");
        out.stop(Stop::Complete);
        out.end();
    };
    let content = whole(script)["content"].take();
    let request = decode(&json!({"messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": content}, {"role": "user", "content": "b"},
    ]}))
    .unwrap();
    let item = serde_json::to_value(&request.input[1]).unwrap();
    assert_eq!(
        (&item["id"], &item["encrypted_content"]),
        (&json!("rs_1"), &json!("gAAAA"))
    );
}

#[test]
fn hidden_thinking_is_a_block_of_its_own() {
    let script: Script = |out| {
        out.begin("up", "m-1");
        let block = Block::Redacted { data: "D".into() };
        out.seal(
            0,
            Envelope {
                vendor: "anthropic".into(),
                model: "m-1".into(),
                blocks: vec![block],
            }
            .seal(),
        );
        out.close(0);
        out.text(1, "x");
        out.stop(Stop::Complete);
        out.end();
    };
    assert_eq!(whole(script)["content"][0]["type"], "redacted_thinking");
    let starts: Vec<Value> = streamed(script)
        .into_iter()
        .filter(|(name, _)| name == "content_block_start")
        .map(|(_, data)| data["content_block"]["type"].clone())
        .collect();
    assert_eq!(starts, ["redacted_thinking", "text"]);
}

#[test]
fn reasons_to_stop() {
    let check = |script: Script, reason: &str, sequence: Value| {
        let message = whole(script);
        assert_eq!(
            (message["stop_reason"].as_str(), &message["stop_sequence"]),
            (Some(reason), &sequence)
        );
        let events = streamed(script);
        let (_, delta) = &events[events.len() - 2];
        assert_eq!(
            (
                delta["delta"]["stop_reason"].as_str(),
                &delta["delta"]["stop_sequence"]
            ),
            (Some(reason), &sequence)
        );
    };
    check(
        |out| {
            out.text(0, "a");
            out.stop(Stop::Complete);
            out.end();
        },
        "end_turn",
        Value::Null,
    );
    check(
        |out| {
            out.text(0, "a");
            out.stop(Stop::MaxTokens);
            out.end();
        },
        "max_tokens",
        Value::Null,
    );
    check(
        |out| {
            out.text(0, "a");
            out.stop(Stop::ContentFilter(None));
            out.end();
        },
        "refusal",
        Value::Null,
    );
    check(
        |out| {
            out.begin("", "");
            out.text(0, "a");
            out.extra("stop_sequence", "END".into());
            out.stop(Stop::Complete);
            out.end();
        },
        "stop_sequence",
        json!("END"),
    );
}

#[test]
fn a_stream_that_fails_ends_in_an_error() {
    let events = streamed(|out| {
        out.begin("up", "m-1");
        out.text(0, "Hel");
        out.fail(&Error::new(Kind::Overloaded, "too busy"));
    });
    let (name, data) = events.last().unwrap();
    assert_eq!(name, "error");
    assert_eq!(
        data["error"],
        json!({"type": "overloaded_error", "message": "too busy"})
    );
    assert!(
        events
            .iter()
            .all(|(name, _)| name != "message_stop" && name != "message_delta")
    );
}

#[test]
fn an_input_that_is_no_json_is_one_string() {
    let script: Script = |out| {
        out.begin("up", "m-1");
        let item = json!({"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "ls"});
        out.item(serde_json::from_str(&item.to_string()).unwrap());
        out.stop(Stop::Complete);
        out.end();
    };
    assert_eq!(whole(script)["content"][0]["input"], json!({"input": "ls"}));
    let json: String = streamed(script)
        .iter()
        .filter_map(|(_, data)| data["delta"]["partial_json"].as_str())
        .collect();
    assert_eq!(json, r#"{"input":"ls"}"#);
}

#[test]
fn errors_have_anthropics_names_and_statuses() {
    let check = |kind: Kind, name: &str, status: u16| {
        let error = Error::new(kind, "m");
        let body: Value = serde_json::from_slice(&Messages::error(&error, "req-1")).unwrap();
        assert_eq!(
            body,
            json!({"type": "error", "error": {"type": name, "message": "m"}, "request_id": "req-1"})
        );
        assert_eq!(Messages::status(&error), status);
    };
    check(Kind::InvalidRequest, "invalid_request_error", 400);
    check(Kind::Unauthorized, "authentication_error", 401);
    check(Kind::Forbidden, "permission_error", 403);
    check(Kind::ModelNotFound, "not_found_error", 404);
    check(Kind::TooLarge, "request_too_large", 413);
    check(Kind::RateLimited, "rate_limit_error", 429);
    check(Kind::UpstreamFailed, "api_error", 502);
    check(Kind::Timeout, "timeout_error", 504);
    check(Kind::Overloaded, "overloaded_error", 529);
    check(Kind::Busy, "overloaded_error", 529);
}

/// As Gemini signs its text: after it, with nothing to show.
fn signed_at_the_end(out: &mut Composer) {
    out.begin("up", "m-1");
    out.text(0, "Done.");
    out.close(0);
    out.seal(1, sealed());
    out.close(1);
}

#[test]
fn no_message_ends_in_thinking_that_shows_nothing() {
    let script: Script = |out| {
        signed_at_the_end(out);
        out.stop(Stop::Complete);
        out.end();
    };
    let content = whole(script)["content"].clone();
    assert_eq!(content.as_array().unwrap().len(), 1, "{content}");
    let started: Vec<Value> = streamed(script)
        .into_iter()
        .filter(|(event, _)| event == "content_block_start")
        .map(|(_, data)| data["content_block"]["type"].clone())
        .collect();
    assert_eq!(started, ["text"]);
}

#[test]
fn thinking_that_shows_nothing_has_its_block_where_something_follows() {
    let script: Script = |out| {
        signed_at_the_end(out);
        out.call(2, "c1", "f");
        out.close(2);
        out.stop(Stop::Complete);
        out.end();
    };
    assert_eq!(whole(script)["content"][1]["signature"], sealed());
    let blocks: Vec<(u64, Value)> = streamed(script)
        .into_iter()
        .filter(|(event, _)| event == "content_block_start")
        .map(|(_, data)| {
            let at = data["index"].as_u64().unwrap();
            (at, data["content_block"]["type"].clone())
        })
        .collect();
    assert_eq!(
        blocks,
        [
            (0, "text".into()),
            (1, "thinking".into()),
            (2, "tool_use".into())
        ]
    );
}
