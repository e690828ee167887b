//! What is received: events, whole messages, errors, lists of models.
//!
//! Flat structs with optional fields in place of tagged enums: those buffer each value, and a delta is the hot path.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::plain::Plain;

/// Text that is borrowed where it holds no escapes, also inside an `Option`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `content_block_delta`, the event that a stream is made of.
#[derive(Debug, Deserialize)]
pub struct BlockDelta<'a> {
    /// Which block.
    #[serde(default)]
    pub index: u64,
    /// What it adds.
    #[serde(borrow)]
    pub delta: Delta<'a>,
}

impl<'a> BlockDelta<'a> {
    /// The same without a general reader, where the text is as plain as it mostly is.
    pub fn plain(json: &'a str) -> Option<Self> {
        let mut index = None;
        let mut delta = None;
        Plain::whole(json, |reader, name| {
            match name {
                "type" => reader.skip()?,
                "index" if index.is_none() => index = Some(reader.number()?),
                "delta" if delta.is_none() => delta = Some(Delta::plain(reader)?),
                _ => return None,
            }
            Some(())
        })?;
        Some(Self {
            index: index.unwrap_or_default(),
            delta: delta?,
        })
    }
}

/// Any event of a stream. What it carries is read once its kind is known.
#[derive(Debug, Default, Deserialize)]
pub struct Event<'a> {
    /// `message_start`, `content_block_delta`, ….
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    /// Which block.
    #[serde(default)]
    pub index: Option<u64>,
    /// `content_block_delta`: a [`Delta`]. `message_delta`: an [`Ending`].
    #[serde(borrow, default)]
    pub delta: Option<&'a RawValue>,
    /// `content_block_start`: a [`Block`].
    #[serde(borrow, default)]
    pub content_block: Option<&'a RawValue>,
    /// `message_start`: a [`Message`].
    #[serde(borrow, default)]
    pub message: Option<&'a RawValue>,
    /// `message_delta`: a [`Usage`].
    #[serde(borrow, default)]
    pub usage: Option<&'a RawValue>,
}

/// The `type` of an object.
#[derive(Debug, Default, Deserialize)]
pub struct Head<'a> {
    /// The tag.
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
}

/// What an event adds to a block.
#[derive(Debug, Default, Deserialize)]
pub struct Delta<'a> {
    /// `text_delta`, ….
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    /// `text_delta`.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    /// `input_json_delta`.
    #[serde(borrow, default)]
    pub partial_json: Option<Text<'a>>,
    /// `thinking_delta`.
    #[serde(borrow, default)]
    pub thinking: Option<Text<'a>>,
    /// `signature_delta`.
    #[serde(borrow, default)]
    pub signature: Option<Text<'a>>,
    /// `citations_delta`: a [`Citation`].
    #[serde(borrow, default)]
    pub citation: Option<&'a RawValue>,
}

impl<'a> Delta<'a> {
    fn plain(reader: &mut Plain<'a>) -> Option<Self> {
        let (mut kind, mut delta) = (None, Self::default());
        reader.object(|reader, name| {
            let text = match name {
                "type" if kind.is_none() => {
                    kind = Some(reader.word()?);
                    return Some(());
                }
                "text" => &mut delta.text,
                "partial_json" => &mut delta.partial_json,
                "thinking" => &mut delta.thinking,
                "signature" => &mut delta.signature,
                _ => return None,
            };
            match text.replace(Text(reader.text()?)) {
                None => Some(()),
                Some(_) => None,
            }
        })?;
        delta.kind = Cow::Borrowed(kind?);
        Some(delta)
    }
}

/// What an event says of the message's end.
#[derive(Debug, Default, Deserialize)]
pub struct Ending<'a> {
    /// `end_turn`, ….
    #[serde(borrow, default)]
    pub stop_reason: Option<Text<'a>>,
    /// Where it stopped, for `stop_sequence`.
    #[serde(borrow, default)]
    pub stop_sequence: Option<Text<'a>>,
    /// Why it was refused.
    #[serde(borrow, default)]
    pub stop_details: Option<StopDetails<'a>>,
}

/// Why a refusal was made.
#[derive(Debug, Default, Deserialize)]
pub struct StopDetails<'a> {
    /// For people.
    #[serde(borrow, default)]
    pub explanation: Option<Text<'a>>,
}

