//! What clients get.

use serde_json::{Value, json};

use super::*;
use crate::canonical::sealed::{Block, Envelope, Place};
use crate::doors::chat::reasoning;

#[test]
fn the_legacy_form_of_functions_is_understood() {
    let body = json!({
        "model": "m",
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "function_call": {"name": "f"},
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "r"},
        ],
    });
    let (request, mut encoder) = decode(&body).unwrap();
    let sent = serde_json::to_value(&request).unwrap();
    assert_eq!(
        sent["tools"],
        json!([{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": false}])
    );
    assert_eq!(
        sent["tool_choice"],
        json!({"type": "function", "name": "f"})
    );
    assert_eq!(sent["parallel_tool_calls"], false);
    assert_eq!(sent["input"][1]["call_id"], sent["input"][2]["call_id"]);
    assert!(request.beyond.chat.is_empty());
    let reply = whole(&mut encoder, called);
    let choice = &reply["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call");
    assert_eq!(
        choice["message"]["function_call"],
        json!({"name": "f", "arguments": "{\"a\":1}"})
    );
    let (_, mut encoder) = decode(&body).unwrap();
    let chunks = streamed(&mut encoder, called);
    let pieces: String = deltas(&chunks)
        .filter_map(|delta| delta["function_call"]["arguments"].as_str())
        .collect();
    assert_eq!(pieces, "{\"a\":1}");
}

fn thought(out: &mut Composer) {
    out.begin("up", "m-1");
    out.reasoning(0, "why");
    out.seal(0, signed("S1"));
    out.close(0);
    out.call(1, "c1", "f");
    out.arguments(1, "{}");
    out.close(1);
    out.call(2, "c2", "g");
    out.arguments(2, "{}");
    out.close(2);
    out.stop(Stop::Complete);
    out.end();
}

fn signed(signature: &str) -> String {
    let block = Block::Signature {
        place: Place::NextCall,
        signature: signature.into(),
    };
    Envelope {
        vendor: "google".into(),
        model: "m-1".into(),
        blocks: vec![block],
    }
    .seal()
}

#[test]
fn a_whole_answer_is_a_completion() {
    let mut reply = whole(&mut encoder(&json!({})), hello);
    let id = reply["id"].take();
    assert!(id.as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(
        reply,
        json!({
            "id": null, "object": "chat.completion", "created": 7, "model": "m-1",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": null, "annotations": []},
                "logprobs": null, "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
        })
    );
}

#[test]
fn a_stream_has_its_role_once_and_its_counts_last() {
    let chunks = streamed(
        &mut encoder(&json!({"stream_options": {"include_usage": true}})),
        hello,
    );
    let said: Vec<&Value> = deltas(&chunks).collect();
    assert_eq!(said[0], &json!({"role": "assistant", "content": ""}));
    assert_eq!(
        said[1..4],
        [
            &json!({"content": "Hel"}),
            &json!({"content": "lo"}),
            &json!({})
        ]
    );
    let reasons: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"])
        .collect();
    assert_eq!(
        reasons[..4],
        [&Value::Null, &Value::Null, &Value::Null, &json!("stop")]
    );
    let last = chunks.last().unwrap();
    assert_eq!(
        (&last["choices"], &last["usage"]["total_tokens"]),
        (&json!([]), &json!(15))
    );
    assert!(
        chunks[..4]
            .iter()
            .all(|chunk| chunk.get("usage") == Some(&Value::Null))
    );
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["id"] == chunks[0]["id"] && chunk["created"] == 7)
    );
    let plain = streamed(&mut encoder(&json!({})), hello);
    assert_eq!(plain.len(), 4);
    assert!(plain.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn calls_are_numbered_among_themselves() {
    let chunks = streamed(&mut encoder(&json!({})), thought);
    let calls: Vec<Value> = deltas(&chunks)
        .filter_map(|delta| delta.get("tool_calls"))
        .map(|calls| {
            json!([
                calls[0]["index"],
                calls[0]["id"],
                calls[0]["function"]["arguments"]
            ])
        })
        .collect();
    assert_eq!(
        calls,
        [
            json!([0, "c1", ""]),
            json!([0, null, "{}"]),
            json!([1, "c2", ""]),
            json!([1, null, "{}"]),
        ]
    );
    assert_eq!(
        chunks.last().unwrap()["choices"][0]["finish_reason"],
        "tool_calls"
    );
}

#[test]
fn opaque_state_goes_out_and_comes_back_before_its_call() {
    let message = whole(&mut encoder(&json!({})), thought)["choices"][0]["message"].take();
    assert_eq!(message["reasoning_content"], "why");
    assert_eq!(message["content"], Value::Null);
    let google = &message["tool_calls"][0]["extra_content"]["google"];
    assert_eq!(google["thought_signature"], "S1");
    assert_eq!(message["tool_calls"][1].get("extra_content"), None);
    let answers = json!([
        {"role": "tool", "tool_call_id": "c1", "content": ""}, {"role": "tool", "tool_call_id": "c2", "content": ""},
    ]);
    let mut messages = vec![json!({"role": "user", "content": "a"}), message.clone()];
    messages.extend(answers.as_array().unwrap().clone());
    let (request, _) = decode(&json!({"model": "m", "messages": messages})).unwrap();
    let items = serde_json::to_value(&request.input).unwrap();
    let states: Vec<&Value> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["encrypted_content"])
        .collect();
    let at = states.iter().position(|state| !state.is_null()).unwrap();
    assert_eq!(*states[at], json!(signed("S1")));
    assert_eq!(items[at + 1]["call_id"], "c1");
    assert_eq!(states.iter().filter(|state| !state.is_null()).count(), 1);
    // In a stream it stands on the chunk that begins the call.
    let chunks = streamed(&mut encoder(&json!({})), thought);
    let entry = deltas(&chunks)
        .find_map(|delta| delta.get("reasoning_details"))
        .unwrap();
    assert_eq!(*entry, message["reasoning_details"]);
}

#[test]
fn a_bare_signature_of_a_call_is_sealed_for_google() {
    check_items(
        &json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "S"}}}]},
            {"role": "tool", "tool_call_id": "c", "content": "r"},
        ]),
        &json!([
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "reasoning", "summary": [], "encrypted_content": reasoning::signed("S".into())},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "r"},
        ]),
    );
}

