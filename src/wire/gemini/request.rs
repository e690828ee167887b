//! What is sent: `GenerateContentRequest`, and the wrapper that `countTokens` wants.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// A JSON value that is passed on byte for byte.
pub type Raw<'a> = Cow<'a, RawValue>;

/// The body of `generateContent` and `streamGenerateContent`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerateContent<'a> {
    /// `models/NAME`; only inside [`CountTokens`], since the path names the model otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Said before everything else; text only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_instruction: Option<Content<'a>>,
    /// The conversation; never empty.
    pub contents: Vec<Content<'a>>,
    /// What the model may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool<'a>>,
    /// How free the choice among the tools is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_config: Option<ToolConfig>,
    /// Sampling, limits, form, thinking.
    #[serde(skip_serializing_if = "GenerationConfig::is_empty")]
    pub generation_config: GenerationConfig<'a>,
    /// `standard`, `flex` or `priority`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<&'static str>,
}

/// The body of `countTokens`; only in this form are the system instruction and the tools counted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountTokens<'a> {
    /// The request whose tokens are counted.
    pub generate_content_request: GenerateContent<'a>,
}

/// One turn.
#[derive(Debug, Default, Serialize)]
pub struct Content<'a> {
    /// `user` or `model`; none for the system instruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// Never empty.
    pub parts: Vec<Part<'a>>,
}

/// One piece of a turn.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part<'a> {
    /// Exactly one field.
    #[serde(flatten)]
    pub data: Data<'a>,
    /// A thought, not the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought: Option<bool>,
    /// Base64, as issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<Cow<'a, str>>,
    /// How finely an image is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_resolution: Option<MediaResolution>,
}

/// What a part holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Data<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Media in the request itself.
    InlineData(Blob<'a>),
    /// Media that Google reads itself.
    FileData(FileData<'a>),
    /// The model calls a function.
    FunctionCall(FunctionCall<'a>),
    /// What that function returned.
    FunctionResponse(FunctionResponse<'a>),
}

/// Media in base64.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Blob<'a> {
    /// The media type.
    pub mime_type: Cow<'a, str>,
    /// Base64 without a prefix.
    pub data: Cow<'a, str>,
}

/// A URI of the Files API, or a video's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileData<'a> {
    /// The media type, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<Cow<'a, str>>,
    /// Where it is.
    pub file_uri: &'a str,
}

/// `functionCall`.
#[derive(Debug, Serialize)]
pub struct FunctionCall<'a> {
    /// Joins the call and its response.
    pub id: &'a str,
    /// The function.
    pub name: Cow<'a, str>,
    /// A JSON object.
    pub args: Raw<'a>,
}

/// `functionResponse`.
#[derive(Debug, Serialize)]
pub struct FunctionResponse<'a> {
    /// The call that this answers.
    pub id: &'a str,
    /// The function; must be the call's.
    pub name: Cow<'a, str>,
    /// A JSON object.
    pub response: Raw<'a>,
    /// Media that the function returned; Gemini 3 and later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part<'a>>,
}

/// `mediaResolution` of one part; Gemini 3 and later.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MediaResolution {
    /// `MEDIA_RESOLUTION_LOW` and so on.
    pub level: &'static str,
}

/// One entry of `tools`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Tool<'a> {
    /// Functions of the client's.
    FunctionDeclarations(Vec<FunctionDeclaration<'a>>),
    /// Google's own search.
    GoogleSearch(GoogleSearch),
}

/// `googleSearch`, without settings.
#[derive(Debug, Serialize)]
pub struct GoogleSearch {}

/// A function of the client's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionDeclaration<'a> {
    /// Begins with a letter or an underscore.
    pub name: Cow<'a, str>,
    /// What it is for; empty where the client says nothing.
    pub description: Cow<'a, str>,
    /// A JSON Schema object; absent for a function without parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters_json_schema: Option<Raw<'a>>,
}

/// `toolConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolConfig {
    /// The only setting that is used here.
    pub function_calling_config: FunctionCallingConfig,
}

/// `functionCallingConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionCallingConfig {
    /// How free the choice is.
    pub mode: Mode,
    /// With `ANY` and `VALIDATED` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_function_names: Vec<String>,
}

/// `functionCallingConfig.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// The model decides.
    Auto,
    /// At least one call.
    Any,
    /// No call.
    None,
    /// The model decides, and its calls fit their schemas.
    Validated,
}

/// `generationConfig`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationConfig<'a> {
    /// Thoughts included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Sample among the k likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// An int32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i32>,
    /// Gemini 2.0 and before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// Gemini 2.0 and before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// At most five.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<&'a str>,
    /// `application/json`, or absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_mime_type: Option<&'static str>,
    /// Needs the JSON media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_json_schema: Option<Raw<'a>>,
    /// How much to think.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_config: Option<ThinkingConfig>,
}

/// `thinkingConfig`: a budget or a level, never both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThinkingConfig {
    /// Tokens; 0 is off. Gemini 2.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_budget: Option<u32>,
    /// Gemini 3 and later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking_level: Option<&'static str>,
    /// Show summaries of the thoughts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_thoughts: Option<bool>,
}

impl<'a> Part<'a> {
    /// A part with this data and nothing else.
    pub fn new(data: Data<'a>) -> Self {
        Self {
            data,
            thought: None,
            thought_signature: None,
            media_resolution: None,
        }
    }

    /// A part of text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(Data::Text(text.into()))
    }
}

impl GenerationConfig<'_> {
    /// Is there nothing to send?
    pub fn is_empty(&self) -> bool {
        let Self {
            max_output_tokens,
            temperature,
            top_p,
            top_k,
            seed,
            presence_penalty,
            frequency_penalty,
            stop_sequences,
            response_mime_type,
            response_json_schema,
            thinking_config,
        } = self;
        max_output_tokens.is_none()
            && temperature.is_none()
            && top_p.is_none()
            && top_k.is_none()
            && seed.is_none()
            && presence_penalty.is_none()
            && frequency_penalty.is_none()
            && stop_sequences.is_empty()
            && response_mime_type.is_none()
            && response_json_schema.is_none()
            && thinking_config.is_none()
    }
}
