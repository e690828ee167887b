//! What a server answers: a whole completion, or the chunks of a stream. Both are one struct, since servers mix them:
//! some stream a `message`, some end a stream with a whole object.

use std::borrow::Cow;
use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{Content, FunctionCall, Text, ToolCall};

/// A chunk of a stream (`chat.completion.chunk`), or a whole reply (`chat.completion`).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Completion<'a> {
    /// The reply's id; missing, empty or changing at some servers.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// `chat.completion` or `chat.completion.chunk`; `error` where an old vLLM failed.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Text<'a>>,
    /// Unix seconds.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub created: Option<u64>,
    /// The model that answers.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Text<'a>>,
    /// The tier that was used.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Text<'a>>,
    /// The version of the server's set-up.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub system_fingerprint: Option<Text<'a>>,
    /// The answers; empty in chunks that only carry counts.
    #[serde(borrow, default)]
    pub choices: Option<Vec<Choice<'a>>>,
    /// Counts of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Groq's: counts of the last chunk, and errors.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub x_groq: Option<XGroq<'a>>,
    /// A failure inside a reply whose status was 200.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a RawValue>,
}

/// One answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Choice<'a> {
    /// Which of several.
    #[serde(default)]
    pub index: Option<u64>,
    /// What a chunk adds.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Message<'a>>,
    /// The whole answer.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message<'a>>,
    /// Log probabilities of what this adds, for [`Logprobs`]; some servers have another form.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Cow<'a, RawValue>>,
    /// `stop`, `length`, `tool_calls`, `content_filter`, `function_call`, or a server's own word.
    #[serde(borrow, default)]
    pub finish_reason: Option<Text<'a>>,
    /// OpenRouter's: the word of the server behind it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub native_finish_reason: Option<Text<'a>>,
    /// OpenRouter's: why this answer failed.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a RawValue>,
}

/// The answer, or what a chunk adds to it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Message<'a> {
    /// `assistant`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Text<'a>>,
    /// Text; Mistral's may be a list with thinking in it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content<'a>>,
    /// Said instead of an answer.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Text<'a>>,
    /// Reasoning, by the name that most servers use.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<Content<'a>>,
    /// Reasoning at Groq, Ollama, OpenRouter and newer vLLM.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Content<'a>>,
    /// Reasoning at a few others.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Content<'a>>,
    /// OpenRouter's: reasoning with what must be sent back.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reasoning_details: Option<Vec<&'a RawValue>>,
    /// Calls of tools.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCall<'a>>>,
    /// The legacy form of one call.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall<'a>>,
    /// Citations.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Vec<Annotation<'a>>>,
}

/// One entry of `reasoning_details`, as far as pieces of it are joined.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ReasoningDetail<'a> {
    /// `reasoning.text`, `reasoning.summary` or `reasoning.encrypted`.
    #[serde(rename = "type", borrow, default)]
    pub kind: Option<Text<'a>>,
    /// Pieces of one entry share it.
    #[serde(default)]
    pub index: Option<u64>,
    /// For `reasoning.text`.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    /// For `reasoning.summary`.
    #[serde(borrow, default)]
    pub summary: Option<Text<'a>>,
}

/// `annotations`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Annotation<'a> {
    /// `url_citation`, or a newer word.
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// For `url_citation`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub url_citation: Option<UrlCitation<'a>>,
}

/// A web page that a range of the text rests on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UrlCitation<'a> {
    /// The page.
    #[serde(borrow, default)]
    pub url: Text<'a>,
    /// Its title.
    #[serde(borrow, default)]
    pub title: Option<Text<'a>>,
    /// First character of the range.
    #[serde(default, deserialize_with = "count")]
    pub start_index: Option<u64>,
    /// One past the last character.
    #[serde(default, deserialize_with = "count")]
    pub end_index: Option<u64>,
}

/// `logprobs`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Logprobs<'a> {
    /// One entry for each token of the text.
    #[serde(borrow, default)]
    pub content: Option<Vec<&'a RawValue>>,
    /// One entry for each token of a refusal.
    #[serde(borrow, default)]
    pub refusal: Option<Vec<&'a RawValue>>,
}

/// Groq's own part of a chunk.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct XGroq<'a> {
    /// Counts, in the last chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// A failure in the middle of a stream.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a RawValue>,
}

/// Counts of tokens, in all the forms that servers have for them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// The whole prompt.
    #[serde(default, deserialize_with = "count")]
    pub prompt_tokens: Option<u64>,
    /// The answer; reasoning included, except at xAI.
    #[serde(default, deserialize_with = "count")]
    pub completion_tokens: Option<u64>,
    /// The sum.
    #[serde(default, deserialize_with = "count")]
    pub total_tokens: Option<u64>,
    /// Parts of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptDetails>,
    /// Parts of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's: cached tokens of the prompt.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub prompt_cache_hit_tokens: Option<u64>,
    /// Cached tokens at servers that pass Anthropic's name on.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub cache_read_input_tokens: Option<u64>,
    /// Moonshot's: cached tokens of the prompt.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub cached_tokens: Option<u64>,
    /// Perplexity's: reasoning tokens.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub reasoning_tokens: Option<u64>,
}

/// Parts of the prompt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PromptDetails {
    /// Read from a cache.
    #[serde(default, deserialize_with = "count")]
    pub cached_tokens: Option<u64>,
    /// Written to a cache.
    #[serde(
        default,
        deserialize_with = "count",
        skip_serializing_if = "Option::is_none"
    )]
    pub cache_write_tokens: Option<u64>,
}

/// Parts of the answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CompletionDetails {
    /// Spent on reasoning.
    #[serde(default, deserialize_with = "count")]
    pub reasoning_tokens: Option<u64>,
}

/// A count, also where it is written as a float or as text. What is no number is no count.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct Number;

    impl Visitor<'_> for Number {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }

        fn visit_unit<E>(self) -> Result<Option<u64>, E> {
            Ok(None)
        }

        fn visit_u64<E>(self, number: u64) -> Result<Option<u64>, E> {
            Ok(Some(number))
        }

        fn visit_i64<E>(self, number: i64) -> Result<Option<u64>, E> {
            Ok(u64::try_from(number).ok())
        }

        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "negative and huge counts saturate, which is as good as any reading of them"
        )]
        fn visit_f64<E>(self, number: f64) -> Result<Option<u64>, E> {
            Ok(Some(number as u64))
        }

        fn visit_str<E>(self, text: &str) -> Result<Option<u64>, E> {
            Ok(text.parse().ok())
        }
    }

    deserializer.deserialize_any(Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_with_missing_and_odd_fields_is_read() {
        let chunk: Completion<'_> = serde_json::from_str(
            r#"{"created":1.5,"choices":[{"delta":{"content":"a","tool_calls":null}}],"usage":{"prompt_tokens":null,"completion_tokens":3.0}}"#,
        )
        .unwrap();
        assert_eq!(chunk.created, Some(1));
        assert_eq!(chunk.usage.unwrap().completion_tokens, Some(3));
        assert!(chunk.id.is_none());
    }
}
