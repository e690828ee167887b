//! Aliases and the lists that lead from one to another. Ours may not go in circles, and theirs often do.

use serde_json::{Map, Value, json};

use super::Findings;

/// An alias of ours, as it grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) policy: Option<&'static str>,
    /// Targets and their weights.
    pub(super) targets: Vec<(String, Option<u64>)>,
    pub(super) then: Vec<String>,
    pub(super) context: Vec<String>,
    pub(super) refused: Vec<String>,
    pub(super) overlay: Map<String, Value>,
    pub(super) timeouts: Map<String, Value>,
    pub(super) retry: Map<String, Value>,
}

/// Which list of an alias is added to.
#[derive(Debug, Clone, Copy)]
pub(super) enum List {
    Then,
    Context,
    Refused,
}

/// Prompts of more tokens go to the list for long ones at once, where the window of the model is not known.
const LONG: u64 = 1_000_000;

impl Draft {
    fn leads_to(&self) -> impl Iterator<Item = &str> {
        let targets = self.targets.iter().map(|(name, _)| name);
        let rest = self.then.iter().chain(&self.context).chain(&self.refused);
        targets.chain(rest).map(String::as_str)
    }

    /// As an entry of `models`.
    pub(super) fn entry(&self) -> Value {
        let mut entry = Map::new();
        let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
        if let Some(policy) = self.policy {
            put("policy", json!(policy));
        }
        let target = |(name, weight): &(String, Option<u64>)| match weight {
            Some(weight) => json!({ "model": name, "weight": weight }),
            None => json!(name),
        };
        put("targets", self.targets.iter().map(target).collect());
        if !self.then.is_empty() {
            put("then", json!(self.then));
        }
        if !self.context.is_empty() {
            let tokens = self.window().unwrap_or(LONG);
            put(
                "when_context_over",
                json!({ "tokens": tokens, "targets": self.context }),
            );
        }
        if !self.refused.is_empty() {
            put("when_refused", json!(self.refused));
        }
        for (key, value) in &self.overlay {
            put(key, value.clone());
        }
        if !self.timeouts.is_empty() {
            put("timeouts", Value::Object(self.timeouts.clone()));
        }
        if !self.retry.is_empty() {
            put("retry", Value::Object(self.retry.clone()));
        }
        Value::Object(entry)
    }

    /// The smallest window of its targets, as far as the catalogue knows them.
    fn window(&self) -> Option<u64> {
        let windows = self.targets.iter().filter_map(|(name, _)| {
            let (provider, model) = name.split_once('/')?;
            crate::catalog::models::find(provider, model)?.context
        });
        windows.min()
    }
}

/// Adds names to a list of an alias: as aliases where that makes no circle, else as what they stand for.
pub(super) fn link(
    drafts: &mut [Draft],
    from: &str,
    names: &[String],
    list: List,
    place: &str,
    findings: &mut Findings,
) {
    let mut links = Vec::new();
    let mut copied = Vec::new();
    for name in names {
        let Some(to) = drafts.iter().find(|draft| draft.name == *name) else {
            findings.manual(place, format!("`{name}` is no model of the result"));
            continue;
        };
        if name == from || reaches(drafts, name, from) || !to.overlay.is_empty() {
            copied.push(name.as_str());
            let targets = to.targets.iter().map(|(target, _)| target.clone());
            links.extend(targets.filter(|target| drafts.iter().all(|draft| draft.name != *target)));
        } else {
            links.push(name.clone());
        }
    }
    if !copied.is_empty() {
        findings.approximate(
            place,
            format!(
                "an alias may not lead back to itself, nor to one with parameters, so the models of {} stand there",
                copied.join(", ")
            ),
        );
    }
    let Some(draft) = drafts.iter_mut().find(|draft| draft.name == from) else {
        return;
    };
    let own: Vec<String> = draft.targets.iter().map(|(name, _)| name.clone()).collect();
    let list = match list {
        List::Then => &mut draft.then,
        List::Context => &mut draft.context,
        List::Refused => &mut draft.refused,
    };
    for link in links {
        if !list.contains(&link) && !own.contains(&link) {
            list.push(link);
        }
    }
}

/// Does one alias lead to the other?
fn reaches(drafts: &[Draft], from: &str, to: &str) -> bool {
    let mut seen = vec![from];
    let mut at = 0;
    while let Some(name) = seen.get(at).copied() {
        at += 1;
        let Some(draft) = drafts.iter().find(|draft| draft.name == name) else {
            continue;
        };
        for next in draft.leads_to() {
            if next == to {
                return true;
            }
            if !seen.contains(&next) {
                seen.push(next);
            }
        }
    }
    false
}
