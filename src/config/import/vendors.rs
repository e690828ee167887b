//! LiteLLM's names of providers, and who they are here.
//!
//! Source: the provider pages of docs.litellm.ai, as of November 2026; the addresses are those of the vendors'
//! OpenAI-compatible APIs.

/// Who a provider of LiteLLM's is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    /// A type of ours, which is also the name of the provider that is there without a file.
    Known {
        r#type: &'static str,
        /// The variable that LiteLLM reads the key from.
        variable: Option<&'static str>,
        /// What stands between its `api_base` and ours.
        suffix: &'static str,
    },
    /// A server of Chat Completions that has no type of its own here.
    Compatible {
        base_url: Option<&'static str>,
        variable: Option<&'static str>,
    },
    /// Another protocol, and what to do about it.
    Foreign(&'static str),
}

const fn known(r#type: &'static str, variable: &'static str) -> Vendor {
    Vendor::Known {
        r#type,
        variable: Some(variable),
        suffix: "",
    }
}

const fn local(r#type: &'static str, suffix: &'static str) -> Vendor {
    Vendor::Known {
        r#type,
        variable: None,
        suffix,
    }
}

const fn cloud(base_url: &'static str, variable: &'static str) -> Vendor {
    Vendor::Compatible {
        base_url: Some(base_url),
        variable: Some(variable),
    }
}

const NO_CLOUD: &str =
    "there is no provider for it here; its OpenAI-compatible endpoint may serve as one";

/// Names and who they are.
const VENDORS: &[(&str, Vendor)] = &[
    ("openai", known("openai", "OPENAI_API_KEY")),
    ("anthropic", known("anthropic", "ANTHROPIC_API_KEY")),
    ("gemini", known("google", "GEMINI_API_KEY")),
    (
        "azure",
        Vendor::Known {
            r#type: "azure",
            variable: Some("AZURE_API_KEY"),
            suffix: "/openai/v1",
        },
    ),
    ("groq", known("groq", "GROQ_API_KEY")),
    ("openrouter", known("openrouter", "OPENROUTER_API_KEY")),
    ("deepseek", known("deepseek", "DEEPSEEK_API_KEY")),
    ("mistral", known("mistral", "MISTRAL_API_KEY")),
    ("xai", known("xai", "XAI_API_KEY")),
    ("moonshot", known("moonshot", "MOONSHOT_API_KEY")),
    ("zai", known("zai", "ZAI_API_KEY")),
    ("dashscope", known("qwen", "DASHSCOPE_API_KEY")),
    ("cerebras", known("cerebras", "CEREBRAS_API_KEY")),
    ("together_ai", known("together", "TOGETHERAI_API_KEY")),
    ("fireworks_ai", known("fireworks", "FIREWORKS_AI_API_KEY")),
    ("perplexity", known("perplexity", "PERPLEXITYAI_API_KEY")),
    ("huggingface", known("huggingface", "HF_TOKEN")),
    (
        "github_copilot",
        known("github-copilot", "GITHUB_COPILOT_TOKEN"),
    ),
    ("ollama", local("ollama", "/v1")),
    ("ollama_chat", local("ollama", "/v1")),
    ("hosted_vllm", local("vllm", "")),
    ("vllm", local("vllm", "")),
    ("lm_studio", local("lmstudio", "")),
    ("llamafile", local("llamacpp", "")),
    (
        "nvidia_nim",
        cloud("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    ),
    (
        "deepinfra",
        cloud("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    ),
    (
        "sambanova",
        cloud("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    ),
    (
        "novita",
        cloud("https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    ),
    (
        "nebius",
        cloud("https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),
    ),
    (
        "meta_llama",
        cloud("https://api.llama.com/compat/v1", "LLAMA_API_KEY"),
    ),
    (
        "cohere",
        cloud("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    ),
    (
        "cohere_chat",
        cloud("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    ),
    (
        "volcengine",
        cloud(
            "https://ark.cn-beijing.volces.com/api/v3",
            "VOLCENGINE_API_KEY",
        ),
    ),
    ("openai_like", own()),
    ("custom_openai", own()),
    ("litellm_proxy", own()),
    ("azure_ai", own()),
    ("vertex_ai", Vendor::Foreign(NO_CLOUD)),
    ("bedrock", Vendor::Foreign(NO_CLOUD)),
    ("sagemaker", Vendor::Foreign(NO_CLOUD)),
    ("watsonx", Vendor::Foreign(NO_CLOUD)),
    ("databricks", Vendor::Foreign(NO_CLOUD)),
    ("replicate", Vendor::Foreign(NO_CLOUD)),
    ("cloudflare", Vendor::Foreign(NO_CLOUD)),
    (
        "text-completion-openai",
        Vendor::Foreign("the completions API is not spoken here"),
    ),
];

const fn own() -> Vendor {
    Vendor::Compatible {
        base_url: None,
        variable: None,
    }
}

/// Who the provider of that name is.
pub(super) fn vendor(name: &str) -> Option<Vendor> {
    let found = VENDORS.iter().find(|(known, _)| *known == name);
    found.map(|(_, vendor)| *vendor)
}

/// Who a model without a provider's name belongs to; `None` if its name does not tell.
pub(super) fn inferred(model: &str) -> Option<&'static str> {
    let begins = |words: &[&str]| words.iter().any(|word| model.starts_with(word));
    let numbered = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    if begins(&["gpt-", "chatgpt-", "text-embedding-"])
        || model.strip_prefix('o').is_some_and(numbered)
    {
        Some("openai")
    } else if model.starts_with("claude-") {
        Some("anthropic")
    } else if model.starts_with("gemini-") {
        // LiteLLM takes a bare name to Vertex, where it has no key of Google's.
        Some("vertex_ai")
    } else {
        None
    }
}
