//! Items become messages.
//!
//! The assistant's items that follow one another become one message; the outputs of its calls follow at once. The walk
//! is deterministic, so that the same beginning of a conversation is the same bytes, which caches depend on.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::choice::Chosen;
use super::quirks::{CallIds, Replay, System, Takes};
use super::request::Context;
use super::{details, parts};
use crate::canonical::ids;
use crate::canonical::item::{FunctionCallOutput, Item, Message, Reasoning, Role, ToolOutput};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Part;
use crate::canonical::sealed::{Block, Place};
use crate::catalog::openai::Reasons;
use crate::error::{Error, Remedy};
use crate::wire::chat::request::Message as ChatMessage;
use crate::wire::chat::{
    Arguments, Content, CustomCall, ExtraContent, FunctionCall, GoogleContent, Part as ChatPart,
    Text, ToolCall,
};

/// The messages so far.
#[derive(Default)]
pub(super) struct Transcript<'a> {
    messages: Vec<ChatMessage<'a>>,
    /// The assistant's turn that is being collected.
    turn: Option<Turn<'a>>,
    /// System messages that came while outputs were missing: nothing may stand before the outputs.
    held: Vec<ChatMessage<'a>>,
    /// What tools returned besides text: it follows their messages as the user's.
    media: Vec<ChatPart<'a>>,
    unanswered: usize,
}

#[derive(Default)]
struct Turn<'a> {
    text: Option<Cow<'a, str>>,
    refusal: Option<Cow<'a, str>>,
    reasoning: Option<Cow<'a, str>>,
    details: Vec<String>,
    signature: Option<String>,
    calls: Vec<ToolCall<'a>>,
}

