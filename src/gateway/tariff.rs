//! What a target charges: found once for each attempt, by the configuration's prices, else by the catalogue's.

use serde_json::Value;

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
}

impl Tariff {
    pub(super) fn of(snapshot: &Snapshot, target: &Target) -> Self {
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
        }
    }

    /// What an answer cost; `None` if its counts or a rate that they need are unknown.
    pub(super) fn cost(&self, response: &Response) -> Option<Usd> {
        self.charge(response.usage.as_ref()?, response)
    }

    /// What so much of an answer cost.
    pub(super) fn charge(&self, usage: &Usage, response: &Response) -> Option<Usd> {
        let terms = Terms {
            service_tier: response.extra.get("service_tier").and_then(Value::as_str),
            day: Day::of_unix(i64::try_from(response.created_at).unwrap_or(i64::MAX)),
        };
        let dollars = match &self.rule {
            Some(rule) => cost_by(rule, usage),
            None => cost(self.model?, usage, terms),
        };
        dollars.map(Usd::from_dollars)
    }
}
