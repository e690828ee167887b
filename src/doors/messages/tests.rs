use bytes::BytesMut;
use serde_json::{Value, json};

use super::*;
use crate::canonical::compose::{Composer, Setup, Stop};
use crate::canonical::request::Delivery;
use crate::canonical::sealed::{Block, Envelope};
use crate::canonical::usage::Usage;

fn body(fields: &Value) -> Value {
    let mut body =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    body
}

fn decode(fields: &Value) -> Result<Request, Error> {
    Messages::decode(None, body(fields).to_string().as_bytes()).map(|(request, _)| request)
}

fn check_items(fields: &Value, expect: &Value) {
    let request = decode(fields).unwrap();
    let items = serde_json::to_value(&request.input).unwrap();
    assert_eq!(&items, expect, "{fields}");
    assert_eq!(request.beyond.lost, Vec::<String>::new());
}

fn check_refused(fields: &Value, param: &str) {
    let error = decode(fields).unwrap_err();
    assert_eq!(
        (error.status(), error.param()),
        (400, Some(param)),
        "{fields}: {error}"
    );
}

fn text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

#[test]
fn every_block_becomes_an_item_or_a_part() {
    let cached = json!({"type": "ephemeral"});
    check_items(
        &json!({
            "system": [{"type": "text", "text": "s", "cache_control": cached}, {"type": "text", "text": "t"}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                    {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
                    {"type": "document", "title": "d.pdf", "context": "c",
                     "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "x", "citations": null},
                    {"type": "tool_use", "id": "c", "name": "f", "input": {"b": 1, "a": 2}},
                ]},
                {"role": "user", "content": [
                    {"type": "text", "text": "after"},
                    {"type": "tool_result", "tool_use_id": "c", "is_error": true,
                     "content": [{"type": "text", "text": "r"}], "cache_control": cached},
                ]},
                {"role": "system", "content": "later"},
            ],
        }),
        &json!([
            {"type": "message", "role": "system",
             "content": [{"type": "input_text", "text": "s", "cache_control": cached}]},
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "t"}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
                {"type": "input_image", "image_url": "https://a/b.png"},
                {"type": "input_file", "filename": "d.pdf", "file_data": "data:application/pdf;base64,AA==", "context": "c"},
                {"type": "input_file", "file_data": "data:text/plain;base64,aGk="},
            ]},
            {"type": "message", "role": "assistant", "content": [text("x")]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"b\":1,\"a\":2}"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "r"}],
             "cache_control": cached},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "after"}]},
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "later"}]},
        ]),
    );
}

#[test]
fn blocks_of_hosted_tools_are_kept_as_they_came() {
    let hosted = json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "srv", "content": [{"z": 1, "a": 2}]});
    check_items(
        &json!({"messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [hosted, found, {"type": "text", "text": "x"}]},
            {"role": "user", "content": "b"},
        ]}),
        &json!([
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "message", "role": "assistant", "content": [hosted, found, text("x")]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "b"}]},
        ]),
    );
}

#[test]
fn what_cannot_be_carried_is_listed_by_its_path() {
    let request = decode(&json!({"messages": [{"role": "user", "content": [
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
        {"type": "document", "source": {"type": "content", "content": "c"}},
    ]}]}))
    .unwrap();
    assert_eq!(
        request.beyond.lost,
        ["messages[0].content[0]", "messages[0].content[1].source"]
    );
}

#[test]
fn every_field_is_carried() {
    let request = decode(&json!({
        "temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop_sequences": ["x"], "stream": true,
        "metadata": {"user_id": "u"}, "service_tier": "standard_only",
        "thinking": {"type": "enabled", "budget_tokens": 5000}, "speed": "fast", "mcp_servers": [],
        "output_config": {"format": {"type": "json_schema", "schema": {"b": 1, "a": 2}}},
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
                  {"type": "bash_20250124", "name": "bash"}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_value(&request).unwrap(),
        json!({
            "model": "m",
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}],
            "tools": [
                {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": false,
                 "cache_control": {"type": "ephemeral"}},
                {"type": "bash_20250124", "name": "bash"},
            ],
            "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
            "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9,
            "text": {"format": {"type": "json_schema", "name": "response", "schema": {"b": 1, "a": 2}, "strict": true}},
            "reasoning": {"effort": "medium", "summary": "auto"},
            "service_tier": "default", "stream": true, "safety_identifier": "u",
        })
    );
    let beyond = &request.beyond;
    assert_eq!(
        (beyond.top_k, beyond.thinking_budget),
        (Some(3), Some(5000))
    );
    assert_eq!(beyond.stop, ["x"]);
    assert_eq!(
        beyond.messages_only().collect::<Vec<_>>(),
        ["speed", "mcp_servers"]
    );
}

