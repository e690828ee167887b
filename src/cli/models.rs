//! `models`: what can be asked, at once and without a network. Only `--refresh` asks the providers.

use std::collections::BTreeMap;
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::args::{Global, Models};
use super::cache::{Cache, CachedModel};
use super::failure::{Code, Failure, Outcome};
use super::model_table;
use super::setup::{Setup, is_local};
use super::streams::{Kind, Streams, Talkative, say, width};
use crate::catalog;
use crate::catalog::models::{Capability, Model};
use crate::config::Config;
use crate::config::alias::Aim;
use crate::config::load::{self, Env};
use crate::config::provider::{ProviderConfig, State};
use crate::gateway::Gateway;
use crate::routing::resolve;

/// How long one provider's list may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One line of the list.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) provider: String,
    pub(crate) name: Option<String>,
    pub(crate) context: Option<u64>,
    pub(crate) max_output: Option<u64>,
    /// US dollars per million tokens.
    pub(crate) input_price: Option<f64>,
    pub(crate) output_price: Option<f64>,
    pub(crate) capabilities: Vec<Capability>,
    /// Has its provider a key, or needs none?
    pub(crate) ready: Ready,
    pub(crate) source: &'static str,
    /// Where an alias leads.
    pub(crate) leads_to: Option<String>,
    pub(crate) remarks: Vec<&'static str>,
}

/// Can it be asked now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    Yes,
    No,
}

/// Lists.
pub(crate) async fn run(models: Models, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    let setup = Setup::load(global, streams)?;
    let cache = if models.refresh {
        let gateway = Gateway::new(setup.config.clone());
        refresh(&gateway, &setup.config, streams).await?
    } else {
        Cache::read()
    };
    if cache.is_stale() && streams.stderr == Kind::Terminal {
        streams.note("the providers' lists are older than a day: llmgw models --refresh");
    }
    let rows: Vec<Row> = rows(&setup.config, &cache)
        .into_iter()
        .filter(|row| models.all || row.ready == Ready::Yes)
        .filter(|row| has_all(row, &models.words))
        .collect();
    if rows.is_empty() && !models.words.is_empty() {
        let words = models.words.join(" ");
        return Err(Failure::new(
            Code::Config,
            format!("no model has \"{words}\" in its name"),
        )
        .with_hint("llmgw models --all, or --refresh to ask the providers")
        .into());
    }
    if models.json {
        let list: Vec<Value> = rows.iter().map(|row| object(row, &rows)).collect();
        return say(&format!("{}\n", Value::Array(list)));
    }
    if streams.talkative == Talkative::Quiet {
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        return if ids.is_empty() {
            Ok(())
        } else {
            say(&format!("{}\n", ids.join("\n")))
        };
    }
    match streams.stdout {
        Kind::Pipe => say(&model_table::tsv(&rows)),
        Kind::Terminal => {
            say(&model_table::table(&rows, streams, width()))?;
            if !models.all {
                streams.note(&asleep(&setup.config));
            }
            Ok(())
        }
    }
}

/// All that could be asked: aliases, then each provider's models, then `demo`.
pub(crate) fn rows(config: &Config, cache: &Cache) -> Vec<Row> {
    let default = resolve::default_model(config).ok();
    let mut rows: Vec<Row> = config
        .aliases
        .iter()
        .map(|alias| alias_row(config, &alias.name))
        .collect();
    let today = super::cache::today();
    for provider in &config.providers {
        if is_local(provider.kind) {
            continue;
        }
        let name = provider.name().as_str();
        let known = catalog::models::all()
            .iter()
            .filter(|model| model.provider == provider.vendor() && !model.lifecycle.is_gone(today));
        let mut own: BTreeMap<&str, Row> = known
            .map(|model| (model.id, catalogue_row(provider, model)))
            .collect();
        for listed in cache.providers.get(name).into_iter().flatten() {
            match own.get_mut(listed.id.as_str()) {
                Some(row) => {
                    row.name.clone_from(&listed.name);
                    row.source = "both";
                }
                None => {
                    own.insert(&listed.id, listed_row(provider, listed));
                }
            }
        }
        rows.extend(own.into_values());
    }
    rows.push(Row {
        remarks: vec!["echo, no key"],
        ..empty_row("demo".to_owned(), "demo", Ready::Yes, "built in")
    });
    for row in &mut rows {
        if Some(&row.id) == default.as_ref() {
            row.remarks.push("(default)");
        }
    }
    rows
}

/// How many models can be asked now, aliases and `demo` aside.
pub(crate) fn ready(config: &Config) -> usize {
    let rows = rows(config, &Cache::read());
    let is_model = |row: &&Row| row.source != "alias" && row.id != "demo";
    let ready = rows.iter().filter(|row| row.ready == Ready::Yes);
    ready.filter(is_model).count()
}

/// Ids for the shell's completion: no network, and no complaint about a broken file.
pub(crate) fn candidates() -> Vec<CompletionCandidate> {
    let Ok(config) = load::load(None, &Env::of_process()) else {
        return Vec::new();
    };
    resolve::current_names(&config, &super::cache::listed(), super::cache::today())
        .into_iter()
        .map(CompletionCandidate::new)
        .collect()
}

