//! The laws that a decoder owes to arbitrary bytes; the tests hold them over the seeds.

#[path = "../../tests/support/laws.rs"]
mod laws;

use llmgw::providers::{Api, Kind};

/// Holds a decoder to its laws over arbitrary bytes.
pub fn decode(kind: Kind, api: Api, model: &str, data: &[u8]) {
    laws::decode(kind, api, model, data);
}
