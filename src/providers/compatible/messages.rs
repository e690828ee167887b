//! Items become messages.
//!
//! The assistant's items that follow one another become one message; the outputs of its calls follow at once. The walk
//! is deterministic, so that the same beginning of a conversation is the same bytes, which caches depend on.

use std::borrow::Cow;

use serde_json::Value;

use super::parts;
use super::quirks::{CallIds, System, Takes};
use super::request::Context;
use super::turn::{Turn, append, call_id};
use crate::canonical::item::{FunctionCallOutput, Item, Message, Role, ToolOutput};
use crate::canonical::open::{Open, tag_of};
use crate::catalog::openai::Reasons;
use crate::error::Error;
use crate::wire::chat::request::Message as ChatMessage;
use crate::wire::chat::{Content, Part as ChatPart, Text};

/// The messages so far.
#[derive(Default)]
pub(super) struct Transcript<'a> {
    messages: Vec<ChatMessage<'a>>,
    /// The assistant's turn that is being collected.
    turn: Option<Turn<'a>>,
    /// Messages that came while outputs were missing: nothing may stand before the outputs.
    held: Vec<ChatMessage<'a>>,
    /// What tools returned besides text: it follows their messages as the user's.
    media: Vec<ChatPart<'a>>,
    unanswered: usize,
}

