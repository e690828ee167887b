//! `POST /v1/chat/completions`: the protocol that most clients speak.
//!
//! A request becomes items and settings of ours, and what only this protocol knows rides in `Request::beyond`. Events
//! become chunks. Reasoning goes out as `reasoning_content`, where clients look for it.

use bytes::{Bytes, BytesMut};
use serde_json::json;

use super::{Door, Encoder};
use crate::canonical::event::Emitted;
use crate::canonical::request::Request;
use crate::canonical::response::Response;
use crate::error::{Error, Kind};

mod beside;
mod messages;
mod parts;
mod reasoning;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;
mod tools;

/// The door.
#[derive(Debug, Clone, Copy)]
pub struct Chat;

/// Writes completions and chunks.
#[derive(Debug)]
pub struct ChatEncoder {
    options: Options,
    stream: stream::Chunks,
    /// A whole reply of an upstream of this protocol.
    body: Option<Bytes>,
}

/// How a client wants its reply.
#[derive(Debug, Clone, Copy)]
struct Options {
    usage: UsageChunk,
    padding: Padding,
    calls: Calls,
}

/// Does the stream end with a chunk of counts?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsageChunk {
    /// `stream_options.include_usage` was asked for.
    Sent,
    /// It was not.
    Left,
}

/// Are the deltas padded against observers of their lengths?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padding {
    None,
    Deltas,
}

/// In which form calls are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calls {
    /// `tool_calls`.
    Tools,
    /// `function_call`, for a client that sent `functions`.
    Legacy,
}

impl Door for Chat {
    const PATH: &'static str = "/v1/chat/completions";
    type Encoder = ChatEncoder;

    fn decode(_profile: Option<&str>, body: &[u8]) -> Result<(Request, ChatEncoder), Error> {
        let (request, options) = request::decode(body)?;
        let stream = stream::Chunks::new(options);
        let encoder = ChatEncoder {
            options,
            stream,
            body: None,
        };
        Ok((request, encoder))
    }

    fn error(error: &Error, _request_id: &str) -> Vec<u8> {
        let body = json!({ "error": {
            "message": error.message(),
            "type": error_type(error),
            "param": error.param(),
            "code": error.code(),
        }});
        body.to_string().into_bytes()
    }
}

/// OpenAI's names for the classes of errors.
fn error_type(error: &Error) -> &'static str {
    match (error.kind(), error.status()) {
        (Kind::QuotaExhausted, _) => "insufficient_quota",
        (Kind::RateLimited, _) => "rate_limit_error",
        (_, 401) => "authentication_error",
        (_, 403) => "permission_error",
        (_, 400..=499) => "invalid_request_error",
        _ => "server_error",
    }
}

impl Encoder for ChatEncoder {
    fn event(&mut self, emitted: &Emitted, out: &mut BytesMut) {
        self.stream.native(&emitted.native);
        self.stream.event(&emitted.event, out);
    }

    fn native(&mut self, frames: &[Bytes]) {
        self.body = frames.first().cloned().or(self.body.take());
    }

    fn response(&mut self, response: &Response) -> Bytes {
        response::completion(response, self.options.calls, self.body.as_deref())
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.stream.end(out);
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b": keep-alive\n\n");
    }

    fn withheld(&self) -> &[String] {
        &[]
    }
}
