//! Which tools are called, and what follows their outputs.

use serde_json::{Value, json};

use super::*;

#[test]
fn the_choice_of_tool_is_obeyed() {
    let check = |choice: Value, prompt: &str, expect: &[&str]| {
        let body =
            json!({ "model": "demo", "input": prompt, "tools": tools(), "tool_choice": choice });
        let named: Vec<String> = calls(&answer(&body))
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(named, expect, "{choice} {prompt}");
    };
    check(json!("auto"), "hi", &["weather"]);
    check(json!("required"), "hi", &["weather"]);
    check(json!("none"), "hi", &[]);
    check(
        json!({ "type": "function", "name": "time" }),
        "hi",
        &["time"],
    );
    check(
        json!({ "type": "allowed_tools", "mode": "auto", "tools": [{ "type": "function", "name": "time" }] }),
        "hi",
        &["time"],
    );
    check(json!("auto"), "in Parallel please", &["weather", "time"]);
}

#[test]
fn one_call_at_a_time_where_parallel_calls_are_off() {
    let body = json!({ "model": "demo", "input": "parallel", "tools": tools(), "parallel_tool_calls": false });
    assert_eq!(calls(&answer(&body)).len(), 1);
}

#[test]
fn arguments_fit_the_tools_schema() {
    let body = json!({ "model": "demo", "input": "hi", "tools": tools() });
    assert_eq!(
        calls(&answer(&body)),
        [("weather".to_owned(), json!({ "city": "demo" }))]
    );
}

#[test]
fn after_the_tools_output_comes_text_that_quotes_it() {
    let body = json!({ "model": "demo", "tools": tools(), "input": [
        { "role": "user", "content": "hi" },
        { "type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "c1", "output": "21 degrees" }] });
    let response = answer(&body);
    assert!(
        text(&response).contains("> 21 degrees"),
        "{}",
        text(&response)
    );
    assert!(calls(&response).is_empty());
}

#[test]
fn calls_of_two_rounds_have_different_ids() {
    let id = |input: Value| {
        let response = answer(
            &json!({ "model": "demo", "input": input, "tools": tools(), "tool_choice": "required" }),
        );
        match response.output.first().and_then(Open::known) {
            Some(Item::FunctionCall(call)) => call.call_id.clone(),
            _ => String::new(),
        }
    };
    let first = id(json!("hi"));
    let second = id(json!([
        { "role": "user", "content": "hi" },
        { "type": "function_call", "call_id": first, "name": "weather", "arguments": "{}" },
        { "type": "function_call_output", "call_id": first, "output": "ok" }]));
    assert!(first.starts_with("call_") && second.starts_with("call_"));
    assert_ne!(first, second);
}

#[test]
fn a_custom_tool_is_called_with_free_text() {
    let body =
        json!({ "model": "demo", "input": "hi", "tools": [{ "type": "custom", "name": "sh" }] });
    let response = answer(&body);
    assert!(matches!(
        response.output.first().and_then(Open::known),
        Some(Item::CustomToolCall(call)) if call.name == "sh"
    ));
}
