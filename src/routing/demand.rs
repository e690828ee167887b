//! What a request demands of a target: abilities, room, money. Estimates, for nobody here has a tokenizer: they decide
//! who is asked first, never whether an answer is right.

use serde_json::Value;

use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::{Json, Part};
use crate::canonical::request::{Format, Request};
use crate::canonical::tool::Tool;
use crate::canonical::usage::Usage;
use crate::catalog::day::Day;
use crate::catalog::models::{Capability, Model};
use crate::catalog::prices::{PriceRule, Terms, cost_of};
use crate::target::Target;

/// Characters of a token, over the languages and the code that people send.
const BYTES_OF_TOKEN: u64 = 4;

/// What an image or a page of a document is about worth in tokens.
const TOKENS_OF_MEDIA: u64 = 1_000;

/// The answer of a request that sets no limit is taken to be this long.
const GUESSED_OUTPUT: u64 = 1_000;

/// A window is called too small only if the estimate is beyond it by a quarter: the estimate may be off by as much.
const MARGIN: (u64, u64) = (5, 4);

/// What a request demands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    /// Tokens of the prompt, estimated.
    pub input_tokens: u64,
    /// Tokens of the answer: the request's limit, or a guess.
    pub output_tokens: u64,
    /// What the target must be able to do, each with the field that demands it.
    pub abilities: Vec<(Capability, &'static str)>,
}

impl Demand {
    /// Reads it off the request. Costs one walk over the items, whose texts are measured but not read.
    pub fn of(request: &Request) -> Self {
        let mut demand = Self {
            output_tokens: request.max_output_tokens.unwrap_or(GUESSED_OUTPUT),
            ..Self::default()
        };
        let mut bytes = length(request.instructions.as_deref());
        if !request.tools.is_empty() {
            demand.needs(Capability::Tools, "tools");
        }
        for tool in &request.tools {
            bytes += bytes_of_tool(tool);
        }
        if let Some(Open::Known(Format::JsonSchema(format))) = request.format() {
            demand.needs(Capability::Structured, "text.format");
            bytes += length(format.schema.as_ref().map(Json::get));
        }
        for item in request.input.iter().filter_map(Open::known) {
            bytes += demand.item(item);
        }
        demand.input_tokens += bytes / BYTES_OF_TOKEN;
        demand
    }

    /// Is the prompt beyond a window of so many tokens, allowing for a poor estimate?
    pub fn is_beyond(&self, window: u64) -> bool {
        self.input_tokens.saturating_mul(MARGIN.1) > window.saturating_mul(MARGIN.0)
    }

    /// What an answer of this target would cost in USD; `None` if its price is unknown.
    pub fn cost(
        &self,
        rules: &[PriceRule],
        target: &Target,
        model: Option<&Model>,
        service_tier: Option<&str>,
        day: Day,
    ) -> Option<f64> {
        let usage = Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            total_tokens: self.input_tokens + self.output_tokens,
            ..Usage::default()
        };
        let terms = Terms { service_tier, day };
        cost_of(rules, &target.to_string(), model, &usage, terms)
    }

    fn needs(&mut self, ability: Capability, field: &'static str) {
        if !self.abilities.iter().any(|(known, _)| *known == ability) {
            self.abilities.push((ability, field));
        }
    }

    fn item(&mut self, item: &Item) -> u64 {
        match item {
            Item::Message(message) => self.parts(&message.content),
            Item::FunctionCall(call) => length(Some(&call.arguments)) + length(Some(&call.name)),
            Item::CustomToolCall(call) => length(Some(&call.input)),
            Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
                match &output.output {
                    ToolOutput::Text(text) => length(Some(text)),
                    ToolOutput::Parts(parts) => self.parts(parts),
                }
            }
            // Reasoning of earlier turns is mostly not counted again; a reference says nothing of its size.
            Item::Reasoning(_) | Item::Compaction(_) | Item::ItemReference(_) => 0,
        }
    }

    fn parts(&mut self, parts: &[Open<Part>]) -> u64 {
        let mut bytes = 0;
        for part in parts.iter().filter_map(Open::known) {
            match part {
                Part::InputImage(_) => self.media(Capability::Vision),
                Part::InputVideo(_) => self.media(Capability::Video),
                Part::InputAudio(_) => self.media(Capability::Audio),
                Part::InputFile(file) => {
                    let is_pdf = |text: &Option<String>| {
                        text.as_deref().is_some_and(|text| {
                            text.contains("application/pdf")
                                || text.to_ascii_lowercase().ends_with(".pdf")
                        })
                    };
                    if is_pdf(&file.filename) || is_pdf(&file.file_url) {
                        self.needs(Capability::Pdf, "input");
                    }
                    self.input_tokens += TOKENS_OF_MEDIA;
                }
                Part::InputText(_)
                | Part::OutputText(_)
                | Part::Refusal(_)
                | Part::SummaryText(_)
                | Part::ReasoningText(_)
                | Part::Text(_) => bytes += length(part.text()),
            }
        }
        bytes
    }

    fn media(&mut self, ability: Capability) {
        self.needs(ability, "input");
        self.input_tokens += TOKENS_OF_MEDIA;
    }
}

