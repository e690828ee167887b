//! Items and parts become the blocks of turns.

use std::borrow::Cow;
use std::fmt::Arguments;

use serde_json::value::RawValue;

use super::block::VENDOR;
use super::media::{self, lose_extra};
use super::turns::{Drafts, Replay, Side};
use crate::canonical::ids;
use crate::canonical::item::{
    CustomToolCall, FunctionCall, FunctionCallOutput, Item, Message, Reasoning, Role, ToolOutput,
};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::{Json, Part};
use crate::canonical::request::Request;
use crate::canonical::sealed::{self, Envelope};
use crate::catalog::anthropic::{Family, Feature};
use crate::error::Error;
use crate::providers::Loss;
use crate::wire::anthropic::request::{Block, ResultContent};

/// The longest call id that all providers take.
const MOST_ID: usize = 64;

/// What the gathering of items must know.
pub(super) struct Gather<'a, 'l> {
    pub(super) family: &'static Family,
    pub(super) model: &'a str,
    /// Whether thinking of earlier turns goes back at all.
    pub(super) replay: Replay,
    pub(super) losses: &'l mut Vec<Loss>,
}

impl<'a> Gather<'a, '_> {
    /// Gathers the instructions and the input.
    pub(super) fn all(&mut self, request: &'a Request) -> Result<Drafts<'a>, Error> {
        let mut drafts = Drafts::default();
        if let Some(text) = &request.instructions {
            let mut blocks = Blocks::default();
            blocks.say(text, None);
            drafts.system.extend(blocks.list);
        }
        for (at, item) in request.input.iter().enumerate() {
            match item {
                // A thought that broke off was never signed; the one that was thought in its place goes back.
                Open::Known(Item::Reasoning(cut))
                    if cut.encrypted_content.is_none()
                        && matches!(
                            request.input.get(at + 1),
                            Some(Open::Known(Item::Reasoning(_)))
                        ) => {}
                Open::Known(item) => self.item(at, item, &mut drafts)?,
                Open::Unknown(item) => self.lose(
                    format!("input[{at}]"),
                    format!("the provider has no item `{}`", tag_of(item)),
                ),
            }
        }
        Ok(drafts)
    }

    fn item(&mut self, at: usize, item: &'a Item, drafts: &mut Drafts<'a>) -> Result<(), Error> {
        match item {
            Item::Message(message) => return self.message(at, message, drafts),
            Item::FunctionCall(call) => {
                let block = self.call(at, call);
                drafts.turn(Side::Assistant, at).blocks.push(block);
            }
            Item::CustomToolCall(call) => {
                let block = self.custom_call(at, call);
                drafts.turn(Side::Assistant, at).blocks.push(block);
            }
            Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
                let block = self.output(at, output)?;
                drafts.turn(Side::User, at).results.push(block);
            }
            Item::Reasoning(reasoning) => {
                let turn = drafts.turn(Side::Assistant, at);
                match self.thinking(reasoning) {
                    Some(blocks) => turn.blocks.extend(blocks),
                    None => turn.replay = Replay::Lost,
                }
            }
            Item::Compaction(_) => {
                return Err(Error::unsupported(
                    format!("input[{at}]"),
                    "only the provider that compacted the conversation can read it",
                ));
            }
            Item::ItemReference(_) => {
                return Err(Error::unsupported(
                    format!("input[{at}]"),
                    "the item that is referred to is not stored here",
                ));
            }
        }
        Ok(())
    }

    fn message(
        &mut self,
        at: usize,
        message: &'a Message,
        drafts: &mut Drafts<'a>,
    ) -> Result<(), Error> {
        let path = format_args!("input[{at}]");
        lose_extra(&message.extra, path, self.losses);
        let media = match message.role {
            Role::User => Media::Taken,
            Role::Assistant | Role::System | Role::Developer => Media::Lost,
        };
        let blocks = self.parts(&message.content, format_args!("{path}.content"), media)?;
        match message.role {
            Role::User => drafts.user(at, blocks, self.losses),
            Role::Assistant => drafts.turn(Side::Assistant, at).blocks.extend(blocks),
            Role::System | Role::Developer if drafts.is_empty() => drafts.system.extend(blocks),
            Role::System | Role::Developer if blocks.is_empty() => {}
            Role::System | Role::Developer if self.family.has(Feature::SystemTurns) => {
                drafts.system_turn(at, blocks);
            }
            Role::System | Role::Developer => {
                self.lose(
                    path.to_string(),
                    "the system message moved to the top of the conversation".to_owned(),
                );
                drafts.system.extend(blocks);
            }
        }
        Ok(())
    }

    fn parts(
        &mut self,
        parts: &'a [Open<Part>],
        path: Arguments<'_>,
        media: Media,
    ) -> Result<Vec<Block<'a>>, Error> {
        let mut blocks = Blocks::default();
        for (at, part) in parts.iter().enumerate() {
            let path = format_args!("{path}[{at}]");
            let part = match part {
                Open::Known(part) => part,
                Open::Unknown(part) if is_own(tag_of(part)) => {
                    blocks.list.push(Block::Own(part));
                    continue;
                }
                Open::Unknown(part) => {
                    self.lose(
                        path.to_string(),
                        format!("the provider has no part `{}`", tag_of(part)),
                    );
                    continue;
                }
            };
            match part {
                Part::InputText(part)
                | Part::Text(part)
                | Part::SummaryText(part)
                | Part::ReasoningText(part) => {
                    lose_extra(&part.extra, path, self.losses);
                    blocks.say(&part.text, part.extra.get("cache_control"));
                }
                // Citations of earlier answers are not rebuilt: the API takes none back as ours are.
                Part::OutputText(part) => {
                    blocks.say(&part.text, part.extra.get("cache_control"));
                }
                Part::Refusal(part) => blocks.say(&part.refusal, None),
                Part::InputImage(_) | Part::InputFile(_) if media == Media::Lost => {
                    self.lose(
                        path.to_string(),
                        "only users and tools may send media".to_owned(),
                    );
                }
                Part::InputImage(part) => {
                    blocks.list.push(media::image(part, path, self.losses)?);
                }
                Part::InputFile(part) => blocks.list.push(media::file(part, path, self.losses)?),
                Part::InputVideo(_) => {
                    return Err(media::unreadable(
                        path.to_string(),
                        "the provider takes no video",
                    ));
                }
                Part::InputAudio(_) => {
                    return Err(media::unreadable(
                        path.to_string(),
                        "the provider takes no sound",
                    ));
                }
            }
        }
        Ok(blocks.list)
    }

    /// Arguments that are no JSON object can stand in a weaker model's history; refusing them would end the
    /// conversation for good, so they are wrapped.
    fn call(&mut self, at: usize, call: &'a FunctionCall) -> Block<'a> {
        let path = format_args!("input[{at}]");
        lose_extra(&call.extra, path, self.losses);
        let arguments = call.arguments.trim();
        let input = match serde_json::from_str::<&RawValue>(arguments) {
            Ok(raw) if raw.get().starts_with('{') => Cow::Borrowed(raw),
            Ok(_) | Err(_) if arguments.is_empty() => Cow::Borrowed(empty_object()),
            Ok(_) | Err(_) => {
                self.lose(
                    format!("{path}.arguments"),
                    "not a JSON object, so it was wrapped in one".to_owned(),
                );
                wrapped("rawInvalidInput", &call.arguments)
            }
        };
        Block::ToolUse {
            id: ids::call(&call.call_id, MOST_ID),
            name: &call.name,
            input,
            cache_control: call.extra.get("cache_control"),
        }
    }

    fn custom_call(&mut self, at: usize, call: &'a CustomToolCall) -> Block<'a> {
        lose_extra(&call.extra, format_args!("input[{at}]"), self.losses);
        Block::ToolUse {
            id: ids::call(&call.call_id, MOST_ID),
            name: &call.name,
            input: wrapped("input", &call.input),
            cache_control: call.extra.get("cache_control"),
        }
    }

    fn output(&mut self, at: usize, output: &'a FunctionCallOutput) -> Result<Block<'a>, Error> {
        let path = format_args!("input[{at}]");
        lose_extra(&output.extra, path, self.losses);
        let content = match &output.output {
            ToolOutput::Text(text) if text.trim().is_empty() => None,
            ToolOutput::Text(text) => Some(ResultContent::Text(text)),
            ToolOutput::Parts(parts) => {
                // The API refuses images beside a failure.
                let media = if output.is_error {
                    Media::Lost
                } else {
                    Media::Taken
                };
                let blocks = self.parts(parts, format_args!("{path}.output"), media)?;
                (!blocks.is_empty()).then_some(ResultContent::Blocks(blocks))
            }
        };
        Ok(Block::ToolResult {
            tool_use_id: ids::call(&output.call_id, MOST_ID),
            content,
            is_error: output.is_error.then_some(true),
            cache_control: output.extra.get("cache_control"),
        })
    }

    /// The blocks that this very model sealed; `None` for what another made, which nobody but that one can read.
    fn thinking(&self, reasoning: &Reasoning) -> Option<Vec<Block<'a>>> {
        if self.replay == Replay::Lost {
            return None;
        }
        let envelope = Envelope::open(reasoning.encrypted_content.as_deref()?)?;
        // A client of Anthropic's own protocol brings bare signatures, whose model nobody names.
        let ours = envelope.model.is_empty() || envelope.model == self.model;
        if envelope.vendor != VENDOR || !ours {
            return None;
        }
        envelope
            .blocks
            .into_iter()
            .map(|block| match block {
                sealed::Block::Thinking { text, signature } => Some(Block::Thinking {
                    thinking: text,
                    signature,
                }),
                sealed::Block::Redacted { data } => Some(Block::RedactedThinking { data }),
                sealed::Block::Signature { .. }
                | sealed::Block::Encrypted { .. }
                | sealed::Block::Details { .. } => None,
            })
            .collect()
    }

    fn lose(&mut self, field: String, what: String) {
        self.losses.push(Loss::new(field, what));
    }
}

/// Blocks of the API's own tools, which go back as they came.
fn is_own(tag: &str) -> bool {
    tag.ends_with("_tool_result")
        || matches!(
            tag,
            "server_tool_use" | "container_upload" | "tool_reference" | "browser_state"
        )
}

/// Whether images and files may stand here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Taken,
    Lost,
}

