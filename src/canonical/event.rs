//! Streaming events. `sequence_number` is not here: it belongs to the door that writes them.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::extra::Extra;
use super::item::Item;
use super::open::{Open, Tagged, nullable, payload};
use super::part::{Annotation, Json, Part};
use super::response::Response;

/// One event, its payload without `type`: [`Event::tag`] has that.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Event {
    /// `response.created`
    Created(Lifecycle),
    /// `response.queued`
    Queued(Lifecycle),
    /// `response.in_progress`
    InProgress(Lifecycle),
    /// `response.completed`
    Completed(Lifecycle),
    /// `response.incomplete`
    Incomplete(Lifecycle),
    /// `response.failed`
    Failed(Lifecycle),
    /// `response.output_item.added`
    ItemAdded(ItemEvent),
    /// `response.output_item.done`
    ItemDone(ItemEvent),
    /// `response.content_part.added`
    PartAdded(PartEvent),
    /// `response.content_part.done`
    PartDone(PartEvent),
    /// `response.output_text.delta`
    TextDelta(TextDelta),
    /// `response.output_text.done`
    TextDone(TextDone),
    /// `response.output_text.annotation.added`
    AnnotationAdded(AnnotationEvent),
    /// `response.refusal.delta`
    RefusalDelta(ContentDelta),
    /// `response.refusal.done`
    RefusalDone(RefusalDone),
    /// `response.function_call_arguments.delta`
    ArgumentsDelta(ItemDelta),
    /// `response.function_call_arguments.done`
    ArgumentsDone(ArgumentsDone),
    /// `response.custom_tool_call_input.delta`, an extension of OpenAI's
    InputDelta(ItemDelta),
    /// `response.custom_tool_call_input.done`, an extension of OpenAI's
    InputDone(InputDone),
    /// `response.reasoning.delta` (OpenAI: `response.reasoning_text.delta`)
    ReasoningDelta(ContentDelta),
    /// `response.reasoning.done` (OpenAI: `response.reasoning_text.done`)
    ReasoningDone(ContentText),
    /// `response.reasoning_summary_part.added`
    SummaryPartAdded(SummaryPart),
    /// `response.reasoning_summary_part.done`
    SummaryPartDone(SummaryPart),
    /// `response.reasoning_summary_text.delta`
    SummaryDelta(SummaryDelta),
    /// `response.reasoning_summary_text.done`
    SummaryDone(SummaryText),
    /// `error`
    Error(ErrorEvent),
}

/// An event that carries the whole response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// The response as it stands.
    pub response: Box<Response>,
}

/// An item begins or is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemEvent {
    /// Its place in `output`.
    pub output_index: u32,
    /// The item as it stands.
    pub item: Open<Item>,
}

/// A part begins or is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartEvent {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `content`.
    pub content_index: u32,
    /// The part as it stands.
    pub part: Open<Part>,
}

/// Text goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextDelta {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `content`.
    pub content_index: u32,
    /// What is added.
    pub delta: String,
    /// Log probabilities of what is added; `[]` where none were asked for.
    #[serde(default, deserialize_with = "nullable")]
    pub logprobs: Vec<Json>,
}

/// Text is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextDone {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `content`.
    pub content_index: u32,
    /// All of it.
    pub text: String,
    /// Log probabilities; `[]` where none were asked for.
    #[serde(default, deserialize_with = "nullable")]
    pub logprobs: Vec<Json>,
}

/// A citation is added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnnotationEvent {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `content`.
    pub content_index: u32,
    /// The annotation's place in `annotations`.
    pub annotation_index: u32,
    /// The citation.
    pub annotation: Open<Annotation>,
}

/// A refusal or raw reasoning goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContentDelta {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `content`.
    pub content_index: u32,
    /// What is added.
    pub delta: String,
}

/// Raw reasoning is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContentText {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `content`.
    pub content_index: u32,
    /// All of it.
    pub text: String,
}

/// A refusal is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusalDone {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `content`.
    pub content_index: u32,
    /// All of it.
    pub refusal: String,
}

/// A call's arguments or input go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemDelta {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// What is added.
    pub delta: String,
}

/// A call's arguments are whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArgumentsDone {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// All of them.
    pub arguments: String,
}

/// A custom call's input is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputDone {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// All of it.
    pub input: String,
}

/// A part of a summary begins or is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryPart {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `summary`.
    pub summary_index: u32,
    /// The part as it stands.
    pub part: Open<Part>,
}

