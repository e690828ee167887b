//! How the demo misbehaves on demand.
//!
//! Everything stands under one field of the request, `demo`, or flat beside it for the terminal's `-p fail=429`. A
//! peer has no memory, so it cannot fail the first time and answer the second; `only` makes one model fail and its
//! sibling answer, which is what a test of failover needs.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::canonical::extra::{Extra, Object};
use crate::error::Error;

/// The field that holds all of them.
const FIELD: &str = "demo";

/// Those that may also stand in the request itself.
const FLAT: [&str; 7] = [
    "fail",
    "retry_after",
    "delay_ms",
    "gap_ms",
    "cut_after",
    "stall_after",
    "garbage_after",
];

/// What to do wrong. Counts are of frames, the opening one included; a whole reply has the same frames in one array.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Faults {
    /// Misbehave for this model only; any other answers as if nothing had been asked.
    pub(super) only: Option<String>,
    /// Fail instead of answering.
    #[serde(alias = "status")]
    pub(super) fail: Option<Fail>,
    /// The code in the body of a failure.
    pub(super) code: Option<String>,
    /// Seconds in the `retry-after` header of a failure.
    pub(super) retry_after: Option<f64>,
    /// Milliseconds before the reply begins.
    pub(super) delay_ms: u64,
    /// Milliseconds before each frame.
    pub(super) gap_ms: u64,
    /// Reset the connection after so many frames.
    pub(super) cut_after: Option<usize>,
    /// End as if all were well after so many frames.
    pub(super) end_after: Option<usize>,
    /// Fall silent after so many frames.
    pub(super) stall_after: Option<usize>,
    /// Send a frame that is no JSON after so many frames.
    pub(super) garbage_after: Option<usize>,
    /// Report an error after so many frames.
    pub(super) error_after: Option<usize>,
    /// End the answer otherwise than whole.
    pub(super) stop: Option<Ending>,
    /// Say exactly this.
    pub(super) text: Option<String>,
    /// Say this many words, at most 100,000.
    pub(super) words: Option<usize>,
}

/// How a request fails before its answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fail {
    /// With this status and an error body.
    Status(u16),
    /// With a gateway's page of HTML, 502.
    Html,
    /// The connection is reset.
    Reset,
    /// Nothing ever comes.
    Hang,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    /// The model refuses, in words.
    Refusal,
    /// A filter stops it.
    ContentFilter,
}

impl<'de> Deserialize<'de> for Fail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let status = value.as_u64().and_then(|status| u16::try_from(status).ok());
        match (status, value.as_str()) {
            (Some(status @ 400..=599), _) => Ok(Self::Status(status)),
            (_, Some("html")) => Ok(Self::Html),
            (_, Some("reset")) => Ok(Self::Reset),
            (_, Some("hang")) => Ok(Self::Hang),
            _ => Err(serde::de::Error::custom(
                "`fail` is a status of 400 to 599, or \"html\", \"reset\" or \"hang\"",
            )),
        }
    }
}

/// Is this field of a request one of ours?
pub(super) fn knows(key: &str) -> bool {
    key == FIELD || FLAT.contains(&key)
}

impl Faults {
    /// What these fields of a request ask for.
    pub(super) fn of(extra: &Extra) -> Result<Self, Error> {
        let mut all = match extra.get(FIELD) {
            Some(Value::Object(map)) => map.clone(),
            Some(Value::Null) | None => Object::new(),
            Some(_) => return Err(Error::invalid(FIELD, "expected an object")),
        };
        let flat = FLAT.iter().filter_map(|key| extra.get_key_value(*key));
        for (key, value) in flat {
            all.insert(key.clone(), value.clone());
        }
        serde_json::from_value(Value::Object(all))
            .map_err(|error| Error::invalid(FIELD, error.to_string()))
    }

    /// What of it this model does.
    pub(super) fn at(self, model: &str) -> Self {
        match &self.only {
            Some(only) if only != model => Self::default(),
            Some(_) | None => self,
        }
    }
}
