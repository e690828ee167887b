//! The request: what a client asks, whichever door it came through.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::beyond::Beyond;
use super::extra::{Extra, Object};
use super::item::{Item, Role};
use super::native::Native;
use super::open::{Open, nullable};
use super::part::Json;
use super::tool::{Tool, ToolChoice};

mod reading;

/// A request for one response. Absent and `null` mean the same; `extra` keeps what the specification does not know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Request {
    /// The name that the client uses; routing decides what it means.
    #[serde(default, deserialize_with = "nullable")]
    pub model: String,
    /// The conversation. A bare string is read as one message of the user's.
    #[serde(default, deserialize_with = "reading::input")]
    pub input: Vec<Open<Item>>,
    /// Said before everything else; not inherited through `previous_response_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Goes on after that response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_response_id: Option<String>,
    /// What to add to the output.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub include: Vec<String>,
    /// What the model may call, in the client's order.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub tools: Vec<Open<Tool>>,
    /// How free the choice among the tools is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// May several tools be called at once?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Limits hosted calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tool_calls: Option<u64>,
    /// Limits the output, reasoning included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// In the specification, unknown to OpenAI's own Responses API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// In the specification, unknown to OpenAI's own Responses API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// 0 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u64>,
    /// The form of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextSettings>,
    /// How much to think, and what to show of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<ReasoningSettings>,
    /// `auto` or `disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncation: Option<String>,
    /// `auto`, `default`, `flex`, `priority`, or a newer word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// May the response be kept for later retrieval?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// Whole or streamed.
    #[serde(
        default,
        rename = "stream",
        deserialize_with = "reading::delivery",
        skip_serializing_if = "Delivery::is_whole",
        serialize_with = "reading::delivery_out"
    )]
    pub delivery: Delivery,
    /// `include_obfuscation`, and what newer versions add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// Answer at once, work on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<bool>,
    /// The client's own notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
    /// An opaque name of the end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_identifier: Option<String>,
    /// Groups requests that share a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<String>,
    /// Pins the provider; ours, never sent on.
    #[serde(default, skip_serializing)]
    pub provider: Option<String>,
    /// What other doors know and the specification does not.
    #[serde(skip)]
    pub beyond: Beyond,
    /// The request as its client wrote it, for a provider of the same protocol.
    #[serde(skip)]
    pub native: Option<Native>,
    /// Strict output, or everything that the provider said.
    #[serde(skip)]
    pub profile: Profile,
    /// What the reply's events of raw reasoning are called.
    #[serde(skip)]
    pub reasoning_names: ReasoningNames,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How the answer is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// One JSON document.
    #[default]
    Whole,
    /// Events as they come.
    Streamed,
}

/// How far the output may go beyond the specification's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// To the letter: a foreign item is withheld and reported as a loss.
    #[default]
    Strict,
    /// Everything is passed.
    Native,
}

/// `text`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TextSettings {
    /// Free text, or JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Open<Format>>,
    /// `low`, `medium` or `high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<String>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `text.format`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// Free text.
    Text(PlainFormat),
    /// Some JSON object.
    JsonObject(PlainFormat),
    /// JSON that fits a schema.
    JsonSchema(SchemaFormat),
}

/// A format without settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlainFormat {
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `json_schema`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SchemaFormat {
    /// A label for the model; some clients leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the answer is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The schema, byte for byte. Without one, any JSON object will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// Must the answer fit?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

impl super::open::Tagged for Format {
    fn read(tag: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
        use super::open::payload;
        match tag {
            "text" => Some(payload(json).map(Self::Text)),
            "json_object" => Some(payload(json).map(Self::JsonObject)),
            "json_schema" => Some(payload(json).map(Self::JsonSchema)),
            _ => None,
        }
    }
}

/// How hard the model thinks: the seven levels of the gateway. `minimal` and `max` are OpenAI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as there is.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More than much.
    Xhigh,
    /// All there is.
    Max,
}

impl Effort {
    /// All levels, weakest first.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Xhigh,
        Self::Max,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }
}

/// `reasoning`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReasoningSettings {
    /// Absent means the provider's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// `auto`, `concise` or `detailed`; absent means no summary is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `stream_options`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StreamOptions {
    /// Pad the deltas against observers of their lengths?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_obfuscation: Option<bool>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Delivery {
    /// One JSON document?
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

impl Request {
    /// A request of one user message, to be refined by the caller.
    pub fn ask(model: impl Into<String>, prompt: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            input: vec![Open::Known(Item::message(Role::User, prompt))],
            ..Self::default()
        }
    }

    /// The format of the answer, if one was asked for.
    pub fn format(&self) -> Option<&Open<Format>> {
        self.text.as_ref().and_then(|text| text.format.as_ref())
    }

    /// The effort that was asked for.
    pub fn effort(&self) -> Option<Effort> {
        self.reasoning
            .as_ref()
            .and_then(|reasoning| reasoning.effort)
    }

    /// Whether a summary of the reasoning was asked for.
    pub fn wants_summary(&self) -> bool {
        self.reasoning
            .as_ref()
            .is_some_and(|reasoning| reasoning.summary.is_some())
    }

    /// Whether this entry of `include` was asked for.
    pub fn includes(&self, what: &str) -> bool {
        self.include.iter().any(|entry| entry == what)
    }
}

/// What the events of raw reasoning text are called. A client that was written for one name does not hear the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningNames {
    /// `response.reasoning.delta` and `.done`, the specification's.
    #[default]
    Specification,
    /// `response.reasoning_text.delta` and `.done`, OpenAI's.
    OpenAi,
}

/// The values of `include` that the specification names; others make a request native.
pub const INCLUDES: [&str; 2] = [
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
];

/// Reads a profile's name, as the header `x-llmgw-profile` has it.
impl std::str::FromStr for Profile {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "strict" => Ok(Self::Strict),
            "native" => Ok(Self::Native),
            _ => Err(()),
        }
    }
}

/// A JSON number for a field that is a float in the specification: `1` and `1.0` are the same number there.
pub(crate) fn number(value: f64) -> Value {
    Value::from(value)
}
