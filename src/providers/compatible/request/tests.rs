//! Requests as they leave, and what of them does not.

use serde_json::json;

use super::*;
use crate::canonical::sealed::Block;
use crate::providers::compatible::{details, quirks};

mod conversation;

fn encoded(
    vendor: &str,
    model: &str,
    request: &Value,
    remedies: &Remedies,
) -> Result<Encoded, Error> {
    let request: Request = serde_json::from_str(&request.to_string()).unwrap();
    let row = quirks::vendor(vendor).unwrap_or(quirks::unknown());
    encode(&request, model, "lab", row, remedies)
}

/// The body without its model, and the fields that were lost.
fn sent(vendor: &str, model: &str, request: &Value) -> (Value, Vec<String>) {
    let encoded = encoded(vendor, model, request, &Remedies::default()).unwrap();
    let mut body: Value = serde_json::from_slice(&encoded.body).unwrap();
    body.as_object_mut().unwrap().shift_remove("model");
    (body, encoded.losses.into_iter().map(|l| l.field).collect())
}

fn check(vendor: &str, model: &str, request: &Value, body: &Value, losses: &[&str]) {
    let (got, lost) = sent(vendor, model, request);
    assert_eq!(&got, body, "{vendor} {request}");
    assert_eq!(lost, losses, "{vendor} {request}");
}

/// One field of the body.
fn field(vendor: &str, model: &str, request: &Value, key: &str) -> Value {
    sent(vendor, model, request).0[key].clone()
}

fn refused(vendor: &str, model: &str, request: &Value) -> String {
    match encoded(vendor, model, request, &Remedies::default()) {
        Ok(_) => panic!("{vendor} {request} should be refused"),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Unsupported);
            error.param().unwrap_or_default().to_owned()
        }
    }
}

fn function() -> Value {
    json!({ "type": "function", "name": "f", "parameters": { "type": "object" } })
}

#[test]
fn a_plain_question_is_a_plain_body() {
    check(
        "groq",
        "m",
        &json!({ "input": "hi", "instructions": "be brief", "max_output_tokens": 20 }),
        &json!({
            "messages": [
                { "role": "system", "content": "be brief" },
                { "role": "user", "content": "hi" },
            ],
            "max_completion_tokens": 20,
        }),
        &[],
    );
}

#[test]
fn defaults_are_neither_sent_nor_lost() {
    check(
        "openai",
        "gpt-5.5",
        &json!({
            "input": "hi", "temperature": 1, "top_p": 1, "presence_penalty": 0, "top_logprobs": 0,
            "truncation": "disabled", "service_tier": "auto", "parallel_tool_calls": true,
            "text": { "format": { "type": "text" }, "verbosity": "medium" }, "tool_choice": "auto",
        }),
        &json!({ "messages": [{ "role": "user", "content": "hi" }] }),
        &[],
    );
}

#[test]
fn a_forced_choice_is_said_in_the_servers_words_or_refused() {
    let choice =
        |choice: Value| json!({ "input": "hi", "tools": [function()], "tool_choice": choice });
    let required = choice(json!("required"));
    let named = choice(json!({ "type": "function", "name": "f" }));
    assert_eq!(field("mistral", "m", &required, "tool_choice"), "any");
    assert_eq!(field("groq", "m", &required, "tool_choice"), "required");
    assert_eq!(field("lmstudio", "m", &named, "tool_choice"), "required");
    assert_eq!(
        field("openai", "gpt-4o", &named, "tool_choice"),
        json!({ "type": "function", "function": { "name": "f" } })
    );
    assert_eq!(refused("moonshot", "m", &required), "tool_choice");
    assert_eq!(refused("ollama", "m", &named), "tool_choice");
    let (body, lost) = sent("deepseek", "m", &required);
    assert_eq!(body["thinking"], json!({ "type": "disabled" }));
    assert_eq!(lost, ["reasoning.effort"]);
    assert_eq!(
        refused(
            "groq",
            "m",
            &json!({ "input": "hi", "tool_choice": "required" })
        ),
        "tool_choice"
    );
}

#[test]
fn allowed_tools_become_the_tools() {
    let request = json!({ "input": "hi", "tools": [function(), { "type": "function", "name": "g" }],
        "tool_choice": { "type": "allowed_tools", "mode": "auto", "tools": [{ "type": "function", "name": "g" }] } });
    let tools = field("groq", "m", &request, "tools");
    assert_eq!(tools.as_array().unwrap().len(), 1);
    assert_eq!(tools[0]["function"]["name"], "g");
    let choice = field("openai", "gpt-4o", &request, "tool_choice");
    assert_eq!(choice["allowed_tools"]["tools"][0]["function"]["name"], "g");
}

