//! The laws that decoders and the renderer owe to arbitrary bytes; the tests hold them over the seeds.

#[path = "../../tests/support/laws.rs"]
mod laws;
#[path = "../../tests/support/rendering.rs"]
mod rendering;

use llmgw::providers::{Api, Kind};

/// Holds a decoder to its laws over arbitrary bytes.
pub fn decode(kind: Kind, api: Api, model: &str, data: &[u8]) {
    laws::decode(kind, api, model, data);
}

/// Holds the renderer of Markdown to its laws over arbitrary text.
pub fn render(text: &str, pieces: &[&str], width: usize) {
    rendering::hold(text, pieces, width);
}
