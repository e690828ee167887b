use serde_json::json;

use super::*;

fn encoded(model: &str, fields: &Value, remedies: &Remedies) -> (Value, Vec<String>) {
    let mut body = json!({"model": "alias", "input": "hi"});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let request: Request = serde_json::from_str(&body.to_string()).unwrap();
    let encoded = respond(&request, &model.into(), remedies).unwrap();
    let losses = encoded.losses.into_iter().map(|loss| loss.field).collect();
    (serde_json::from_slice(&encoded.body).unwrap(), losses)
}

fn check(model: &str, fields: &Value, expect: &Value, losses: &[&str]) {
    let (mut body, lost) = encoded(model, fields, &Remedies::default());
    let body = body.as_object_mut().unwrap();
    assert_eq!(body.remove("model"), Some(json!(model)));
    assert_eq!(body.remove("store"), Some(json!(false)));
    body.remove("input");
    assert_eq!(&Value::Object(body.clone()), expect, "{model} {fields}");
    assert_eq!(lost, losses, "{model} {fields}");
}

#[test]
fn what_the_client_said_goes_up() {
    let fields = json!({
        "instructions": "i", "temperature": 0.5, "max_output_tokens": 99, "service_tier": "flex",
        "tools": [{"type": "web_search", "x": null}], "tool_choice": "required", "prompt_cache_retention": "24h"
    });
    check("gpt-4o", &fields, &fields, &[]);
}

#[test]
fn nothing_is_stored_upstream_and_nothing_of_ours_is_sent() {
    let fields =
        json!({"store": true, "metadata": {"a": "b"}, "provider": "openai", "tool_choice": "auto"});
    check("gpt-4o", &fields, &json!({}), &[]);
}

#[test]
fn a_stream_is_asked_for_without_padding() {
    let fields = json!({"stream": true, "stream_options": {"include_obfuscation": true}});
    let expect = json!({"stream": true, "stream_options": {"include_obfuscation": false}});
    check("gpt-4o", &fields, &expect, &[]);
}

#[test]
fn opaque_state_is_asked_for_where_there_is_any() {
    let include = json!({"include": ["reasoning.encrypted_content"]});
    check("gpt-5.5", &json!({}), &include, &[]);
    check("gpt-4o", &include, &json!({}), &[]);
    check("another", &json!({}), &json!({}), &[]);
}

#[test]
fn effort_follows_the_family() {
    let effort = |effort: &str| json!({"reasoning": {"effort": effort}});
    let both = |effort: &str| json!({"reasoning": {"effort": effort}, "include": ["reasoning.encrypted_content"]});
    check(
        "gpt-5.1",
        &effort("xhigh"),
        &both("high"),
        &["reasoning.effort"],
    );
    check(
        "gpt-6-astra",
        &effort("none"),
        &both("low"),
        &["reasoning.effort"],
    );
    check("gpt-5.6", &effort("max"), &both("max"), &[]);
    check("gpt-4o", &effort("none"), &json!({}), &[]);
    check("gpt-4o", &effort("low"), &json!({}), &["reasoning.effort"]);
}

#[test]
fn sampling_is_left_out_where_it_is_refused() {
    let include = json!({"include": ["reasoning.encrypted_content"]});
    check(
        "gpt-5.5",
        &json!({"temperature": 1, "top_p": 1.0}),
        &include,
        &[],
    );
    check(
        "gpt-5.5",
        &json!({"temperature": 0}),
        &include,
        &["temperature"],
    );
    let kept = json!({"temperature": 0.0, "include": ["reasoning.encrypted_content"]});
    check("gpt-5.2", &json!({"temperature": 0}), &kept, &[]);
}

#[test]
fn penalties_are_never_sent() {
    let fields = json!({"presence_penalty": 0, "frequency_penalty": 1});
    check("gpt-4o", &fields, &json!({}), &["frequency_penalty"]);
}

#[test]
fn remedies_leave_out_what_was_refused() {
    let mut remedies = Remedies::default();
    remedies.add(Remedy::DropParameter("top_p".to_owned()));
    remedies.add(Remedy::DropParameter("client_metadata".to_owned()));
    remedies.add(Remedy::DropParameter("service_tier".to_owned()));
    let fields = json!({"top_p": 0.5, "client_metadata": {"a": 1}});
    let (body, lost) = encoded("gpt-4o", &fields, &remedies);
    assert!(body.get("top_p").is_none() && body.get("client_metadata").is_none());
    assert_eq!(lost, ["top_p", "client_metadata"]);
}

#[test]
fn more_than_one_answer_is_refused() {
    let mut request = Request::ask("m", "hi");
    request.beyond.choices = Some(2);
    let model = ModelId::from("gpt-4o");
    let refused = respond(&request, &model, &Remedies::default());
    assert_eq!(
        refused.err().and_then(|e| e.param().map(str::to_owned)),
        Some("n".to_owned())
    );
}
