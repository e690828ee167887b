//! Messages of any role become items, in their order.

use std::collections::HashSet;

use serde_json::Value;

use super::parts::{Voice, missing, owned, parts};
use super::reasoning;
use crate::canonical::extra::{Extra, Object};
use crate::canonical::item::{
    CustomToolCall, FunctionCall, FunctionCallOutput, Item, Message, Reasoning, Role, ToolOutput,
};
use crate::canonical::open::Open;
use crate::canonical::part::{Part, RefusalPart};
use crate::canonical::sealed;
use crate::error::Error;
use crate::wire::chat::request::Message as WireMessage;
use crate::wire::chat::{Content, ToolCall};

/// Fields of a message that say again what others say, or that replies have and requests need not.
const IDLE: [&str; 4] = ["annotations", "id", "created", "tool_name"];

/// A conversation, and the paths of what could not be carried.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) items: Vec<Open<Item>>,
    pub(super) lost: Vec<String>,
    /// Fields that only servers of this protocol know, by the item that their message begins with.
    pub(super) notes: Vec<(usize, Object)>,
    /// Calls of custom tools, whose outputs are items of another kind.
    custom: HashSet<String>,
    /// Legacy calls that wait for their output, by the ids made for them.
    legacy: Vec<String>,
}

impl Conversation {
    /// Reads all messages.
    pub(super) fn of(messages: Vec<WireMessage<'_>>) -> Result<Self, Error> {
        let mut all = Self::default();
        for (at, message) in messages.into_iter().enumerate() {
            let start = all.items.len();
            let notes = noted(&message);
            all.message(message, &format!("messages[{at}]"))?;
            if !notes.is_empty() && all.items.len() > start {
                all.notes.push((start, notes));
            }
        }
        Ok(all)
    }

    fn message(&mut self, message: WireMessage<'_>, path: &str) -> Result<(), Error> {
        let foreign = foreign(&message).map(|(key, _)| format!("{path}.{key}"));
        self.lost.extend(foreign);
        match message.role.as_str() {
            "system" => self.say(Role::System, message, path),
            "developer" => self.say(Role::Developer, message, path),
            "user" => self.say(Role::User, message, path),
            "assistant" => self.assistant(message, path),
            "tool" => {
                let id = message
                    .tool_call_id
                    .ok_or_else(|| missing(path, "tool_call_id"))?;
                self.output(owned(id), message.content, path)
            }
            "function" => {
                let id = self.legacy.pop().ok_or_else(|| {
                    let message = "a `function` message without a `function_call` before it";
                    Error::invalid(path, message)
                })?;
                self.output(id, message.content, path)
            }
            "" => Err(missing(path, "role")),
            other => {
                let known = "`developer`, `system`, `user`, `assistant`, `tool`, `function`";
                let message = format!("`{other}` is not one of {known}");
                Err(Error::invalid(format!("{path}.role"), message))
            }
        }
    }

    fn push(&mut self, item: Item) {
        self.items.push(Open::Known(item));
    }

    fn say(&mut self, role: Role, message: WireMessage<'_>, path: &str) -> Result<(), Error> {
        let mut none = String::new();
        let content = parts(message.content, path, Voice::Told, &mut none)?;
        if content.is_empty() {
            return Err(missing(path, "content"));
        }
        let mut extra = Extra::new();
        if let Some(name) = message.name {
            extra.insert("name".to_owned(), Value::String(owned(name)));
        }
        self.push(Item::Message(Message {
            role,
            content,
            extra,
            ..Message::default()
        }));
        Ok(())
    }

    fn assistant(&mut self, message: WireMessage<'_>, path: &str) -> Result<(), Error> {
        let mut thoughts = String::new();
        let text = message.reasoning_content.or(message.reasoning);
        if let Some(text) = text {
            thoughts.push_str(text.as_str());
        }
        let mut content = parts(message.content, path, Voice::Said, &mut thoughts)?;
        if let Some(refusal) = message.refusal.filter(|it| !it.as_str().is_empty()) {
            let refusal = RefusalPart {
                refusal: owned(refusal),
                extra: Extra::new(),
            };
            content.push(Part::Refusal(refusal).into());
        }
        content.retain(|part| part.known().and_then(Part::text) != Some(""));
        let brought = reasoning::brought(message.reasoning_details.as_deref());
        if brought.foreign {
            self.lost.push(format!("{path}.reasoning_details"));
        }
        let calls = message.tool_calls.unwrap_or_default();
        self.thoughts(thoughts, brought.before);
        if !content.is_empty() {
            self.push(Item::Message(Message {
                role: Role::Assistant,
                content,
                ..Message::default()
            }));
        }
        self.thoughts(String::new(), brought.after);
        for (at, call) in calls.into_iter().enumerate() {
            let id = call.id.as_ref().map_or("", |id| id.as_str());
            let own = brought.calls.iter().filter(|(of, _)| of == id);
            self.thoughts(String::new(), own.map(|(_, state)| state.clone()).collect());
            self.call(call, &format!("{path}.tool_calls[{at}]"))?;
        }
        if let Some(call) = message.function_call {
            let id = format!("call_legacy_{}", self.items.len());
            self.legacy.push(id.clone());
            self.push(Item::FunctionCall(FunctionCall {
                call_id: id,
                name: call.name.map(owned).unwrap_or_default(),
                arguments: call
                    .arguments
                    .map(|arguments| arguments.0.into_owned())
                    .unwrap_or_default(),
                ..FunctionCall::default()
            }));
        }
        Ok(())
    }

