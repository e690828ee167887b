//! Items: the atoms of a conversation, in and out.
//!
//! Input and output items share their types. What only one direction has is optional here: the composer always sets
//! `id` and `status`, clients mostly leave them out.

use serde::{Deserialize, Serialize};

use super::extra::Extra;
use super::open::{Head, Open, Tagged, nullable, payload, tag_of};
use super::part::Part;

mod reading;

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Item {
    /// Something that was said.
    Message(Message),
    /// The model calls a function of the client's.
    FunctionCall(FunctionCall),
    /// What that function returned.
    FunctionCallOutput(FunctionCallOutput),
    /// The model thought.
    Reasoning(Reasoning),
    /// A conversation made shorter; opaque.
    Compaction(Compaction),
    /// A stored item, by its id.
    ItemReference(ItemReference),
    /// The model calls a free-form tool; an extension of OpenAI's.
    CustomToolCall(CustomToolCall),
    /// What that tool returned.
    CustomToolCallOutput(FunctionCallOutput),
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person or program that asks.
    #[default]
    User,
    /// The model.
    Assistant,
    /// The operator.
    System,
    /// The operator, by OpenAI's newer name.
    Developer,
}

/// Where an item is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// Being produced.
    InProgress,
    /// Whole.
    Completed,
    /// Stopped while being produced; always the last item.
    Incomplete,
}

/// What an assistant's message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Said on the way.
    Commentary,
    /// The answer itself.
    FinalAnswer,
}

/// `message`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Message {
    /// Stable over a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Set on output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ItemStatus>,
    /// Who speaks.
    pub role: Role,
    /// What is said. A bare string is read as one text part of the role's kind.
    pub content: Vec<Open<Part>>,
    /// Assistant only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `function_call`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FunctionCall {
    /// The item's id, which is not `call_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Joins the call and its output.
    pub call_id: String,
    /// The function.
    pub name: String,
    /// JSON text, as the model wrote it.
    pub arguments: String,
    /// Set on output.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "reading::status"
    )]
    pub status: Option<ItemStatus>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `function_call_output`, and `custom_tool_call_output`, which has the same shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionCallOutput {
    /// The item's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The call that this answers.
    pub call_id: String,
    /// Text, or parts.
    pub output: ToolOutput,
    /// Set on output.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "reading::status"
    )]
    pub status: Option<ItemStatus>,
    /// The tool failed; known to the Messages door only, never serialised.
    #[serde(skip)]
    pub is_error: bool,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a tool returned.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ToolOutput {
    /// Text.
    Text(String),
    /// Text, images and files.
    Parts(Vec<Open<Part>>),
}

/// `reasoning`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reasoning {
    /// The item's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What may be shown; always sent, also when empty.
    #[serde(default, deserialize_with = "nullable")]
    pub summary: Vec<Open<Part>>,
    /// The trace itself; absent, never `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<Open<Part>>>,
    /// The vendor's opaque state, byte for byte; absent, never `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted_content: Option<String>,
    /// Not in the schema for reasoning, but prose asks for it on every item.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "reading::status"
    )]
    pub status: Option<ItemStatus>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `compaction`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Compaction {
    /// The item's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The opaque conversation.
    pub encrypted_content: String,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `item_reference`; its `type` may be absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ItemReference {
    /// The stored item.
    pub id: String,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `custom_tool_call`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomToolCall {
    /// The item's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Joins the call and its output.
    pub call_id: String,
    /// The tool.
    pub name: String,
    /// Free text, as the model wrote it.
    pub input: String,
    /// Set on output.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "reading::status"
    )]
    pub status: Option<ItemStatus>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Open<Item> {
    /// The item's `type`.
    pub fn tag(&self) -> &str {
        match self {
            Self::Known(item) => item.tag(),
            Self::Unknown(object) => tag_of(object),
        }
    }
}

impl Item {
    /// A message of one text.
    pub fn message(role: Role, text: impl Into<String>) -> Self {
        let part = match role {
            Role::Assistant => Part::output_text(text),
            Role::User | Role::System | Role::Developer => Part::input_text(text),
        };
        Self::Message(Message {
            role,
            content: vec![Open::Known(part)],
            ..Message::default()
        })
    }

    /// The item's id, if it has one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Message(i) => i.id.as_deref(),
            Self::FunctionCall(i) => i.id.as_deref(),
            Self::FunctionCallOutput(i) | Self::CustomToolCallOutput(i) => i.id.as_deref(),
            Self::Reasoning(i) => i.id.as_deref(),
            Self::Compaction(i) => i.id.as_deref(),
            Self::ItemReference(i) => Some(&i.id),
            Self::CustomToolCall(i) => i.id.as_deref(),
        }
    }

    /// Sets the item's id.
    pub fn set_id(&mut self, id: String) {
        match self {
            Self::Message(i) => i.id = Some(id),
            Self::FunctionCall(i) => i.id = Some(id),
            Self::FunctionCallOutput(i) | Self::CustomToolCallOutput(i) => i.id = Some(id),
            Self::Reasoning(i) => i.id = Some(id),
            Self::Compaction(i) => i.id = Some(id),
            Self::ItemReference(i) => i.id = id,
            Self::CustomToolCall(i) => i.id = Some(id),
        }
    }

    /// The item's `type`.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::FunctionCall(_) => "function_call",
            Self::FunctionCallOutput(_) => "function_call_output",
            Self::Reasoning(_) => "reasoning",
            Self::Compaction(_) => "compaction",
            Self::ItemReference(_) => "item_reference",
            Self::CustomToolCall(_) => "custom_tool_call",
            Self::CustomToolCallOutput(_) => "custom_tool_call_output",
        }
    }

    /// Where the item is in its life, if it says so.
    pub fn status(&self) -> Option<ItemStatus> {
        match self {
            Self::Message(i) => i.status,
            Self::FunctionCall(i) => i.status,
            Self::FunctionCallOutput(i) | Self::CustomToolCallOutput(i) => i.status,
            Self::Reasoning(i) => i.status,
            Self::CustomToolCall(i) => i.status,
            Self::Compaction(_) | Self::ItemReference(_) => None,
        }
    }

    /// Sets where the item is in its life, where it can say so.
    pub fn set_status(&mut self, status: ItemStatus) {
        match self {
            Self::Message(i) => i.status = Some(status),
            Self::FunctionCall(i) => i.status = Some(status),
            Self::FunctionCallOutput(i) | Self::CustomToolCallOutput(i) => i.status = Some(status),
            Self::Reasoning(i) => i.status = Some(status),
            Self::CustomToolCall(i) => i.status = Some(status),
            Self::Compaction(_) | Self::ItemReference(_) => {}
        }
    }
}

impl Tagged for Item {
    fn implied(head: &Head<'_>) -> Option<&'static str> {
        match (&head.role, &head.id) {
            (Some(_), _) => Some("message"),
            (None, Some(_)) => Some("item_reference"),
            (None, None) => None,
        }
    }

    fn read(tag: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
        Some(match tag {
            "message" => payload(json).map(Self::Message),
            "function_call" => payload(json).map(Self::FunctionCall),
            "function_call_output" => payload(json).map(Self::FunctionCallOutput),
            "reasoning" => payload(json).map(Self::Reasoning),
            "compaction" => payload(json).map(Self::Compaction),
            "item_reference" => payload(json).map(Self::ItemReference),
            "custom_tool_call" => payload(json).map(Self::CustomToolCall),
            "custom_tool_call_output" => payload(json).map(Self::CustomToolCallOutput),
            _ => return None,
        })
    }
}
