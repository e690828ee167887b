//! What comes back: `GenerateContentResponse`, whole or as one chunk of a stream, counts and lists of models.
//!
//! Everything is optional, because the service leaves out what is zero, empty or blocked.

use std::borrow::Cow;
use std::ops::Deref;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::usage::UsageMetadata;

/// A string that borrows from the frame. Inside an `Option` a bare `Cow` never would.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Str<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// `GenerateContentResponse`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chunk<'a> {
    /// The answers; absent for a blocked prompt.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub candidates: Vec<Candidate<'a>>,
    /// Why the prompt was blocked.
    #[serde(borrow, default)]
    pub prompt_feedback: Option<PromptFeedback<'a>>,
    /// Running totals.
    #[serde(default)]
    pub usage_metadata: Option<UsageMetadata>,
    /// The model that answers.
    #[serde(borrow, default)]
    pub model_version: Option<Str<'a>>,
    /// The same in every chunk.
    #[serde(borrow, default)]
    pub response_id: Option<Str<'a>>,
    /// A failure within a stream, in the form of an error body.
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

/// One answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate<'a> {
    /// May be missing or empty.
    #[serde(borrow, default)]
    pub content: Option<Content<'a>>,
    /// Why the model stopped.
    #[serde(borrow, default)]
    pub finish_reason: Option<Str<'a>>,
    /// The same in words.
    #[serde(borrow, default)]
    pub finish_message: Option<Str<'a>>,
    /// What the text rests on.
    #[serde(borrow, default)]
    pub grounding_metadata: Option<GroundingMetadata<'a>>,
}

/// The parts of an answer.
#[derive(Debug, Default, Deserialize)]
pub struct Content<'a> {
    /// What is new in this chunk.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub parts: Vec<Part<'a>>,
}

/// One piece of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part<'a> {
    /// Text, which may be empty where it carries a signature.
    #[serde(borrow, default)]
    pub text: Option<Str<'a>>,
    /// A thought, not the answer.
    #[serde(default)]
    pub thought: Option<bool>,
    /// Base64, to be sent back as it is.
    #[serde(borrow, default)]
    pub thought_signature: Option<Str<'a>>,
    /// The model calls a function.
    #[serde(borrow, default)]
    pub function_call: Option<FunctionCall<'a>>,
    /// Media that the model made.
    #[serde(default)]
    pub inline_data: Option<IgnoredAny>,
    /// Media that the model made, elsewhere.
    #[serde(default)]
    pub file_data: Option<IgnoredAny>,
    /// Code that the service runs.
    #[serde(default)]
    pub executable_code: Option<IgnoredAny>,
    /// What that code printed.
    #[serde(default)]
    pub code_execution_result: Option<IgnoredAny>,
    /// A call of a tool of Google's.
    #[serde(default)]
    pub tool_call: Option<IgnoredAny>,
    /// What that tool returned.
    #[serde(default)]
    pub tool_response: Option<IgnoredAny>,
}

/// `functionCall`: whole, or the beginning or continuation of a streamed one.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionCall<'a> {
    /// Gemini 3 and later.
    #[serde(borrow, default)]
    pub id: Option<Str<'a>>,
    /// Absent in continuations.
    #[serde(borrow, default)]
    pub name: Option<Str<'a>>,
    /// A JSON object; absent without arguments.
    #[serde(borrow, default)]
    pub args: Option<&'a RawValue>,
    /// More of the arguments.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub partial_args: Vec<PartialArg<'a>>,
    /// More of this call follows.
    #[serde(default)]
    pub will_continue: Option<bool>,
}

/// A piece of one argument.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartialArg<'a> {
    /// Such as `$.list[0].name`.
    #[serde(borrow, default)]
    pub json_path: Str<'a>,
    /// Joined with what is there.
    #[serde(borrow, default)]
    pub string_value: Option<Str<'a>>,
    /// A number.
    #[serde(default)]
    pub number_value: Option<serde_json::Number>,
    /// A boolean.
    #[serde(default)]
    pub bool_value: Option<bool>,
}

