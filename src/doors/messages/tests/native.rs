//! What an upstream of the same protocol said goes through as it came.

use serde_json::{Value, json};

use super::*;

/// A composer whose upstream speaks this protocol, and these are its frames.
fn native(delivery: Delivery, frames: &[&str]) -> Composer {
    let mut composer = Composer::new(Setup {
        delivery,
        native: Some(crate::canonical::native::Protocol::Messages),
        ..Setup::default()
    });
    for frame in frames {
        composer.frame(
            crate::canonical::native::Protocol::Messages,
            frame.as_bytes(),
        );
    }
    composer.begin("m", "m");
    composer.text(0, "hi");
    composer.stop(Stop::Complete);
    composer.end();
    composer
}

const FRAMES: [&str; 8] = [
    r#"{"type":"message_start","message":{"id":"msg_1","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#,
    r#"{"type": "content_block_start","index":0,"content_block":{"type":"new_block","data":"x"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","data":"y","more":1}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c","name":"f","input":{}}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"pause_turn"},"usage":{"output_tokens":7,"input_tokens":null},"context_management":{"applied_edits":[]}}"#,
    r#"{"type":"message_stop"}"#,
];

#[test]
fn the_frames_of_an_upstream_of_this_protocol_are_written_as_they_came() {
    let (mut encoder, mut out) = (MessagesEncoder::default(), BytesMut::new());
    for emitted in native(Delivery::Streamed, &FRAMES).take() {
        encoder.event(&emitted, &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    let data: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    assert_eq!(data, FRAMES);
    let events: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(events[1], "content_block_start");
}

#[test]
fn a_whole_message_is_made_of_the_frames_where_there_is_no_other() {
    let body = |frames: &[&str]| -> Value {
        let mut encoder = MessagesEncoder::default();
        let batch = native(Delivery::Whole, frames).take();
        let last = batch.last().unwrap();
        encoder.native(&last.native);
        let mut response = last.event.known().unwrap().terminal().unwrap().clone();
        response
            .extra
            .insert("llmgw".to_owned(), json!({"attempts": 1}));
        serde_json::from_slice(&encoder.response(&response)).unwrap()
    };
    assert_eq!(
        body(&FRAMES),
        json!({
            "id": "msg_1",
            "content": [
                {"type": "new_block", "data": "xy", "more": 1},
                {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
            ],
            "usage": {"input_tokens": 1, "output_tokens": 7},
            "stop_reason": "pause_turn",
            "context_management": {"applied_edits": []},
            "llmgw": {"attempts": 1},
        })
    );
    let whole = r#"{"id":"msg_2","type":"message","content":[{"type":"new_block"}]}"#;
    assert_eq!(
        body(&[whole]),
        json!({"id": "msg_2", "type": "message", "content": [{"type": "new_block"}], "llmgw": {"attempts": 1}})
    );
}
