//! What clients send.

use serde_json::{Value, json};

use super::*;

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
