//! Why a model stopped, in the words that all providers have in common.

use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::response::{Response, Status};

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It had said everything.
    Stop,
    /// It calls tools.
    ToolCall,
    /// It reached a limit.
    Length,
    /// It was stopped for what it said.
    ContentFilter,
    /// It did not: the answer failed.
    Error,
}

impl Finish {
    /// The word of OpenTelemetry's conventions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::ToolCall => "tool_call",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::Error => "error",
        }
    }

    pub(super) fn of(response: &Response) -> Self {
        let reason = response.incomplete_details.as_ref();
        match (
            response.status,
            reason.map(|details| details.reason.as_str()),
        ) {
            (Status::Failed | Status::Cancelled, _) => Self::Error,
            (_, Some("content_filter")) => Self::ContentFilter,
            (_, Some(_)) => Self::Length,
            (_, None) if response.output.iter().any(is_call) => Self::ToolCall,
            (_, None) => Self::Stop,
        }
    }
}

fn is_call(item: &Open<Item>) -> bool {
    matches!(
        item,
        Open::Known(Item::FunctionCall(_) | Item::CustomToolCall(_))
    )
}