/// The blocks of one message. The API refuses text blocks of nothing but white space, so it joins its neighbour.
#[derive(Default)]
struct Blocks<'a> {
    list: Vec<Block<'a>>,
    /// White space that waits for text.
    held: String,
}

impl<'a> Blocks<'a> {
    fn say(&mut self, more: &'a str, cache_control: Option<&'a serde_json::Value>) {
        if more.trim().is_empty() {
            match self.list.last_mut() {
                Some(Block::Text { text, .. }) => text.to_mut().push_str(more),
                _ => self.held.push_str(more),
            }
            return;
        }
        let text = if self.held.is_empty() {
            Cow::Borrowed(more)
        } else {
            let mut text = std::mem::take(&mut self.held);
            text.push_str(more);
            Cow::Owned(text)
        };
        self.list.push(Block::Text {
            text,
            cache_control,
        });
    }
}

fn empty_object() -> &'static RawValue {
    serde_json::from_str("{}").unwrap_or(RawValue::NULL)
}

/// An object of one text.
fn wrapped<'a>(key: &str, text: &str) -> Cow<'a, RawValue> {
    // An object of texts can always be written.
    match Json::of(&serde_json::json!({ key: text })) {
        Ok(json) => Cow::Owned(json.0),
        Err(_) => Cow::Borrowed(empty_object()),
    }
}
