//! The words that may become labels.
//!
//! A label's value makes a series that stays for ever, and clients choose the names of models, so only names that the
//! configuration or the catalogue has are told; every other one is `other`. Error codes may come from providers, and
//! fields from clients, so the same holds for them.

use std::collections::{HashMap, HashSet};
use std::fmt;

use foldhash::fast::RandomState;

use crate::catalog::models;
use crate::config::Config;
use crate::config::alias::{Aim, Alias};
use crate::config::provider::ProviderConfig;
use crate::target::Target;
use crate::telemetry::record::Record;

/// Nobody else chooses these names, so nobody can make them collide, and a plain hash will do.
type Words = HashSet<&'static str, RandomState>;
type Names = HashSet<Box<str>, RandomState>;

/// Stands for all names that are not ours.
pub(super) const OTHER: &str = "other";

/// The conventions' word for an error that has no name among the known.
const OTHER_ERROR: &str = "_OTHER";

/// All that a status of HTTP can be.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// A label that is empty is none.
pub(super) const NONE: &str = "";

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
    "gateway_stopped",
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
    providers: HashMap<Box<str>, Box<str>, RandomState>,
    keys: Names,
    errors: Words,
    fields: Words,
    /// All statuses, one behind the other.
    statuses: String,
}

/// A vocabulary as many records are put into words: mostly the next one is about the same as the last.
#[derive(Debug)]
pub(super) struct Scribe<'a> {
    pub(super) words: &'a Vocabulary,
    asked: Option<(&'a Record, &'a str)>,
    whom: Option<(&'a Target, Whom<'a>)>,
}

impl<'a> Scribe<'a> {
    pub(super) fn new(words: &'a Vocabulary) -> Self {
        Self {
            words,
            asked: None,
            whom: None,
        }
    }

    /// The model that was asked for.
    pub(super) fn asked(&mut self, record: &'a Record) -> &'a str {
        if let Some((last, shown)) = self.asked
            && last.asked == record.asked
            && last.alias == record.alias
        {
            return shown;
        }
        let shown = self.words.asked(record);
        self.asked = Some((record, shown));
        shown
    }

    /// A target.
    pub(super) fn whom(&mut self, target: &'a Target) -> Whom<'a> {
        if let Some((last, shown)) = self.whom
            && last == target
        {
            return shown;
        }
        let shown = self.words.whom(target);
        self.whom = Some((target, shown));
        shown
    }
}

/// A target in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whom<'a> {
    /// The configured name of its provider.
    pub(super) provider: &'a str,
    /// What the conventions call its provider.
    pub(super) vendor: &'a str,
    pub(super) model: &'a str,
}

/// Nobody.
pub(super) const NOBODY: Whom<'static> = Whom {
    provider: NONE,
    vendor: NONE,
    model: NONE,
};

impl Vocabulary {
    /// The words of a configuration.
    pub fn of(config: &Config) -> Self {
        let ids = models::all().iter().map(|model| model.id.into());
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
        let providers = config
            .providers
            .iter()
            .map(|provider| (provider.name().as_str().into(), vendor(provider).into()));
        let keys = config.server.keys.iter();
        Self {
            models: known,
            providers: providers.collect(),
            keys: keys.map(|key| key.name.as_str().into()).collect(),
            errors: ERRORS.iter().copied().collect(),
            fields: FIELDS.iter().copied().collect(),
            statuses: STATUSES.map(|status| status.to_string()).collect(),
        }
    }

    /// The model that was asked for: the alias, or a model that is known, with or without its provider.
    pub(super) fn asked<'a>(&'a self, record: &'a Record) -> &'a str {
        if let Some(alias) = &record.alias {
            return listed(&self.models, alias);
        }
        if let Some((provider, model)) = record.asked.split_once('/')
            && self.providers.contains_key(provider)
            && self.models.contains(model)
        {
            return &record.asked;
        }
        listed(&self.models, &record.asked)
    }

    /// A target.
    pub(super) fn whom(&self, target: &Target) -> Whom<'_> {
        let known = self.providers.get_key_value(target.provider.as_str());
        let (provider, vendor) = known.map_or((OTHER, OTHER), |(name, vendor)| (name, vendor));
        Whom {
            provider,
            vendor,
            model: listed(&self.models, target.model.as_str()),
        }
    }

    /// The name of a client's key.
    pub(super) fn key(&self, name: Option<&str>) -> &str {
        name.map_or(NONE, |name| listed(&self.keys, name))
    }

    /// The code of an error.
    pub(super) fn error(&self, code: Option<&str>) -> &'static str {
        let known = code.and_then(|code| self.errors.get(code));
        known.copied().unwrap_or(OTHER_ERROR)
    }

    /// The field of a loss, without what is inside it.
    pub(super) fn field(&self, path: &str) -> &'static str {
        let head = path.split(['.', '[']).next().unwrap_or_default();
        self.fields.get(head).copied().unwrap_or(OTHER)
    }

    /// A status of HTTP.
    pub(super) fn status(&self, status: u16) -> &str {
        let before = status.checked_sub(*STATUSES.start());
        let begin = before.map(|before| 3 * usize::from(before));
        let shown = begin.and_then(|begin| self.statuses.get(begin..begin + 3));
        shown.unwrap_or(OTHER)
    }
}

fn listed<'a>(names: &'a Names, name: &str) -> &'a str {
    names.get(name).map_or(OTHER, |name| name)
}

impl fmt::Display for Whom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

fn targets(alias: &Alias) -> impl Iterator<Item = &Target> {
    alias.aims().filter_map(|aim| match aim {
        Aim::Target(target) => Some(target),
        Aim::Alias(_) => None,
    })
}

/// The conventions' `gen_ai.provider.name`; a vendor that they do not know is called what the catalogue calls it.
fn vendor(provider: &ProviderConfig) -> &str {
    match provider.vendor() {
        "google" => "gcp.gemini",
        vendor => vendor,
    }
}
