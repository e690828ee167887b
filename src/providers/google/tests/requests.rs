//! What is sent. Expectations are from ai.google.dev and the translation rules, not from the code.

use serde_json::{Value, json};

use super::*;
use crate::canonical::sealed::{self, Envelope, Place};

fn sent(model: &str, json: &str) -> (Value, Vec<String>) {
    let call = encode(model, json).unwrap();
    let losses = call.losses.into_iter().map(|loss| loss.field).collect();
    (serde_json::from_slice(&call.body).unwrap(), losses)
}

fn check(model: &str, request: &str, expect: &Value, losses: &[&str]) {
    let (body, lost) = sent(model, request);
    assert_eq!(&body, expect);
    assert_eq!(lost, losses);
}

fn refused(model: &str, json: &str) -> String {
    let error = encode(model, json).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
    error.param().unwrap_or_default().to_owned()
}

fn sealed(model: &str, place: Place) -> String {
    Envelope {
        vendor: "google".into(),
        model: model.into(),
        blocks: vec![sealed::Block::Signature {
            place,
            signature: "c2ln+/==".into(),
        }],
    }
    .seal()
}

#[test]
fn a_prompt_is_a_turn_and_instructions_stand_apart() {
    check(
        "gemini-3.8-flash",
        r#"{"input":"hi","instructions":"be brief","max_output_tokens":100}"#,
        &json!({
            "systemInstruction": {"parts": [{"text": "be brief"}]},
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "generationConfig": {"maxOutputTokens": 100},
        }),
        &[],
    );
}

#[test]
fn gemma_hears_the_operator_in_the_first_text() {
    check(
        "gemma-3-27b-it",
        r#"{"input":"hi","instructions":"be brief"}"#,
        &json!({ "contents": [{"role": "user", "parts": [{"text": "be brief\n\nhi"}]}] }),
        &[],
    );
}

#[test]
fn the_address_names_model_version_and_delivery() {
    for (model, stream, url, streamed) in [
        (
            "gemini-3.8-flash",
            false,
            "https://google.example/v1beta/models/gemini-3.8-flash:generateContent",
            false,
        ),
        (
            "../x?y",
            true,
            "https://google.example/v1beta/models/..%2Fx%3Fy:streamGenerateContent?alt=sse",
            true,
        ),
        // Long answers of Gemini 4 come only as a stream.
        (
            "gemini-4-argon",
            false,
            "https://google.example/v1beta/models/gemini-4-argon:streamGenerateContent?alt=sse",
            true,
        ),
    ] {
        let call = encode(model, &format!(r#"{{"input":"a","stream":{stream}}}"#)).unwrap();
        assert_eq!((call.url.as_str(), call.streamed), (url, streamed));
    }
}

#[test]
fn responses_follow_their_calls_in_order_and_signatures_go_back_to_their_parts() {
    let model = "gemini-3.8-flash";
    let (call, text) = (
        sealed(model, Place::NextCall),
        sealed(model, Place::PrevText),
    );
    let input = format!(
        r#"{{"input":[{{"role":"user","content":"go"}},
        {{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"look"}}]}},
        {{"type":"reasoning","summary":[],"encrypted_content":"{text}"}},
        {{"type":"reasoning","summary":[],"encrypted_content":"{call}"}},
        {{"type":"function_call","call_id":"a","name":"f","arguments":"{{\"x\": 1.0}}"}},
        {{"type":"function_call","call_id":"b","name":"1g","arguments":""}},
        {{"type":"function_call_output","call_id":"b","output":"plain"}},
        {{"type":"function_call_output","call_id":"a","output":"{{\"ok\":true}}"}}]}}"#
    );
    let expect = json!({ "contents": [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [
            {"text": "look", "thoughtSignature": "c2ln+/=="},
            {"functionCall": {"id": "a", "name": "f", "args": {"x": 1.0}}, "thoughtSignature": "c2ln+/=="},
            {"functionCall": {"id": "b", "name": "_1g", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "a", "name": "f", "response": {"ok": true}}},
            {"functionResponse": {"id": "b", "name": "_1g", "response": {"output": "plain"}}},
        ]},
    ]});
    check(model, &input, &expect, &[]);
    // Another model gets the stand-in, and the text goes unsigned.
    let (body, _) = sent("gemini-3.1-pro-preview", &input);
    assert_eq!(body["contents"][1]["parts"][0], json!({"text": "look"}));
    assert_eq!(
        body["contents"][1]["parts"][1]["thoughtSignature"],
        "skip_thought_signature_validator"
    );
    // Before Gemini 3 nothing is demanded.
    let (body, _) = sent("gemini-2.5-flash", &input);
    assert_eq!(
        body["contents"][1]["parts"][1].get("thoughtSignature"),
        None
    );
}

