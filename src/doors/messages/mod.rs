//! `POST /v1/messages`: the protocol of Anthropic's clients, in front of every provider.
//!
//! Blocks become items and items become blocks. The state that a vendor wants back rides in a thinking block's
//! `signature`, sealed, so that it returns to the vendor and model that made it whichever way the route has turned.

use bytes::{Bytes, BytesMut};
use serde_json::json;

use self::request::Purpose;
use super::{Door, Encoder};
use crate::canonical::event::{Emitted, Event};
use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::canonical::response::Response;
use crate::error::{Error, Kind};

mod assembled;
mod blocks;
mod media;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;
mod verbatim;

/// The door.
#[derive(Debug, Clone, Copy)]
pub struct Messages;

/// Writes messages and their events.
#[derive(Debug, Default)]
pub struct MessagesEncoder {
    stream: stream::Blocks,
    verbatim: verbatim::Verbatim,
}

impl Door for Messages {
    const PATH: &'static str = "/v1/messages";
    type Encoder = MessagesEncoder;

    fn decode(_profile: Option<&str>, body: &[u8]) -> Result<(Request, MessagesEncoder), Error> {
        Ok((
            request::decode(body, Purpose::Answer)?,
            MessagesEncoder::default(),
        ))
    }

    fn error(error: &Error, request_id: &str) -> Vec<u8> {
        let mut body = error_body(error_type(error.kind(), error.status()), error.message());
        if let Some(object) = body.as_object_mut() {
            object.insert("request_id".to_owned(), request_id.into());
        }
        body.to_string().into_bytes()
    }

    /// Anthropic's clients know an overload by 529.
    fn status(error: &Error) -> u16 {
        match error.kind() {
            Kind::Overloaded | Kind::Busy => 529,
            _ => error.status(),
        }
    }
}

impl Messages {
    /// Reads the body of `POST /v1/messages/count_tokens`, which needs no limit.
    pub fn count(body: &[u8]) -> Result<Request, Error> {
        request::decode(body, Purpose::Count)
    }
}

/// The body of an error, over HTTP and in a stream.
fn error_body(kind: &str, message: &str) -> serde_json::Value {
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}

/// Anthropic's names for the classes of errors.
fn error_type(kind: Kind, status: u16) -> &'static str {
    match (kind, status) {
        (Kind::Overloaded | Kind::Busy, _) => "overloaded_error",
        (Kind::Timeout, _) => "timeout_error",
        (_, 401) => "authentication_error",
        (_, 403) => "permission_error",
        (_, 404) => "not_found_error",
        (_, 413) => "request_too_large",
        (_, 429) => "rate_limit_error",
        (_, 400..=499) => "invalid_request_error",
        _ => "api_error",
    }
}

impl Encoder for MessagesEncoder {
    fn event(&mut self, emitted: &Emitted, out: &mut BytesMut) {
        for frame in &emitted.native {
            self.verbatim.frame(frame, out);
        }
        if !self.verbatim.has_begun() {
            return self.stream.event(&emitted.event, out);
        }
        match &emitted.event {
            Open::Known(Event::Completed(l) | Event::Incomplete(l)) => {
                self.verbatim.finish(l.response.extra.get("llmgw"), out);
            }
            Open::Known(Event::Error(_)) => self.stream.event(&emitted.event, out),
            // The frames have said it.
            Open::Known(_) | Open::Unknown(_) => {}
        }
    }

    fn native(&mut self, frames: &[Bytes]) {
        self.verbatim.keep(frames);
    }

    fn response(&mut self, response: &Response) -> Bytes {
        let note = response.extra.get("llmgw");
        let own = self.verbatim.message(note);
        own.unwrap_or_else(|| response::message(response))
    }

    /// The last event says that the stream has ended; nothing more is written.
    fn end(&mut self, _out: &mut BytesMut) {}

    fn keep_alive(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
    }

    fn withheld(&self) -> &[String] {
        &[]
    }
}