    /// What the model thought: text that is shown, and opaque state, each piece on an item of its own. The text stands
    /// on the first.
    fn thoughts(&mut self, text: String, states: Vec<String>) {
        let mut summary: Option<Open<Part>> =
            (!text.is_empty()).then(|| Part::summary_text(text).into());
        if states.is_empty() && summary.is_some() {
            self.push(Item::Reasoning(Reasoning {
                summary: summary.take().into_iter().collect(),
                ..Reasoning::default()
            }));
        }
        for state in states {
            let (id, state) = sealed::restored(state);
            self.push(Item::Reasoning(Reasoning {
                id,
                summary: summary.take().into_iter().collect(),
                encrypted_content: Some(state),
                ..Reasoning::default()
            }));
        }
    }

    fn call(&mut self, call: ToolCall<'_>, path: &str) -> Result<(), Error> {
        let call_id = call.id.map(owned).ok_or_else(|| missing(path, "id"))?;
        let google = call.extra_content.and_then(|extra| extra.google);
        if let Some(signature) = google.and_then(|google| google.thought_signature)
            && !reasoning::is_signed(self.items.last())
        {
            let state = reasoning::signed(owned(signature));
            self.thoughts(String::new(), vec![state]);
        }
        if let Some(custom) = call.custom {
            self.custom.insert(call_id.clone());
            self.push(Item::CustomToolCall(CustomToolCall {
                call_id,
                name: custom
                    .name
                    .map(owned)
                    .ok_or_else(|| missing(path, "custom.name"))?,
                input: custom.input.map(owned).unwrap_or_default(),
                ..CustomToolCall::default()
            }));
            return Ok(());
        }
        let function = call.function.ok_or_else(|| missing(path, "function"))?;
        self.push(Item::FunctionCall(FunctionCall {
            call_id,
            name: function
                .name
                .map(owned)
                .ok_or_else(|| missing(path, "function.name"))?,
            arguments: function
                .arguments
                .map(|arguments| arguments.0.into_owned())
                .unwrap_or_default(),
            ..FunctionCall::default()
        }));
        Ok(())
    }

    fn output(
        &mut self,
        call_id: String,
        content: Option<Content<'_>>,
        path: &str,
    ) -> Result<(), Error> {
        let output = match content {
            Some(Content::Text(text)) => ToolOutput::Text(text.into_owned()),
            None | Some(Content::Null) => ToolOutput::Text(String::new()),
            Some(content @ Content::Parts(_)) => {
                let mut none = String::new();
                ToolOutput::Parts(parts(Some(content), path, Voice::Told, &mut none)?)
            }
        };
        let custom = self.custom.contains(&call_id);
        let output = FunctionCallOutput {
            id: None,
            call_id,
            output,
            status: None,
            is_error: false,
            extra: Extra::new(),
        };
        self.push(if custom {
            Item::CustomToolCallOutput(output)
        } else {
            Item::FunctionCallOutput(output)
        });
        Ok(())
    }
}

/// Fields that this door does not know.
fn foreign<'m>(message: &'m WireMessage<'_>) -> impl Iterator<Item = (&'m String, &'m Value)> {
    let fields = message.extra.iter();
    fields.filter(|(key, value)| !value.is_null() && !IDLE.contains(&key.as_str()))
}

/// What a server of this protocol is sent as it came.
fn noted(message: &WireMessage<'_>) -> Object {
    let mut notes: Object = foreign(message)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(name) = &message.name
        && matches!(message.role.as_str(), "assistant" | "tool")
    {
        notes.insert("name".to_owned(), name.as_str().into());
    }
    if let Some(details) = &message.reasoning_details
        && reasoning::brought(Some(details)).foreign
        && let Ok(details) = serde_json::from_str(details.get())
    {
        notes.insert("reasoning_details".to_owned(), details);
    }
    notes
}
