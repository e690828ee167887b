//! Token counts on one basis: cached and cache-write tokens are inside `input_tokens`, reasoning inside `output_tokens`.

use serde::{Deserialize, Serialize};

use super::extra::Extra;
use super::open::nullable;

/// In `input_tokens_details`: the part of `cache_write_tokens` that lasts an hour, which has a price of its own.
pub const HOUR_WRITES: &str = "cache_write_1h_tokens";

/// In `usage`: web searches, which are paid by the piece.
pub const WEB_SEARCHES: &str = "web_search_requests";

/// What a response cost in tokens.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// The whole prompt: fresh, cached and newly cached.
    pub input_tokens: u64,
    /// Parts of the prompt.
    #[serde(default, deserialize_with = "nullable")]
    pub input_tokens_details: InputDetails,
    /// All that the model produced, reasoning included.
    pub output_tokens: u64,
    /// Parts of the output.
    #[serde(default, deserialize_with = "nullable")]
    pub output_tokens_details: OutputDetails,
    /// The sum of input and output.
    pub total_tokens: u64,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Parts of `input_tokens`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InputDetails {
    /// Read from a cache.
    #[serde(default, deserialize_with = "nullable")]
    pub cached_tokens: u64,
    /// Written to a cache; an extension of OpenAI's. Absent where the provider does not count it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Parts of `output_tokens`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OutputDetails {
    /// Spent on reasoning.
    #[serde(default, deserialize_with = "nullable")]
    pub reasoning_tokens: u64,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Usage {
    /// Counts on the common basis; the total is their sum.
    pub fn counted(
        input: u64,
        cached: u64,
        cache_write: Option<u64>,
        output: u64,
        reasoning: u64,
    ) -> Self {
        Self {
            input_tokens: input,
            input_tokens_details: InputDetails {
                cached_tokens: cached,
                cache_write_tokens: cache_write,
                extra: Extra::new(),
            },
            output_tokens: output,
            output_tokens_details: OutputDetails {
                reasoning_tokens: reasoning,
                extra: Extra::new(),
            },
            total_tokens: input.saturating_add(output),
            extra: Extra::new(),
        }
    }
}
