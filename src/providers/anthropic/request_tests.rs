//! Whole bodies, field by field.

use super::*;
use serde_json::{Value, json};

fn request(json: &Value) -> Request {
    serde_json::from_slice(&serde_json::to_vec(json).unwrap()).unwrap()
}

fn check(model: &str, json: &Value, expect: &Value, lost: &[&str]) -> &'static str {
    let request = request(json);
    let model = model.into();
    let encoded = encode(&request, &model, &Remedies::default()).unwrap();
    assert_eq!(&serde_json::to_value(&encoded.body).unwrap(), expect);
    let losses: Vec<&str> = encoded
        .losses
        .iter()
        .map(|loss| loss.field.as_str())
        .collect();
    assert_eq!(losses, lost);
    encoded.version
}

fn hello() -> Value {
    json!([{"role": "user", "content": [{"type": "text", "text": "hi"}]}])
}

#[test]
fn every_field_has_its_place() {
    let version = check(
        "claude-opus-4-6",
        &json!({
            "model": "alias", "input": "hi", "instructions": "be kind", "max_output_tokens": 100, "temperature": 0.5,
            "safety_identifier": "u1", "service_tier": "default", "metadata": {"a": "b"}, "store": false,
            "prompt_cache_key": "k", "include": ["reasoning.encrypted_content"], "max_tool_calls": 3,
            "presence_penalty": 0, "top_logprobs": 0, "truncation": "disabled",
            "text": {"verbosity": "medium"}, "inference_geo": "us",
        }),
        &json!({
            "model": "claude-opus-4-6", "max_tokens": 100, "system": [{"type": "text", "text": "be kind"}],
            "messages": hello(), "temperature": 0.5, "metadata": {"user_id": "u1"}, "service_tier": "standard_only",
            "inference_geo": "us",
        }),
        &[],
    );
    assert_eq!(version, OLDER_VERSION);
}

#[test]
fn what_cannot_be_carried_is_listed() {
    let version = check(
        "claude-sonnet-5",
        &json!({
            "input": "hi", "max_output_tokens": 500_000, "temperature": 0.2, "presence_penalty": 1,
            "frequency_penalty": -1, "top_logprobs": 3, "truncation": "auto", "service_tier": "flex",
            "text": {"verbosity": "low"}, "novelty": 1, "stream": true,
        }),
        &json!({"model": "claude-sonnet-5", "max_tokens": 128_000, "stream": true, "messages": hello()}),
        &[
            "presence_penalty",
            "frequency_penalty",
            "top_logprobs",
            "truncation",
            "service_tier",
            "text.verbosity",
            "novelty",
            "max_output_tokens",
            "temperature",
        ],
    );
    assert_eq!(version, VERSION);
}

#[test]
fn what_other_doors_know_is_carried_too() {
    let mut request = request(&json!({"input": "hi", "max_output_tokens": 50}));
    request.beyond.stop = vec!["END".to_owned(), " ".to_owned()];
    request.beyond.top_k = Some(5);
    request.beyond.seed = Some(1);
    let model = "claude-sonnet-4-5".into();
    let encoded = encode(&request, &model, &Remedies::default()).unwrap();
    assert_eq!(encoded.body.stop_sequences, ["END"]);
    assert_eq!(encoded.body.top_k, Some(5));
    assert_eq!(encoded.losses.len(), 2);
    let counting = serde_json::to_value(&encoded.counting().body).unwrap();
    assert_eq!(
        counting,
        json!({"model": "claude-sonnet-4-5", "messages": hello(), "top_k": 5})
    );
    request.beyond.choices = Some(2);
    let refused = encode(&request, &model, &Remedies::default())
        .err()
        .unwrap();
    assert_eq!((refused.status(), refused.param()), (400, Some("n")));
}

#[test]
fn a_long_answer_is_asked_for_as_a_stream() {
    let check = |fields: Value, stream: Option<bool>| {
        let request = request(&fields);
        let model = "claude-sonnet-5".into();
        let encoded = encode(&request, &model, &Remedies::default()).unwrap();
        assert_eq!(encoded.body.stream, stream, "{fields}");
    };
    check(json!({"input": "hi"}), Some(true));
    check(
        json!({"input": "hi", "max_output_tokens": 21_334}),
        Some(true),
    );
    check(json!({"input": "hi", "max_output_tokens": 21_333}), None);
}

#[test]
fn a_limit_that_was_learnt_is_obeyed() {
    let mut remedies = Remedies::default();
    remedies.add(Remedy::MaxTokens(8192));
    let request = request(&json!({"input": "hi"}));
    let model = "claude-new".into();
    let encoded = encode(&request, &model, &remedies).unwrap();
    assert_eq!(encoded.body.max_tokens, Some(8192));
}

#[test]
fn a_schema_for_the_answer_is_carried_or_refused() {
    let format = |schema: Value| json!({"input": "hi", "max_output_tokens": 50, "text": {"format": {"type": "json_schema", "name": "a", "schema": schema}}});
    let fits = format(json!({"type": "object", "properties": {}}));
    check(
        "claude-sonnet-5",
        &fits,
        &json!({"model": "claude-sonnet-5", "max_tokens": 50, "messages": hello(), "output_config": {"format":
            {"type": "json_schema", "schema": {"type": "object", "properties": {}, "additionalProperties": false}}}}),
        &[],
    );
    let refused = |model: &str, json: &Value| {
        let model = model.into();
        let error = encode(&request(json), &model, &Remedies::default())
            .err()
            .unwrap();
        (error.status(), error.code().to_owned())
    };
    let open = format(json!({"type": "object", "additionalProperties": true}));
    assert_eq!(
        refused("claude-sonnet-5", &open),
        (400, "invalid_json_schema".to_owned())
    );
    assert_eq!(
        refused("claude-opus-4-1", &fits),
        (400, "unsupported_value".to_owned())
    );
}

#[test]
fn a_tool_loop_without_its_thinking_turns_a_budget_off() {
    let json = json!({"max_output_tokens": 9000, "reasoning": {"effort": "high"}, "input": [
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "r"}]});
    let request = request(&json);
    let model = "claude-haiku-4-5".into();
    let encoded = encode(&request, &model, &Remedies::default()).unwrap();
    assert_eq!(encoded.body.thinking, Some(wire::Thinking::Disabled));
    assert_eq!(encoded.losses.len(), 1);
}