fn bytes_of_tool(tool: &Open<Tool>) -> u64 {
    match tool {
        Open::Known(Tool::Function(function)) => {
            length(function.description.as_deref())
                + length(function.parameters.as_ref().map(Json::get))
        }
        Open::Known(Tool::Custom(_)) | Open::Unknown(_) => 0,
    }
}

fn length(text: Option<&str>) -> u64 {
    text.map_or(0, |text| u64::try_from(text.len()).unwrap_or(u64::MAX))
}

/// The end user, by OpenAI's newer or older name.
pub fn user(request: &Request) -> Option<&str> {
    request
        .safety_identifier
        .as_deref()
        .or_else(|| request.extra.get("user").and_then(Value::as_str))
}

/// May a target that lacks something lose part of this request? Only then is it worth encoding it for each candidate:
/// an encoding costs as much as the whole rest of a plan, and almost all requests use nothing that gets lost.
pub fn is_risky(request: &Request) -> bool {
    let beyond = &request.beyond;
    !beyond.stop.is_empty()
        || beyond.seed.is_some()
        || beyond.top_k.is_some()
        || beyond.logit_bias.is_some()
        || beyond.choices.is_some()
        || request.presence_penalty.is_some()
        || request.frequency_penalty.is_some()
        || request.top_logprobs.is_some()
        || request.max_tool_calls.is_some()
        || request.temperature.is_some()
        || request.top_p.is_some()
        || request.tool_choice.is_some()
        || request.text.is_some()
        || request.effort().is_some()
        || request
            .tools
            .iter()
            .any(|tool| !matches!(tool, Open::Known(Tool::Function(_))))
}

/// Does the loss of this field change the answer? Hints for caches, books and bills do not: a route is not turned
/// around for them.
pub fn matters(field: &str) -> bool {
    const HINTS: [&str; 9] = [
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "user",
        "store",
        "stream_options",
        "include",
        "service_tier",
    ];
    let first = field.split(['.', '[']).next().unwrap_or(field);
    !HINTS.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::item::Role;

    fn read(json: &str) -> Request {
        serde_json::from_str(json).expect("a request")
    }

    #[test]
    fn a_demand_is_read_off_the_request() {
        let request = read(
            r#"{"model":"m","max_output_tokens":50,"input":[{"role":"user","content":[
                {"type":"input_text","text":"12345678"},{"type":"input_image","image_url":"https://h/x.png"}]}],
                "tools":[{"type":"function","name":"f","parameters":{}}],
                "text":{"format":{"type":"json_schema","name":"n","schema":{}}}}"#,
        );
        let demand = Demand::of(&request);
        let abilities: Vec<_> = demand
            .abilities
            .iter()
            .map(|(ability, _)| ability.as_str())
            .collect();
        assert_eq!(abilities, ["tools", "structured", "vision"]);
        // Eight characters and two empty schemas of two are three tokens, and an image is a thousand.
        assert_eq!((demand.input_tokens, demand.output_tokens), (1003, 50));
    }

    #[test]
    fn a_window_is_too_small_only_beyond_doubt() {
        let mut request = Request::ask("m", "");
        request.input = vec![Open::Known(Item::message(Role::User, "x".repeat(4 * 1250)))];
        let demand = Demand::of(&request);
        assert!(!demand.is_beyond(1000) && demand.is_beyond(999));
    }

    #[test]
    fn hints_do_not_matter() {
        assert!(
            !matters("metadata")
                && !matters("include[0]")
                && matters("top_k")
                && matters("input[0].content")
        );
    }
}
