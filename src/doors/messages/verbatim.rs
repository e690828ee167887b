//! What an upstream of this very protocol said, as it said it: events one by one, or the message that they make.
//!
//! Only the end waits, until it is known how the answer came about: that note goes into the last frame.

use std::borrow::Cow;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Deserialize;
use serde_json::Value;

use super::assembled;
use crate::wire::fields::Fields;

/// The upstream's own words.
#[derive(Debug, Default)]
pub(super) struct Verbatim {
    /// Has a frame been written?
    stage: Stage,
    /// `message_delta` and `message_stop`.
    held: Vec<Bytes>,
    /// For a whole reply.
    kept: Vec<Bytes>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Silent,
    Begun,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
}

impl Verbatim {
    /// Has the upstream said anything in its own words?
    pub(super) fn has_begun(&self) -> bool {
        self.stage == Stage::Begun
    }

    /// One frame's data.
    pub(super) fn frame(&mut self, data: &Bytes, out: &mut BytesMut) {
        self.stage = Stage::Begun;
        match kind(data).as_ref() {
            "message_stop" => self.held.push(data.clone()),
            "message_delta" => {
                self.release(out);
                self.held.push(data.clone());
            }
            kind => {
                self.release(out);
                write(kind, data, out);
            }
        }
    }

    /// The end, with the note of how the answer came about.
    pub(super) fn finish(&mut self, note: Option<&Value>, out: &mut BytesMut) {
        if let Some(first) = self.held.first_mut() {
            *first = noted(first, note);
        }
        self.release(out);
    }

    /// Frames, or the one body, of a whole reply.
    pub(super) fn keep(&mut self, frames: &[Bytes]) {
        self.kept.extend_from_slice(frames);
    }

    /// The whole message, with the note. `None` if the upstream spoke no words of its own.
    pub(super) fn message(&mut self, note: Option<&Value>) -> Option<Bytes> {
        let kept = std::mem::take(&mut self.kept);
        match kept.as_slice() {
            [] => None,
            [body] if kind(body) != "message_start" => Some(noted(body, note)),
            frames => {
                let message = assembled::message(frames)?;
                Some(noted(&Bytes::from(message.to_string()), note))
            }
        }
    }

    fn release(&mut self, out: &mut BytesMut) {
        for frame in std::mem::take(&mut self.held) {
            write(&kind(&frame), &frame, out);
        }
    }
}

/// The object with one more field. What is no object stays as it is.
fn noted(json: &Bytes, note: Option<&Value>) -> Bytes {
    let Some(note) = note else {
        return json.clone();
    };
    let Ok(mut fields) = serde_json::from_slice::<Fields<'_>>(json) else {
        return json.clone();
    };
    fields.set("llmgw", note);
    serde_json::to_vec(&fields).map_or_else(|_| json.clone(), Bytes::from)
}

/// The event's type. Upstreams write it first, nearly always.
fn kind(data: &[u8]) -> Cow<'_, str> {
    let plain = data
        .strip_prefix(b"{\"type\":\"")
        .and_then(|rest| rest.split(|byte| *byte == b'"').next())
        .and_then(|name| std::str::from_utf8(name).ok())
        .filter(|name| !name.contains('\\'));
    match plain {
        Some(kind) => Cow::Borrowed(kind),
        // The decoder has read it, so it has a type.
        None => {
            serde_json::from_slice::<Head<'_>>(data).map_or(Cow::Borrowed(""), |head| head.kind)
        }
    }
}

/// Line breaks can only stand between tokens, and a frame's data is one line.
fn write(kind: &str, data: &[u8], out: &mut BytesMut) {
    out.put_slice(b"event: ");
    out.put_slice(kind.as_bytes());
    out.put_slice(b"\ndata: ");
    let at = out.len();
    out.put_slice(data);
    for byte in out.get_mut(at..).unwrap_or_default() {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.put_slice(b"\n\n");
}
