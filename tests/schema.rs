//! What the Responses door writes in the strict profile fits the specification's schema to the letter, whatever the
//! upstream said; and requests of the specification's shapes come back from the types as they went in.
//!
//! The schema is Open Responses 2026-04-24, its facts without its prose.

#![expect(
    clippy::unwrap_used,
    reason = "what does not unwrap here is a failed test"
)]

use std::collections::HashMap;

use bytes::BytesMut;
use jsonschema::Validator;
use llmgw::canonical::compose::{Composer, ReasoningChannel, Setup, Stop};
use llmgw::canonical::open::Open;
use llmgw::canonical::request::{Delivery, Request};
use llmgw::canonical::settings::Echo;
use llmgw::canonical::usage::Usage;
use llmgw::doors::responses::Responses;
use llmgw::doors::{Door, Encoder};
use llmgw::error::{Error, Kind};
use serde_json::{Value, json};

/// The specification's schemas by name.
struct Schemas {
    document: Value,
    events: HashMap<String, Validator>,
    response: Validator,
    request: Validator,
}

impl Schemas {
    fn load() -> Self {
        let document: Value =
            serde_json::from_str(include_str!("fixtures/open-responses.schema.json")).unwrap();
        let names = document["$defs"].as_object().unwrap().keys();
        let events = names
            .filter(|name| name.ends_with("StreamingEvent"))
            .map(|name| {
                let tag = &document["$defs"][name]["properties"]["type"]["enum"][0];
                let tag = tag.as_str().unwrap().to_owned();
                (tag, validator(&document, name))
            })
            .collect();
        Self {
            events,
            response: validator(&document, "ResponseResource"),
            request: validator(&document, "CreateResponseBody"),
            document,
        }
    }

    fn check_event(&self, event: &Value) {
        let tag = event["type"].as_str().unwrap();
        let schema = self
            .events
            .get(tag)
            .unwrap_or_else(|| panic!("{tag} is no event of the specification"));
        check(schema, event);
    }
}

fn validator(document: &Value, name: &str) -> Validator {
    let mut schema = document.clone();
    schema["$ref"] = json!(format!("#/$defs/{name}"));
    jsonschema::validator_for(&schema).unwrap()
}

fn check(schema: &Validator, value: &Value) {
    let faults: Vec<String> = schema
        .iter_errors(value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}\n{value:#}");
}

/// A request body of the specification's, with these fields.
fn body(fields: &Value) -> Value {
    let mut body = json!({"model": "m", "input": "hi"});
    let map = body.as_object_mut().unwrap();
    map.extend(fields.as_object().unwrap().clone());
    body
}

fn decode(fields: &Value) -> (Request, <Responses as Door>::Encoder) {
    Responses::decode(None, body(fields).to_string().as_bytes()).unwrap()
}

/// What a decoder says.
type Script = fn(&mut Composer);

/// Streams and whole replies of this script, under this request, validate.
fn check_script(schemas: &Schemas, fields: &Value, reasoning: ReasoningChannel, script: Script) {
    for delivery in [Delivery::Streamed, Delivery::Whole] {
        let (mut request, mut encoder) = decode(fields);
        request.delivery = delivery;
        let mut composer = Composer::new(Setup {
            echo: Echo::of(&request),
            delivery,
            profile: request.profile,
            reasoning,
            native: None,
            seed: "req_1".to_owned(),
            created_at: 1_790_000_000,
            ..Setup::default()
        });
        script(&mut composer);
        let events = composer.take();
        let mut out = BytesMut::new();
        for emitted in &events {
            encoder.event(emitted, &mut out);
        }
        for frame in std::str::from_utf8(&out).unwrap().split_terminator("\n\n") {
            let (_, data) = frame.split_once("\ndata: ").unwrap();
            schemas.check_event(&serde_json::from_str(data).unwrap());
        }
        let Some(Open::Known(last)) = events.last().map(|emitted| &emitted.event) else {
            panic!("there is no terminal event");
        };
        let whole = encoder.response(last.terminal().unwrap());
        check(&schemas.response, &serde_json::from_slice(&whole).unwrap());
    }
}

fn text(out: &mut Composer) {
    out.begin("up_1", "model-1");
    out.text(0, "Hel");
    out.text(0, "lo");
    out.usage(Usage::counted(10, 3, Some(2), 5, 0));
    out.stop(Stop::Complete);
    out.end();
}

fn refusal(out: &mut Composer) {
    out.begin("", "model-1");
    out.refusal(0, "I will not");
    out.stop(Stop::Complete);
    out.end();
}

fn reasoning_and_calls(out: &mut Composer) {
    out.begin("up_1", "model-1");
    out.reasoning(0, "let me ");
    out.reasoning(0, "see");
    out.seal(0, "opaque".to_owned());
    out.text(1, "I look it up");
    out.call(2, "call_1", "f");
    out.arguments(2, "{\"a\":");
    out.call(3, "call_2", "g");
    out.arguments(3, "{}");
    out.arguments(2, "1}");
    out.close(2);
    out.close(3);
    out.usage(Usage::counted(10, 0, None, 50, 40));
    out.stop(Stop::Complete);
    out.end();
}

fn silent_reasoning(out: &mut Composer) {
    out.begin("up_1", "model-1");
    out.seal(0, "opaque".to_owned());
    out.text(1, "yes");
    out.stop(Stop::Complete);
    out.end();
}

fn cut_at_the_limit(out: &mut Composer) {
    out.begin("up_1", "model-1");
    out.call(0, "call_1", "f");
    out.arguments(0, "{\"a\":");
    out.stop(Stop::MaxTokens);
    out.end();
}

fn filtered(out: &mut Composer) {
    out.begin("up_1", "model-1");
    out.stop(Stop::ContentFilter(Some("no".to_owned())));
    out.end();
}

fn cut_off(out: &mut Composer) {
    out.begin("up_1", "model-1");
    out.text(0, "half a sen");
    out.end();
}

fn failed(out: &mut Composer) {
    let error = Error::new(Kind::Overloaded, "too busy").with_param("model");
    out.fail(&error);
}

/// An upstream of our own protocol, with much that the specification does not know.
fn foreign(out: &mut Composer) {
    let response = json!({
        "id": "resp_1", "object": "response", "created_at": 1_790_000_000.5, "status": "completed", "model": "model-1",
        "reasoning": {"effort": "max", "summary": null, "context": "auto"},
        "tools": [{"type": "web_search"}], "service_tier": null, "moderation": null,
        "output": [
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "opaque"},
            {"type": "message", "role": "assistant", "phase": "final_answer", "content": [
                {"type": "output_text", "text": "yes", "annotations": [
                    {"type": "file_citation", "file_id": "f", "index": 0, "filename": "n"},
                    {"type": "url_citation", "url": "https://a.example"}
                ]}
            ]},
            {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "n", "input": "x"},
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}", "namespace": null}
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    });
    out.whole(serde_json::from_str(&response.to_string()).unwrap());
}

