//! What a client asks of `POST /chat/completions`. Fields in the order in which OpenAI documents them; `extra` keeps the
//! rest and carries what single vendors want besides.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Content, FunctionCall, Text, ToolCall};

/// The request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Request<'a> {
    /// Who is asked.
    #[serde(borrow, default)]
    pub model: Text<'a>,
    /// The conversation.
    #[serde(borrow, default)]
    pub messages: Vec<Message<'a>>,
    /// What the model may call; never empty.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<Tool<'a>>>,
    /// A word, or an object that names tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<Value>,
    /// May several tools be called at once?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// The older limit of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// The newer limit of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u64>,
    /// 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// −2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// −2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Return log probabilities?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// 0 to 20; needs `logprobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u64>,
    /// Token ids and biases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<Map<String, Value>>,
    /// A string, or up to four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// A seed for sampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// How many answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// The form of the answer.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat<'a>>,
    /// How hard to think.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<Text<'a>>,
    /// `low`, `medium` or `high`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub verbosity: Option<Text<'a>>,
    /// Price and latency class.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Text<'a>>,
    /// May the reply be kept?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// The client's own notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// An opaque name of the end user.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub safety_identifier: Option<Text<'a>>,
    /// The older name of it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Text<'a>>,
    /// Groups requests that share a prefix.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub prompt_cache_key: Option<Text<'a>>,
    /// A stream instead of one document?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// For streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One message of any role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Message<'a> {
    /// `developer`, `system`, `user`, `assistant`, `tool`, or the legacy `function`.
    #[serde(borrow, default)]
    pub role: Text<'a>,
    /// Text or parts; `null` only beside calls.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content<'a>>,
    /// Who of several speaks.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Assistant: said instead of an answer.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Text<'a>>,
    /// Assistant: reasoning, where a server wants it back.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<Text<'a>>,
    /// Assistant: the same by its other name.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Text<'a>>,
    /// Assistant: OpenRouter's opaque list, as it was issued.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub reasoning_details: Option<Cow<'a, RawValue>>,
    /// Assistant: calls of tools; never empty.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCall<'a>>>,
    /// Assistant: the legacy form of one call.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall<'a>>,
    /// Tool: the call that this answers.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<Text<'a>>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A tool. A hosted one has neither `function` nor `custom`, and is kept in `extra`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tool<'a> {
    /// `function`, `custom`, or a server's own word.
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// For `function`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub function: Option<Function<'a>>,
    /// For `custom`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom<'a>>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A function tool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Function<'a> {
    /// By which it is called.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// What it is for.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<'a>>,
    /// A JSON Schema object, byte for byte.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Cow<'a, RawValue>>,
    /// Must the arguments fit the schema? Absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// A free-form tool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Custom<'a> {
    /// By which it is called.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// What it is for.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<'a>>,
    /// `{type: text}` or `{type: grammar, grammar: {…}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Value>,
}

/// `response_format`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ResponseFormat<'a> {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// For `json_schema`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<JsonSchema<'a>>,
}

/// `json_schema`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JsonSchema<'a> {
    /// A label for the model.
    #[serde(borrow, default)]
    pub name: Text<'a>,
    /// What the answer is for.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<'a>>,
    /// The schema, byte for byte.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Cow<'a, RawValue>>,
    /// Must the answer fit?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// `stop`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Stop {
    /// One sequence.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// `stream_options`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StreamOptions {
    /// End with a chunk of counts?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_usage: Option<bool>,
    /// Pad the chunks?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_obfuscation: Option<bool>,
}