impl<'a> Transcript<'a> {
    /// Writes the conversation.
    pub(super) fn write(
        context: &mut Context<'a>,
        chosen: &Chosen<'a>,
    ) -> Result<Vec<ChatMessage<'a>>, Error> {
        let request = context.request;
        let mut transcript = Self::default();
        if let Some(text) = &request.instructions {
            let role = system_role(context, Role::System);
            transcript
                .messages
                .push(message(role, Content::Text(text.as_str().into())));
        }
        for (at, item) in request.input.iter().enumerate() {
            match item {
                Open::Known(item) => transcript.item(context, chosen, at, item)?,
                Open::Unknown(map) => {
                    let what = format!("`{}`: not an item of Chat Completions", tag_of(map));
                    context.lose(format!("input[{at}]"), what);
                }
            }
        }
        transcript.end_turn();
        transcript.end_outputs();
        let mut messages = transcript.messages;
        if context.quirks.system == System::Front {
            messages = hoisted(context, messages);
        }
        Ok(messages)
    }

    fn item(
        &mut self,
        context: &mut Context<'a>,
        chosen: &Chosen<'a>,
        at: usize,
        item: &'a Item,
    ) -> Result<(), Error> {
        match item {
            Item::Message(said) if said.role == Role::Assistant => {
                self.end_outputs();
                self.said(context, at, said);
            }
            Item::Message(said) => self.told(context, at, said)?,
            Item::Reasoning(thought) => {
                self.end_outputs();
                self.thought(context, thought);
            }
            Item::FunctionCall(call) => {
                self.end_outputs();
                let arguments = if call.arguments.trim().is_empty() {
                    "{}"
                } else {
                    &call.arguments
                };
                self.called(context, &call.call_id, &call.name, Cow::Borrowed(arguments));
            }
            Item::CustomToolCall(call) => {
                self.end_outputs();
                let native =
                    context.quirks.custom == Takes::Yes && !chosen.emulated.contains(&call.name);
                if native {
                    let id = call_id(context, &call.call_id);
                    self.unanswered += 1;
                    self.turn.get_or_insert_default().calls.push(ToolCall {
                        id: Some(id),
                        kind: Some("custom".into()),
                        custom: Some(CustomCall {
                            name: Some(call.name.as_str().into()),
                            input: Some(call.input.as_str().into()),
                        }),
                        ..ToolCall::default()
                    });
                } else {
                    let arguments = serde_json::json!({ "input": call.input }).to_string();
                    self.called(context, &call.call_id, &call.name, Cow::Owned(arguments));
                }
            }
            Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
                self.returned(context, at, output)?;
            }
            Item::Compaction(_) => {
                return Err(Error::unsupported(
                    format!("input[{at}]"),
                    "this server cannot read a compacted conversation",
                ));
            }
            Item::ItemReference(_) => {
                return Err(Error::unsupported(
                    format!("input[{at}]"),
                    "this server keeps no items to refer to",
                ));
            }
        }
        Ok(())
    }

    /// What the user or the operator said.
    fn told(
        &mut self,
        context: &mut Context<'a>,
        at: usize,
        said: &'a Message,
    ) -> Result<(), Error> {
        self.end_turn();
        let mut content = Vec::with_capacity(said.content.len());
        for (place, part) in said.content.iter().enumerate() {
            let path = format!("input[{at}].content[{place}]");
            content.extend(parts::part(context, &path, part)?);
        }
        let content = parts::content(content);
        match said.role {
            Role::System | Role::Developer => {
                let message = message(system_role(context, said.role), content);
                if self.unanswered > 0 {
                    self.held.push(message);
                } else {
                    self.end_outputs();
                    self.messages.push(message);
                }
            }
            Role::User | Role::Assistant => {
                self.end_outputs();
                let after = self
                    .messages
                    .last()
                    .map(|last| last.role.as_str().to_owned());
                match (context.quirks.call_ids, context.quirks.system) {
                    // Mistral refuses a user straight after a tool.
                    (CallIds::Nine, _) if after.as_deref() == Some("tool") => {
                        context.lose(format!("input[{at}]"), "preceded by `OK` of the assistant");
                        self.messages
                            .push(message("assistant", Content::Text("OK".into())));
                        self.messages.push(message("user", content));
                    }
                    // Strict templates refuse two of one role.
                    (_, System::Front) if after.as_deref() == Some("user") => {
                        join(&mut self.messages, content);
                    }
                    _ => self.messages.push(message("user", content)),
                }
            }
        }
        Ok(())
    }

    /// What the assistant said.
    fn said(&mut self, context: &mut Context<'a>, at: usize, said: &'a Message) {
        let turn = self.turn.get_or_insert_default();
        let mut text: Option<Cow<'a, str>> = None;
        for (place, part) in said.content.iter().enumerate() {
            match part {
                Open::Known(Part::Refusal(part)) if context.quirks.custom == Takes::Yes => {
                    append(&mut turn.refusal, Cow::Borrowed(&part.refusal), "\n\n");
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
            append(&mut turn.text, text, "\n\n");
        }
    }

    fn thought(&mut self, context: &Context<'a>, thought: &'a Reasoning) {
        if context.remedies.has(&Remedy::DropReasoning) {
            return;
        }
        let envelope = thought
            .encrypted_content
            .as_deref()
            .and_then(|sealed| details::open(context.provider, sealed));
        let turn = self.turn.get_or_insert_default();
        let mut words = None;
        if let Some(envelope) = envelope {
            let same_model = envelope.model == context.model;
            for block in envelope.blocks {
                match block {
                    Block::Details { details } if same_model => turn.details.push(details),
                    Block::Signature {
                        place: Place::NextCall,
                        signature,
                    } if same_model => turn.signature = Some(signature),
                    Block::Thinking { text, .. } => words = Some(Cow::Owned(text)),
                    // Another model's state is no use to this one.
                    Block::Details { .. }
                    | Block::Signature { .. }
                    | Block::Encrypted { .. }
                    | Block::Redacted { .. } => {}
                }
            }
        }
        match context.quirks.replay {
            Replay::ReasoningContent => {
                if let Some(words) = words.or_else(|| shown(thought).map(Cow::Owned)) {
                    append(&mut turn.reasoning, words, "");
                }
            }
            Replay::Never | Replay::Details => {}
        }
    }

    fn called(
        &mut self,
        context: &Context<'a>,
        id: &'a str,
        name: &'a str,
        arguments: Cow<'a, str>,
    ) {
        let id = call_id(context, id);
        self.unanswered += 1;
        let turn = self.turn.get_or_insert_default();
        let signature = turn.signature.take().map(|signature| ExtraContent {
            google: Some(GoogleContent {
                thought_signature: Some(signature.into()),
            }),
        });
        turn.calls.push(ToolCall {
            id: Some(id),
            kind: Some("function".into()),
            function: Some(FunctionCall {
                name: Some(name.into()),
                arguments: Some(Arguments(arguments)),
            }),
            extra_content: signature,
            ..ToolCall::default()
        });
    }

    fn returned(
        &mut self,
        context: &mut Context<'a>,
        at: usize,
        output: &'a FunctionCallOutput,
    ) -> Result<(), Error> {
        self.end_turn();
        self.unanswered = self.unanswered.saturating_sub(1);
        let mut text: Cow<'a, str> = match &output.output {
            ToolOutput::Text(text) => Cow::Borrowed(text),
            ToolOutput::Parts(all) => {
                let mut words: Option<Cow<'a, str>> = None;
                for (place, part) in all.iter().enumerate() {
                    let path = format!("input[{at}].output[{place}]");
                    let Some(part) = parts::part(context, &path, part)? else {
                        continue;
                    };
                    match part.text {
                        Some(text) => append(&mut words, text.0, "\n"),
                        None => {
                            context
                                .lose(path, "shown to the model as the user's, after the output");
                            self.media.push(part);
                        }
                    }
                }
                words.unwrap_or_default()
            }
        };
        if output.is_error && !text.to_ascii_lowercase().contains("error") {
            text = format!("Error: {text}").into();
        }
        self.messages.push(ChatMessage {
            tool_call_id: Some(call_id(context, &output.call_id)),
            ..message("tool", Content::Text(text))
        });
        Ok(())
    }

    fn end_turn(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        if turn.calls.is_empty() && turn.text.is_none() && turn.refusal.is_none() {
            return;
        }
        self.messages.push(turn.into_message());
    }

    /// After the outputs of one turn: what could not stand between them.
    fn end_outputs(&mut self) {
        if self.turn.is_some() {
            return;
        }
        if !self.media.is_empty() {
            let media = std::mem::take(&mut self.media);
            self.messages.push(message("user", Content::Parts(media)));
        }
        self.messages.append(&mut self.held);
        self.unanswered = 0;
    }
}

