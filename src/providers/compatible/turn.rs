//! The assistant's side of a conversation: the items of one turn become one message.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::quirks::{CallIds, Replay, Takes};
use super::request::Context;
use super::{details, messages};
use crate::canonical::extra::Object;
use crate::canonical::ids;
use crate::canonical::item::{Message, Reasoning};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Part;
use crate::canonical::sealed::{Block, Place};
use crate::error::Remedy;
use crate::wire::chat::request::Message as ChatMessage;
use crate::wire::chat::{
    Arguments, Content, CustomCall, ExtraContent, FunctionCall, GoogleContent, Text, ToolCall,
};

/// One turn while it is collected.
#[derive(Default)]
pub(super) struct Turn<'a> {
    text: Option<Cow<'a, str>>,
    refusal: Option<Cow<'a, str>>,
    reasoning: Option<Cow<'a, str>>,
    details: Vec<String>,
    signature: Option<String>,
    calls: Vec<ToolCall<'a>>,
    notes: Object,
}

impl<'a> Turn<'a> {
    /// Fields as the client wrote them.
    pub(super) fn note(&mut self, notes: Object) {
        self.notes.extend(notes);
    }

    /// What the assistant said.
    pub(super) fn said(&mut self, context: &mut Context<'a>, at: usize, said: &'a Message) {
        let mut text: Option<Cow<'a, str>> = None;
        for (place, part) in said.content.iter().enumerate() {
            match part {
                Open::Known(Part::Refusal(part)) if context.quirks.custom == Takes::Yes => {
                    append(&mut self.refusal, Cow::Borrowed(&part.refusal), "\n\n");
                }
                Open::Known(part) => match part.text() {
                    Some(words) => append(&mut text, Cow::Borrowed(words), ""),
                    None => context.lose(
                        format!("input[{at}].content[{place}]"),
                        "the assistant has only text here",
                    ),
                },
                Open::Unknown(map) => {
                    let what = format!("`{}`: not a part of Chat Completions", tag_of(map));
                    context.lose(format!("input[{at}].content[{place}]"), what);
                }
            }
        }
        if let Some(text) = text {
            append(&mut self.text, text, "\n\n");
        }
    }

    /// What the model thought: put where this server wants it back, if it does.
    pub(super) fn thought(&mut self, context: &Context<'a>, thought: &'a Reasoning) {
        if context.remedies.has(&Remedy::DropReasoning) {
            return;
        }
        let envelope = thought
            .encrypted_content
            .as_deref()
            .and_then(|sealed| details::open(context.provider, sealed));
        let mut words = None;
        if let Some(envelope) = envelope {
            let same_model = envelope.model == context.model;
            for block in envelope.blocks {
                if let Block::Thinking { text, .. } = block {
                    words = Some(Cow::Owned(text));
                } else if same_model {
                    // Another model's state is no use to this one, and other kinds of state never come from here.
                    self.restore(block);
                }
            }
        }
        match context.quirks.replay {
            Replay::ReasoningContent => {
                if let Some(words) = words.or_else(|| shown(thought).map(Cow::Owned)) {
                    append(&mut self.reasoning, words, "");
                }
            }
            Replay::Never | Replay::Details => {}
        }
    }

    fn restore(&mut self, block: Block) {
        if let Block::Details { details } = block {
            self.details.push(details);
        } else if let Block::Signature {
            place: Place::NextCall,
            signature,
        } = block
        {
            self.signature = Some(signature);
        }
    }

    /// A call of a function, or of a tool that is sent as one.
    pub(super) fn called(
        &mut self,
        context: &Context<'a>,
        id: &'a str,
        name: &'a str,
        arguments: Cow<'a, str>,
    ) {
        let signature = self.signature.take().map(|signature| ExtraContent {
            google: Some(GoogleContent {
                thought_signature: Some(signature.into()),
            }),
        });
        self.calls.push(ToolCall {
            id: Some(call_id(context, id)),
            kind: Some("function".into()),
            function: Some(FunctionCall {
                name: Some(name.into()),
                arguments: Some(Arguments(arguments)),
            }),
            extra_content: signature,
            ..ToolCall::default()
        });
    }

    /// A call of a free-form tool, where the server knows such.
    pub(super) fn called_freely(
        &mut self,
        context: &Context<'a>,
        id: &'a str,
        name: &'a str,
        input: &'a str,
    ) {
        self.calls.push(ToolCall {
            id: Some(call_id(context, id)),
            kind: Some("custom".into()),
            custom: Some(CustomCall {
                name: Some(name.into()),
                input: Some(input.into()),
            }),
            ..ToolCall::default()
        });
    }

    /// The message; `None` if nothing was said and nothing called.
    pub(super) fn into_message(self) -> Option<ChatMessage<'a>> {
        if self.calls.is_empty() && self.text.is_none() && self.refusal.is_none() {
            return None;
        }
        // Lists of different items become one list; each stays as it was issued.
        let lists: Vec<&str> = self
            .details
            .iter()
            .filter_map(|list| list.trim().strip_prefix('[')?.strip_suffix(']'))
            .filter(|list| !list.trim().is_empty())
            .collect();
        let details = (!lists.is_empty())
            .then(|| RawValue::from_string(format!("[{}]", lists.join(","))).ok())
            .flatten();
        let content = match self.text {
            Some(text) => Content::Text(text),
            None => Content::Null,
        };
        let mut extra = self.notes;
        if details.is_some() {
            // What we sealed is what was issued.
            extra.shift_remove("reasoning_details");
        }
        Some(ChatMessage {
            extra,
            refusal: self.refusal.map(Text),
            reasoning_content: self.reasoning.map(Text),
            reasoning_details: details.map(Cow::Owned),
            tool_calls: (!self.calls.is_empty()).then_some(self.calls),
            ..messages::message("assistant", content)
        })
    }
}

/// Adds to what is there, with something between.
pub(super) fn append<'a>(place: &mut Option<Cow<'a, str>>, more: Cow<'a, str>, between: &str) {
    match place {
        Some(text) => {
            let text = text.to_mut();
            text.push_str(between);
            text.push_str(&more);
        }
        None => *place = Some(more),
    }
}

/// The reasoning as the client has it: the trace, else its summary.
fn shown(thought: &Reasoning) -> Option<String> {
    let joined = |parts: &[Open<Part>]| {
        let texts = parts.iter().filter_map(Open::known).filter_map(Part::text);
        let all = texts.collect::<Vec<_>>().join("\n\n");
        (!all.is_empty()).then_some(all)
    };
    thought
        .content
        .as_deref()
        .and_then(joined)
        .or_else(|| joined(&thought.summary))
}

/// A call id that the server takes; the same for the call and its output.
pub(super) fn call_id<'a>(context: &Context<'_>, id: &'a str) -> Text<'a> {
    match context.quirks.call_ids {
        CallIds::UpTo(longest) => ids::call(id, longest).into(),
        CallIds::Nine if id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            id.into()
        }
        CallIds::Nine => {
            let digest = ids::digest(&["call", id]);
            digest.chars().take(9).collect::<String>().into()
        }
    }
}
