//! What an answer that broke off has used beyond what its provider counted: by the bytes that went out and came in. It
//! stands beside the counts, marked, and is never added to them. An answer that ends by itself is never estimated.

use super::asks::{BYTES_OF_A_TOKEN, estimate};
use super::tariff::Tariff;
use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::canonical::response::Response;
use crate::canonical::usage::Usage;
use crate::catalog::usd::Usd;

/// Tokens and money that nobody counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Of the prompt; 0 where the provider counted it.
    pub input: u64,
    /// Of the answer as far as it came.
    pub output: u64,
    /// What they cost; `None` where a price is unknown.
    pub cost: Option<Usd>,
}

impl Estimate {
    /// Both together. The cost is unknown if one of them is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cost: self.cost.zip(other.cost).map(|(one, more)| one + more),
        }
    }

    /// What is missing in the counts of an answer that broke off here; `None` if nothing was received, or all of it was
    /// counted. Some providers count as they go, some tell a token or two at the beginning and the sum at the end: where
    /// less than half of what came was counted, the rest of it was not.
    pub(super) fn of(prompt: u64, response: &Response, tariff: &Tariff) -> Option<Self> {
        let received = tokens(response.output.iter().map(said).sum());
        let told = response.usage.as_ref();
        let counted = told.map_or(0, |usage| usage.output_tokens);
        if received == 0 || counted >= received.div_ceil(2) {
            return None;
        }
        let input = if told.is_some() { 0 } else { prompt };
        let output = received - counted;
        let usage = Usage::counted(input, 0, None, output, 0);
        Some(Self {
            input,
            output,
            cost: tariff.charge(&usage, response),
        })
    }
}

/// The tokens of a prompt that goes out in so many bytes; pictures and files are more than their bytes say, or less.
pub(super) fn prompt(request: &Request, bytes: usize) -> u64 {
    if request.input.iter().any(has_media) {
        estimate(request)
    } else {
        tokens(bytes)
    }
}

fn has_media(item: &Open<Item>) -> bool {
    let media = |part: &Open<Part>| part.known().is_some_and(|part| part.text().is_none());
    match item {
        Open::Known(Item::Message(message)) => message.content.iter().any(media),
        Open::Known(Item::FunctionCallOutput(it) | Item::CustomToolCallOutput(it)) => {
            match &it.output {
                ToolOutput::Text(_) => false,
                ToolOutput::Parts(parts) => parts.iter().any(media),
            }
        }
        Open::Known(
            Item::FunctionCall(_)
            | Item::CustomToolCall(_)
            | Item::Reasoning(_)
            | Item::Compaction(_)
            | Item::ItemReference(_),
        )
        | Open::Unknown(_) => false,
    }
}

/// The bytes of what the model said in an item.
fn said(item: &Open<Item>) -> usize {
    let text = |part: &Open<Part>| part.known().and_then(Part::text).map_or(0, str::len);
    match item {
        Open::Known(Item::Message(message)) => message.content.iter().map(text).sum(),
        Open::Known(Item::Reasoning(thought)) => {
            let content = thought.content.iter().flatten();
            thought.summary.iter().chain(content).map(text).sum()
        }
        Open::Known(Item::FunctionCall(call)) => call.name.len() + call.arguments.len(),
        Open::Known(Item::CustomToolCall(call)) => call.name.len() + call.input.len(),
        Open::Known(
            Item::FunctionCallOutput(_)
            | Item::CustomToolCallOutput(_)
            | Item::Compaction(_)
            | Item::ItemReference(_),
        )
        | Open::Unknown(_) => 0,
    }
}

fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(BYTES_OF_A_TOKEN)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_and_was_not_counted_is_estimated() {
        // 40 bytes of text, 8 of a call.
        let output = json!([
            {"type": "message", "id": "m", "role": "assistant", "status": "incomplete",
             "content": [{"type": "output_text", "text": "0123456789".repeat(4), "annotations": []}]},
            {"type": "function_call", "id": "f", "call_id": "c", "name": "four", "arguments": "{\"a\"", "status": "incomplete"},
        ]);
        let check = |output: &serde_json::Value, usage: Option<Usage>, expect| {
            let response = Response {
                output: serde_json::from_str(&output.to_string()).unwrap(),
                usage,
                ..Response::default()
            };
            let found = Estimate::of(7, &response, &Tariff::default());
            assert_eq!(found.map(|it| (it.input, it.output)), expect);
        };
        check(&output, None, Some((7, 12)));
        // Anthropic tells the prompt and a first token or two at the beginning.
        check(
            &output,
            Some(Usage::counted(9, 0, None, 2, 0)),
            Some((0, 10)),
        );
        // Google counts as it goes.
        check(&output, Some(Usage::counted(9, 0, None, 11, 0)), None);
        check(&json!([]), None, None);
    }

    #[test]
    fn a_prompt_is_as_long_as_its_bytes_unless_there_are_pictures_in_it() {
        let check = |input: serde_json::Value, bytes, expect| {
            let body = json!({ "input": input }).to_string();
            let request: Request = serde_json::from_str(&body).unwrap();
            assert_eq!(prompt(&request, bytes), expect);
        };
        check(json!("hi"), 41, 11);
        let picture = json!({"type": "input_image", "image_url": "data:image/png;base64,AAAA"});
        // A thousand for it, and four around the message.
        check(
            json!([{"role": "user", "content": [picture]}]),
            5_000_000,
            1_004,
        );
    }
}