/// A message: whole, or as it stands at its start.
#[derive(Debug, Default, Deserialize)]
pub struct Message<'a> {
    /// `error` where a failure came with status 200.
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    /// `msg_…`.
    #[serde(borrow, default)]
    pub id: Cow<'a, str>,
    /// The model that answered.
    #[serde(borrow, default)]
    pub model: Cow<'a, str>,
    /// [`Block`]s; absent where this is no message.
    #[serde(borrow, default)]
    pub content: Option<Vec<&'a RawValue>>,
    /// Why it ended.
    #[serde(borrow, default)]
    pub stop_reason: Option<Text<'a>>,
    /// Where it stopped, for `stop_sequence`.
    #[serde(borrow, default)]
    pub stop_sequence: Option<Text<'a>>,
    /// Why it was refused.
    #[serde(borrow, default)]
    pub stop_details: Option<StopDetails<'a>>,
    /// The counts of tokens.
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// One block of content, of a known kind.
#[derive(Debug, Default, Deserialize)]
pub struct Block<'a> {
    /// `text`.
    #[serde(borrow, default)]
    pub text: Option<Text<'a>>,
    /// `text`.
    #[serde(borrow, default)]
    pub citations: Option<Vec<&'a RawValue>>,
    /// `thinking`.
    #[serde(borrow, default)]
    pub thinking: Option<Text<'a>>,
    /// `thinking`.
    #[serde(borrow, default)]
    pub signature: Option<Text<'a>>,
    /// `redacted_thinking`.
    #[serde(borrow, default)]
    pub data: Option<Text<'a>>,
    /// `tool_use`, `server_tool_use`.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    /// `tool_use`, `server_tool_use`.
    #[serde(borrow, default)]
    pub name: Option<Text<'a>>,
    /// `tool_use`, `server_tool_use`.
    #[serde(borrow, default)]
    pub input: Option<&'a RawValue>,
}

/// A citation of the kinds that have a page.
#[derive(Debug, Default, Deserialize)]
pub struct Citation<'a> {
    /// `web_search_result_location`, `search_result_location`, ….
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    /// Of a web search.
    #[serde(borrow, default)]
    pub url: Option<Text<'a>>,
    /// Of a search result of the client's.
    #[serde(borrow, default)]
    pub source: Option<Text<'a>>,
    /// The page's title.
    #[serde(borrow, default)]
    pub title: Option<Text<'a>>,
}

/// Counts of tokens. `input_tokens` holds neither what was read from a cache nor what was written to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Usage {
    /// Fresh input.
    #[serde(default)]
    pub input_tokens: Option<u64>,
    /// Written to a cache.
    #[serde(default)]
    pub cache_creation_input_tokens: Option<u64>,
    /// Read from a cache.
    #[serde(default)]
    pub cache_read_input_tokens: Option<u64>,
    /// What was written, by how long it lasts.
    #[serde(default)]
    pub cache_creation: Option<CacheCreation>,
    /// Output, thinking included.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// Parts of the output.
    #[serde(default)]
    pub output_tokens_details: Option<OutputDetails>,
    /// Uses of hosted tools.
    #[serde(default)]
    pub server_tool_use: Option<ServerToolUse>,
    /// The tier that served.
    #[serde(default)]
    pub service_tier: Option<ServiceTier>,
    /// How fast it was to be.
    #[serde(default)]
    pub speed: Option<Speed>,
}

/// The tier that served a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    /// Bought beforehand.
    Priority,
    /// In a batch.
    Batch,
    /// On no special terms.
    #[serde(other)]
    Standard,
}

/// How fast an answer was to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speed {
    /// Faster, at a price of its own.
    Fast,
    /// As ever.
    #[serde(other)]
    Standard,
}

/// Cache writes by how long they last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct CacheCreation {
    /// One hour; these cost more.
    #[serde(default)]
    pub ephemeral_1h_input_tokens: Option<u64>,
}

/// Parts of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct OutputDetails {
    /// Spent on thinking.
    #[serde(default)]
    pub thinking_tokens: Option<u64>,
}

/// Uses of hosted tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct ServerToolUse {
    /// Paid by the piece.
    #[serde(default)]
    pub web_search_requests: Option<u64>,
}

/// An error's body, also the data of an `error` event.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorBody {
    /// The error.
    #[serde(default)]
    pub error: Option<ErrorDetail>,
    /// `req_…`.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// An error.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorDetail {
    /// `invalid_request_error`, ….
    #[serde(rename = "type", default)]
    pub kind: String,
    /// For people; not stable.
    #[serde(default)]
    pub message: String,
    /// Holds the stable code.
    #[serde(default)]
    pub details: Option<ErrorDetails>,
}

/// What is stable about an error.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorDetails {
    /// The code.
    #[serde(default)]
    pub error_code: Option<String>,
}

/// `/v1/messages/count_tokens`.
#[derive(Debug, Deserialize)]
pub struct Count {
    /// The prompt's size.
    pub input_tokens: u64,
}

/// `/v1/models`.
#[derive(Debug, Deserialize)]
pub struct Models {
    /// One page.
    pub data: Vec<Model>,
    /// Whether another page follows.
    #[serde(default)]
    pub has_more: bool,
    /// The cursor of the next page.
    #[serde(default)]
    pub last_id: Option<String>,
}

/// One model of the list.
#[derive(Debug, Deserialize)]
pub struct Model {
    /// As it is asked for.
    pub id: String,
    /// What people call it.
    #[serde(default)]
    pub display_name: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub created_at: Option<String>,
    /// The context window.
    #[serde(default)]
    pub max_input_tokens: Option<u64>,
    /// The most of one answer.
    #[serde(default)]
    pub max_tokens: Option<u64>,
}
