//! The words that may become labels.
//!
//! A label's value makes a series that stays for ever, and clients choose the names of models, so only names that the
//! configuration or the catalogue has are told; every other one is `other`. Error codes may come from providers, and
//! fields from clients, so the same holds for them.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::label::Label;
use crate::catalog::models;
use crate::config::Config;
use crate::config::alias::{Aim, Alias};
use crate::config::provider::ProviderConfig;
use crate::target::Target;
use crate::telemetry::record::Record;

/// Nobody else chooses these names, so nobody can make them collide, and a plain hash will do.
type Names = HashSet<Label, RandomState>;

/// Stands for all names that are not ours.
pub(super) const OTHER: Label = Label::Word("other");

/// The conventions' word for an error that has no name among the known.
const OTHER_ERROR: Label = Label::Word("_OTHER");

/// A label that is empty is none.
pub(super) const NONE: Label = Label::Word("");

/// The codes of errors that there are, of this gateway and of the providers' that matter.
const ERRORS: &[&str] = &[
    "invalid_value",
    "unsupported_parameter",
    "unsupported_value",
    "missing_required_parameter",
    "unknown_parameter",
    "invalid_json",
    "not_found",
    "method_not_allowed",
    "unsupported_media_type",
    "invalid_api_key",
    "forbidden",
    "foreign_host",
    "foreign_origin",
    "model_not_allowed",
    "request_too_large",
    "model_not_found",
    "model_not_available",
    "context_length_exceeded",
    "upstream_invalid_request",
    "content_policy_violation",
    "content_filter",
    "rate_limit_exceeded",
    "client_rate_limit_exceeded",
    "insufficient_quota",
    "upstream_quota_exhausted",
    "upstream_auth_failed",
    "upstream_unreachable",
    "upstream_timeout",
    "overloaded",
    "overloaded_error",
    "server_error",
    "upstream_error",
    "upstream_malformed",
    "upstream_stream_interrupted",
    "upstream_too_large",
    "model_error",
    "loop_detected",
    "gateway_busy",
    "provider_busy",
    "target_resting",
    "internal_error",
    "cancelled",
    "max_output_tokens",
];

/// The fields of requests, in all protocols, that a loss can begin with.
const FIELDS: &[&str] = &[
    "audio",
    "background",
    "cache_control",
    "citations",
    "container",
    "context_management",
    "conversation",
    "dimensions",
    "frequency_penalty",
    "function_call",
    "functions",
    "include",
    "input",
    "instructions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "max_tool_calls",
    "mcp_servers",
    "messages",
    "metadata",
    "modalities",
    "n",
    "output_config",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "stop_sequences",
    "store",
    "stream_options",
    "system",
    "temperature",
    "text",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "verbosity",
    "web_search_options",
];

/// The names of a configuration, as labels.
#[derive(Debug)]
pub struct Vocabulary {
    /// Aliases, models of targets and of the catalogue.
    models: Names,
    /// Providers, and how the conventions call them.
    providers: HashMap<String, (Label, Label), RandomState>,
    keys: Names,
    errors: Names,
    fields: Names,
}

impl Vocabulary {
    /// The words of a configuration.
    pub fn of(config: &Config) -> Self {
        let ids = models::all().iter().map(|model| Label::from(model.id));
        let mut known: Names = ids.collect();
        for alias in &config.aliases {
            known.insert(alias.name.as_str().into());
            known.extend(targets(alias).map(|target| target.model.as_str().into()));
        }
        if let Some(model) = &config.defaults.model {
            let bare = model.split_once('/').map_or(model.as_str(), |(_, id)| id);
            known.insert(bare.into());
        }
        known.insert("demo".into());
        let providers = config.providers.iter().map(|provider| {
            let name = provider.name().as_str();
            (name.to_owned(), (name.into(), vendor(provider)))
        });
        let keys = config.server.keys.iter();
        Self {
            models: known,
            providers: providers.collect(),
            keys: keys.map(|key| key.name.as_str().into()).collect(),
            errors: ERRORS.iter().map(|code| Label::Word(code)).collect(),
            fields: FIELDS.iter().map(|field| Label::Word(field)).collect(),
        }
    }

    /// The model that was asked for: the alias, or a model that is known, with or without its provider.
    pub(super) fn asked(&self, record: &Record) -> Label {
        if let Some(alias) = &record.alias {
            return self.known(alias);
        }
        if let Some((provider, model)) = record.asked.split_once('/')
            && self.providers.contains_key(provider)
            && self.models.contains(model)
        {
            return record.asked.as_str().into();
        }
        self.known(&record.asked)
    }

    /// The model of a target.
    pub(super) fn model(&self, target: Option<&Target>) -> Label {
        target.map_or_else(|| NONE, |target| self.known(target.model.as_str()))
    }

    /// The configured name of a target's provider.
    pub(super) fn provider(&self, target: Option<&Target>) -> Label {
        self.names(target).map_or_else(|| NONE, |(name, _)| name)
    }

    /// What the conventions call a target's provider.
    pub(super) fn vendor(&self, target: Option<&Target>) -> Label {
        self.names(target)
            .map_or_else(|| NONE, |(_, vendor)| vendor)
    }

    /// A target in one word.
    pub(super) fn target(&self, target: &Target) -> Label {
        let (provider, model) = (self.provider(Some(target)), self.model(Some(target)));
        format!("{provider}/{model}").into()
    }

    /// The name of a client's key.
    pub(super) fn key(&self, name: Option<&str>) -> Label {
        match name {
            None => NONE,
            Some(name) => Self::listed(&self.keys, name),
        }
    }

    /// The code of an error.
    pub(super) fn error(&self, code: Option<&str>) -> Label {
        let known = code.and_then(|code| self.errors.get(code));
        known.cloned().unwrap_or(OTHER_ERROR)
    }

    /// The field of a loss, without what is inside it.
    pub(super) fn field(&self, path: &str) -> Label {
        let head = path.split(['.', '[']).next().unwrap_or_default();
        Self::listed(&self.fields, head)
    }

    /// A status of HTTP.
    pub(super) fn status(status: u16) -> Label {
        match status {
            200 => Label::Word("200"),
            100..=599 => status.to_string().into(),
            _ => OTHER,
        }
    }

    fn names(&self, target: Option<&Target>) -> Option<(Label, Label)> {
        let name = target?.provider.as_str();
        let known = self.providers.get(name).cloned();
        Some(known.unwrap_or((OTHER, OTHER)))
    }

    fn known(&self, model: &str) -> Label {
        Self::listed(&self.models, model)
    }

    fn listed(names: &Names, name: &str) -> Label {
        names.get(name).cloned().unwrap_or(OTHER)
    }
}

fn targets(alias: &Alias) -> impl Iterator<Item = &Target> {
    alias.aims().filter_map(|aim| match aim {
        Aim::Target(target) => Some(target),
        Aim::Alias(_) => None,
    })
}

/// The conventions' `gen_ai.provider.name`; a vendor that they do not know is called what the catalogue calls it.
fn vendor(provider: &ProviderConfig) -> Label {
    match provider.vendor() {
        "google" => "gcp.gemini".into(),
        vendor => vendor.into(),
    }
}
