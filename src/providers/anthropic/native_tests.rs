//! Bodies of clients of this protocol, as they would go on.

use super::*;
use crate::canonical::request::ReasoningSettings;
use crate::canonical::sealed::Envelope;
use crate::doors::Door as _;
use crate::doors::messages::Messages;

const CALLS: &str = r#"{"role":"user","content":"a"}"#;

fn decoded(body: &str) -> Request {
    Messages::decode(None, body.as_bytes()).unwrap().0
}

fn sent(request: &Request, model: &str, remedies: &Remedies) -> Option<Sent> {
    encode(request, Purpose::Answer, &model.into(), remedies).unwrap()
}

/// The body that goes on for a body that came, and the fields of its losses.
fn check(model: &str, came: &str, goes: &str, lost: &[&str]) {
    let sent = sent(&decoded(came), model, &Remedies::default()).unwrap();
    assert_eq!(std::str::from_utf8(&sent.body).unwrap(), goes);
    let losses: Vec<&str> = sent.losses.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(losses, lost);
}

#[test]
fn everything_goes_on_byte_for_byte_but_the_model() {
    let came = r#"{"max_tokens":9,"model":"alias","messages":[{"role":"user","content":[
        {"type":"text","text":"a\u00e9","cache_control":{"type":"ephemeral","ttl":"1h"},"new":1.0},
        {"type":"brand_new_block","x":[10000000000000000000001]}]}],
        "context_management":{"edits":[{"type":"compact_20260112"}]},"novelty":{"b":1,"a":2},"stream":false}"#;
    let goes = came.replace("alias", "claude-opus-5");
    let goes = goes.replace(",\n        \"context", ",\"context");
    check("claude-opus-5", came, &goes, &[]);
}

#[test]
fn a_long_answer_is_asked_for_as_a_stream() {
    check(
        "claude-opus-5",
        &format!(r#"{{"model":"m","max_tokens":30000,"messages":[{CALLS}]}}"#),
        &format!(
            r#"{{"model":"claude-opus-5","max_tokens":30000,"messages":[{CALLS}],"stream":true}}"#
        ),
        &[],
    );
}

#[test]
fn settings_that_the_model_refuses_are_adapted_and_listed() {
    check(
        "claude-opus-5-5",
        &format!(
            r#"{{"model":"m","max_tokens":9000,"temperature":0.5,"thinking":{{"type":"enabled","budget_tokens":2000}},"messages":[{CALLS}]}}"#
        ),
        &format!(
            r#"{{"model":"claude-opus-5-5","max_tokens":9000,"thinking":{{"type":"adaptive","display":"summarized"}},"messages":[{CALLS}],"output_config":{{"effort":"low"}}}}"#
        ),
        &["temperature"],
    );
}

#[test]
fn what_the_route_sets_is_put_in() {
    let mut request = decoded(&format!(
        r#"{{"model":"m","max_tokens":9,"system":"b","messages":[{CALLS}]}}"#
    ));
    request.instructions = Some("a".to_owned());
    request.reasoning = Some(ReasoningSettings {
        effort: Some(Effort::Low),
        ..ReasoningSettings::default()
    });
    let sent = sent(&request, "claude-opus-5", &Remedies::default()).unwrap();
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let texts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    assert_eq!(body["system"], texts);
    assert_eq!(body["output_config"], json!({"effort": "low"}));
    assert_eq!(body["thinking"]["type"], "adaptive");
}

#[test]
fn the_client_names_the_version_but_sampling_needs_the_older_one() {
    let version = |body: &str, named: Option<&str>| {
        let mut request = decoded(body);
        let native = request.native.as_mut().unwrap();
        native.headers = named
            .map(|version| ("anthropic-version", version.to_owned()))
            .into_iter()
            .collect();
        let sent = sent(&request, "claude-opus-4-6", &Remedies::default());
        sent.unwrap().version
    };
    let plain = format!(r#"{{"model":"m","max_tokens":9,"messages":[{CALLS}]}}"#);
    let warm = format!(r#"{{"model":"m","max_tokens":9,"temperature":0.1,"messages":[{CALLS}]}}"#);
    assert_eq!(version(&plain, None), "2026-10-21");
    assert_eq!(version(&plain, Some("2023-06-01")), "2023-06-01");
    assert_eq!(version(&warm, Some("2026-10-21")), "2023-06-01");
}

/// A turn that thought, as this state, and called.
fn thought(state: &str) -> String {
    format!(
        r#"{{"role":"assistant","content":[{{"type":"thinking","thinking":"t","signature":"{state}"}},{{"type":"tool_use","id":"c","name":"f","input":{{}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c","content":"r"}}]}}"#
    )
}

fn sealed(vendor: &str, model: &str) -> String {
    let envelope = Envelope {
        vendor: vendor.to_owned(),
        model: model.to_owned(),
        blocks: vec![crate::canonical::sealed::Block::Thinking {
            text: "as it was".to_owned(),
            signature: "s+/=".to_owned(),
        }],
    };
    envelope.seal()
}

#[test]
fn thinking_goes_back_to_its_maker_alone() {
    let content = |state: &str, remedies: &Remedies| {
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{CALLS},{}]}}"#,
            thought(state)
        );
        let sent = sent(&decoded(&body), "claude-opus-5", remedies).unwrap();
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        body["messages"][1]["content"].clone()
    };
    let call = json!({"type": "tool_use", "id": "c", "name": "f", "input": {}});
    let with = |text: &str, state: &str| json!([{"type": "thinking", "thinking": text, "signature": state}, call]);
    let plain = Remedies::default();
    assert_eq!(content("bare", &plain), with("t", "bare"));
    let own = sealed("anthropic", "claude-opus-5");
    assert_eq!(content(&own, &plain), with("as it was", "s+/="));
    assert_eq!(
        content(&sealed("anthropic", "claude-opus-4-8"), &plain),
        json!([call])
    );
    assert_eq!(
        content(&sealed("openai", "claude-opus-5"), &plain),
        json!([call])
    );
    let mut dropped = Remedies::default();
    dropped.add(Remedy::DropReasoning);
    assert_eq!(content("bare", &dropped), json!([call]));
}

