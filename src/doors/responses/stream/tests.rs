//! Frames as clients read them.

use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::canonical::compose::{Composer, ReasoningChannel, Setup, Stop};
use crate::canonical::request::{Delivery, Request, StreamOptions};
use crate::canonical::settings::Echo;
use crate::doors::Encoder;
use crate::error::{Error, Kind};

fn request(profile: Profile) -> Request {
    Request {
        profile,
        delivery: Delivery::Streamed,
        ..Request::ask("m", "hi")
    }
}

fn setup(request: &Request) -> Setup {
    Setup {
        echo: Echo::of(request),
        delivery: Delivery::Streamed,
        profile: request.profile,
        seed: "s".to_owned(),
        ..Setup::default()
    }
}

fn written(request: &Request, speak: impl FnOnce(&mut Composer)) -> String {
    let mut composer = Composer::new(setup(request));
    speak(&mut composer);
    encoded(request, &mut composer)
}

fn encoded(request: &Request, composer: &mut Composer) -> String {
    let mut encoder = ResponsesEncoder::of(request);
    let mut out = BytesMut::new();
    for emitted in composer.take() {
        encoder.event(&emitted, &mut out);
    }
    encoder.end(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// The data of each frame, its head checked.
fn frames(text: &str) -> Vec<Value> {
    let text = text.strip_suffix("data: [DONE]\n\n").unwrap();
    let frames = text.split_terminator("\n\n").enumerate();
    frames
        .map(|(at, frame)| {
            let (event, data) = frame.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(event, format!("event: {}", data["type"].as_str().unwrap()));
            assert_eq!(data["sequence_number"], at);
            data
        })
        .collect()
}

#[test]
fn a_request_that_is_spread_over_lines_stays_on_one_line_in_its_echo() {
    let body = "{\"model\":\"m\",\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\n \"parameters\":{\r\n \"type\":\"object\"\n}}]}";
    let request: Request = serde_json::from_str(body).unwrap();
    let frames = frames(&written(&request, hello));
    assert_eq!(
        frames[0]["response"]["tools"][0]["parameters"]["type"],
        "object"
    );
}

fn hello(out: &mut Composer) {
    out.begin("resp_1", "m");
    out.text(0, "a\n{");
    out.stop(Stop::Complete);
    out.end();
}

#[test]
fn raw_reasoning_is_called_as_the_clients_know_it() {
    let think = |out: &mut Composer| {
        out.begin("resp_1", "m");
        out.reasoning(0, "hm");
        out.stop(Stop::Complete);
        out.end();
    };
    let names = |names| {
        let mut asked = request(Profile::Strict);
        asked.reasoning_names = names;
        let mut composer = Composer::new(Setup {
            reasoning: ReasoningChannel::Content,
            ..setup(&asked)
        });
        think(&mut composer);
        let frames = frames(&encoded(&asked, &mut composer));
        let tags = frames
            .iter()
            .map(|frame| frame["type"].as_str().unwrap().to_owned());
        tags.filter(|tag| tag.contains("reasoning"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(ReasoningNames::Specification),
        ["response.reasoning.delta", "response.reasoning.done"]
    );
    assert_eq!(
        names(ReasoningNames::OpenAi),
        [
            "response.reasoning_text.delta",
            "response.reasoning_text.done"
        ]
    );
}

#[test]
fn events_are_numbered_frames() {
    let frames = frames(&written(&request(Profile::Strict), hello));
    let tags: Vec<_> = frames.iter().map(|f| f["type"].as_str().unwrap()).collect();
    assert_eq!(
        tags,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(frames[4]["delta"], "a\n{");
    assert_eq!(frames[4]["obfuscation"], Value::Null);
}

#[test]
fn an_error_is_written_for_both_kinds_of_clients() {
    let failed = |out: &mut Composer| out.fail(&Error::new(Kind::Overloaded, "too busy"));
    let frames = frames(&written(&request(Profile::Strict), failed));
    let error = frames.iter().find(|f| f["type"] == "error").unwrap();
    assert_eq!(error["error"]["message"], "too busy");
    assert_eq!(error["message"], "too busy");
    assert_eq!(error["code"], "overloaded");
}

#[test]
fn deltas_are_padded_if_the_client_asks() {
    let mut request = request(Profile::Strict);
    request.stream_options = Some(StreamOptions {
        include_obfuscation: Some(true),
        ..StreamOptions::default()
    });
    let frames = frames(&written(&request, hello));
    assert!(frames[4]["obfuscation"].is_string());
    assert_eq!(frames[5]["obfuscation"], Value::Null);
}

fn verbatim(raw: &str, expect: &str) {
    let request = request(Profile::Native);
    let mut encoder = ResponsesEncoder::of(&request);
    encoder.sequence = 7;
    let object = serde_json::from_str(raw).unwrap();
    let emitted = Emitted {
        event: Open::Unknown(object),
        raw: Some(Bytes::copy_from_slice(raw.as_bytes())),
        native: Vec::new(),
    };
    let mut out = BytesMut::new();
    encoder.event(&emitted, &mut out);
    assert_eq!(std::str::from_utf8(&out).unwrap(), expect);
    assert_eq!(encoder.sequence, 8);
}

#[test]
fn a_native_frame_is_written_as_it_came_with_our_number() {
    verbatim(
        r#"{"type":"x","sequence_number":7, "a":{"sequence_number":1}}"#,
        "event: x\ndata: {\"type\":\"x\",\"sequence_number\":7, \"a\":{\"sequence_number\":1}}\n\n",
    );
    verbatim(
        r#"{"b":"\"sequence_number\":3","type":"x","sequence_number":12}"#,
        "event: x\ndata: {\"b\":\"\\\"sequence_number\\\":3\",\"type\":\"x\",\"sequence_number\":7}\n\n",
    );
    verbatim(
        r#"{"type":"x","a":1}"#,
        "event: x\ndata: {\"sequence_number\":7,\"type\":\"x\",\"a\":1}\n\n",
    );
    verbatim(
        "{\"type\":\"x\",\n\"a\":1}",
        "event: x\ndata: {\"type\":\"x\",\"sequence_number\":7,\"a\":1}\n\n",
    );
}
