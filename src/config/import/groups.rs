//! The entries of one name become one alias: who is asked, in which order, and what is said to them.

use serde_json::{Map, Value, json};

use super::Findings;
use super::deployment::{Deployment, count};
use super::fallbacks::Draft;
use super::providers::Providers;
use super::settings::{Strategy, seconds};
use crate::config::provider::is_first;

/// The entries of one name.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) deployments: Vec<&'a Deployment>,
}

/// Entries that differ in nothing but their key.
struct Merged<'a> {
    target: String,
    members: Vec<&'a Deployment>,
}

impl Group<'_> {
    /// The alias of the name; none if the name works without one.
    pub(super) fn alias(
        &self,
        strategy: Strategy,
        providers: &mut Providers,
        prices: &mut Map<String, Value>,
        findings: &mut Findings,
    ) -> Option<Draft> {
        let merged = self.merged(providers, findings);
        for one in &merged {
            price(one, prices, findings);
        }
        let mut draft = Draft {
            name: self.alias_name(findings),
            ..Draft::default()
        };
        self.said(&mut draft, findings);
        if let [only] = merged.as_slice()
            && only.target == self.name
            && draft.overlay.is_empty()
            && draft.timeouts.is_empty()
            && draft.retry.is_empty()
        {
            findings.exact(self.place(), format!("`{}` is a name already", self.name));
            return None;
        }
        let mut orders: Vec<i64> = merged.iter().filter_map(Merged::order).collect();
        orders.sort_unstable();
        orders.dedup();
        if orders.len() > 1 {
            self.in_order(&merged, &mut draft, findings);
        } else {
            self.drawn(&merged, strategy, &mut draft, findings);
        }
        Some(draft)
    }

    fn place(&self) -> String {
        format!("model_list ({})", self.name)
    }

    fn alias_name(&self, findings: &mut Findings) -> String {
        let clashes = is_first(self.name);
        let has_blank = self.name.contains(char::is_whitespace) || self.name.is_empty();
        if !clashes && !has_blank {
            return self.name.to_owned();
        }
        let plain = |c: char| if c.is_whitespace() { '-' } else { c };
        let mut name: String = self.name.chars().map(plain).collect();
        if clashes || name.is_empty() {
            name.push_str("-model");
        }
        findings.manual(
            self.place(),
            format!("no alias can have this name: callers must ask for `{name}`"),
        );
        name
    }

    fn merged(&self, providers: &mut Providers, findings: &mut Findings) -> Vec<Merged<'_>> {
        let mut groups: Vec<Vec<&Deployment>> = Vec::new();
        for deployment in &self.deployments {
            let same = |group: &&mut Vec<&Deployment>| {
                group.first().is_some_and(|first| {
                    first.address == deployment.address
                        && first.model == deployment.model
                        && first.order == deployment.order
                })
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(deployment),
                None => groups.push(vec![deployment]),
            }
        }
        let mut merged = Vec::new();
        for members in groups {
            let Some(first) = members.first() else {
                continue;
            };
            let mut keys: Vec<String> = Vec::new();
            for key in members.iter().filter_map(|one| one.key.clone()) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            if members.len() > 1 {
                let what = format!(
                    "{} entries for `{}` are one target, its keys used in turn",
                    members.len(),
                    first.model
                );
                findings.exact(self.place(), what);
            }
            let provider = providers.name(&first.address, &keys);
            merged.push(Merged {
                target: format!("{provider}/{}", first.model),
                members,
            });
        }
        merged
    }

    /// Time, tries and parameters: an alias has one of each.
    fn said(&self, draft: &mut Draft, findings: &mut Findings) {
        let longest = |time: fn(&Deployment) -> Option<f64>| {
            let times = self.deployments.iter().filter_map(|one| time(one));
            times.reduce(f64::max)
        };
        if let Some(time) = longest(|one| one.timeout) {
            draft.timeouts.insert("total".to_owned(), seconds(time));
            findings.approximate(
                format!("{}.timeout", self.place()),
                "`timeouts.total` of the alias: the longest of its entries, for all attempts together",
            );
        }
        if let Some(time) = longest(|one| one.stream_timeout) {
            let time = seconds(time);
            draft.timeouts.insert("first_token".to_owned(), time);
            findings.approximate(
                format!("{}.stream_timeout", self.place()),
                "`timeouts.first_token` of the alias: the longest of its entries",
            );
        }
        let retries = self.deployments.iter().filter_map(|one| one.retries);
        if let Some(retries) = retries.max() {
            draft
                .retry
                .insert("attempts".to_owned(), json!(retries.saturating_add(1)));
            findings.approximate(
                format!("{}.num_retries", self.place()),
                "`retry.attempts` of the alias: the most of its entries",
            );
        }
        let mut overlays = self.deployments.iter().map(|one| &one.overlay);
        if let Some(first) = overlays.next() {
            draft.overlay.clone_from(first);
            if overlays.any(|other| other != first) {
                findings.manual(
                    self.place(),
                    "its entries have different parameters: those of the first hold",
                );
            }
        }
    }

    /// `order`: the lower ones first, the others after them.
    fn in_order(&self, merged: &[Merged<'_>], draft: &mut Draft, findings: &mut Findings) {
        let mut sorted: Vec<&Merged<'_>> = merged.iter().collect();
        // Entries without an order come last.
        sorted.sort_by_key(|one| one.order().unwrap_or(i64::MAX));
        draft.targets = sorted
            .iter()
            .map(|one| (one.target.clone(), None))
            .collect();
        let mut orders: Vec<Option<i64>> = sorted.iter().map(|one| one.order()).collect();
        orders.dedup();
        if orders.len() == sorted.len() {
            findings.exact(
                format!("{}.order", self.place()),
                "`policy: failover`, in this order",
            );
        } else {
            findings.approximate(
                format!("{}.order", self.place()),
                "`policy: failover`: entries of the same order are asked as they are listed, not drawn",
            );
        }
    }

    fn drawn(
        &self,
        merged: &[Merged<'_>],
        strategy: Strategy,
        draft: &mut Draft,
        findings: &mut Findings,
    ) {
        let targets = || merged.iter().map(|one| one.target.clone());
        if merged.len() < 2 {
            draft.targets = targets().map(|target| (target, None)).collect();
            if self.deployments.iter().any(|one| one.is_limited()) {
                self.unlimited(findings);
            }
            return;
        }
        draft.policy = Some(match strategy {
            Strategy::Shuffle | Strategy::Usage => "weighted",
            Strategy::Fastest => "fastest",
            Strategy::Cheapest => "cheapest",
        });
        if draft.policy != Some("weighted") {
            draft.targets = targets().map(|target| (target, None)).collect();
            return;
        }
        let weights = weights(merged, strategy);
        draft.targets = targets().zip(weights).collect();
        if self.deployments.iter().any(|one| one.is_limited()) {
            self.unlimited(findings);
        }
    }

    fn unlimited(&self, findings: &mut Findings) {
        findings.approximate(
            format!("{}.rpm, tpm", self.place()),
            "at most weights here: a provider's limits are kept by its own 429",
        );
    }
}

impl Deployment {
    fn is_limited(&self) -> bool {
        self.requests_per_minute.is_some() || self.tokens_per_minute.is_some()
    }
}

impl Merged<'_> {
    fn order(&self) -> Option<i64> {
        self.members.first().and_then(|one| one.order)
    }

    fn sum(&self, what: fn(&Deployment) -> Option<f64>) -> Option<f64> {
        let known = self.members.iter().filter_map(|one| what(one));
        known.reduce(|one, other| one + other)
    }
}