impl<'a> Transcript<'a> {
    /// Writes the conversation.
    pub(super) fn write(context: &mut Context<'a>) -> Result<Vec<ChatMessage<'a>>, Error> {
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
                Open::Known(item) => transcript.item(context, at, item)?,
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
        if context.quirks.call_ids == CallIds::Nine {
            messages = answered(context, messages);
        }
        if messages.is_empty() {
            let message = "`input` is empty: there is nothing to answer";
            return Err(Error::unsupported("input", message).with_code("empty_array"));
        }
        Ok(messages)
    }

    fn item(&mut self, context: &mut Context<'a>, at: usize, item: &'a Item) -> Result<(), Error> {
        lose_extra(context, at, item);
        if is_assistants(item)
            && let Some(notes) = context.notes(at)
        {
            self.end_outputs();
            self.turn.get_or_insert_default().note(notes);
        }
        match item {
            Item::Message(said) if said.role == Role::Assistant => {
                self.end_outputs();
                self.turn.get_or_insert_default().said(context, at, said);
            }
            Item::Message(said) => self.told(context, at, said)?,
            Item::Reasoning(thought) => {
                self.end_outputs();
                self.turn.get_or_insert_default().thought(context, thought);
            }
            Item::FunctionCall(call) => {
                self.end_outputs();
                let arguments = if call.arguments.trim().is_empty() {
                    "{}"
                } else {
                    &call.arguments
                };
                self.unanswered += 1;
                self.turn.get_or_insert_default().called(
                    context,
                    &call.call_id,
                    &call.name,
                    Cow::Borrowed(arguments),
                );
            }
            Item::CustomToolCall(call) => {
                self.end_outputs();
                self.unanswered += 1;
                let (id, name) = (call.call_id.as_str(), call.name.as_str());
                let turn = self.turn.get_or_insert_default();
                if context.quirks.custom == Takes::Yes {
                    turn.called_freely(context, id, name, &call.input);
                } else {
                    let arguments = serde_json::json!({ "input": call.input }).to_string();
                    turn.called(context, id, name, Cow::Owned(arguments));
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
        let name = said.extra.get("name").and_then(Value::as_str);
        let name = name.map(Text::from);
        let role = match said.role {
            Role::System | Role::Developer => system_role(context, said.role),
            Role::User | Role::Assistant => "user",
        };
        let message = ChatMessage {
            name,
            extra: context.notes(at).unwrap_or_default(),
            ..message(role, content)
        };
        if self.unanswered > 0 {
            self.held.push(message);
        } else {
            self.end_outputs();
            self.messages.push(message);
        }
        Ok(())
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
                    if let Some(text) = part.text {
                        append(&mut words, text.0, "\n");
                    } else {
                        context.lose(path, "shown to the model as the user's, after the output");
                        self.media.push(part);
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
            extra: context.notes(at).unwrap_or_default(),
            ..message("tool", Content::Text(text))
        });
        Ok(())
    }

    fn end_turn(&mut self) {
        let message = self.turn.take().and_then(Turn::into_message);
        self.messages.extend(message);
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

/// Is it a part of the assistant's turn?
fn is_assistants(item: &Item) -> bool {
    match item {
        Item::Message(said) => said.role == Role::Assistant,
        Item::Reasoning(_) | Item::FunctionCall(_) | Item::CustomToolCall(_) => true,
        Item::FunctionCallOutput(_)
        | Item::CustomToolCallOutput(_)
        | Item::Compaction(_)
        | Item::ItemReference(_) => false,
    }
}

/// A message of this role and content.
pub(super) fn message<'a>(role: &'static str, content: Content<'a>) -> ChatMessage<'a> {
    ChatMessage {
        role: role.into(),
        content: Some(content),
        ..ChatMessage::default()
    }
}

fn listed(content: Option<Content<'_>>) -> Vec<ChatPart<'_>> {
    match content {
        Some(Content::Text(text)) => vec![parts::text(Text(text))],
        Some(Content::Parts(parts)) => parts,
        Some(Content::Null) | None => Vec::new(),
    }
}

/// OpenAI's reasoning models want `developer`, its others `system`; elsewhere there is only `system`.
fn system_role(context: &Context<'_>, role: Role) -> &'static str {
    match (context.quirks.system, context.family.reasons, role) {
        // A client of this protocol has said it in the words that its server wants.
        (System::Developer, _, Role::Developer) if context.is_spoken() => "developer",
        (System::Developer, _, _) if context.is_spoken() => "system",
        (System::Developer, Reasons::Yes, _)
        | (System::Developer, Reasons::Unknown, Role::Developer) => "developer",
        _ => "system",
    }
}

/// What an item holds beyond its types. A message's `name` has a place.
fn lose_extra(context: &mut Context<'_>, at: usize, item: &Item) {
    let extra = match item {
        Item::Message(item) => &item.extra,
        Item::FunctionCall(item) => &item.extra,
        Item::FunctionCallOutput(item) | Item::CustomToolCallOutput(item) => &item.extra,
        Item::CustomToolCall(item) => &item.extra,
        // What reasoning holds beyond is its vendor's alone; the others are refused.
        Item::Reasoning(_) | Item::Compaction(_) | Item::ItemReference(_) => return,
    };
    if extra.is_empty() {
        return;
    }
    let mut extra = extra.clone();
    if let Item::Message(_) = item {
        extra.shift_remove("name");
    }
    context.lose_extra(&format!("input[{at}]"), &extra);
}

/// Mistral refuses a user straight after a tool.
fn answered<'a>(context: &mut Context<'a>, messages: Vec<ChatMessage<'a>>) -> Vec<ChatMessage<'a>> {
    let mut all: Vec<ChatMessage<'a>> = Vec::with_capacity(messages.len());
    for message in messages {
        let after_tool = all.last().is_some_and(|last| last.role.as_str() == "tool");
        if after_tool && message.role.as_str() == "user" {
            context.lose(
                "input",
                "`OK` of the assistant stands between a tool and the user",
            );
            all.push(self::message("assistant", Content::Text("OK".into())));
        }
        all.push(message);
    }
    all
}

/// Adds a message; a user's to the user's before it, since strict templates refuse two of one role.
fn push<'a>(messages: &mut Vec<ChatMessage<'a>>, message: ChatMessage<'a>) {
    match messages.last_mut() {
        Some(last) if last.role.as_str() == "user" && message.role.as_str() == "user" => {
            let mut parts = listed(last.content.take());
            parts.extend(listed(message.content));
            last.content = Some(Content::Parts(parts));
        }
        _ => messages.push(message),
    }
}

/// One system message at the front, for templates that refuse others.
fn hoisted<'a>(context: &mut Context<'a>, messages: Vec<ChatMessage<'a>>) -> Vec<ChatMessage<'a>> {
    let mut system: Option<Cow<'a, str>> = None;
    let mut rest = Vec::with_capacity(messages.len());
    let mut moved = false;
    for mut message in messages {
        if message.role.as_str() != "system" {
            push(&mut rest, message);
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