/// What a client may set, as far as it shows in the response.
fn settings() -> Vec<Value> {
    let function = json!({"type": "function", "name": "f"});
    let full = json!({
        "type": "function", "name": "g", "description": "d", "strict": true,
        "parameters": {"type": "object", "properties": {}, "additionalProperties": false}
    });
    vec![
        json!({}),
        json!({"tools": [function, full], "tool_choice": "required", "parallel_tool_calls": false}),
        json!({"tools": [function], "tool_choice": {"type": "function", "name": "f"}}),
        json!({"tools": [function], "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]}}),
        json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"}}),
        json!({"text": {"format": {"type": "json_object"}}}),
        json!({"reasoning": {"effort": "high"}, "include": ["reasoning.encrypted_content"]}),
        json!({"reasoning": {"summary": "auto"}, "instructions": "be brief", "metadata": {"a": "b"}}),
        json!({"temperature": 0, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": -1, "top_logprobs": 3}),
        json!({"max_output_tokens": 100, "max_tool_calls": 3, "truncation": "auto", "service_tier": "flex"}),
        json!({"store": true, "safety_identifier": "u", "prompt_cache_key": "k", "stream_options": {"include_obfuscation": true}}),
    ]
}

#[test]
fn every_answer_fits_the_schema() {
    let schemas = Schemas::load();
    let scripts: [Script; 9] = [
        text,
        refusal,
        reasoning_and_calls,
        silent_reasoning,
        cut_at_the_limit,
        filtered,
        cut_off,
        failed,
        foreign,
    ];
    for fields in settings() {
        for script in scripts {
            for reasoning in [ReasoningChannel::Summary, ReasoningChannel::Content] {
                check_script(&schemas, &fields, reasoning, script);
            }
        }
    }
}

#[test]
fn the_schema_has_all_events_and_refuses_foreign_ones() {
    let schemas = Schemas::load();
    assert_eq!(schemas.events.len(), 24);
    let (_, mut encoder) = decode(&json!({}));
    let foreign: Value = json!({
        "id": "r", "output": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]
    });
    let whole = encoder.response(&serde_json::from_str(&foreign.to_string()).unwrap());
    assert_eq!(
        serde_json::from_slice::<Value>(&whole).unwrap()["output"],
        json!([])
    );
    assert_eq!(encoder.withheld(), ["web_search_call"]);
    let item = validator(&schemas.document, "ItemField");
    assert!(!item.is_valid(&foreign["output"][0]));
}

#[test]
fn requests_of_the_specification_come_back_as_they_went_in() {
    let schemas = Schemas::load();
    let items = json!([
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s"}]},
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "u"},
            {"type": "input_image", "image_url": "https://a.example/i.png", "detail": "low"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "JVBERi0="}
        ]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "t"}], "encrypted_content": "e"},
        {"type": "message", "role": "assistant", "phase": "commentary", "content": [
            {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
            {"type": "refusal", "refusal": "r"}
        ]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "x"}]},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "e"}
    ]);
    for mut fields in settings() {
        // An extension of the answer's alone.
        if fields["text"]["format"]["type"] == "json_object" {
            continue;
        }
        // Reading indexes in what was not there.
        fields
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        fields["input"] = items.clone();
        let sent = body(&fields);
        check(&schemas.request, &sent);
        let (request, _) = decode(&fields);
        let back = serde_json::to_value(&request).unwrap();
        check(&schemas.request, &back);
        assert_eq!(numbers_alike(back), numbers_alike(with_mode(sent)));
    }
}

/// An absent mode of `allowed_tools` means `auto`.
fn with_mode(mut body: Value) -> Value {
    if body["tool_choice"]["type"] == "allowed_tools" {
        body["tool_choice"]["mode"] = json!("auto");
    }
    body.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    body
}

/// `1` and `1.0` are one number in JSON.
fn numbers_alike(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(list) => list.into_iter().map(numbers_alike).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, numbers_alike(value)))
            .collect(),
        other => other,
    }
}
