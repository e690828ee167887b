//! What a client wrote and what an upstream said, as they came.
//!
//! Where a door and a provider speak one protocol, a translation there and back could only lose: so the provider starts
//! from the client's own body, and the door writes the upstream's own frames. Everything else goes on as ever beside
//! it: the request is understood, and the events are made, since routing, memory and counts live on them.

use bytes::Bytes;

use super::extra::Object;
use super::request::Request;

/// The protocols that a door and a provider may have in common. (Open Responses itself needs none of this: its events
/// carry their source.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Chat Completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
}

/// A request in its client's own words.
#[derive(Debug, Clone, PartialEq)]
pub struct Native {
    /// The protocol that the client speaks.
    pub protocol: Protocol,
    /// The body, byte for byte; empty where a provider of the protocol has no use for it.
    pub body: Bytes,
    /// How many items of the request's input were read from it. Where the input has another number, the gateway has put
    /// something beside them, and the body no longer says it all.
    pub items: usize,
    /// Fields of a message that only its protocol knows, by the place in the input of the first item that it became.
    pub notes: Vec<(usize, Object)>,
    /// Headers of the client's that belong to the request, by their names in lower case.
    pub headers: Vec<(&'static str, String)>,
}

impl Native {
    /// A request of this protocol, with no headers yet.
    pub fn new(protocol: Protocol, body: &[u8], items: usize) -> Self {
        Self {
            protocol,
            body: Bytes::copy_from_slice(body),
            items,
            notes: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// A header of the client's.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Request {
    /// The client's own words, if it speaks this protocol and the gateway has put nothing beside them.
    pub fn as_came(&self, protocol: Protocol) -> Option<&Native> {
        self.spoken(protocol)
            .filter(|native| native.items == self.input.len())
    }

    /// The client's own words, if it speaks this protocol.
    pub fn spoken(&self, protocol: Protocol) -> Option<&Native> {
        self.native
            .as_ref()
            .filter(|native| native.protocol == protocol)
    }
}
