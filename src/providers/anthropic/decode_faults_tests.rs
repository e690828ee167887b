//! Streams with events that cannot be read, or without their end.

use super::*;
use crate::canonical::compose::Setup;
use crate::canonical::response::{Response, Status};

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}}"#;

/// A named frame.
fn named(event: &str, data: &str) -> Vec<u8> {
    format!("event: {event}\ndata: {data}\n\n").into_bytes()
}

fn from_bytes(frames: &[Vec<u8>]) -> Result<Response, Error> {
    let mut composer = Composer::new(Setup::default());
    let mut decoder = Decoder::default();
    let mut reader = sse::Reader::default();
    reader.push(&frames.concat());
    while let Some(frame) = reader.frame().unwrap() {
        providers::Decoder::frame(&mut decoder, &frame, &mut composer)?;
    }
    providers::Decoder::finish(&mut decoder, &mut composer)?;
    let batch = composer.take();
    let last = batch.last().and_then(|emitted| emitted.event.known());
    Ok(last.and_then(|event| event.terminal()).unwrap().clone())
}

#[test]
fn an_event_that_does_not_parse_is_skipped_only_if_it_cannot_have_carried_content() {
    let start = named("message_start", START);
    let text = named(
        "content_block_start",
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}"#,
    );
    let reason = named(
        "message_delta",
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#,
    );
    let broken = |name| named(name, "{\"type\": ");
    let status = |frames: &[&Vec<u8>]| {
        let frames: Vec<Vec<u8>> = frames.iter().map(|frame| (*frame).clone()).collect();
        from_bytes(&frames).map(|response| response.status)
    };
    let whole = |frames: &[&Vec<u8>]| assert_eq!(status(frames).unwrap(), Status::Completed);
    whole(&[&start, &text, &broken("ping"), &reason]);
    whole(&[&start, &text, &broken("content_block_stop"), &reason]);
    whole(&[&start, &text, &reason, &broken("message_stop")]);
    whole(&[&start, &text, &reason]);
    let cut = status(&[&start, &text, &broken("message_delta")]);
    assert_eq!(cut.unwrap(), Status::Failed, "it never finished");
    let lost = status(&[&start, &text, &broken("content_block_delta"), &reason]);
    assert_eq!(lost.unwrap_err().kind(), Kind::UpstreamGarbled);
}
