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
use crate::canonical::request::Profile;
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
        let tag = event.tag();
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
mod tests {
    use bytes::Bytes;
    use serde_json::Value;

    use super::*;
    use crate::canonical::compose::{Composer, Setup, Stop};
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

    fn composer(request: &Request) -> Composer {
        Composer::new(Setup {
            echo: Echo::of(request),
            delivery: Delivery::Streamed,
            profile: request.profile,
            seed: "s".to_owned(),
            ..Setup::default()
        })
    }

    fn written(request: &Request, speak: impl FnOnce(&mut Composer)) -> String {
        let mut composer = composer(request);
        speak(&mut composer);
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
                let data: Value =
                    serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
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
}
