//! What replies become. Frames are written after the shapes that the service sends.

use serde_json::{Value, json};

use super::*;
use crate::canonical::compose::{Composer, Setup};
use crate::canonical::grammar::Grammar;
use crate::canonical::sealed::Block::Signature;
use crate::canonical::sealed::{Envelope, Place};
use crate::wire::sse::Frame;

/// Feeds frames and gives back the response that ends the stream.
fn stream(json: &str, frames: &[&str]) -> Result<Value, Error> {
    let mut call = encode("gemini-3.8-flash", json)?;
    let setup = Setup {
        delivery: Delivery::Streamed,
        ..Setup::default()
    };
    let mut out = Composer::new(setup);
    for data in frames {
        let frame = Frame {
            event: b"".as_slice().into(),
            data: data.as_bytes().into(),
        };
        call.decoder.frame(&frame, &mut out)?;
    }
    call.decoder.finish(&mut out)?;
    let events = out.take();
    Grammar::check_all(&events).unwrap();
    let last = serde_json::to_value(&events.last().unwrap().event).unwrap();
    Ok(last["response"].clone())
}

fn parts(parts: &str) -> String {
    format!(
        r#"{{"responseId":"r","candidates":[{{"content":{{"role":"model","parts":[{parts}]}}}}]}}"#
    )
}

fn stop(parts: &str) -> String {
    format!(
        r#"{{"responseId":"r","candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":"STOP"}}]}}"#
    )
}

fn kinds(response: &Value) -> Vec<&str> {
    let items = response["output"].as_array().unwrap();
    items.iter().filter_map(|i| i["type"].as_str()).collect()
}

fn signatures(item: &Value) -> Vec<(Place, String)> {
    let envelope = Envelope::open(item["encrypted_content"].as_str().unwrap()).unwrap();
    let blocks = envelope.blocks.into_iter();
    blocks
        .filter_map(|block| match block {
            Signature { place, signature } => Some((place, signature)),
            _ => None,
        })
        .collect()
}

