//! Events to SSE frames.
//!
//! A frame is `event: T`, `data: {"type":T,"sequence_number":N,…}` and a blank line, with LF alone: the strictest
//! readers split on nothing else. Numbers belong to this door: an upstream's frame is written verbatim in the native
//! profile if its number is the next one anyway, and with that number changed if not.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::delta::{self, number};
use super::{Padding, ROOM, ResponsesEncoder};
use crate::canonical::event::{Emitted, ErrorPayload, Event};
use crate::canonical::extra::Object;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::{Profile, ReasoningNames};
use crate::canonical::response::Response;
use crate::doors::padding::pad;

/// What a frame is written from.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    tag: Cow<'a, str>,
    #[serde(borrow, default)]
    sequence_number: Option<&'a RawValue>,
}

/// An error as the specification has it, and its fields once more beside it: OpenAI's clients read those.
#[derive(Serialize)]
struct BothErrors<'a> {
    error: &'a ErrorPayload,
    code: Option<&'a str>,
    message: &'a str,
    param: Option<&'a str>,
}

impl<'a> BothErrors<'a> {
    fn of(error: &'a ErrorPayload) -> Self {
        Self {
            error,
            code: error.code.as_deref(),
            message: &error.message,
            param: error.param.as_deref(),
        }
    }
}

impl ResponsesEncoder {
    pub(super) fn write(&mut self, emitted: &Emitted, out: &mut BytesMut) {
        match (self.profile, &emitted.event) {
            (Profile::Strict, event) => {
                // The filter borrows from itself and the event, and is done before the number is taken.
                let mut filter = std::mem::take(&mut self.filter);
                if let Some(event) = filter.event(event) {
                    self.known(&event, out);
                }
                self.filter = filter;
            }
            (Profile::Native, event) => {
                let pad = self.pads(event);
                if let (Some(raw), false) = (&emitted.raw, pad)
                    && self.verbatim(raw, out)
                {
                    return;
                }
                match event {
                    Open::Known(event) => self.known(event, out),
                    Open::Unknown(event) => self.unknown(event, out),
                }
            }
        }
    }

    fn known(&mut self, event: &Event, out: &mut BytesMut) {
        let tag = self.tag(event);
        if self.padding == Padding::None && delta::write(tag, event, self.sequence, out) {
            return self.end_frame(out);
        }
        let at = self.begin(tag, out);
        match (event, event.response()) {
            (Event::Error(e), _) => self.payload(&BothErrors::of(&e.error), at, out),
            (_, Some(response)) => lifecycle(response, at, out),
            (_, None) => self.payload(event, at, out),
        }
        if let (Padding::Deltas, Some(text)) = (self.padding, delta(event))
            && out.last() == Some(&b'}')
        {
            out.truncate(out.len() - 1);
            out.extend_from_slice(b",\"obfuscation\":\"");
            pad(self.sequence, text, out);
            out.extend_from_slice(b"\"}");
        }
        self.end_frame(out);
    }

    fn tag(&self, event: &Event) -> &'static str {
        match (self.reasoning_names, event) {
            (ReasoningNames::OpenAi, Event::ReasoningDelta(_)) => "response.reasoning_text.delta",
            (ReasoningNames::OpenAi, Event::ReasoningDone(_)) => "response.reasoning_text.done",
            (ReasoningNames::OpenAi | ReasoningNames::Specification, _) => event.tag(),
        }
    }

    fn unknown(&mut self, event: &Object, out: &mut BytesMut) {
        let at = self.begin(tag_of(event), out);
        let mut payload = event.clone();
        payload.shift_remove("type");
        payload.shift_remove("sequence_number");
        self.payload(&payload, at, out);
        self.end_frame(out);
    }

    /// Everything up to the payload; where it begins.
    fn begin(&self, tag: &str, out: &mut BytesMut) -> usize {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(tag.as_bytes());
        out.extend_from_slice(b"\ndata: {\"type\":\"");
        out.extend_from_slice(tag.as_bytes());
        out.extend_from_slice(b"\",\"sequence_number\":");
        number(self.sequence, out);
        out.len()
    }

    /// The payload's own object goes on with the one that `begin` opened: its brace becomes a comma.
    #[expect(
        clippy::unused_self,
        reason = "a step of the writing, beside its neighbours"
    )]
    fn payload<T: Serialize>(&self, payload: &T, at: usize, out: &mut BytesMut) {
        let written = serde_json::to_writer(out.writer(), payload);
        one_line(at, out);
        let empty = out.get(at..) == Some(b"{}");
        match out.get_mut(at) {
            Some(brace) if written.is_ok() && !empty => *brace = b',',
            // Plain data cannot fail to serialise; an empty object only closes ours.
            _ => {
                out.truncate(at);
                out.extend_from_slice(b"}");
            }
        }
    }

    fn end_frame(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"\n\n");
        self.sequence += 1;
    }

    /// Writes the upstream's own bytes. False if they cannot stand in a frame as they are.
    fn verbatim(&mut self, raw: &[u8], out: &mut BytesMut) -> bool {
        let Some(json) = std::str::from_utf8(raw).ok().map(str::trim) else {
            return false;
        };
        if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_some() {
            return false;
        }
        let Ok(head) = serde_json::from_str::<Head<'_>>(json) else {
            return false;
        };
        let start = out.len();
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(head.tag.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let Some(theirs) = head.sequence_number else {
            let Some(rest) = json.strip_prefix('{') else {
                out.truncate(start);
                return false;
            };
            out.extend_from_slice(b"{\"sequence_number\":");
            number(self.sequence, out);
            out.extend_from_slice(b",");
            out.extend_from_slice(rest.as_bytes());
            self.end_frame(out);
            return true;
        };
        // The value borrows from `json`, so the distance of the two is its place.
        let at = theirs.get().as_ptr() as usize - json.as_ptr() as usize;
        let (before, after) = (json.get(..at), json.get(at + theirs.get().len()..));
        let (Some(before), Some(after)) = (before, after) else {
            out.truncate(start);
            return false;
        };
        out.extend_from_slice(before.as_bytes());
        number(self.sequence, out);
        out.extend_from_slice(after.as_bytes());
        self.end_frame(out);
        true
    }

    fn pads(&self, event: &Open<Event>) -> bool {
        self.padding == Padding::Deltas && event.known().and_then(delta).is_some()
    }
}

/// The payload of an event that carries the response.
fn lifecycle(response: &Response, at: usize, out: &mut BytesMut) {
    let mut json = Vec::with_capacity(ROOM);
    // Plain data cannot fail to serialise.
    let written = response.write(&mut json);
    debug_assert!(written.is_ok());
    out.extend_from_slice(b",\"response\":");
    out.extend_from_slice(&json);
    out.extend_from_slice(b"}");
    one_line(at, out);
}

/// What clients and upstreams wrote byte for byte may be spread over lines; a frame's data is one line. Inside of
/// strings JSON has no bare line breaks, so these are between tokens.
fn one_line(at: usize, out: &mut BytesMut) {
    for byte in out.get_mut(at..).unwrap_or_default() {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

/// The text of an event whose length an observer could learn from.
fn delta(event: &Event) -> Option<&str> {
    match event {
        Event::TextDelta(e) => Some(&e.delta),
        Event::RefusalDelta(e) | Event::ReasoningDelta(e) => Some(&e.delta),
        Event::ArgumentsDelta(e) | Event::InputDelta(e) => Some(&e.delta),
        Event::SummaryDelta(e) => Some(&e.delta),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
