//! The rows of the quirk table.

use super::quirks::{
    Auth, CallIds, EffortStyle, Field, Files, Formats, Images, Key, Limit, Prefill, Quirks, Replay,
    Required, System, Takes,
};
use crate::canonical::request::Effort::{
    self, High, Low, Max, Medium, Minimal, None as Off, Xhigh,
};

const THREE: &[Effort] = &[Low, Medium, High];
const NONE_TO_HIGH: &[Effort] = &[Off, Low, Medium, High];
const ALL: &[Effort] = &[Off, Minimal, Low, Medium, High, Xhigh, Max];

const SAMPLING: &[Field] = &[
    Field::Penalties,
    Field::Logprobs,
    Field::LogitBias,
    Field::Stop,
    Field::Seed,
];
const LOCAL: &[Field] = &[
    Field::Penalties,
    Field::Logprobs,
    Field::LogitBias,
    Field::Stop,
    Field::Seed,
    Field::TopK,
    Field::Audio,
];
const OPENAI: &[Field] = &[
    Field::Penalties,
    Field::Logprobs,
    Field::LogitBias,
    Field::Stop,
    Field::Seed,
    Field::Verbosity,
    Field::ServiceTier,
    Field::PromptCacheKey,
    Field::SafetyIdentifier,
    Field::User,
    Field::Obfuscation,
    Field::Audio,
];

/// A server that nobody knows.
pub(super) const UNKNOWN: Quirks = Quirks {
    name: "openai-compatible",
    base_url: None,
    key_env: None,
    key: Key::Optional,
    auth: Auth::Bearer,
    limit: Limit::MaxTokens,
    system: System::InPlace,
    stream_usage: Takes::Yes,
    parallel: Takes::Yes,
    required: Required::Required,
    named: Takes::Yes,
    strict: Takes::No,
    custom: Takes::No,
    formats: Formats::JsonSchema,
    effort: EffortStyle::Words(ALL),
    replay: Replay::Never,
    // The limit of OpenAI's own Chat Completions: a longer id comes from elsewhere.
    call_ids: CallIds::UpTo(40),
    images: Images::Any,
    files: Files::AsText,
    prefill: Prefill::Never,
    fields: SAMPLING,
};

/// A vendor in the cloud, before its row says more.
const CLOUD: Quirks = Quirks {
    key: Key::Needed,
    ..UNKNOWN
};

/// A server at home, before its row says more: strict chat templates, images only as data.
const HOME: Quirks = Quirks {
    system: System::Front,
    fields: LOCAL,
    ..UNKNOWN
};

