//! What the providers list themselves, kept since it was last asked for. A help: a broken or missing file is an empty
//! list, and `models --refresh` writes it anew.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::failure::{Code, Failure, Outcome};
use super::places;
use crate::catalog::day::Day;
use crate::providers::ListedModel;
use crate::routing::resolve::Listed;

/// Older lists are worth a hint.
pub(crate) const STALE: Duration = Duration::from_hours(24);

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cache {
    /// Unix seconds.
    pub(crate) refreshed: u64,
    /// By the name of the provider.
    pub(crate) providers: BTreeMap<String, Vec<CachedModel>>,
}

/// One model of a provider's list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CachedModel {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_output: Option<u64>,
}

impl Cache {
    /// What is known; nothing if there is no sound file.
    pub(crate) fn read() -> Self {
        let text = places::cache()
            .ok()
            .and_then(|dir| fs::read_to_string(dir.join("models.json")).ok());
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// Keeps it.
    pub(crate) fn write(&self) -> Outcome {
        let path = places::cache()?.join("models.json");
        let failed = |error: std::io::Error| {
            Failure::new(
                Code::Bug,
                format!("cannot write {}: {error}", path.display()),
            )
        };
        let text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let written =
            places::private_file(&beside, fs::OpenOptions::new().write(true).truncate(true))
                .and_then(|mut file| file.write_all(&text))
                .and_then(|()| fs::rename(&beside, &path));
        Ok(written.map_err(failed)?)
    }

    /// Is there a list, and is it old?
    pub(crate) fn is_stale(&self) -> bool {
        self.refreshed > 0 && now().saturating_sub(self.refreshed) > STALE.as_secs()
    }

    /// The ids by provider.
    pub(crate) fn listed(&self) -> Listed {
        self.providers
            .iter()
            .map(|(name, models)| {
                (
                    name.as_str().into(),
                    models.iter().map(|model| model.id.clone()).collect(),
                )
            })
            .collect()
    }
}

impl From<ListedModel> for CachedModel {
    fn from(model: ListedModel) -> Self {
        Self {
            id: model.id,
            name: model.name,
            context: model.context,
            max_output: model.max_output,
        }
    }
}

/// The ids that the providers listed when they were last asked.
pub(crate) fn listed() -> Listed {
    Cache::read().listed()
}

/// The day it is.
pub(crate) fn today() -> Day {
    Day::of_unix(i64::try_from(now()).unwrap_or(i64::MAX))
}

/// Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
