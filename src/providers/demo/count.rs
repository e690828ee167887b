//! How many tokens things have, as the demo counts: one for each four characters, the same on every machine.

use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;

/// Characters of one token.
pub(super) const CHARS_PER_TOKEN: usize = 4;

/// What an image, a file, a video or a sound counts, in characters.
const MEDIUM: usize = 256;

/// The tokens of a request.
pub(super) fn input_tokens(request: &Request) -> u64 {
    let instructions = request.instructions.as_deref().map_or(0, chars);
    let tools: usize = request
        .tools
        .iter()
        .filter_map(|tool| serde_json::to_string(tool).ok())
        .map(|json| chars(&json))
        .sum();
    let items: usize = request.input.iter().map(size).sum();
    tokens(instructions + tools + items)
}

/// What media a conversation holds.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) images: usize,
    pub(super) files: usize,
    pub(super) others: usize,
}

impl Seen {
    pub(super) fn of(request: &Request) -> Self {
        let mut seen = Self::default();
        for part in request.input.iter().flat_map(parts) {
            match part {
                Open::Known(Part::InputImage(_)) => seen.images += 1,
                Open::Known(Part::InputFile(_)) => seen.files += 1,
                Open::Known(Part::InputVideo(_) | Part::InputAudio(_)) => seen.others += 1,
                Open::Known(_) | Open::Unknown(_) => {}
            }
        }
        seen
    }
}

fn parts(item: &Open<Item>) -> &[Open<Part>] {
    match item {
        Open::Known(Item::Message(message)) => &message.content,
        Open::Known(Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output)) => {
            match &output.output {
                ToolOutput::Parts(parts) => parts,
                ToolOutput::Text(_) => &[],
            }
        }
        Open::Known(_) | Open::Unknown(_) => &[],
    }
}

/// The characters of an item that the model would read.
fn size(item: &Open<Item>) -> usize {
    let of_parts = |part: &Open<Part>| match part.known().and_then(Part::text) {
        Some(text) => chars(text),
        None => MEDIUM,
    };
    let held: usize = parts(item).iter().map(of_parts).sum();
    held + match item {
        Open::Known(Item::FunctionCall(call)) => chars(&call.name) + chars(&call.arguments),
        Open::Known(Item::CustomToolCall(call)) => chars(&call.name) + chars(&call.input),
        Open::Known(Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output)) => {
            match &output.output {
                ToolOutput::Text(text) => chars(text),
                ToolOutput::Parts(_) => 0,
            }
        }
        Open::Known(_) | Open::Unknown(_) => 0,
    }
}

pub(super) fn chars(text: &str) -> usize {
    text.chars().count()
}

pub(super) fn tokens(chars: usize) -> u64 {
    u64::try_from(chars.div_ceil(CHARS_PER_TOKEN)).unwrap_or(u64::MAX)
}
