//! Token counts on one basis: cached and cache-write tokens are inside `input_tokens`, reasoning inside `output_tokens`.

use serde::{Deserialize, Serialize};

use super::extra::Extra;
use super::open::nullable;

/// In `input_tokens_details`: the part of `cache_write_tokens` that lasts an hour, which has a price of its own.
pub const HOUR_WRITES: &str = "cache_write_1h_tokens";

/// In `input_tokens_details`: the part of the fresh input that is audio, which has a price of its own.
pub const AUDIO: &str = "audio_tokens";

/// In `output_tokens_details`: the part of the output that is pictures, which have a price of their own.
pub const PICTURES: &str = "image_tokens";

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

    /// What two attempts at one answer cost together.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        let (input, output) = (&self.input_tokens_details, &self.output_tokens_details);
        let written = match (
            input.cache_write_tokens,
            more.input_tokens_details.cache_write_tokens,
        ) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
        };
        Self {
            input_tokens: self.input_tokens.saturating_add(more.input_tokens),
            input_tokens_details: InputDetails {
                cached_tokens: input
                    .cached_tokens
                    .saturating_add(more.input_tokens_details.cached_tokens),
                cache_write_tokens: written,
                extra: added(&input.extra, &more.input_tokens_details.extra),
            },
            output_tokens: self.output_tokens.saturating_add(more.output_tokens),
            output_tokens_details: OutputDetails {
                reasoning_tokens: output
                    .reasoning_tokens
                    .saturating_add(more.output_tokens_details.reasoning_tokens),
                extra: added(&output.extra, &more.output_tokens_details.extra),
            },
            total_tokens: self.total_tokens.saturating_add(more.total_tokens),
            extra: added(&self.extra, &more.extra),
        }
    }
}

/// Counts are added; of anything else the later word stands.
fn added(one: &Extra, other: &Extra) -> Extra {
    let mut sum = one.clone();
    for (key, more) in other.iter() {
        let known = sum.get(key).and_then(serde_json::Value::as_u64);
        let value = match (known, more.as_u64()) {
            (Some(known), Some(more)) => known.saturating_add(more).into(),
            _ => more.clone(),
        };
        sum.insert(key.clone(), value);
    }
    sum
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_counts_of_attempts_add_up() {
        let mut one = Usage::counted(10, 4, None, 3, 1);
        one.extra.insert(WEB_SEARCHES.to_owned(), json!(2));
        let mut other = Usage::counted(20, 5, Some(6), 7, 2);
        other.extra.insert(WEB_SEARCHES.to_owned(), json!(1));
        let mut sum = Usage::counted(30, 9, Some(6), 10, 3);
        sum.extra.insert(WEB_SEARCHES.to_owned(), json!(3));
        assert_eq!(one.plus(&other), sum);
    }
}
