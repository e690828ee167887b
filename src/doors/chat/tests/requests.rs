//! What clients send.

use serde_json::{Value, json};

use super::*;

fn check_refused(fields: &Value, param: &str) {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let error = decode(&body).unwrap_err();
    assert_eq!(
        (error.status(), error.param()),
        (400, Some(param)),
        "{fields}: {error}"
    );
}

#[test]
fn every_role_and_part_becomes_an_item() {
    check_items(
        &json!([
            {"role": "system", "content": "s"},
            {"role": "developer", "content": [{"type": "text", "text": "d"}]},
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            ]},
            {"role": "assistant", "content": [{"type": "text", "text": "x"}, {"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": null, "refusal": "never"},
        ]),
        &json!([
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s"}]},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "t", "cache_control": {"type": "ephemeral"}},
                {"type": "input_image", "image_url": "https://a/b.png", "detail": "low"},
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
            ], "name": "ann"},
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "x", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "no"},
            ]},
            {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "never"}]},
        ]),
    );
}

#[test]
fn calls_and_outputs_keep_their_ids_and_their_kinds() {
    check_items(
        &json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b", "reasoning_content": "hm", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "i"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "q"}]},
        ]),
        &json!([
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "role": "assistant",
             "content": [{"type": "output_text", "text": "b", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\": 1}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "i"},
            {"type": "function_call_output", "call_id": "c1", "output": "r"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "q"}]},
        ]),
    );
}

#[test]
fn every_field_is_carried() {
    let (request, _) = decode(&json!({
        "model": "m", "messages": [{"role": "user", "content": "a"}],
        "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "presence_penalty": 1, "frequency_penalty": -1,
        "logprobs": true, "top_logprobs": 3, "logit_bias": {"1": 5}, "stop": ["x", "y"], "seed": 7, "n": 1,
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "strict": true, "schema": {"b": 1, "a": 2}}},
        "reasoning_effort": "low", "verbosity": "high", "service_tier": "flex", "store": true, "metadata": {"k": "v"},
        "user": "u", "prompt_cache_key": "p", "stream": true, "stream_options": {"include_usage": true},
        "parallel_tool_calls": true, "tool_choice": "required", "modalities": ["text"],
        "tools": [{"type": "function", "function": {"name": "f", "strict": true}},
                  {"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}}}}],
        "web_search_options": {}, "audio": null,
    }))
    .unwrap();
    assert_eq!(
        serde_json::to_value(&request).unwrap(),
        json!({
            "model": "m",
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}],
            "include": ["message.output_text.logprobs"],
            "tools": [
                {"type": "function", "name": "f", "strict": true},
                {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
            ],
            "tool_choice": "required", "parallel_tool_calls": true, "max_output_tokens": 5,
            "temperature": 0.5, "top_p": 0.9, "presence_penalty": 1.0, "frequency_penalty": -1.0, "top_logprobs": 3,
            "text": {
                "format": {"type": "json_schema", "name": "s", "schema": {"b": 1, "a": 2}, "strict": true},
                "verbosity": "high",
            },
            "reasoning": {"effort": "low", "summary": "auto"},
            "service_tier": "flex", "store": true, "stream": true, "metadata": {"k": "v"},
            "safety_identifier": "u", "prompt_cache_key": "p",
        })
    );
    assert_eq!(request.delivery, Delivery::Streamed);
    let beyond = &request.beyond;
    assert_eq!((beyond.stop.len(), beyond.seed), (2, Some(7)));
    assert_eq!(beyond.logit_bias.as_ref().unwrap()["1"], 5);
    assert_eq!(
        beyond.chat.keys().collect::<Vec<_>>(),
        ["web_search_options"]
    );
}

#[test]
fn a_fault_is_named_by_its_path() {
    check_refused(&json!({"n": 2}), "n");
    check_refused(&json!({"top_logprobs": 2}), "top_logprobs");
    check_refused(&json!({"reasoning_effort": "huge"}), "reasoning_effort");
    check_refused(&json!({"temperature": "hot"}), "temperature");
    check_refused(
        &json!({"response_format": {"type": "xml"}}),
        "response_format.type",
    );
    check_refused(
        &json!({"response_format": {"type": "json_schema"}}),
        "response_format.json_schema",
    );
    check_refused(&json!({"tool_choice": "sometimes"}), "tool_choice");
    check_refused(
        &json!({"tools": [{"type": "function"}]}),
        "tools[0].function",
    );
    check_refused(&json!({"messages": []}), "messages");
    check_refused(&json!({"model": ""}), "model");
    check_refused(
        &json!({"messages": [{"role": "robot", "content": "a"}]}),
        "messages[0].role",
    );
    check_refused(&json!({"messages": [{"content": "a"}]}), "messages[0].role");
    check_refused(
        &json!({"messages": [{"role": "user"}]}),
        "messages[0].content",
    );
    check_refused(
        &json!({"messages": [{"role": "user", "content": [{"text": "a"}]}]}),
        "messages[0].content[0].type",
    );
    check_refused(
        &json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
        "messages[0].content[0].image_url",
    );
    check_refused(
        &json!({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "r"}]}),
        "messages[1].tool_call_id",
    );
    check_refused(
        &json!({"messages": [{"role": "tool", "tool_call_id": "x", "content": "r"}]}),
        "messages",
    );
}

#[test]
fn what_a_message_cannot_carry_is_listed_by_its_path() {
    let (request, _) = decode(&json!({"model": "m", "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b", "prefix": true, "annotations": [], "audio": null,
         "reasoning_details": [{"type": "reasoning.text", "text": "t"}]},
    ]}))
    .unwrap();
    assert_eq!(
        request.beyond.lost,
        ["messages[1].prefix", "messages[1].reasoning_details"]
    );
}