/// A summary goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryDelta {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `summary`.
    pub summary_index: u32,
    /// What is added.
    pub delta: String,
}

/// A part of a summary is whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryText {
    /// The item's id.
    pub item_id: Arc<str>,
    /// The item's place in `output`.
    pub output_index: u32,
    /// The part's place in `summary`.
    pub summary_index: u32,
    /// All of it.
    pub text: String,
}

/// The stream failed; `response.failed` follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorEvent {
    /// What failed.
    pub error: ErrorPayload,
}

/// The body of an error, the same as over HTTP.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ErrorPayload {
    /// The class.
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    pub kind: String,
    /// Machine-readable.
    #[serde(default)]
    pub code: Option<String>,
    /// For people.
    #[serde(default, deserialize_with = "nullable")]
    pub message: String,
    /// The field at fault.
    #[serde(default)]
    pub param: Option<String>,
}

/// An event on its way out, with the frame that it was read from where a door of the same protocol may write that.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted {
    /// What it says.
    pub event: Open<Event>,
    /// The `data` of the upstream's frame, verbatim.
    pub raw: Option<Bytes>,
}

/// The events of one upstream read.
pub type Batch = Vec<Emitted>;

impl From<Event> for Emitted {
    fn from(event: Event) -> Self {
        Self {
            event: Open::Known(event),
            raw: None,
        }
    }
}

impl From<&crate::error::Error> for ErrorPayload {
    fn from(error: &crate::error::Error) -> Self {
        Self {
            kind: error.error_type().to_owned(),
            code: Some(error.code().to_owned()),
            message: error.message().to_owned(),
            param: error.param().map(str::to_owned),
        }
    }
}

impl Event {
    /// The event's `type`, by the specification's names.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Created(_) => "response.created",
            Self::Queued(_) => "response.queued",
            Self::InProgress(_) => "response.in_progress",
            Self::Completed(_) => "response.completed",
            Self::Incomplete(_) => "response.incomplete",
            Self::Failed(_) => "response.failed",
            Self::ItemAdded(_) => "response.output_item.added",
            Self::ItemDone(_) => "response.output_item.done",
            Self::PartAdded(_) => "response.content_part.added",
            Self::PartDone(_) => "response.content_part.done",
            Self::TextDelta(_) => "response.output_text.delta",
            Self::TextDone(_) => "response.output_text.done",
            Self::AnnotationAdded(_) => "response.output_text.annotation.added",
            Self::RefusalDelta(_) => "response.refusal.delta",
            Self::RefusalDone(_) => "response.refusal.done",
            Self::ArgumentsDelta(_) => "response.function_call_arguments.delta",
            Self::ArgumentsDone(_) => "response.function_call_arguments.done",
            Self::InputDelta(_) => "response.custom_tool_call_input.delta",
            Self::InputDone(_) => "response.custom_tool_call_input.done",
            Self::ReasoningDelta(_) => "response.reasoning.delta",
            Self::ReasoningDone(_) => "response.reasoning.done",
            Self::SummaryPartAdded(_) => "response.reasoning_summary_part.added",
            Self::SummaryPartDone(_) => "response.reasoning_summary_part.done",
            Self::SummaryDelta(_) => "response.reasoning_summary_text.delta",
            Self::SummaryDone(_) => "response.reasoning_summary_text.done",
            Self::Error(_) => "error",
        }
    }

    /// Does this carry something that the model said? Until then a failure may go unseen by the client.
    pub fn is_content(&self) -> bool {
        match self {
            Self::TextDelta(_)
            | Self::RefusalDelta(_)
            | Self::ArgumentsDelta(_)
            | Self::InputDelta(_)
            | Self::ReasoningDelta(_)
            | Self::SummaryDelta(_)
            | Self::ItemDone(_)
            | Self::Completed(_)
            | Self::Incomplete(_) => true,
            Self::Created(_)
            | Self::Queued(_)
            | Self::InProgress(_)
            | Self::Failed(_)
            | Self::ItemAdded(_)
            | Self::PartAdded(_)
            | Self::PartDone(_)
            | Self::TextDone(_)
            | Self::AnnotationAdded(_)
            | Self::RefusalDone(_)
            | Self::ArgumentsDone(_)
            | Self::InputDone(_)
            | Self::ReasoningDone(_)
            | Self::SummaryPartAdded(_)
            | Self::SummaryPartDone(_)
            | Self::SummaryDone(_)
            | Self::Error(_) => false,
        }
    }

    /// The response inside a terminal event: nothing follows it.
    pub fn terminal(&self) -> Option<&Response> {
        match self {
            Self::Completed(l) | Self::Incomplete(l) | Self::Failed(l) => Some(&l.response),
            _ => None,
        }
    }

    /// The response that a lifecycle event carries.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Created(l)
            | Self::Queued(l)
            | Self::InProgress(l)
            | Self::Completed(l)
            | Self::Incomplete(l)
            | Self::Failed(l) => Some(&l.response),
            _ => None,
        }
    }

    /// The response that a lifecycle event carries, to change it.
    pub fn response_mut(&mut self) -> Option<&mut Response> {
        match self {
            Self::Created(l)
            | Self::Queued(l)
            | Self::InProgress(l)
            | Self::Completed(l)
            | Self::Incomplete(l)
            | Self::Failed(l) => Some(&mut l.response),
            _ => None,
        }
    }

    /// The response inside a terminal event, to add to it.
    pub fn terminal_mut(&mut self) -> Option<&mut Response> {
        match self {
            Self::Completed(l) | Self::Incomplete(l) | Self::Failed(l) => Some(&mut l.response),
            _ => None,
        }
    }
}