#[test]
fn reasons_to_finish() {
    let check = |script: Script, expect: &str| {
        let reply = whole(&mut encoder(&json!({})), script);
        assert_eq!(reply["choices"][0]["finish_reason"], expect);
    };
    check(hello, "stop");
    check(called, "tool_calls");
    check(
        |out| {
            out.text(0, "a");
            out.stop(Stop::MaxTokens);
            out.end();
        },
        "length",
    );
    check(
        |out| {
            out.text(0, "a");
            out.stop(Stop::ContentFilter(None));
            out.end();
        },
        "content_filter",
    );
}

#[test]
fn a_stream_that_fails_says_so_and_is_never_done() {
    let text = raw(&mut encoder(&json!({})), |out| {
        out.begin("up", "m-1");
        out.text(0, "Hel");
        out.fail(&Error::new(Kind::RateLimited, "slow down"));
    });
    assert!(
        !text.contains("[DONE]") && !text.contains("finish_reason\":\"stop"),
        "{text}"
    );
    let last = text.trim_end().rsplit("data: ").next().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(last).unwrap(),
        json!({"error": {"message": "slow down", "type": "rate_limit_error", "param": null, "code": "rate_limit_exceeded"}})
    );
}

#[test]
fn deltas_are_padded_if_the_client_asks() {
    let chunks = streamed(
        &mut encoder(&json!({"stream_options": {"include_obfuscation": true}})),
        hello,
    );
    assert!(chunks[1]["obfuscation"].is_string());
    assert_eq!(
        streamed(&mut encoder(&json!({})), hello)[1].get("obfuscation"),
        None
    );
}