#[test]
fn a_free_form_tool_is_emulated_where_it_is_unknown() {
    let request = json!({ "input": "hi", "tools": [{ "type": "custom", "name": "sh" }] });
    assert_eq!(
        field("openai", "gpt-4o", &request, "tools")[0]["type"],
        "custom"
    );
    let tool = field("groq", "m", &request, "tools")[0].clone();
    assert_eq!(tool["function"]["parameters"]["required"], json!(["input"]));
}

#[test]
fn a_hosted_tool_is_a_loss() {
    check(
        "groq",
        "m",
        &json!({ "input": "hi", "tools": [{ "type": "web_search" }] }),
        &json!({ "messages": [{ "role": "user", "content": "hi" }] }),
        &["tools[0]"],
    );
}

#[test]
fn the_form_of_the_answer_is_kept_or_refused() {
    let schema = |strict: bool| {
        json!({ "input": "hi", "text": { "format": {
        "type": "json_schema", "name": "r", "strict": strict, "schema": { "type": "object" } } } })
    };
    assert_eq!(
        field("groq", "m", &schema(true), "response_format"),
        json!({ "type": "json_schema", "json_schema": {
            "name": "r", "schema": { "type": "object" }, "strict": true } })
    );
    assert_eq!(refused("deepseek", "m", &schema(true)), "text.format");
    let (body, lost) = sent("deepseek", "m", &schema(false));
    assert_eq!(body["response_format"], json!({ "type": "json_object" }));
    assert_eq!(lost, ["text.format.schema"]);
}

#[test]
fn effort_is_told_in_the_vendors_way() {
    let effort = |effort: &str| json!({ "input": "hi", "reasoning": { "effort": effort } });
    let told = |vendor, key, word| field(vendor, "m", &effort(word), key);
    assert_eq!(told("groq", "reasoning_effort", "xhigh"), "high");
    assert_eq!(
        told("openrouter", "reasoning", "low"),
        json!({ "effort": "low" })
    );
    assert_eq!(
        told("deepseek", "thinking", "none"),
        json!({ "type": "disabled" })
    );
    assert_eq!(told("deepseek", "reasoning_effort", "xhigh"), "high");
    assert_eq!(told("qwen", "enable_thinking", "none"), false);
    assert_eq!(
        told("vllm", "chat_template_kwargs", "low"),
        json!({ "enable_thinking": true })
    );
}

#[test]
fn openai_models_take_tools_only_beside_the_effort_that_they_allow() {
    let with = |effort: &str| json!({ "input": "hi", "tools": [function()], "reasoning": { "effort": effort } });
    assert_eq!(
        field("openai", "gpt-5.5", &with("low"), "reasoning_effort"),
        Value::Null
    );
    assert_eq!(
        field("openai", "gpt-6-luna", &with("low"), "reasoning_effort"),
        "none"
    );
    assert_eq!(refused("openai", "gpt-6.1-sol", &with("low")), "tools");
}

#[test]
fn sampling_that_is_refused_is_a_loss() {
    let request = json!({ "input": "hi", "temperature": 0.2, "presence_penalty": 1 });
    assert_eq!(
        sent("openai", "gpt-5.5", &request).1,
        ["temperature", "presence_penalty"]
    );
    assert_eq!(sent("openai", "gpt-4o", &request).1, Vec::<String>::new());
    assert_eq!(
        field(
            "ollama",
            "m",
            &json!({ "input": "hi", "temperature": 1 }),
            "temperature"
        ),
        1.0
    );
}

#[test]
fn remedies_change_the_body_and_are_told() {
    let request =
        json!({ "input": "hi", "temperature": 0.2, "max_output_tokens": 900, "stream": true });
    let mut remedies = Remedies::default();
    for remedy in [
        Remedy::DropParameter("temperature".into()),
        Remedy::NoStreamUsage,
        Remedy::OtherMaxTokensField,
        Remedy::MaxTokens(100),
    ] {
        remedies.add(remedy);
    }
    let encoded = encoded("vllm", "m", &request, &remedies).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "m",
            "messages": [{ "role": "user", "content": "hi" }],
            "max_completion_tokens": 100,
            "stream": true,
        })
    );
    let lost: Vec<&str> = encoded
        .losses
        .iter()
        .map(|loss| loss.field.as_str())
        .collect();
    assert_eq!(lost, ["max_output_tokens", "temperature"]);
}

#[test]
fn fields_beyond_the_specification_are_sent_or_told() {
    let (body, lost) = sent(
        "vllm",
        "m",
        &json!({ "input": [{ "role": "user", "content": "hi", "zip": 1 }], "min_p": 0.1, "conversation": "c" }),
    );
    assert_eq!(body["min_p"], 0.1);
    assert_eq!(lost, ["input[0].zip", "conversation"]);
}
