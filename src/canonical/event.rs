//! Streaming events. `sequence_number` is not here: it belongs to the door that writes them.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::item::Item;
use super::open::{Open, nullable};
use super::part::{Annotation, Json, Part};
use super::response::Response;

mod reading;

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
    /// The response as it stands. Shared, since several look at it: the client's encoder, the store, a second event.
    pub response: Arc<Response>,
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
    /// The `data` of the frames since the event before, or a whole body, where the client's door speaks the upstream's
    /// protocol.
    pub native: Vec<Bytes>,
}

/// The events of one upstream read.
pub type Batch = Vec<Emitted>;

impl From<Event> for Emitted {
    fn from(event: Event) -> Self {
        Self {
            event: Open::Known(event),
            raw: None,
            native: Vec::new(),
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
