//! What clients send to a server of the Messages API: the other side of [`super::request`].
//!
//! Flat structs with optional fields: `kind` says which of them count. What is not listed stays in `extra`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The body of `POST /v1/messages` and of `/v1/messages/count_tokens`.
#[derive(Debug, Default, Deserialize)]
pub struct Request<'a> {
    /// Who is asked.
    #[serde(default)]
    pub model: String,
    /// Limits the output, thinking included.
    #[serde(default)]
    pub max_tokens: Option<u64>,
    /// The conversation.
    #[serde(borrow, default)]
    pub messages: Vec<Message<'a>>,
    /// Said before everything else.
    #[serde(borrow, default)]
    pub system: Option<&'a RawValue>,
    /// What the model may call.
    #[serde(borrow, default)]
    pub tools: Option<Vec<&'a RawValue>>,
    /// How free the choice is.
    #[serde(default)]
    pub tool_choice: Option<ToolChoice>,
    /// Whether to think.
    #[serde(default)]
    pub thinking: Option<Thinking>,
    /// How hard to think, and the form of the answer.
    #[serde(borrow, default)]
    pub output_config: Option<OutputConfig<'a>>,
    /// Where to stop.
    #[serde(default)]
    pub stop_sequences: Option<Vec<String>>,
    /// 0 to 1.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(default)]
    pub top_p: Option<f64>,
    /// Sample among the k likeliest.
    #[serde(default)]
    pub top_k: Option<u64>,
    /// `{user_id}`.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    /// `auto` or `standard_only`.
    #[serde(default)]
    pub service_tier: Option<String>,
    /// A stream instead of one document?
    #[serde(default)]
    pub stream: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One turn.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// `user`, `assistant` or `system`.
    pub role: String,
    /// A string, or blocks.
    #[serde(borrow)]
    pub content: &'a RawValue,
}

/// A content block of any kind.
#[derive(Debug, Default, Deserialize)]
pub struct Block<'a> {
    /// Which kind.
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    /// For `text`.
    #[serde(default)]
    pub text: Option<String>,
    /// For `image` and `document`; a string in `search_result`.
    #[serde(borrow, default)]
    pub source: Option<&'a RawValue>,
    /// For `document` and `search_result`.
    #[serde(default)]
    pub title: Option<String>,
    /// For `tool_use`.
    #[serde(default)]
    pub id: Option<String>,
    /// For `tool_use`.
    #[serde(default)]
    pub name: Option<String>,
    /// For `tool_use`.
    #[serde(borrow, default)]
    pub input: Option<&'a RawValue>,
    /// For `tool_result`.
    #[serde(default)]
    pub tool_use_id: Option<String>,
    /// For `tool_result` and `search_result`.
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
    /// For `tool_result`.
    #[serde(default)]
    pub is_error: Option<bool>,
    /// For `thinking`.
    #[serde(default)]
    pub thinking: Option<String>,
    /// For `thinking`.
    #[serde(default)]
    pub signature: Option<String>,
    /// For `redacted_thinking`.
    #[serde(default)]
    pub data: Option<String>,
    /// Everything else: `cache_control`, `citations`, `context`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Where an image or document comes from.
#[derive(Debug, Default, Deserialize)]
pub struct Source<'a> {
    /// `base64`, `url`, `text`, `content` or `file`.
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    /// For `base64` and `text`.
    #[serde(default)]
    pub media_type: Option<String>,
    /// For `base64` and `text`.
    #[serde(borrow, default)]
    pub data: Option<Cow<'a, str>>,
    /// For `url`.
    #[serde(default)]
    pub url: Option<String>,
    /// For `file`.
    #[serde(default)]
    pub file_id: Option<String>,
    /// For `content`: a string, or blocks.
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
}

/// A tool of the client's, or one of the vendor's own (its `kind` says so).
#[derive(Debug, Default, Deserialize)]
pub struct Tool<'a> {
    /// Absent or `custom` for a client's tool.
    #[serde(rename = "type", borrow, default)]
    pub kind: Option<Cow<'a, str>>,
    /// By which it is called.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// A JSON Schema object, byte for byte.
    #[serde(default)]
    pub input_schema: Option<Box<RawValue>>,
    /// Must the input fit the schema?
    #[serde(default)]
    pub strict: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `tool_choice`.
#[derive(Debug, Default, Deserialize)]
pub struct ToolChoice {
    /// `auto`, `any`, `tool` or `none`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// For `tool`.
    #[serde(default)]
    pub name: Option<String>,
    /// At most one call?
    #[serde(default)]
    pub disable_parallel_tool_use: Option<bool>,
}

/// `thinking`.
#[derive(Debug, Default, Deserialize)]
pub struct Thinking {
    /// `enabled`, `adaptive`, `disabled` or `between_tools`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// For `enabled`.
    #[serde(default)]
    pub budget_tokens: Option<u64>,
    /// `summarized` or `omitted`.
    #[serde(default)]
    pub display: Option<String>,
}

/// `output_config`.
#[derive(Debug, Default, Deserialize)]
pub struct OutputConfig<'a> {
    /// `low` to `max`.
    #[serde(default)]
    pub effort: Option<String>,
    /// `{type: json_schema, schema}`.
    #[serde(borrow, default)]
    pub format: Option<OutputFormat<'a>>,
}

/// `output_config.format`.
#[derive(Debug, Default, Deserialize)]
pub struct OutputFormat<'a> {
    /// `json_schema`.
    #[serde(rename = "type", borrow, default)]
    pub kind: Cow<'a, str>,
    /// The schema, byte for byte.
    #[serde(default)]
    pub schema: Option<Box<RawValue>>,
}

/// `metadata`.
#[derive(Debug, Default, Deserialize)]
pub struct Metadata {
    /// An opaque name of the end user.
    #[serde(default)]
    pub user_id: Option<String>,
}