#[test]
fn runs_go_on_over_chunks_and_signatures_are_sealed_beside_them() {
    let frames = [
        parts(r#"{"text":"think ","thought":true}"#),
        parts(r#"{"text":"more","thought":true}"#),
        parts(
            r#"{"functionCall":{"name":"f","args":{ "a": [1, 2] }},"thoughtSignature":"c2ln+A=="}"#,
        ),
        stop(r#"{"functionCall":{"id":"x-1","name":"f"}}"#),
    ];
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let response = stream(r#"{"input":"a"}"#, &frames).unwrap();
    assert_eq!(
        kinds(&response),
        ["reasoning", "function_call", "function_call"]
    );
    let output = &response["output"];
    assert_eq!(output[0]["summary"][0]["text"], "think more");
    assert_eq!(
        signatures(&output[0]),
        [(Place::NextCall, "c2ln+A==".to_owned())]
    );
    assert_eq!(output[1]["arguments"], r#"{"a":[1,2]}"#);
    assert!(output[1]["call_id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(
        (&output[2]["call_id"], &output[2]["arguments"]),
        (&json!("x-1"), &json!("{}"))
    );
}

#[test]
fn a_signature_at_the_end_of_a_text_follows_the_message() {
    let frames = [
        parts(r#"{"text":"Hel"}"#),
        parts(r#"{"text":"lo"}"#),
        stop(r#"{"text":"","thoughtSignature":"YQ"}"#),
    ];
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let response = stream(r#"{"input":"a"}"#, &frames).unwrap();
    assert_eq!(kinds(&response), ["message", "reasoning"]);
    assert_eq!(response["output"][0]["content"][0]["text"], "Hello");
    assert_eq!(
        signatures(&response["output"][1]),
        [(Place::PrevText, "YQ".to_owned())]
    );
}

#[test]
fn only_the_end_of_the_body_ends_the_answer() {
    let (first, second) = (stop(r#"{"text":"a"}"#), stop(r#"{"text":"b"}"#));
    let whole = stream(r#"{"input":"a"}"#, &[&first, &second]).unwrap();
    assert_eq!(whole["status"], "completed");
    assert_eq!(whole["output"][0]["content"][0]["text"], "ab");
    let cut = stream(r#"{"input":"a"}"#, &[&first, &parts(r#"{"text":"b"}"#)]).unwrap();
    assert_eq!(cut["status"], "failed");
    let failure = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#;
    let failed = stream(r#"{"input":"a"}"#, &[&first, failure]).unwrap_err();
    assert_eq!(failed.kind(), Kind::Overloaded);
}

#[test]
fn one_call_alone_where_the_client_takes_no_more() {
    let frame = stop(
        r#"{"functionCall":{"id":"a","name":"f","args":{}},"thoughtSignature":"YQ"},{"functionCall":{"id":"b","name":"f","args":{}}}"#,
    );
    let response = stream(r#"{"input":"a","parallel_tool_calls":false}"#, &[&frame]).unwrap();
    assert_eq!(kinds(&response), ["reasoning", "function_call"]);
}

#[test]
fn changed_names_and_free_form_tools_come_back_as_they_were() {
    let tools = r#"{"input":"a","tools":[{"type":"function","name":"1f","parameters":null},{"type":"custom","name":"sh"}]}"#;
    let frame = stop(
        r#"{"functionCall":{"name":"_1f"}},{"functionCall":{"name":"sh","args":{"input":"ls"}}}"#,
    );
    let response = stream(tools, &[&frame]).unwrap();
    assert_eq!(kinds(&response), ["function_call", "custom_tool_call"]);
    assert_eq!(response["output"][0]["name"], "1f");
    assert_eq!(response["output"][1]["input"], "ls");
}

#[test]
fn the_last_counts_stand_and_their_sums_are_ours() {
    let counted = r#"{"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":5,
        "thoughtsTokenCount":20,"toolUsePromptTokenCount":3},"candidates":[{"finishReason":"MAX_TOKENS"}]}"#;
    let first = r#"{"usageMetadata":{"promptTokenCount":1},"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#;
    let response = stream(r#"{"input":"a"}"#, &[first, counted]).unwrap();
    assert_eq!(
        response["incomplete_details"]["reason"],
        "max_output_tokens"
    );
    let usage = &response["usage"];
    assert_eq!(
        (&usage["input_tokens"], &usage["output_tokens"]),
        (&json!(13), &json!(25))
    );
    assert_eq!(usage["input_tokens_details"]["cached_tokens"], 4);
    assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], 20);
    let uncounted = stream(r#"{"input":"a"}"#, &[&stop(r#"{"text":"a"}"#)]).unwrap();
    assert_eq!(uncounted["usage"], Value::Null);
}

#[test]
fn a_blocked_prompt_is_incomplete_and_says_why() {
    let frame = r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#;
    let response = stream(r#"{"input":"a"}"#, &[frame]).unwrap();
    assert_eq!(response["incomplete_details"]["reason"], "content_filter");
    assert_eq!(
        response["output"][0]["content"][0]["refusal"],
        "Google blocked the prompt (SAFETY)"
    );
}

#[test]
fn a_model_that_fails_is_an_error() {
    let frame =
        r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"bad call"}]}"#;
    let error = stream(r#"{"input":"a"}"#, &[frame]).unwrap_err();
    assert_eq!(error.kind(), Kind::ModelFailed);
}

#[test]
fn sources_become_citations_in_characters() {
    let grounded = r#"{"candidates":[{"content":{"parts":[{"text":" ist 5."}]},"finishReason":"STOP","groundingMetadata":{
        "groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}}],
        "groundingSupports":[{"segment":{"startIndex":0,"endIndex":14,"text":"Größe ist 5."},"groundingChunkIndices":[0]}]}}]}"#;
    let response = stream(
        r#"{"input":"a"}"#,
        &[&parts(r#"{"text":"Größe"}"#), grounded],
    )
    .unwrap();
    let citation = &response["output"][0]["content"][0]["annotations"][0];
    // Twelve characters, fourteen bytes.
    assert_eq!(
        (&citation["start_index"], &citation["end_index"]),
        (&json!(0), &json!(12))
    );
    assert_eq!(citation["url"], "https://a.example");
}

#[test]
fn what_has_no_item_is_reported() {
    let frame = stop(r#"{"executableCode":{"code":"1"}},{"text":"a"}"#);
    let response = stream(r#"{"input":"a"}"#, &[&frame]).unwrap();
    assert_eq!(response["llmgw_withheld"], json!(["executable_code"]));
}

#[test]
fn a_whole_reply_may_be_a_list() {
    let mut call = encode("gemini-2.5-flash", r#"{"input":"a"}"#).unwrap();
    let mut out = Composer::new(Setup::default());
    let body = format!(
        "[{},\r\n{}]",
        parts(r#"{"text":"a"}"#),
        stop(r#"{"text":"b"}"#)
    );
    call.decoder.body(body.as_bytes(), &mut out).unwrap();
    let last = serde_json::to_value(&out.take().last().unwrap().event).unwrap();
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "ab");
}

#[test]
fn null_is_absence() {
    let frames = [
        "{}",
        r#"{"candidates":null,"usageMetadata":null,"promptFeedback":null}"#,
        r#"{"candidates":[{"content":null,"finishReason":null,"groundingMetadata":{}}]}"#,
        r#"{"candidates":[{"content":{"parts":null}},{"content":{"parts":[{"text":"other"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":null,"functionCall":null},{}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":null,"id":""}}]},"finishReason":"STOP"}]}"#,
    ];
    let response = stream(r#"{"input":"a"}"#, &frames).unwrap();
    assert_eq!(kinds(&response), ["function_call"]);
    assert_eq!(response["output"][0]["arguments"], "{}");
}