#[test]
fn errors_have_openais_names() {
    let check = |kind: Kind, expect: &str| {
        let body: Value =
            serde_json::from_slice(&Chat::error(&Error::new(kind, "m"), "r")).unwrap();
        assert_eq!(body["error"]["type"], expect);
        assert_eq!(
            Chat::status(&Error::new(kind, "m")),
            Error::new(kind, "m").status()
        );
    };
    check(Kind::Unauthorized, "authentication_error");
    check(Kind::InvalidRequest, "invalid_request_error");
    check(Kind::ModelNotFound, "invalid_request_error");
    check(Kind::QuotaExhausted, "insufficient_quota");
    check(Kind::Overloaded, "server_error");
}

/// What a client reads of an upstream of this protocol that said these chunks.
fn beside(frames: &[&str], delivery: Delivery) -> Vec<Value> {
    use crate::canonical::native::Protocol;
    let mut composer = Composer::new(Setup {
        delivery,
        native: Some(Protocol::Chat),
        ..Setup::default()
    });
    for frame in frames {
        composer.frame(Protocol::Chat, frame.as_bytes());
    }
    composer.begin("m", "m");
    composer.text(0, "hi");
    composer.stop(Stop::Complete);
    composer.end();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "stream_options": {"include_usage": true}});
    let (_, mut encoder) = Chat::decode(None, body.to_string().as_bytes()).unwrap();
    let batch = composer.take();
    if delivery == Delivery::Whole {
        let last = batch.last().unwrap();
        encoder.native(&last.native);
        let response = last.event.known().unwrap().terminal().unwrap();
        return vec![serde_json::from_slice(&encoder.response(response)).unwrap()];
    }
    let mut out = BytesMut::new();
    for emitted in &batch {
        encoder.event(emitted, &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    text.lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
        .collect()
}

#[test]
fn what_only_the_upstream_knows_is_in_the_stream() {
    let chunks = beside(
        &[
            r#"{"id":"x-1","created":7,"model":"own","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}"#,
            r#"{"id":"x-1","created":7,"model":"own","system_fingerprint":"fp","citations":["u"],"choices":[{"index":0,"delta":{"content":"hi","audio":{"data":"AA"}},"filter":{"a":1}}]}"#,
            r#"{"id":"x-1","created":7,"model":"own","system_fingerprint":"fp","citations":["u"],"choices":[{"index":0,"delta":{},"finish_reason":"stop","filter":{"a":1}}]}"#,
            r#"{"id":"x-1","created":7,"model":"own","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":0.5}}"#,
        ],
        Delivery::Streamed,
    );
    assert!(chunks.iter().all(|chunk| {
        (
            &chunk["id"],
            &chunk["created"],
            &chunk["model"],
            &chunk["system_fingerprint"],
        ) == (&json!("x-1"), &json!(7), &json!("own"), &json!("fp"))
    }));
    let beside: Vec<&Value> = chunks
        .iter()
        .filter(|chunk| chunk["citations"].is_array())
        .collect();
    assert_eq!(beside.len(), 1, "said twice, told once");
    assert_eq!(
        beside[0]["choices"],
        json!([{"index": 0, "delta": {"audio": {"data": "AA"}}, "filter": {"a": 1}, "finish_reason": null}])
    );
    assert_eq!(chunks.last().unwrap()["usage"]["cost"], 0.5);
}

#[test]
fn what_only_the_upstream_knows_is_in_the_whole_reply() {
    let whole = beside(
        &[
            r#"{"id":"x-1","object":"chat.completion","created":7,"model":"own","provider":"P","choices":[{"index":0,
            "message":{"role":"assistant","content":[{"type":"text","text":"hi"}],"images":[1]},"finish_reason":"eos","native":"n"}],
            "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":0.5}}"#,
        ],
        Delivery::Whole,
    );
    assert_eq!(
        whole[0],
        json!({
            "id": "x-1", "object": "chat.completion", "created": 7, "model": "own", "provider": "P",
            "choices": [{
                "index": 0, "logprobs": null, "finish_reason": "stop", "native": "n",
                "message": {"role": "assistant", "content": "hi", "refusal": null, "annotations": [], "images": [1]},
            }],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.5},
        })
    );
}
