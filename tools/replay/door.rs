//! What a client of the responses door reads: numbered frames that fit the specification's schema, keep the sequence
//! laws and fold to the response that a whole reply would have been.

use bytes::BytesMut;
use llmgw::canonical::event::{Emitted, Event};
use llmgw::canonical::grammar::Grammar;
use llmgw::canonical::open::Open;
use llmgw::canonical::request::{Delivery, Profile, Request};
use llmgw::doors::Encoder as _;
use llmgw::doors::responses::ResponsesEncoder;
use llmgw::wire::sse::Reader;
use serde_json::Value;

use crate::drive::Outcome;
use crate::names;
use crate::schema::Schema;

/// Writes the answer as the door does; the response as a whole reply, and what is wrong with either form.
pub(crate) fn written(
    outcome: &Outcome,
    profile: Profile,
    schema: Option<&Schema>,
) -> (Value, Vec<String>) {
    let request = Request {
        profile,
        ..names::request(Delivery::Streamed)
    };
    let mut violations = Vec::new();
    let mut bytes = BytesMut::new();
    let mut encoder = ResponsesEncoder::of(&request);
    for emitted in &outcome.events {
        encoder.event(emitted, &mut bytes);
    }
    let frames = read(&bytes, &mut violations);
    let whole = outcome
        .response()
        .map(|response| ResponsesEncoder::of(&request).response(response));
    let whole: Value = whole
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default();
    if frames.last().and_then(|last| last.get("response")) != Some(&whole) {
        violations.push("the terminal frame does not carry the whole reply".to_owned());
    }
    if let (Profile::Strict, Some(schema)) = (profile, schema) {
        for frame in &frames {
            schema.event(frame, &mut violations);
        }
        schema.response(&whole, &mut violations);
    }
    (whole, violations)
}

/// Reads the frames back as a client would.
fn read(bytes: &[u8], violations: &mut Vec<String>) -> Vec<Value> {
    let mut reader = Reader::default();
    reader.push(bytes);
    let mut frames = Vec::new();
    let mut grammar = Grammar::default();
    while let Ok(Some(frame)) = reader.frame() {
        let Ok(value) = serde_json::from_slice::<Value>(&frame.data) else {
            violations.push(format!("frame {} is no JSON", frames.len()));
            continue;
        };
        if value["type"].as_str().map(str::as_bytes) != Some(&*frame.event) {
            violations.push(format!(
                "frame {} has another type than event",
                frames.len()
            ));
        }
        if value["sequence_number"].as_u64() != Some(frames.len() as u64) {
            violations.push(format!(
                "frame {} is numbered {}",
                frames.len(),
                value["sequence_number"]
            ));
        }
        match serde_json::from_slice::<Open<Event>>(&frame.data) {
            Ok(event) => {
                let emitted = Emitted {
                    event,
                    raw: None,
                    native: Vec::new(),
                };
                if let Err(violation) = grammar.check(&emitted.event) {
                    violations.push(format!("read back: {violation}"));
                }
            }
            Err(error) => {
                violations.push(format!("frame {} is not understood: {error}", frames.len()));
            }
        }
        frames.push(value);
    }
    if let Err(violation) = grammar.finish() {
        violations.push(format!("read back: {violation}"));
    }
    frames
}