fn alias_row(config: &Config, name: &str) -> Row {
    let first = first_target(config, name, 0);
    let provider = first
        .as_ref()
        .and_then(|target| config.provider(target.provider.as_str()));
    let ready = match provider {
        Some(provider) => readiness(provider),
        None => Ready::No,
    };
    let known = provider.zip(first.as_ref()).and_then(|(provider, target)| {
        catalog::models::find(provider.vendor(), target.model.as_str())
    });
    let mut row = match (provider, known) {
        (Some(provider), Some(model)) => catalogue_row(provider, model),
        _ => empty_row(String::new(), "", ready, "alias"),
    };
    name.clone_into(&mut row.id);
    row.source = "alias";
    row.leads_to = first.map(|target| target.to_string());
    row
}

fn first_target(config: &Config, name: &str, depth: usize) -> Option<crate::target::Target> {
    let alias = config.alias(name).filter(|_| depth < 16)?;
    match &alias.targets.first()?.aim {
        Aim::Target(target) => Some(target.clone()),
        Aim::Alias(inner) => first_target(config, inner, depth + 1),
    }
}

fn catalogue_row(provider: &ProviderConfig, model: &Model) -> Row {
    let name = provider.name().as_str();
    let id = format!("{name}/{}", model.id);
    Row {
        context: model.context,
        max_output: model.max_output,
        input_price: model.price.as_ref().and_then(|price| price.list.input),
        output_price: model.price.as_ref().and_then(|price| price.list.output),
        capabilities: model.capabilities.clone(),
        ..empty_row(id, name, readiness(provider), "catalogue")
    }
}

fn listed_row(provider: &ProviderConfig, listed: &CachedModel) -> Row {
    let name = provider.name().as_str();
    Row {
        name: listed.name.clone(),
        context: listed.context,
        max_output: listed.max_output,
        ..empty_row(
            format!("{name}/{}", listed.id),
            name,
            readiness(provider),
            "listed",
        )
    }
}

fn empty_row(id: String, provider: &str, ready: Ready, source: &'static str) -> Row {
    Row {
        id,
        provider: provider.to_owned(),
        name: None,
        context: None,
        max_output: None,
        input_price: None,
        output_price: None,
        capabilities: Vec::new(),
        ready,
        source,
        leads_to: None,
        remarks: Vec::new(),
    }
}

fn readiness(provider: &ProviderConfig) -> Ready {
    if provider.is_awake() {
        Ready::Yes
    } else {
        Ready::No
    }
}

fn has_all(row: &Row, words: &[String]) -> bool {
    let id = row.id.to_lowercase();
    words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .all(|word| id.contains(&word.to_lowercase()))
}

/// Asks all providers that can be asked, at once, and keeps what they say. A provider that does not answer keeps the
/// list that it had.
async fn refresh(gateway: &Gateway, config: &Config, streams: Streams) -> Outcome<Cache> {
    let asked = config
        .providers
        .iter()
        .filter(|provider| provider.is_awake() && !is_local(provider.kind));
    let asking = asked.map(|provider| async move {
        let name = provider.name();
        (
            provider,
            tokio::time::timeout(PATIENCE, gateway.models(name)).await,
        )
    });
    let mut cache = Cache::read();
    let mut report = Vec::new();
    for (provider, answer) in join_all(asking).await {
        let name = provider.name().to_string();
        match answer {
            Ok(Ok(models)) => {
                report.push(format!("{name} {}", models.len()));
                cache.refreshed = super::cache::now();
                cache
                    .providers
                    .insert(name, models.into_iter().map(CachedModel::from).collect());
            }
            Ok(Err(_)) if !provider.has_key() => report.push(format!("{name}: not running")),
            Ok(Err(error)) => report.push(format!("{name}: {}", error.message())),
            Err(_) => report.push(format!("{name}: no answer within {} s", PATIENCE.as_secs())),
        }
    }
    cache.write()?;
    streams.note(&report.join(", "));
    Ok(cache)
}

/// `2 providers have no key: google (GOOGLE_API_KEY), … · llmgw models --all`
fn asleep(config: &Config) -> String {
    let names: Vec<String> = config
        .providers
        .iter()
        .filter_map(|provider| match &provider.state {
            State::Asleep(variables) => Some(format!(
                "{} ({})",
                provider.name(),
                variables.first().map_or("", String::as_str)
            )),
            State::Awake => None,
        })
        .collect();
    if names.is_empty() {
        return "llmgw models --all".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(2).map(String::as_str).collect();
    let more = if names.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    let have = if names.len() == 1 {
        "provider has"
    } else {
        "providers have"
    };
    format!(
        "{} {have} no key: {}{more} · llmgw models --all",
        names.len(),
        shown.join(", ")
    )
}

fn object(row: &Row, rows: &[Row]) -> Value {
    let aliases: Vec<&str> = rows
        .iter()
        .filter(|other| other.leads_to.as_deref() == Some(row.id.as_str()))
        .map(|other| other.id.as_str())
        .collect();
    let can = |capability| row.capabilities.contains(&capability);
    let mut input = vec!["text"];
    for (capability, word) in model_table::INPUTS {
        if can(capability) {
            input.push(word);
        }
    }
    json!({
        "id": row.id,
        "provider": row.provider,
        "name": row.name,
        "context": row.context,
        "max_output": row.max_output,
        "price": { "input": row.input_price, "output": row.output_price },
        "input": input,
        "tools": can(Capability::Tools),
        "reasoning": can(Capability::Reasoning),
        "ready": row.ready == Ready::Yes,
        "aliases": aliases,
        "source": row.source,
        "target": row.leads_to,
    })
}
