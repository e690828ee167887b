//! How vendors of Chat Completions differ, as data: one row a vendor, and a cautious one for servers that nobody knows.
//!
//! Sources: the vendors' API references and their recorded traffic, the profiles of the public SDKs, as of November
//! 2026. A field that a vendor is not known to take is not sent, and listed as a loss.

use crate::canonical::request::Effort;

/// How one vendor's server differs.
#[derive(Debug, Clone, Copy)]
pub struct Quirks {
    /// The name by which the configuration asks for the row.
    pub name: &'static str,
    /// Where it is reached, with its version path; `None` where each user has a host of their own.
    pub base_url: Option<&'static str>,
    /// The environment variable that holds its key.
    pub key_env: Option<&'static str>,
    /// Whether it answers without a key.
    pub key: Key,
    /// How the key is shown.
    pub auth: Auth,
    /// What it calls the limit of the output.
    pub limit: Limit,
    /// Where it takes system messages.
    pub system: System,
    /// Whether `stream_options.include_usage` may be sent.
    pub stream_usage: Takes,
    /// Whether `parallel_tool_calls` may be sent; without it one call at a time is kept by leaving later calls out.
    pub parallel: Takes,
    /// How it is told that some tool must be called.
    pub required: Required,
    /// Whether one tool may be named that must be called.
    pub named: Takes,
    /// Whether a function may be `strict`.
    pub strict: Takes,
    /// Whether free-form tools and `allowed_tools` are understood, which only OpenAI does.
    pub custom: Takes,
    /// Which forms of the answer it can be held to.
    pub formats: Formats,
    /// How it is told how hard to think.
    pub effort: EffortStyle,
    /// In which field reasoning of earlier turns is sent back, if it is.
    pub replay: Replay,
    /// Which call ids it takes.
    pub call_ids: CallIds,
    /// Which images it takes.
    pub images: Images,
    /// Which files it takes.
    pub files: Files,
    /// How it is told to go on from its own words.
    pub prefill: Prefill,
    /// The optional fields that it takes.
    pub fields: &'static [Field],
}

/// Does it answer without a key?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It does not.
    Needed,
    /// It runs at home and mostly wants none.
    Optional,
}

/// How is the key shown?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer`.
    Bearer,
    /// Azure's `api-key`.
    ApiKey,
}

/// What is the limit of the output called?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// Where may system messages stand?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Anywhere, and `developer` is a role of its own.
    Developer,
    /// Anywhere, as `system`.
    InPlace,
    /// One at the front: chat templates refuse others.
    Front,
}

/// Is something understood?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// How is it told that some tool must be called?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// `required`.
    Required,
    /// Mistral's `any`.
    Any,
    /// It cannot be told.
    Never,
    /// It cannot be told while the model thinks, and thinking can be switched off for it.
    WithoutThinking,
}

/// Which forms of the answer can it be held to?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formats {
    /// A JSON schema, or any JSON object.
    JsonSchema,
    /// Any JSON object.
    JsonObject,
    /// A JSON schema alone.
    SchemaOnly,
}

/// How is it told how hard to think?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffortStyle {
    /// `reasoning_effort`, by the rules of OpenAI's model families.
    OpenAi,
    /// `reasoning_effort`, one of these words, weakest first.
    Words(&'static [Effort]),
    /// OpenRouter's `reasoning: {effort}`.
    Object(&'static [Effort]),
    /// `thinking: {type}` switches, `reasoning_effort` grades.
    Thinking(&'static [Effort]),
    /// Alibaba's `enable_thinking`, a switch.
    EnableThinking,
    /// `chat_template_kwargs: {enable_thinking}` switches, `reasoning_effort` grades.
    Template(&'static [Effort]),
    /// Not at all.
    Never,
}

/// In which field does reasoning of earlier turns go back?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// In none.
    Never,
    /// `reasoning_content`.
    ReasoningContent,
    /// `reasoning_details`, as they were issued.
    Details,
}

/// Which call ids does it take?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallIds {
    /// Up to so many characters.
    UpTo(usize),
    /// Mistral: exactly nine letters and digits.
    Nine,
}

/// Which images does it take?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Images {
    /// By URL or data URL.
    Any,
    /// Data URLs alone.
    DataUrls,
    /// None.
    Never,
}

/// Which files does it take?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// `file` parts.
    Parts,
    /// Only what can be written out as text.
    AsText,
}

/// How is it told to go on from its own words?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefill {
    /// It cannot be told, or it is not known: it would begin anew, and say everything twice.
    Never,
    /// An assistant's message at the end is gone on with as it is.
    LastMessage,
    /// The last message has this mark.
    Mark(&'static str),
    /// `continue_final_message`, without a prompt for a new message.
    ContinueFinal,
}

/// An optional field of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `presence_penalty` and `frequency_penalty`.
    Penalties,
    /// `logprobs` and `top_logprobs`.
    Logprobs,
    /// `logit_bias`.
    LogitBias,
    /// `stop`.
    Stop,
    /// `seed`.
    Seed,
    /// Mistral's `random_seed`.
    RandomSeed,
    /// `top_k`, which is no field of OpenAI's.
    TopK,
    /// `verbosity`.
    Verbosity,
    /// `service_tier`.
    ServiceTier,
    /// `prompt_cache_key`.
    PromptCacheKey,
    /// `safety_identifier`.
    SafetyIdentifier,
    /// The older `user`.
    User,
    /// `stream_options.include_obfuscation`, sent to have it off: padding costs bytes and hides nothing behind TLS
    /// that ends here.
    Obfuscation,
    /// `input_audio` parts.
    Audio,
}

impl Quirks {
    /// Is this optional field taken?
    pub fn takes(&self, field: Field) -> bool {
        self.fields.contains(&field)
    }
}

/// The row of a vendor.
pub fn vendor(name: &str) -> Option<&'static Quirks> {
    let name = match name {
        "alibaba" | "dashscope" => "qwen",
        "z.ai" | "zhipu" => "zai",
        "kimi" => "moonshot",
        "copilot" => "github-copilot",
        "llama.cpp" => "llamacpp",
        "grok" => "xai",
        "hf" => "huggingface",
        "google" | "gemini" => "google-openai",
        name => name,
    };
    super::vendors::VENDORS
        .iter()
        .find(|quirks| quirks.name == name)
}

/// All rows, for a configuration that wakes vendors by their keys. The default row is not among them.
pub fn known() -> &'static [Quirks] {
    super::vendors::VENDORS
}

/// The row for a server that nobody knows: what nearly all of them take.
pub fn unknown() -> &'static Quirks {
    &super::vendors::UNKNOWN
}
