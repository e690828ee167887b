//! The shape of the file: what may stand where. Meaning comes in [`super::check`].

use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::canonical::request::Effort;
use crate::secret::Secret;

use super::alias::{OnCut, Policy, Sticky};
use super::{LogFormat, LogLevel, Lossy, ReasoningEvents, StoreKind, units};

/// The keys of the file.
pub(super) const SECTIONS: [&str; 8] = [
    "server",
    "providers",
    "models",
    "defaults",
    "store",
    "fetch",
    "log",
    "prices",
];

/// Text that is never shown.
#[derive(Debug, Clone)]
pub(super) struct Hidden(pub(super) Secret);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) address: Option<String>,
    pub(super) allow_anonymous: Option<bool>,
    pub(super) keys: Option<Vec<Key>>,
    pub(super) admin: Option<String>,
    pub(super) admin_key: Option<Hidden>,
    #[serde(deserialize_with = "units::size")]
    pub(super) body_limit: Option<u64>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) drain: Option<Duration>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) commit_after: Option<Duration>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) keep_alive: Option<Duration>,
    pub(super) cors: Option<Vec<String>>,
    #[serde(deserialize_with = "units::count")]
    pub(super) max_in_flight: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) name: String,
    #[serde(rename = "key")]
    pub(super) secret: Option<Hidden>,
    #[serde(default)]
    pub(super) models: Vec<String>,
    #[serde(default, deserialize_with = "units::count")]
    pub(super) requests_per_minute: Option<u64>,
    #[serde(default, deserialize_with = "units::count")]
    pub(super) tokens_per_minute: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Provider {
    pub(super) r#type: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) api: Option<Api>,
    pub(super) api_key: Option<Hidden>,
    pub(super) api_keys: Option<Vec<Option<Hidden>>>,
    pub(super) api_key_cmd: Option<String>,
    pub(super) headers: Option<serde_yaml::Mapping>,
    #[serde(deserialize_with = "units::count")]
    pub(super) max_in_flight: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Api {
    Auto,
    Responses,
    Chat,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Alias {
    pub(super) policy: Option<Policy>,
    pub(super) sticky: Option<Sticky>,
    pub(super) sticky_header: Option<String>,
    pub(super) targets: Option<Vec<Target>>,
    pub(super) then: Option<Vec<String>>,
    pub(super) instructions: Option<String>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) frequency_penalty: Option<f64>,
    #[serde(deserialize_with = "units::count")]
    pub(super) max_output_tokens: Option<u64>,
    pub(super) effort: Option<Effort>,
    pub(super) verbosity: Option<Verbosity>,
    pub(super) service_tier: Option<String>,
    pub(super) requires: Option<Vec<String>>,
    pub(super) when_context_over: Option<ContextRule>,
    pub(super) when_refused: Option<Vec<String>>,
    pub(super) on_cut: Option<OnCut>,
    pub(super) hedge: Option<Hedge>,
    pub(super) timeouts: Option<Timeouts>,
    pub(super) retry: Option<Retry>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verbosity {
    Low,
    Medium,
    High,
}

/// A target: its name, or its name and weight.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) model: String,
    pub(super) weight: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContextRule {
    #[serde(deserialize_with = "units::count")]
    pub(super) tokens: Option<u64>,
    pub(super) targets: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hedge {
    #[serde(deserialize_with = "units::duration")]
    pub(super) after: Option<Duration>,
    #[serde(deserialize_with = "units::percent")]
    pub(super) max_extra: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Timeouts {
    #[serde(deserialize_with = "units::duration")]
    pub(super) connect: Option<Duration>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) first_token: Option<Duration>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) idle: Option<Duration>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) total: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Retry {
    pub(super) attempts: Option<u32>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) base: Option<Duration>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) max: Option<Duration>,
    #[serde(rename = "retry_after_max", deserialize_with = "units::duration")]
    pub(super) patience: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Breaker {
    #[serde(deserialize_with = "units::duration")]
    pub(super) window: Option<Duration>,
    pub(super) min_requests: Option<u32>,
    pub(super) error_rate: Option<f64>,
    pub(super) consecutive: Option<u32>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) open: Option<Duration>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) open_max: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Defaults {
    pub(super) model: Option<String>,
    pub(super) timeouts: Option<Timeouts>,
    pub(super) retry: Option<Retry>,
    pub(super) breaker: Option<Breaker>,
    pub(super) on_cut: Option<OnCut>,
    pub(super) lossy: Option<Lossy>,
    pub(super) reasoning_events: Option<ReasoningEvents>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Store {
    pub(super) kind: Option<StoreKind>,
    pub(super) path: Option<String>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) ttl: Option<Duration>,
    #[serde(deserialize_with = "units::size")]
    pub(super) max: Option<u64>,
    #[serde(deserialize_with = "units::duration")]
    pub(super) usage_ttl: Option<Duration>,
    #[serde(deserialize_with = "units::count")]
    pub(super) usage_max: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fetch {
    pub(super) allow: Option<Vec<String>>,
    #[serde(deserialize_with = "units::size")]
    pub(super) max: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub(super) level: Option<LogLevel>,
    pub(super) format: Option<LogFormat>,
    pub(super) content: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Price {
    pub(super) input: Option<f64>,
    pub(super) cached_input: Option<f64>,
    pub(super) cache_write: Option<f64>,
    pub(super) cache_write_1h: Option<f64>,
    pub(super) output: Option<f64>,
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Secret::new(text)))
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Map {
            model: String,
            weight: Option<u32>,
        }

        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Target;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model's name, or `{ model: …, weight: … }`")
            }

            fn visit_str<E>(self, model: &str) -> Result<Target, E> {
                Ok(Target {
                    model: model.to_owned(),
                    weight: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
                let Map { model, weight } = Map::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Target { model, weight })
            }
        }

        from.deserialize_any(Either)
    }
}

impl Verbosity {
    /// The word on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