#[test]
fn a_bare_signature_that_is_known_to_be_anothers_goes() {
    let body = format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{CALLS},{}]}}"#,
        thought("s+/=")
    );
    let mut request = decoded(&body);
    let reasoning = request.input.iter_mut().find_map(|item| match item {
        Open::Known(crate::canonical::item::Item::Reasoning(reasoning)) => Some(reasoning),
        _ => None,
    });
    reasoning.unwrap().encrypted_content = Some(sealed("anthropic", "claude-opus-4-8"));
    let sent = sent(&request, "claude-opus-5", &Remedies::default()).unwrap();
    assert!(!String::from_utf8(sent.body).unwrap().contains("thinking"));
}

#[test]
fn a_conversation_that_cannot_stand_is_translated() {
    let none = |model: &str, request: &Request| {
        assert!(
            sent(request, model, &Remedies::default()).is_none(),
            "{model}"
        );
    };
    let prefill = format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{CALLS},{{"role":"assistant","content":"b"}}]}}"#
    );
    none("claude-opus-5", &decoded(&prefill));
    let mut more = decoded(&format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{CALLS}]}}"#
    ));
    more.input.extend(decoded(&prefill).input);
    none("claude-opus-5", &more);
    none("claude-opus-5", &Request::ask("m", "another door"));
}

#[test]
fn a_promise_that_the_model_cannot_keep_is_refused() {
    let forced = decoded(&format!(
        r#"{{"model":"m","max_tokens":9,"tools":[{{"name":"f","input_schema":{{"type":"object"}}}}],"tool_choice":{{"type":"any"}},"messages":[{CALLS}]}}"#
    ));
    let refused = encode(
        &forced,
        Purpose::Answer,
        &"claude-opus-5-5".into(),
        &Remedies::default(),
    );
    assert_eq!(refused.err().unwrap().param(), Some("tool_choice"));
}
