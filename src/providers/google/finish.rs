//! Why the model stopped (`finishReason`, `promptFeedback.blockReason`), as the composer's reasons.

use crate::canonical::compose::Stop;
use crate::error::{Error, Kind};
use crate::wire::gemini::response::PromptFeedback;

/// Why the answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// The model was done.
    Done,
    /// The token limit.
    Limit,
    /// A filter; in words.
    Filtered(String),
    /// The model failed; in words.
    Failed(String),
    /// A reason without meaning here: an answer with content counts as whole.
    Unclear(String),
}

impl Reason {
    /// What the composer is told; a failure as an error.
    pub(super) fn stop(self, has_content: bool) -> Result<Stop, Error> {
        match self {
            Self::Done => Ok(Stop::Complete),
            Self::Limit => Ok(Stop::MaxTokens),
            Self::Filtered(words) => Ok(Stop::ContentFilter(Some(words))),
            Self::Unclear(_) if has_content => Ok(Stop::Complete),
            Self::Failed(words) | Self::Unclear(words) => Err(Error::new(Kind::ModelFailed, words)),
        }
    }
}

/// A candidate's reason; `None` where Google says that there is none yet.
pub(super) fn reason(name: &str, message: Option<&str>) -> Option<Reason> {
    let words = || match message {
        Some(message) if !message.is_empty() => {
            format!("Google stopped the answer ({name}): {message}")
        }
        _ => format!("Google stopped the answer ({name})"),
    };
    Some(match name {
        "" | "FINISH_REASON_UNSPECIFIED" => return None,
        "STOP" => Reason::Done,
        "MAX_TOKENS" | "CONTINUATION" => Reason::Limit,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "ESCALATION"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => Reason::Filtered(words()),
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "PUP_LIMITED_DISABLED" => Reason::Failed(words()),
        _ => Reason::Unclear(words()),
    })
}

/// Why the prompt was refused.
pub(super) fn blocked(feedback: PromptFeedback<'_>) -> Option<Reason> {
    let PromptFeedback {
        block_reason,
        block_reason_message,
    } = feedback;
    if block_reason.is_none() && block_reason_message.is_none() {
        return None;
    }
    let name = block_reason.as_deref().unwrap_or("no reason given");
    let words = match block_reason_message.as_deref() {
        Some(message) if !message.is_empty() => {
            format!("Google blocked the prompt ({name}): {message}")
        }
        _ => format!("Google blocked the prompt ({name})"),
    };
    Some(Reason::Filtered(words))
}