pub(super) static VENDORS: &[Quirks] = &[
    Quirks {
        name: "openai",
        base_url: Some("https://api.openai.com/v1"),
        key_env: Some("OPENAI_API_KEY"),
        limit: Limit::MaxCompletionTokens,
        system: System::Developer,
        strict: Takes::Yes,
        custom: Takes::Yes,
        effort: EffortStyle::OpenAi,
        call_ids: CallIds::UpTo(40),
        files: Files::Parts,
        fields: OPENAI,
        ..CLOUD
    },
    // https://learn.microsoft.com/azure/ai-foundry/openai/reference: the host is the user's own resource.
    Quirks {
        name: "azure",
        key_env: Some("AZURE_OPENAI_API_KEY"),
        auth: Auth::ApiKey,
        limit: Limit::MaxCompletionTokens,
        system: System::Developer,
        strict: Takes::Yes,
        effort: EffortStyle::OpenAi,
        call_ids: CallIds::UpTo(40),
        fields: &[
            Field::Penalties,
            Field::Logprobs,
            Field::LogitBias,
            Field::Stop,
            Field::Seed,
            Field::Verbosity,
            Field::User,
            Field::Audio,
        ],
        ..CLOUD
    },
    // https://docs.ollama.com/api/openai-compatibility: no tool_choice, no logit_bias; images as base64 alone.
    Quirks {
        name: "ollama",
        base_url: Some("http://localhost:11434/v1"),
        system: System::InPlace,
        parallel: Takes::No,
        required: Required::Never,
        named: Takes::No,
        effort: EffortStyle::Words(NONE_TO_HIGH),
        images: Images::DataUrls,
        fields: &[Field::Penalties, Field::Stop, Field::Seed],
        ..HOME
    },
    Quirks {
        name: "vllm",
        base_url: Some("http://localhost:8000/v1"),
        effort: EffortStyle::Template(NONE_TO_HIGH),
        prefill: Prefill::ContinueFinal,
        ..HOME
    },
    // Before it knew `continue_final_message` it went on with an assistant's last message by itself.
    Quirks {
        name: "llamacpp",
        base_url: Some("http://localhost:8080/v1"),
        effort: EffortStyle::Template(THREE),
        images: Images::DataUrls,
        prefill: Prefill::ContinueFinal,
        ..HOME
    },
    Quirks {
        name: "lmstudio",
        base_url: Some("http://localhost:1234/v1"),
        named: Takes::No,
        formats: Formats::SchemaOnly,
        effort: EffortStyle::Words(NONE_TO_HIGH),
        images: Images::DataUrls,
        ..HOME
    },
    // https://console.groq.com/docs/openai: logprobs, logit_bias and top_logprobs are a 400.
    Quirks {
        name: "groq",
        base_url: Some("https://api.groq.com/openai/v1"),
        key_env: Some("GROQ_API_KEY"),
        limit: Limit::MaxCompletionTokens,
        strict: Takes::Yes,
        effort: EffortStyle::Words(NONE_TO_HIGH),
        fields: &[Field::Stop, Field::Seed, Field::ServiceTier, Field::User],
        // https://console.groq.com/docs/prefilling
        prefill: Prefill::LastMessage,
        ..CLOUD
    },
    // https://openrouter.ai/docs/api-reference/parameters and …/use-cases/reasoning-tokens.
    Quirks {
        name: "openrouter",
        base_url: Some("https://openrouter.ai/api/v1"),
        key_env: Some("OPENROUTER_API_KEY"),
        system: System::Developer,
        strict: Takes::Yes,
        effort: EffortStyle::Object(&[Off, Minimal, Low, Medium, High, Xhigh]),
        replay: Replay::Details,
        files: Files::Parts,
        fields: &[
            Field::Penalties,
            Field::Logprobs,
            Field::LogitBias,
            Field::Stop,
            Field::Seed,
            Field::TopK,
            Field::Verbosity,
            Field::User,
            Field::Audio,
        ],
        ..CLOUD
    },
    // https://api-docs.deepseek.com/guides/thinking_mode: the reasoning of a turn with tools must come back.
    Quirks {
        name: "deepseek",
        base_url: Some("https://api.deepseek.com/v1"),
        key_env: Some("DEEPSEEK_API_KEY"),
        strict: Takes::Yes,
        parallel: Takes::No,
        required: Required::WithoutThinking,
        formats: Formats::JsonObject,
        effort: EffortStyle::Thinking(&[Low, Medium, High, Max]),
        replay: Replay::ReasoningContent,
        images: Images::Never,
        fields: &[Field::Penalties, Field::Logprobs, Field::Stop],
        ..CLOUD
    },
    // https://docs.mistral.ai/api: unknown fields are a 422.
    Quirks {
        name: "mistral",
        base_url: Some("https://api.mistral.ai/v1"),
        key_env: Some("MISTRAL_API_KEY"),
        stream_usage: Takes::No,
        required: Required::Any,
        strict: Takes::Yes,
        effort: EffortStyle::Words(&[Off, High]),
        call_ids: CallIds::Nine,
        prefill: Prefill::Mark("prefix"),
        fields: &[
            Field::Penalties,
            Field::Stop,
            Field::RandomSeed,
            Field::Audio,
        ],
        ..CLOUD
    },
    // https://docs.x.ai/docs/api-reference: penalties and stop are refused by reasoning models.
    Quirks {
        name: "xai",
        base_url: Some("https://api.x.ai/v1"),
        key_env: Some("XAI_API_KEY"),
        limit: Limit::MaxCompletionTokens,
        strict: Takes::Yes,
        effort: EffortStyle::Words(THREE),
        fields: &[Field::Logprobs, Field::Seed, Field::User],
        ..CLOUD
    },
    // https://platform.moonshot.ai/docs: tool_choice `required` is not taken.
    Quirks {
        name: "moonshot",
        base_url: Some("https://api.moonshot.ai/v1"),
        key_env: Some("MOONSHOT_API_KEY"),
        parallel: Takes::No,
        required: Required::Never,
        named: Takes::No,
        effort: EffortStyle::Thinking(&[]),
        replay: Replay::ReasoningContent,
        images: Images::DataUrls,
        prefill: Prefill::Mark("partial"),
        fields: &[Field::Penalties, Field::Stop, Field::PromptCacheKey],
        ..CLOUD
    },
    Quirks {
        name: "zai",
        base_url: Some("https://api.z.ai/api/paas/v4"),
        key_env: Some("ZAI_API_KEY"),
        parallel: Takes::No,
        required: Required::Never,
        named: Takes::No,
        formats: Formats::JsonObject,
        effort: EffortStyle::Thinking(&[]),
        replay: Replay::ReasoningContent,
        fields: &[Field::Stop],
        ..CLOUD
    },
    // https://www.alibabacloud.com/help/model-studio: thinking is a switch.
    Quirks {
        name: "qwen",
        base_url: Some("https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        key_env: Some("DASHSCOPE_API_KEY"),
        required: Required::Never,
        effort: EffortStyle::EnableThinking,
        replay: Replay::ReasoningContent,
        prefill: Prefill::Mark("partial"),
        fields: &[
            Field::Penalties,
            Field::Logprobs,
            Field::Stop,
            Field::Seed,
            Field::TopK,
        ],
        ..CLOUD
    },
    Quirks {
        name: "cerebras",
        base_url: Some("https://api.cerebras.ai/v1"),
        key_env: Some("CEREBRAS_API_KEY"),
        limit: Limit::MaxCompletionTokens,
        strict: Takes::Yes,
        effort: EffortStyle::Words(NONE_TO_HIGH),
        fields: &[Field::Logprobs, Field::Stop, Field::Seed, Field::User],
        images: Images::Never,
        ..CLOUD
    },
    Quirks {
        name: "together",
        base_url: Some("https://api.together.xyz/v1"),
        key_env: Some("TOGETHER_API_KEY"),
        parallel: Takes::No,
        effort: EffortStyle::Words(THREE),
        fields: &[
            Field::Penalties,
            Field::LogitBias,
            Field::Stop,
            Field::Seed,
            Field::TopK,
        ],
        ..CLOUD
    },
    Quirks {
        name: "fireworks",
        base_url: Some("https://api.fireworks.ai/inference/v1"),
        key_env: Some("FIREWORKS_API_KEY"),
        effort: EffortStyle::Words(NONE_TO_HIGH),
        replay: Replay::ReasoningContent,
        fields: &[
            Field::Penalties,
            Field::LogitBias,
            Field::Stop,
            Field::Seed,
            Field::TopK,
            Field::User,
        ],
        ..CLOUD
    },
    // https://docs.perplexity.ai/api-reference: no tools of the client's.
    Quirks {
        name: "perplexity",
        base_url: Some("https://api.perplexity.ai"),
        key_env: Some("PERPLEXITY_API_KEY"),
        stream_usage: Takes::No,
        parallel: Takes::No,
        required: Required::Never,
        named: Takes::No,
        formats: Formats::SchemaOnly,
        effort: EffortStyle::Words(&[Minimal, Low, Medium, High]),
        fields: &[Field::Penalties, Field::Stop, Field::TopK],
        ..CLOUD
    },
    Quirks {
        name: "huggingface",
        base_url: Some("https://router.huggingface.co/v1"),
        key_env: Some("HF_TOKEN"),
        parallel: Takes::No,
        ..CLOUD
    },
    // https://ai.google.dev/gemini-api/docs/openai
    Quirks {
        name: "google-openai",
        base_url: Some("https://generativelanguage.googleapis.com/v1beta/openai"),
        parallel: Takes::No,
        effort: EffortStyle::Words(&[Off, Minimal, Low, Medium, High]),
        images: Images::DataUrls,
        fields: &[Field::Stop, Field::Audio],
        ..CLOUD
    },
    Quirks {
        name: "github-copilot",
        base_url: Some("https://api.githubcopilot.com"),
        key_env: Some("GITHUB_COPILOT_TOKEN"),
        effort: EffortStyle::OpenAi,
        limit: Limit::MaxTokens,
        call_ids: CallIds::UpTo(40),
        images: Images::DataUrls,
        fields: &[Field::Penalties, Field::Stop, Field::Seed],
        ..CLOUD
    },
];

#[cfg(test)]
mod tests {
    use super::super::quirks::{known, vendor};

    #[test]
    fn every_row_is_found_by_its_name_and_no_name_is_used_twice() {
        for (at, row) in known().iter().enumerate() {
            let first = known().iter().position(|other| other.name == row.name);
            assert_eq!(first, Some(at), "{}", row.name);
            assert_eq!(vendor(row.name).unwrap().name, row.name);
        }
    }

    #[test]
    fn addresses_are_written_as_the_sdks_take_them() {
        for url in known().iter().filter_map(|row| row.base_url) {
            assert!(url.starts_with("http") && !url.ends_with('/'), "{url}");
        }
    }

    #[test]
    fn other_names_of_a_vendor_find_its_row() {
        assert_eq!(vendor("alibaba").unwrap().name, "qwen");
        assert_eq!(vendor("llama.cpp").unwrap().name, "llamacpp");
        assert!(vendor("nobody").is_none());
    }
}
