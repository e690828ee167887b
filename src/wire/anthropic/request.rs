//! What is sent: the body of `/v1/messages` and of `/v1/messages/count_tokens`.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The body. Counting leaves out everything that only shapes the answer.
#[derive(Debug, Default, Serialize)]
pub struct Request<'a> {
    /// The model, verbatim.
    pub model: &'a str,
    /// The most tokens of the answer, thinking included. Required but for counting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// Whether the answer comes as events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The text blocks that stand before the conversation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<Block<'a>>,
    /// The conversation.
    pub messages: Vec<Turn<'a>>,
    /// The tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool<'a>>,
    /// How free the choice among them is. A 400 without tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether the model thinks, and what is shown of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// Effort and form of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_config: Option<OutputConfig>,
    /// Texts at which the answer ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<&'a str>,
    /// 0 to 1; only under version 2023-06-01.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1; only under version 2023-06-01.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Only under version 2023-06-01.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// Who the end user is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata<'a>>,
    /// `auto` or `standard_only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<&'a str>,
    /// Fields that only this API knows, as the client wrote them.
    #[serde(flatten)]
    pub own: Map<String, Value>,
}

/// One message.
#[derive(Debug, Serialize)]
pub struct Turn<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said; never empty.
    pub content: Vec<Block<'a>>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The client's side, tool results included.
    User,
    /// The model.
    Assistant,
    /// The operator in the middle of a conversation; newer models only.
    System,
}

/// One content block.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block<'a> {
    /// Text; never empty.
    Text {
        /// The text.
        text: Cow<'a, str>,
        /// Where a prompt cache ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a Value>,
    },
    /// An image.
    Image {
        /// Where it comes from.
        source: Source<'a>,
        /// Where a prompt cache ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a Value>,
    },
    /// A PDF or a text.
    Document {
        /// Where it comes from.
        source: Source<'a>,
        /// Its name.
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        /// What the client says about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a Value>,
        /// Whether it may be cited.
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<&'a Value>,
        /// Where a prompt cache ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a Value>,
    },
    /// The model calls a tool.
    ToolUse {
        /// Joins call and result: `^[a-zA-Z0-9_-]+$`.
        id: Cow<'a, str>,
        /// The tool.
        name: &'a str,
        /// A JSON object, byte for byte where the model wrote one.
        input: Cow<'a, RawValue>,
        /// Where a prompt cache ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a Value>,
    },
    /// What a tool returned.
    ToolResult {
        /// The call that this answers.
        tool_use_id: Cow<'a, str>,
        /// Absent where the tool returned nothing.
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<ResultContent<'a>>,
        /// Sent only where the tool failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        is_error: Option<bool>,
        /// Where a prompt cache ends.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<&'a Value>,
    },
    /// What the model thought, as it was issued.
    Thinking {
        /// May be empty.
        thinking: String,
        /// Opaque.
        signature: String,
    },
    /// What the model thought, encrypted.
    RedactedThinking {
        /// Opaque.
        data: String,
    },
    /// A block of the API's own tools, as it was issued.
    #[serde(untagged)]
    Own(&'a Map<String, Value>),
}

/// Text, or blocks.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum ResultContent<'a> {
    /// Text.
    Text(&'a str),
    /// Text, images and documents.
    Blocks(Vec<Block<'a>>),
}

/// Where media come from.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source<'a> {
    /// Bare base64.
    Base64 {
        /// Must match the bytes.
        media_type: &'static str,
        /// The bytes.
        data: Cow<'a, str>,
    },
    /// Plain text.
    Text {
        /// Always `text/plain`.
        media_type: &'static str,
        /// The text.
        data: String,
    },
    /// Fetched by the API.
    Url {
        /// `https:`.
        url: &'a str,
    },
}

/// A tool.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Tool<'a> {
    /// A function of the client's.
    Function(Function<'a>),
    /// A tool that the API knows by its `type`.
    Typed(Cow<'a, Map<String, Value>>),
}

/// A function of the client's.
#[derive(Debug, Serialize)]
pub struct Function<'a> {
    /// `^[a-zA-Z0-9_-]{1,64}$`.
    pub name: &'a str,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Cow<'a, str>>,
    /// JSON Schema, draft 2020-12, its root an object.
    pub input_schema: Cow<'a, RawValue>,
    /// Whether the arguments must fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// Where a prompt cache ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<&'a Value>,
}

/// How free the choice among the tools is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolChoice<'a> {
    /// The model decides.
    Auto {
        /// At most one call.
        #[serde(skip_serializing_if = "Option::is_none")]
        disable_parallel_tool_use: Option<bool>,
    },
    /// At least one call.
    Any {
        /// Exactly one call.
        #[serde(skip_serializing_if = "Option::is_none")]
        disable_parallel_tool_use: Option<bool>,
    },
    /// This tool.
    Tool {
        /// Its name.
        name: &'a str,
        /// Exactly one call.
        #[serde(skip_serializing_if = "Option::is_none")]
        disable_parallel_tool_use: Option<bool>,
    },
    /// No call.
    None,
}

/// Whether the model thinks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Thinking {
    /// As much as the effort says.
    Adaptive {
        /// What is shown; absent means the model's default.
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<Display>,
    },
    /// Up to a budget; older models.
    Enabled {
        /// At least 1024, less than `max_tokens`.
        budget_tokens: u64,
        /// What is shown; absent means the model's default.
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<Display>,
    },
    /// Not at all.
    Disabled,
    /// Only between tool calls.
    BetweenTools,
}

/// What is shown of the thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// A summary.
    Summarized,
    /// Nothing but the signature.
    Omitted,
}

/// Effort and form of the answer.
#[derive(Debug, Default, Serialize)]
pub struct OutputConfig {
    /// `low` to `max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<&'static str>,
    /// The form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<OutputFormat>,
}

/// The form of the answer.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutputFormat {
    /// JSON that fits a schema.
    JsonSchema {
        /// In the API's subset of JSON Schema.
        schema: Box<RawValue>,
    },
}

/// `metadata`: any other key is a 400.
#[derive(Debug, Serialize)]
pub struct Metadata<'a> {
    /// Opaque, at most 256 characters.
    pub user_id: Cow<'a, str>,
}
