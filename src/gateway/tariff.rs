//! What a target charges: found once for each attempt, by the configuration's prices, else by the catalogue's.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError, RwLock};

use super::Snapshot;
use crate::canonical::response::Response;
use crate::canonical::usage::Usage;
use crate::catalog::day::Day;
use crate::catalog::glob;
use crate::catalog::models::{Model, find};
use crate::catalog::prices::{PriceRule, Terms, cost, cost_by};
use crate::catalog::usd::Usd;
use crate::target::Target;

/// The price list of one target.
#[derive(Debug, Clone, Default)]
pub(super) struct Tariff {
    rule: Option<PriceRule>,
    model: Option<&'static Model>,
    target: Option<Target>,
}

/// The price lists that were asked for. To look one up in the catalogue costs as much as to parse the request.
#[derive(Debug, Default)]
pub(super) struct Tariffs(RwLock<HashMap<Target, Tariff>>);

/// Model names come from clients, so what is remembered is bounded.
const MOST_TARIFFS: usize = 1000;

/// Targets whose price was found to be unknown, each told once. Names come from clients, so it is bounded.
static TOLD: Mutex<BTreeSet<Target>> = Mutex::new(BTreeSet::new());
const MOST_TOLD: usize = 1000;

impl Tariff {
    pub(super) fn of(snapshot: &Snapshot, target: &Target) -> Self {
        let Tariffs(known) = &snapshot.tariffs;
        let found = known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tariff) = found.get(target) {
            return tariff.clone();
        }
        drop(found);
        let tariff = Self::find(snapshot, target);
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_TARIFFS {
            known.clear();
        }
        known.insert(target.clone(), tariff.clone());
        tariff
    }

    fn find(snapshot: &Snapshot, target: &Target) -> Self {
        let config = &snapshot.config;
        let rule = if config.prices.is_empty() {
            None
        } else {
            let name = target.to_string();
            let mut rules = config.prices.iter();
            rules
                .find(|rule| glob::matches(&rule.pattern, &name))
                .cloned()
        };
        let provider = config.provider(target.provider.as_str());
        Self {
            rule,
            model: provider.and_then(|provider| find(provider.vendor(), target.model.as_str())),
            target: Some(target.clone()),
        }
    }

    /// What an answer cost; `None` if its counts or a rate that they need are unknown.
    pub(super) fn cost(&self, response: &Response) -> Option<Usd> {
        self.charge(response.usage.as_ref()?, response)
    }

    /// What so much of an answer cost.
    pub(super) fn charge(&self, usage: &Usage, response: &Response) -> Option<Usd> {
        self.by(usage, Terms::of(response))
    }

    /// What so many tokens cost on no special terms, at that time in Unix seconds.
    pub(super) fn at(&self, usage: &Usage, now: u64) -> Option<Usd> {
        let day = Day::of_unix(i64::try_from(now).unwrap_or(i64::MAX));
        let service_tier = None;
        self.by(usage, Terms { service_tier, day })
    }

    fn by(&self, usage: &Usage, terms: Terms<'_>) -> Option<Usd> {
        let dollars = match &self.rule {
            Some(rule) => cost_by(rule, usage),
            None => self.model.and_then(|model| cost(model, usage, terms)),
        };
        if dollars.is_none() {
            self.tell();
        }
        dollars.map(Usd::from_dollars)
    }

    /// Says once for each model that nobody knows what it costs.
    fn tell(&self) {
        let Some(target) = &self.target else {
            return;
        };
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_TOLD && told.insert(target.clone()) {
            tracing::warn!(%target, "what this model costs is not known: set it under `prices`");
        }
    }
}
