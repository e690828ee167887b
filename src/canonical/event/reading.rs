//! What an event is called, what it means for the stream, and how it is read.

use std::sync::Arc;

use serde::Deserialize;

use super::{ErrorEvent, ErrorPayload, Event};
use crate::canonical::extra::Extra;
use crate::canonical::open::{Tagged, payload};
use crate::canonical::response::Response;

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

    /// The same, to keep it.
    pub fn outcome(&self) -> Option<&Arc<Response>> {
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
            | Self::Failed(l) => Some(Arc::make_mut(&mut l.response)),
            _ => None,
        }
    }

    /// The response inside a terminal event, to add to it.
    pub fn terminal_mut(&mut self) -> Option<&mut Response> {
        match self {
            Self::Completed(l) | Self::Incomplete(l) | Self::Failed(l) => {
                Some(Arc::make_mut(&mut l.response))
            }
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
