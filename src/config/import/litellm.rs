//! The LiteLLM proxy's `config.yaml`, section by section.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Findings;
use super::deployment::{Read, read, text};
use super::fallbacks::{Draft, List, link};
use super::groups::Group;
use super::providers::Providers;
use super::settings::Settings;
use crate::config::provider::is_first;

/// Our configuration as a tree, and the variables that it names, with values that would do.
pub(super) fn translate(
    tree: &Value,
    findings: &mut Findings,
) -> (Map<String, Value>, BTreeMap<String, String>) {
    let mut providers = Providers::default();
    let mut settings = Settings::default();
    let list = tree.get("model_list").and_then(Value::as_array);
    let entries = list.map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        findings.manual("model_list", "is empty or missing");
    }
    for entry in entries {
        let name = text(entry.get("model_name"));
        providers.taken.extend(name.filter(|name| !is_first(name)));
    }
    for section in ["router_settings", "litellm_settings", "general_settings"] {
        if let Some(part) = tree.get(section) {
            settings.read(section, part, &mut providers, findings);
        }
    }
    let mut deployments = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match read(entry, at, &mut providers, findings) {
            Read::Target(deployment) => deployments.push(*deployment),
            Read::ByItself | Read::Nothing => {}
        }
    }
    let mut prices = Map::new();
    let mut aliases = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for deployment in &deployments {
        if !names.contains(&deployment.name.as_str()) {
            names.push(&deployment.name);
        }
    }
    for name in names {
        let of_name = deployments.iter().filter(|one| one.name == name);
        let group = Group {
            name,
            deployments: of_name.collect(),
        };
        aliases.extend(group.alias(settings.strategy, &mut providers, &mut prices, findings));
    }
    for section in ["router_settings", "litellm_settings"] {
        if let Some(part) = tree.get(section) {
            lists(section, part, &mut aliases, findings);
        }
    }
    rest(tree, findings);
    if !settings.server.contains_key("keys") {
        findings.approximate(
            "general_settings.master_key",
            "there is none, so only this machine may call: set `server.keys`",
        );
    }
    let mut ours = Map::new();
    let mut put = |key: &str, value: Map<String, Value>| {
        if !value.is_empty() {
            ours.insert(key.to_owned(), Value::Object(value));
        }
    };
    put("server", settings.server);
    put("providers", providers.section());
    let models = aliases.iter();
    put(
        "models",
        models
            .map(|alias| (alias.name.clone(), alias.entry()))
            .collect(),
    );
    put("defaults", settings.defaults);
    put("log", settings.log);
    put("prices", prices);
    (ours, providers.variables)
}

/// Where requests go that fail, and names for groups.
fn lists(section: &str, part: &Value, drafts: &mut Vec<Draft>, findings: &mut Findings) {
    if let Some(aliases) = part.get("model_group_alias").and_then(Value::as_object) {
        for (name, value) in aliases {
            group_alias(section, name, value, drafts, findings);
        }
    }
    let kinds = [
        ("context_window_fallbacks", List::Context),
        ("content_policy_fallbacks", List::Refused),
        ("fallbacks", List::Then),
    ];
    for (key, list) in kinds {
        let place = format!("{section}.{key}");
        for (from, to) in pairs(part.get(key), &place, findings) {
            let place = format!("{place}.{from}");
            if from == "*" {
                everybody(&to, &place, drafts, findings);
                continue;
            }
            if !drafts.iter().any(|draft| draft.name == from) {
                findings.manual(place, "there is no such model in the result");
                continue;
            }
            match list {
                List::Then => findings.exact(&place, "`then`"),
                List::Context => findings.approximate(
                    &place,
                    "`when_context_over`: on the provider's error, and for prompts above its `tokens` at once",
                ),
                List::Refused => findings.exact(&place, "`when_refused`"),
            }
            link(drafts, &from, &to, list, &place, findings);
        }
    }
    let default = names(part.get("default_fallbacks"));
    if !default.is_empty() {
        let place = format!("{section}.default_fallbacks");
        everybody(&default, &place, drafts, findings);
    }
}

/// Fallbacks of all models: those that have none of their own.
fn everybody(to: &[String], place: &str, drafts: &mut [Draft], findings: &mut Findings) {
    findings.exact(place, "`then` of every alias that has none");
    let bare = drafts.iter().filter(|draft| draft.then.is_empty());
    let bare: Vec<String> = bare
        .map(|draft| draft.name.clone())
        .filter(|name| !to.contains(name))
        .collect();
    for from in bare {
        link(drafts, &from, to, List::Then, place, findings);
    }
}

fn group_alias(
    section: &str,
    name: &str,
    value: &Value,
    drafts: &mut Vec<Draft>,
    findings: &mut Findings,
) {
    let place = format!("{section}.model_group_alias.{name}");
    let target = text(Some(value)).or_else(|| text(value.get("model")));
    let target = target.unwrap_or_default();
    if drafts.iter().any(|draft| draft.name == name) {
        findings.manual(place, "a model has this name already");
    } else if drafts.iter().any(|draft| draft.name == target) {
        if value.get("hidden") == Some(&Value::Bool(true)) {
            findings.approximate(&place, "an alias, which is listed like all others");
        } else {
            findings.exact(&place, format!("an alias of `{target}`"));
        }
        drafts.push(Draft {
            name: name.to_owned(),
            targets: vec![(target, None)],
            ..Draft::default()
        });
    } else {
        findings.manual(place, format!("`{target}` is no model of the result"));
    }
}

/// `[{ a: [b, c] }, …]`, or the same as one map.
fn pairs(list: Option<&Value>, place: &str, findings: &mut Findings) -> Vec<(String, Vec<String>)> {
    let maps: Vec<&Map<String, Value>> = match list {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Object(map)) => vec![map],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_object).collect(),
        Some(_) => {
            findings.manual(place, "is no list");
            return Vec::new();
        }
    };
    let entries = maps.into_iter().flatten();
    entries
        .map(|(from, to)| (from.clone(), names(Some(to))))
        .collect()
}

fn names(list: Option<&Value>) -> Vec<String> {
    match list {
        Some(Value::Array(list)) => list.iter().filter_map(|name| text(Some(name))).collect(),
        Some(value) => text(Some(value)).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Sections that have no counterpart, each named.
fn rest(tree: &Value, findings: &mut Findings) {
    const KNOWN: [&str; 4] = [
        "model_list",
        "router_settings",
        "litellm_settings",
        "general_settings",
    ];
    let Some(map) = tree.as_object() else {
        return;
    };
    for (key, value) in map.iter().filter(|(key, _)| !KNOWN.contains(&key.as_str())) {
        if let ("environment_variables", Some(variables)) = (key.as_str(), value.as_object()) {
            for name in variables.keys() {
                let what = "set it where the gateway is started; its value is not copied";
                findings.manual(format!("environment_variables.{name}"), what);
            }
        } else {
            findings.manual(key.as_str(), "has no counterpart here");
        }
    }
}