/// What LiteLLM draws by: weights if any entry has one, else requests, else tokens, else all alike.
fn weights(merged: &[Merged<'_>], strategy: Strategy) -> Vec<Option<u64>> {
    let weight: fn(&Deployment) -> Option<f64> = |one| one.weight;
    let requests: fn(&Deployment) -> Option<f64> = |one| one.requests_per_minute;
    let tokens: fn(&Deployment) -> Option<f64> = |one| one.tokens_per_minute;
    let sources = match strategy {
        Strategy::Usage => [tokens, requests, weight],
        Strategy::Shuffle | Strategy::Fastest | Strategy::Cheapest => [weight, requests, tokens],
    };
    let source = sources
        .into_iter()
        .find(|source| merged.iter().any(|one| one.sum(*source).is_some()));
    let Some(source) = source else {
        return merged
            .iter()
            .map(|one| u64::try_from(one.members.len()).ok())
            .collect();
    };
    let found: Vec<f64> = merged
        .iter()
        .map(|one| one.sum(source).unwrap_or_default())
        .collect();
    let is_whole = found.iter().all(|number| number.fract() == 0.0);
    // Ours are whole numbers that fit 32 bits; they are relative, so that a common factor does not matter.
    let factor = if is_whole { 1.0 } else { 1000.0 };
    let most = found.iter().copied().fold(0.0, f64::max) * factor;
    let factor = factor * (4e9 / most.max(1.0)).min(1.0);
    found
        .into_iter()
        .map(|number| Some(count((number * factor).round())))
        .collect()
}

/// Prices of the file, per million tokens.
fn price(one: &Merged<'_>, prices: &mut Map<String, Value>, findings: &mut Findings) {
    let mut entry = Map::new();
    let (input, output) = one.members.first().map_or((None, None), |one| one.prices);
    for (key, per_token) in [("input", input), ("output", output)] {
        if let Some(per_token) = per_token {
            // Rounded to a millionth of a dollar for a million, which is finer than any price list.
            let price = (per_token * 1e12).round() / 1e6;
            entry.insert(key.to_owned(), json!(price));
        }
    }
    if !entry.is_empty() {
        findings.exact(
            format!("model_list ({}).input_cost_per_token", one.target),
            "`prices`, per million tokens",
        );
        prices.insert(one.target.clone(), Value::Object(entry));
    }
}
