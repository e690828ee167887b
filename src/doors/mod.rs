//! Doors: a foreign request becomes a [`Request`], and events become foreign frames. Pure: no I/O, no clock, no async.
//!
//! A door knows one client protocol and no provider. What the reply must know of its request (profile, options) rides
//! in the encoder that `decode` returns, one for each request.

use bytes::{Bytes, BytesMut};

use crate::canonical::event::Emitted;
use crate::canonical::request::Request;
use crate::canonical::response::Response;
use crate::error::Error;

pub mod chat;
pub mod embeddings;
pub mod messages;
mod padding;
mod parse;
pub mod responses;

/// One client protocol.
pub trait Door {
    /// Where it is served.
    const PATH: &'static str;

    /// Writes its replies.
    type Encoder: Encoder;

    /// Reads a request. `profile` is the header `x-llmgw-profile`. Errors name the field at fault.
    fn decode(profile: Option<&str>, body: &[u8]) -> Result<(Request, Self::Encoder), Error>;

    /// The body of an error reply, in the door's dialect.
    fn error(error: &Error, request_id: &str) -> Vec<u8>;

    /// The HTTP status of an error reply, where the dialect has one of its own.
    fn status(error: &Error) -> u16 {
        error.status()
    }
}

/// Writes the reply to one request.
pub trait Encoder: Send {
    /// One event as whole frames: none, one or several, never a part of one.
    fn event(&mut self, emitted: &Emitted, out: &mut BytesMut);

    /// A whole reply in the words of an upstream that speaks the door's protocol: a body, or the frames of a stream.
    /// Comes before [`Self::response`], where there is any.
    fn native(&mut self, _frames: &[Bytes]) {}

    /// A whole reply.
    fn response(&mut self, response: &Response) -> Bytes;

    /// What ends a stream after its last event.
    fn end(&mut self, out: &mut BytesMut);

    /// What says that the connection lives, while there is nothing to say.
    fn keep_alive(&mut self, out: &mut BytesMut);

    /// What of the answer could not be shown here, each by its type, once.
    fn withheld(&self) -> &[String];
}