#[test]
fn thinking_becomes_effort_and_what_is_shown() {
    let check = |fields: Value, expect: Value| {
        let request = decode(&fields).unwrap();
        assert_eq!(
            serde_json::to_value(&request.reasoning).unwrap(),
            expect,
            "{fields}"
        );
    };
    check(json!({}), Value::Null);
    check(
        json!({"thinking": {"type": "disabled"}}),
        json!({"effort": "none"}),
    );
    check(
        json!({"thinking": {"type": "adaptive"}}),
        json!({"summary": "auto"}),
    );
    check(
        json!({"thinking": {"type": "adaptive", "display": "omitted"}}),
        Value::Null,
    );
    check(
        json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        json!({"effort": "max", "summary": "auto"}),
    );
    check(
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        json!({"effort": "low", "summary": "auto"}),
    );
    check(
        json!({"thinking": {"type": "between_tools"}}),
        json!({"effort": "low", "summary": "auto"}),
    );
}

#[test]
fn a_fault_is_named_by_its_path() {
    check_refused(&json!({"max_tokens": null}), "max_tokens");
    check_refused(&json!({"max_tokens": 0}), "max_tokens");
    check_refused(&json!({"model": ""}), "model");
    check_refused(&json!({"messages": []}), "messages");
    check_refused(
        &json!({"messages": [{"role": "robot", "content": "a"}]}),
        "messages[0].role",
    );
    check_refused(
        &json!({"messages": [{"role": "user", "content": [{"text": "a"}]}]}),
        "messages[0].content[0].type",
    );
    check_refused(
        &json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]}),
        "messages[0].content[0].source.url",
    );
    check_refused(
        &json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "tool_use"}]}]}]}),
        "messages[0].content[0].content[0].type",
    );
    check_refused(
        &json!({"thinking": {"type": "enabled"}}),
        "thinking.budget_tokens",
    );
    check_refused(
        &json!({"tool_choice": {"type": "tool"}}),
        "tool_choice.name",
    );
    check_refused(
        &json!({"output_config": {"effort": "huge"}}),
        "output_config.effort",
    );
    check_refused(
        &json!({"output_config": {"format": {"type": "xml"}}}),
        "output_config.format",
    );
    check_refused(&json!({"temperature": "hot"}), "temperature");
    check_refused(
        &json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]}),
        "messages",
    );
}

#[test]
fn counting_needs_no_limit() {
    let bytes = br#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
    assert_eq!(Messages::count(bytes).unwrap().max_output_tokens, None);
    assert!(Messages::decode(None, bytes).is_err());
}

/// What the model says in these tests.
type Script = fn(&mut Composer);

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

fn composer(delivery: Delivery, script: Script) -> Composer {
    let mut composer = Composer::new(Setup {
        delivery,
        ..Setup::default()
    });
    script(&mut composer);
    composer
}

fn whole(script: Script) -> Value {
    let batch = composer(Delivery::Whole, script).take();
    let response = batch
        .last()
        .unwrap()
        .event
        .known()
        .unwrap()
        .terminal()
        .unwrap()
        .clone();
    serde_json::from_slice(&MessagesEncoder::default().response(&response)).unwrap()
}

/// Event names and data.
fn streamed(script: Script) -> Vec<(String, Value)> {
    let (mut encoder, mut out) = (MessagesEncoder::default(), BytesMut::new());
    for emitted in composer(Delivery::Streamed, script).take() {
        encoder.event(&emitted, &mut out);
    }
    encoder.end(&mut out);
    std::str::from_utf8(&out)
        .unwrap()
        .split_terminator("\n\n")
        .map(|frame| {
            let (event, data) = frame.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            let event = event.strip_prefix("event: ").unwrap().to_owned();
            assert_eq!(data["type"], event.as_str());
            (event, data)
        })
        .collect()
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