impl<'a> Turn<'a> {
    fn into_message(self) -> ChatMessage<'a> {
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
        ChatMessage {
            refusal: self.refusal.map(Text),
            reasoning_content: self.reasoning.map(Text),
            reasoning_details: details.map(Cow::Owned),
            tool_calls: (!self.calls.is_empty()).then_some(self.calls),
            ..message("assistant", content)
        }
    }
}

fn message<'a>(role: &'static str, content: Content<'a>) -> ChatMessage<'a> {
    ChatMessage {
        role: role.into(),
        content: Some(content),
        ..ChatMessage::default()
    }
}

fn append<'a>(place: &mut Option<Cow<'a, str>>, more: Cow<'a, str>, between: &str) {
    match place {
        Some(text) => {
            let text = text.to_mut();
            text.push_str(between);
            text.push_str(&more);
        }
        None => *place = Some(more),
    }
}

/// Adds to the last message.
fn join<'a>(messages: &mut [ChatMessage<'a>], more: Content<'a>) {
    let Some(last) = messages.last_mut() else {
        return;
    };
    let mut all = listed(last.content.take());
    all.extend(listed(Some(more)));
    last.content = Some(Content::Parts(all));
}

fn listed(content: Option<Content<'_>>) -> Vec<ChatPart<'_>> {
    match content {
        Some(Content::Text(text)) => vec![parts::text(Text(text))],
        Some(Content::Parts(parts)) => parts,
        Some(Content::Null) | None => Vec::new(),
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

/// OpenAI's reasoning models want `developer`, its others `system`; elsewhere there is only `system`.
fn system_role(context: &Context<'_>, role: Role) -> &'static str {
    match (context.quirks.system, context.family.reasons, role) {
        (System::Developer, Reasons::Yes, _)
        | (System::Developer, Reasons::Unknown, Role::Developer) => "developer",
        _ => "system",
    }
}

/// A call id that the server takes; the same for the call and its output.
fn call_id<'a>(context: &Context<'_>, id: &'a str) -> Text<'a> {
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

/// One system message at the front, for templates that refuse others.
fn hoisted<'a>(context: &mut Context<'a>, messages: Vec<ChatMessage<'a>>) -> Vec<ChatMessage<'a>> {
    let mut system: Option<Cow<'a, str>> = None;
    let mut rest = Vec::with_capacity(messages.len());
    let mut moved = false;
    for mut message in messages {
        if message.role.as_str() != "system" {
            rest.push(message);
            continue;
        }
        moved |= !rest.is_empty();
        let texts = listed(message.content.take());
        for text in texts.into_iter().filter_map(|part| part.text) {
            append(&mut system, text.0, "\n\n");
        }
    }
    if moved {
        context.lose("input", "later system messages stand at the front");
    }
    if let Some(text) = system {
        rest.insert(0, self::message("system", Content::Text(text)));
    }
    rest
}