/// `promptFeedback`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromptFeedback<'a> {
    /// `SAFETY` and the like; absent if the prompt was not blocked.
    #[serde(borrow, default)]
    pub block_reason: Option<Str<'a>>,
    /// The same in words.
    #[serde(borrow, default)]
    pub block_reason_message: Option<Str<'a>>,
}

/// `groundingMetadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroundingMetadata<'a> {
    /// The sources.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub grounding_chunks: Vec<GroundingChunk<'a>>,
    /// Which text rests on which source.
    #[serde(borrow, default, deserialize_with = "nullable")]
    pub grounding_supports: Vec<GroundingSupport<'a>>,
}

/// A source.
#[derive(Debug, Default, Deserialize)]
pub struct GroundingChunk<'a> {
    /// A web page; other kinds of sources have no URL of their own.
    #[serde(borrow, default)]
    pub web: Option<WebSource<'a>>,
}

/// A web page.
#[derive(Debug, Default, Deserialize)]
pub struct WebSource<'a> {
    /// Where it is.
    #[serde(borrow, default)]
    pub uri: Option<Str<'a>>,
    /// Its title.
    #[serde(borrow, default)]
    pub title: Option<Str<'a>>,
}

/// A range of the text and its sources.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroundingSupport<'a> {
    /// The range.
    #[serde(borrow, default)]
    pub segment: Option<Segment<'a>>,
    /// Places in `groundingChunks`.
    #[serde(default, deserialize_with = "nullable")]
    pub grounding_chunk_indices: Vec<usize>,
}

/// A range in bytes of the text's UTF-8; the end is exclusive.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment<'a> {
    /// First byte; absent for 0.
    #[serde(default)]
    pub start_index: Option<usize>,
    /// One past the last byte.
    #[serde(default)]
    pub end_index: Option<usize>,
    /// What stands there.
    #[serde(borrow, default)]
    pub text: Option<Str<'a>>,
}

/// The reply of `countTokens`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenCount {
    /// All tokens.
    #[serde(default)]
    pub total_tokens: u64,
}

/// One page of models.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelPage {
    /// The models.
    #[serde(default)]
    pub models: Vec<Model>,
    /// Where the next page begins.
    #[serde(default)]
    pub next_page_token: Option<String>,
}

/// One model.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// `models/NAME`.
    pub name: String,
    /// What people call it.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Tokens of the prompt.
    #[serde(default)]
    pub input_token_limit: Option<u64>,
    /// Tokens of the answer.
    #[serde(default)]
    pub output_token_limit: Option<u64>,
    /// `generateContent` and the like.
    #[serde(default)]
    pub supported_generation_methods: Vec<String>,
}

/// The body of a failure.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorBody {
    /// What failed.
    pub error: Status,
}

/// `google.rpc.Status`.
#[derive(Debug, Default, Deserialize)]
pub struct Status {
    /// The HTTP status.
    #[serde(default)]
    pub code: Option<u16>,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// `INVALID_ARGUMENT` and the like.
    #[serde(default)]
    pub status: String,
    /// What else is known.
    #[serde(default)]
    pub details: Vec<Detail>,
}

/// `ErrorInfo`, `RetryInfo` or `QuotaFailure`, told apart by their fields.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// Of `ErrorInfo`: `API_KEY_INVALID` and the like.
    #[serde(default)]
    pub reason: Option<String>,
    /// Of `ErrorInfo`.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    /// Of `RetryInfo`: seconds and `s`.
    #[serde(default)]
    pub retry_delay: Option<String>,
    /// Of `QuotaFailure`.
    #[serde(default)]
    pub violations: Vec<Violation>,
}

/// What an `ErrorInfo` says of a quota. Its keys are the service's own and not in camelCase.
#[derive(Debug, Default, Deserialize)]
pub struct Metadata {
    /// The limit, as text.
    #[serde(default)]
    pub quota_limit_value: Option<String>,
}

/// A quota that is used up.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Such as `GenerateRequestsPerDayPerProjectPerModel`.
    #[serde(default)]
    pub quota_id: String,
    /// The limit, as text.
    #[serde(default)]
    pub quota_value: Option<String>,
}

fn nullable<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}
