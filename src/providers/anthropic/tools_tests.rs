//! Tools and the choice among them, as they are sent.

use crate::canonical::request::Request;
use crate::error::Error;
use crate::providers::Remedies;
use crate::providers::anthropic::request;

fn encode(model: &str, fields: &str) -> Result<(String, Vec<String>), Error> {
    let request: Request = serde_json::from_str(&format!(r#"{{"input":"a",{fields}}}"#)).unwrap();
    let model = model.into();
    let encoded = request::encode(&request, &model, &Remedies::default())?;
    let body = encoded.body;
    let tools = serde_json::to_string(&body.tools).unwrap();
    let choice = serde_json::to_string(&body.tool_choice).unwrap();
    let lost = encoded.losses.into_iter().map(|loss| loss.field).collect();
    Ok((format!("{tools} {choice}"), lost))
}

fn check(model: &str, fields: &str, expect: &str, lost: &[&str]) {
    let (got, losses) = encode(model, fields).unwrap();
    assert_eq!(got, expect, "{fields}");
    assert_eq!(losses, lost, "{fields}");
}

const TWO: &str =
    r#""tools":[{"type":"function","name":"f"},{"type":"function","name":"g","parameters":null}]"#;
const F: &str = r#"{"name":"f","input_schema":{"type":"object","properties":{}}}"#;
const G: &str = r#"{"name":"g","input_schema":{"type":"object","properties":{}}}"#;

#[test]
fn choices_are_translated() {
    let check = |choice: &str, expect: &str| {
        let fields = format!(r#"{TWO},"tool_choice":{choice}"#);
        let (got, _) = encode("claude-opus-4-8", &fields).unwrap();
        assert_eq!(got, expect, "{choice}");
    };
    check(r#""auto""#, &format!("[{F},{G}] null"));
    check(r#""none""#, &format!(r#"[{F},{G}] {{"type":"none"}}"#));
    check(r#""required""#, &format!(r#"[{F},{G}] {{"type":"any"}}"#));
    check(
        r#"{"type":"function","name":"g"}"#,
        &format!(r#"[{F},{G}] {{"type":"tool","name":"g"}}"#),
    );
    check(
        r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"g"}]}"#,
        &format!(r#"[{G}] {{"type":"any"}}"#),
    );
}

#[test]
fn one_call_at_a_time_needs_tools() {
    check(
        "claude-opus-4-8",
        &format!(r#"{TWO},"parallel_tool_calls":false"#),
        &format!(r#"[{F},{G}] {{"type":"auto","disable_parallel_tool_use":true}}"#),
        &[],
    );
    check(
        "claude-opus-4-8",
        r#""parallel_tool_calls":false"#,
        "[] null",
        &[],
    );
}

#[test]
fn a_forced_call_is_carried_or_refused() {
    let refused = |model: &str, fields: &str| {
        let error = encode(model, fields).unwrap_err();
        assert_eq!((error.status(), error.param()), (400, Some("tool_choice")));
    };
    let forced = format!(r#"{TWO},"tool_choice":"required""#);
    refused("claude-opus-5-5", &forced);
    refused("claude-sonnet-5-5", &forced);
    refused("claude-opus-4-8", r#""tool_choice":"required""#);
    assert!(encode("claude-haiku-5-5", &forced).is_ok());
    let missing = format!(r#"{TWO},"tool_choice":{{"type":"function","name":"h"}}"#);
    assert!(encode("claude-opus-4-8", &missing).is_err());
}

#[test]
fn a_strict_tool_gets_a_schema_that_can_be_enforced() {
    check(
        "claude-opus-4-8",
        r#""tools":[{"type":"function","name":"f","description":"d","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"required":["a"]}}]"#,
        r#"[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"integer","description":"(minimum: 1)"}},"required":["a"],"additionalProperties":false},"strict":true}] null"#,
        &["tools[0].parameters"],
    );
}

#[test]
fn a_strict_tool_that_cannot_be_enforced_is_sent_as_it_is() {
    let schema = r#"{"type":"object","additionalProperties":true}"#;
    check(
        "claude-opus-4-8",
        &format!(
            r#""tools":[{{"type":"function","name":"f","strict":true,"parameters":{schema}}}]"#
        ),
        &format!(r#"[{{"name":"f","input_schema":{schema}}}] null"#),
        &["tools[0].strict"],
    );
}

#[test]
fn a_free_form_tool_is_emulated() {
    let (got, lost) = encode(
        "claude-opus-4-8",
        r#""tools":[{"type":"custom","name":"p","description":"d","format":{"type":"grammar","syntax":"lark","definition":"start: X"}}]"#,
    )
    .unwrap();
    assert!(got.contains(r#""required":["input"]"#), "{got}");
    assert!(got.contains("lark grammar:\\nstart: X"), "{got}");
    assert_eq!(lost, ["tools[0].format"]);
}

#[test]
fn hosted_tools_are_mapped_passed_or_lost() {
    check(
        "claude-opus-4-8",
        r#""tools":[{"type":"web_search","filters":{"allowed_domains":["x.y"]},"search_context_size":"low"},
            {"type":"bash_20250124","name":"bash"},{"type":"file_search"}]"#,
        r#"[{"type":"web_search_20250305","name":"web_search","allowed_domains":["x.y"]},{"type":"bash_20250124","name":"bash"}] null"#,
        &["tools[0].search_context_size", "tools[2]"],
    );
}