impl Tagged for Event {
    fn read(tag: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
        Some(match tag {
            "response.output_text.delta" => payload(json).map(Self::TextDelta),
            "response.function_call_arguments.delta" => payload(json).map(Self::ArgumentsDelta),
            "response.reasoning_summary_text.delta" => payload(json).map(Self::SummaryDelta),
            "response.created" => payload(json).map(Self::Created),
            "response.queued" => payload(json).map(Self::Queued),
            "response.in_progress" => payload(json).map(Self::InProgress),
            "response.completed" => payload(json).map(Self::Completed),
            "response.incomplete" => payload(json).map(Self::Incomplete),
            "response.failed" => payload(json).map(Self::Failed),
            "response.output_item.added" => payload(json).map(Self::ItemAdded),
            "response.output_item.done" => payload(json).map(Self::ItemDone),
            // The second name is Bedrock's, for parts of reasoning.
            "response.content_part.added" | "response.reasoning_part.added" => {
                payload(json).map(Self::PartAdded)
            }
            "response.content_part.done" | "response.reasoning_part.done" => {
                payload(json).map(Self::PartDone)
            }
            "response.output_text.done" => payload(json).map(Self::TextDone),
            "response.output_text.annotation.added" => payload(json).map(Self::AnnotationAdded),
            "response.refusal.delta" => payload(json).map(Self::RefusalDelta),
            "response.refusal.done" => payload(json).map(Self::RefusalDone),
            "response.function_call_arguments.done" => payload(json).map(Self::ArgumentsDone),
            "response.custom_tool_call_input.delta" => payload(json).map(Self::InputDelta),
            "response.custom_tool_call_input.done" => payload(json).map(Self::InputDone),
            "response.reasoning.delta" | "response.reasoning_text.delta" => {
                payload(json).map(Self::ReasoningDelta)
            }
            "response.reasoning.done" | "response.reasoning_text.done" => {
                payload(json).map(Self::ReasoningDone)
            }
            "response.reasoning_summary_part.added" => payload(json).map(Self::SummaryPartAdded),
            "response.reasoning_summary_part.done" => payload(json).map(Self::SummaryPartDone),
            "response.reasoning_summary_text.done" => payload(json).map(Self::SummaryDone),
            "error" => error_event(json),
            _ => return None,
        })
    }
}

/// The specification nests `error`; OpenAI also sends its fields flat. Both are read.
fn error_event(json: &str) -> Result<Event, serde_json::Error> {
    #[derive(Deserialize)]
    struct Either {
        #[serde(default)]
        error: Option<ErrorPayload>,
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        message: Option<String>,
        #[serde(default)]
        param: Option<String>,
        #[serde(flatten)]
        _rest: Extra,
    }
    let either: Either = payload(json)?;
    Ok(Event::Error(ErrorEvent {
        error: either.error.unwrap_or_else(|| ErrorPayload {
            kind: "server_error".to_owned(),
            code: either.code,
            message: either.message.unwrap_or_default(),
            param: either.param,
        }),
    }))
}
