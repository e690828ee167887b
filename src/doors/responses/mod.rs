//! `POST /v1/responses`: Open Responses itself, so the way in and the way out are nearly straight.
//!
//! What this door adds: limits checked with the path of the field at fault, the profile of the request, and numbers on
//! the events.

use bytes::{Bytes, BytesMut};
use serde::Serialize;

use super::{Door, Encoder};
use crate::canonical::event::{Emitted, ErrorPayload};
use crate::canonical::request::{Profile, ReasoningNames, Request};
use crate::canonical::response::Response;
use crate::error::Error;

mod delta;
mod limits;
mod request;
mod stream;
mod strict;

/// What most responses fit in.
const ROOM: usize = 2048;

/// The door of Open Responses.
#[derive(Debug)]
pub struct Responses;

impl Door for Responses {
    const PATH: &'static str = "/v1/responses";

    type Encoder = ResponsesEncoder;

    fn decode(profile: Option<&str>, body: &[u8]) -> Result<(Request, ResponsesEncoder), Error> {
        let request = request::decode(profile, body)?;
        let encoder = ResponsesEncoder::of(&request);
        Ok((request, encoder))
    }

    fn error(error: &Error, _request_id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body {
            error: Ordered,
        }
        /// The order of the specification's example.
        #[derive(Serialize)]
        struct Ordered {
            message: String,
            #[serde(rename = "type")]
            kind: String,
            param: Option<String>,
            code: Option<String>,
        }
        let payload = ErrorPayload::from(error);
        let body = Body {
            error: Ordered {
                message: payload.message,
                kind: payload.kind,
                param: payload.param,
                code: payload.code,
            },
        };
        // Strings alone cannot fail to serialise; an empty body would still have its status.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// What a message of a WebSocket asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// An answer of the model's.
    Answer,
    /// That the conversation be remembered, so that the next message is short: `generate: false`, as Codex warms a
    /// connection up.
    Remember,
}

/// Pads the deltas against observers of their lengths?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padding {
    None,
    Deltas,
}

/// Writes events and responses of Open Responses.
#[derive(Debug)]
pub struct ResponsesEncoder {
    profile: Profile,
    padding: Padding,
    reasoning_names: ReasoningNames,
    /// The next event's number.
    sequence: u64,
    filter: strict::Filter,
}

impl ResponsesEncoder {
    /// Reads a message of a WebSocket, whose reply is streamed.
    pub fn decode_message(
        profile: Option<&str>,
        text: &str,
    ) -> Result<(Request, ResponsesEncoder, Task), Error> {
        let (request, task) = request::decode_message(profile, text)?;
        let encoder = Self::of(&request);
        Ok((request, encoder, task))
    }

    /// The number of the next event.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The encoder for the reply to this request, for callers that made the request themselves.
    pub fn of(request: &Request) -> Self {
        let padded = request
            .stream_options
            .as_ref()
            .and_then(|options| options.include_obfuscation);
        Self {
            profile: request.profile,
            padding: match padded {
                Some(true) => Padding::Deltas,
                Some(false) | None => Padding::None,
            },
            reasoning_names: request.reasoning_names,
            sequence: 0,
            filter: strict::Filter::default(),
        }
    }
}

impl Encoder for ResponsesEncoder {
    fn event(&mut self, emitted: &Emitted, out: &mut BytesMut) {
        self.write(emitted, out);
    }

    fn response(&mut self, response: &Response) -> Bytes {
        let mut json = Vec::with_capacity(ROOM);
        let written = match self.profile {
            Profile::Native => response.write(&mut json),
            Profile::Strict => self.filter.response(response).write(&mut json),
        };
        // Plain data cannot fail to serialise.
        written.map_or_else(|_| Bytes::new(), |()| json.into())
    }

    fn end(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b": keep-alive\n\n");
    }

    fn withheld(&self) -> &[String] {
        self.filter.withheld()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn an_error_has_the_specifications_body() {
        let error = Error::new(Kind::ModelNotFound, "no such model").with_param("model");
        assert_eq!(
            String::from_utf8(Responses::error(&error, "r")).unwrap(),
            r#"{"error":{"message":"no such model","type":"not_found","param":"model","code":"model_not_found"}}"#
        );
    }

    #[test]
    fn a_stream_ends_with_done_and_lives_on_comments() {
        let mut encoder = ResponsesEncoder::of(&Request::default());
        let mut out = BytesMut::new();
        encoder.keep_alive(&mut out);
        encoder.end(&mut out);
        assert_eq!(out, ": keep-alive\n\ndata: [DONE]\n\n");
    }
}