#[test]
fn media_of_a_function_stand_inside_its_response_from_gemini_3_on() {
    let input = r#"{"input":[{"role":"user","content":"go"},
        {"type":"function_call","call_id":"a","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"a","output":[{"type":"input_text","text":"t"},
            {"type":"input_image","detail":"low","image_url":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="}]}]}"#;
    let image =
        &json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAAANSUhEUg=="}});
    let response = json!({"id": "a", "name": "f", "response": {"output": "t"}});
    let mut inside = response.clone();
    inside["parts"] = json!([image]);
    let (body, _) = sent("gemini-3.8-flash", input);
    assert_eq!(
        body["contents"][2]["parts"],
        json!([{"functionResponse": inside}])
    );
    let (body, _) = sent("gemini-2.5-flash", input);
    assert_eq!(
        body["contents"][2]["parts"],
        json!([{"functionResponse": response}, image])
    );
}

#[test]
fn effort_becomes_a_budget_or_the_nearest_level() {
    for (model, effort, thinking, losses) in [
        ("gemini-2.5-flash", "none", json!({"thinkingBudget": 0}), 0),
        ("gemini-2.5-pro", "none", json!({"thinkingBudget": 128}), 1),
        (
            "gemini-2.5-flash",
            "xhigh",
            json!({"thinkingBudget": 24576}),
            0,
        ),
        (
            "gemini-3.8-flash",
            "low",
            json!({"thinkingLevel": "low"}),
            0,
        ),
        (
            "gemini-3.8-flash",
            "minimal",
            json!({"thinkingLevel": "low"}),
            1,
        ),
        (
            "gemini-3-pro-preview",
            "medium",
            json!({"thinkingLevel": "low"}),
            1,
        ),
        (
            "gemini-4-hydrogen",
            "xhigh",
            json!({"thinkingLevel": "xhigh"}),
            0,
        ),
        ("gemini-4-argon", "max", json!({"thinkingLevel": "high"}), 1),
    ] {
        let request = format!(r#"{{"input":"a","reasoning":{{"effort":"{effort}"}}}}"#);
        let (body, lost) = sent(model, &request);
        assert_eq!(
            body["generationConfig"]["thinkingConfig"], thinking,
            "{model} {effort}"
        );
        assert_eq!(lost.len(), losses, "{model} {effort}");
    }
}

#[test]
fn tools_are_declared_and_the_choice_is_a_mode() {
    check(
        "gemini-3.8-flash",
        r#"{"input":"a","tool_choice":{"type":"function","name":"f"},"tools":[
            {"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{"x":{"const":1}}}},
            {"type":"custom","name":"sh"},{"type":"file_search"}]}"#,
        &json!({
            "contents": [{"role": "user", "parts": [{"text": "a"}]}],
            "tools": [{"functionDeclarations": [
                {"name": "f", "description": "d", "parametersJsonSchema":
                    {"type": "object", "properties": {"x": {"enum": [1]}}}},
                {"name": "sh", "description": "", "parametersJsonSchema":
                    {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}},
            ]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        }),
        &["tools[2]"],
    );
}

#[test]
fn what_must_not_be_dropped_is_refused() {
    let tool = r#""tools":[{"type":"function","name":"f","parameters":null}]"#;
    let schema =
        r#""text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}}"#;
    for (model, request, param) in [
        ("gemini-2.5-flash", format!(r#"{{"input":"a",{tool},{schema}}}"#), "text.format"),
        (
            "gemini-3.8-flash",
            format!(r#"{{"input":"a",{tool},{schema},"tool_choice":"required"}}"#),
            "text.format",
        ),
        ("gemini-3.8-flash", r#"{"input":"a","tool_choice":"required"}"#.to_owned(), "tool_choice"),
        (
            "gemini-3.8-flash",
            r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/gif;base64,R0lGODlhAQABAAAAACw="}]}]}"#.to_owned(),
            "input[0].content[0].image_url",
        ),
        (
            "gemini-3.8-flash",
            r#"{"input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#.to_owned(),
            "input[1]",
        ),
    ] {
        assert_eq!(refused(model, &request), param, "{request}");
    }
}

#[test]
fn what_a_model_ignores_is_a_loss_unless_it_is_the_default() {
    let request = r#"{"input":"a","temperature":0.2,"top_p":1,"presence_penalty":0,"frequency_penalty":1,
        "text":{"verbosity":"low"},"truncation":"auto","service_tier":"flex","novelty":1}"#;
    check(
        "gemini-4-argon",
        request,
        &json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}], "serviceTier": "flex"}),
        &[
            "text.verbosity",
            "truncation",
            "novelty",
            "temperature",
            "frequency_penalty",
        ],
    );
    let (body, _) = sent("gemini-2.0-flash", request);
    assert_eq!(
        body["generationConfig"],
        json!({"temperature": 0.2, "topP": 1.0, "frequencyPenalty": 1.0})
    );
}

#[test]
fn fields_of_the_chat_protocol_are_losses() {
    let mut request = request(r#"{"input":"a"}"#);
    request.beyond.chat.insert("min_p".into(), json!(0.1));
    let call = provider()
        .encode(
            Ask::Respond(&request),
            &"gemini-3.8-flash".into(),
            &Remedies::default(),
        )
        .unwrap();
    let fields: Vec<&str> = call.losses.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(fields, ["min_p"]);
}

#[test]
fn refused_signatures_are_not_sent_again() {
    let model = "gemini-3.8-flash";
    let request = request(&format!(
        r#"{{"input":[{{"role":"user","content":"go"}},
        {{"type":"reasoning","summary":[],"encrypted_content":"{}"}},
        {{"type":"function_call","call_id":"a","name":"f","arguments":"{{}}"}},
        {{"type":"function_call_output","call_id":"a","output":"x"}}]}}"#,
        sealed(model, Place::NextCall)
    ));
    let mut remedies = Remedies::default();
    remedies.add(crate::error::Remedy::DropReasoning);
    let call = provider()
        .encode(Ask::Respond(&request), &model.into(), &remedies)
        .unwrap();
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(
        body["contents"][1]["parts"][0]["thoughtSignature"],
        "skip_thought_signature_validator"
    );
}

#[test]
fn urls_are_fetched_unless_google_reads_them_itself() {
    let request = request(
        r#"{"input":[{"role":"user","content":[
        {"type":"input_image","image_url":"https://a.example/x.png"},
        {"type":"input_file","file_url":"https://www.youtube.com/watch?v=1"},
        {"type":"input_file","file_url":"https://generativelanguage.googleapis.com/v1beta/files/1"},
        {"type":"input_file","file_url":"https://a.example/x.pdf"}]}]}"#,
    );
    let needs = provider().needs(&request, &"gemini-3.8-flash".into());
    let params: Vec<&str> = needs.iter().map(|need| need.param.as_str()).collect();
    assert_eq!(
        params,
        [
            "input[0].content[0].image_url",
            "input[0].content[3].file_url"
        ]
    );
}

#[test]
fn the_key_is_a_header_and_never_in_the_address() {
    let mut headers = HeaderMap::new();
    provider()
        .authorize(&mut headers, &Secret::new("AIza-secret"))
        .unwrap();
    let value = headers.get("x-goog-api-key").unwrap();
    assert!(value.is_sensitive());
    assert_eq!(value.to_str().unwrap(), "AIza-secret");
}
