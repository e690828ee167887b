//! What a model's name means: the order of the rules is the whole of it, and it never guesses between two meanings.
//!
//! An alias; `provider` in the body, which pins; a first segment that names a provider; an exact id of the catalogue;
//! a name whose vendor is plain from it; an id that one provider lists. Else the name is not known.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::canonical::request::Request;
use crate::catalog::day::Day;
use crate::catalog::models::{self, Model};
use crate::config::alias::{Aim, Alias, Overlay, Rules};
use crate::config::provider::{BUILT_IN, ProviderConfig, State};
use crate::config::{Config, nearest};
use crate::error::{Error, Kind};
use crate::target::{ProviderName, Target};

/// What a name leads to, and what is said there.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The alias that was asked for.
    pub alias: Option<String>,
    /// All that it leads to, in the order of the file; never empty.
    pub targets: Vec<Target>,
    /// What the alias says where the request leaves it out.
    pub overlay: Overlay,
    /// How the targets are asked.
    pub rules: Arc<Rules>,
}

/// What providers list themselves, as far as somebody asked them: ids by provider.
pub type Listed = BTreeMap<ProviderName, Vec<String>>;

/// What the request's name leads to, from the configuration and the catalogue alone.
pub fn resolve(config: &Config, request: &Request) -> Result<Route, Error> {
    resolve_listed(config, &Listed::new(), request)
}

/// The same, with what providers list themselves.
pub fn resolve_listed(config: &Config, listed: &Listed, request: &Request) -> Result<Route, Error> {
    let name = match (request.model.as_str(), &config.defaults.model) {
        ("", Some(name)) => name.as_str(),
        ("", None) => {
            let message = "`model` is missing, and the configuration has no default";
            return Err(Error::invalid("model", message).with_code("missing_required_parameter"));
        }
        (name, _) => name,
    };
    if let Some(alias) = config.alias(name) {
        return of_alias(config, alias);
    }
    let target = match request.provider.as_deref() {
        Some(provider) => pinned(config, provider, name)?,
        None => target(config, listed, name)?,
    };
    Ok(single(config, target))
}

/// The model to use when nobody names one: the default of the configuration, or that of the first provider with a key.
pub fn default_model(config: &Config) -> Result<String, Error> {
    if let Some(model) = &config.defaults.model {
        return Ok(model.clone());
    }
    let of_provider = |provider: &ProviderConfig| {
        let name = provider.name().as_str();
        let known = BUILT_IN.iter().find(|known| known.name == name)?;
        let ready = provider.is_awake() && provider.has_key();
        known
            .default_model
            .filter(|_| ready)
            .map(|model| format!("{name}/{model}"))
    };
    config
        .providers
        .iter()
        .find_map(of_provider)
        .ok_or_else(|| {
            Error::new(
                Kind::ModelNotFound,
                "no API key found, so there is no model to ask",
            )
            .with_code("no_api_key")
            .with_hint("set OPENAI_API_KEY, ANTHROPIC_API_KEY or GOOGLE_API_KEY, or name a model")
        })
}

/// The one target of a name that is no alias.
pub fn target(config: &Config, listed: &Listed, name: &str) -> Result<Target, Error> {
    if let Some((first, rest)) = name.split_once('/')
        && let Some(provider) = config.provider(first)
        && !rest.is_empty()
    {
        return awake(provider, rest);
    }
    if name == "demo" {
        return Ok(Target::new("demo", "demo"));
    }
    let exact = models::all().iter().filter(|model| model.id == name);
    for model in exact {
        let mut serving = config
            .providers
            .iter()
            .filter(|provider| provider.is_awake());
        if let Some(provider) = serving.find(|provider| provider.vendor() == model.provider) {
            return awake(provider, name);
        }
    }
    if let Some(vendor) = inferred(name)
        && let Some(provider) = config.provider(vendor)
    {
        return awake(provider, name);
    }
    let mut listing = config.providers.iter().filter(|provider| {
        let ids = listed.get(provider.name());
        provider.is_awake() && ids.is_some_and(|ids| ids.iter().any(|id| id == name))
    });
    match (listing.next(), listing.next()) {
        (Some(provider), None) => awake(provider, name),
        (Some(one), Some(other)) => {
            let message = format!(
                "the model `{name}` is served by more than one provider: name it as `{}/{name}` or `{}/{name}`",
                one.name(),
                other.name()
            );
            Err(not_found(message))
        }
        (None, _) => Err(unknown(config, listed, name)),
    }
}

/// The vendor that a name gives away.
fn inferred(name: &str) -> Option<&'static str> {
    let numbered = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let is_openai = name.starts_with("gpt-") && !name.starts_with("gpt-oss")
        || name.starts_with("chatgpt-")
        || name.strip_prefix('o').is_some_and(numbered);
    if is_openai {
        Some("openai")
    } else if name.starts_with("claude-") {
        Some("anthropic")
    } else if name.starts_with("gemini-") {
        Some("google")
    } else {
        None
    }
}

/// The body names the provider: the model goes to it verbatim.
fn pinned(config: &Config, provider: &str, model: &str) -> Result<Target, Error> {
    if let Some(provider) = config.provider(provider) {
        awake(provider, model)
    } else {
        let names = config.providers.iter().map(|known| known.name().as_str());
        let question = nearest::question(provider, names);
        let message = format!("there is no provider `{provider}`{question}");
        Err(Error::invalid("provider", message))
    }
}

/// A target at a provider that can be asked; if it sleeps, the error says what wakes it.
fn awake(provider: &ProviderConfig, model: &str) -> Result<Target, Error> {
    match &provider.state {
        State::Awake => Ok(Target {
            provider: provider.name().clone(),
            model: model.into(),
        }),
        State::Asleep(variables) => {
            let name = provider.name();
            let names = variables.join("` or `");
            let message =
                format!("no key for `{name}`, which would serve `{model}`: `{names}` is not set");
            let hint = format!(
                "set {}, or configure `providers.{name}`",
                variables.join(" or ")
            );
            Err(not_found(message).with_code("no_api_key").with_hint(hint))
        }
    }
}

fn not_found(message: String) -> Error {
    Error::new(Kind::ModelNotFound, message).with_param("model")
}

/// Nothing is called so; the names nearest to it are in the message.
fn unknown(config: &Config, listed: &Listed, name: &str) -> Error {
    let names = names(config, listed);
    let near = nearest::nearest(name, names.iter().map(String::as_str), 3);
    if near.is_empty() {
        return not_found(format!("there is no model `{name}`"))
            .with_hint("name it as `provider/model`, or list what there is with `llmgw models`");
    }
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    not_found(format!(
        "there is no model `{name}`; the nearest are {}",
        near.join(", ")
    ))
}

/// All names that can be asked for: aliases, then the models of providers that are awake, then `demo`.
pub fn names(config: &Config, listed: &Listed) -> Vec<String> {
    names_of(config, listed, |_| true)
}

/// The same, without models that are gone on that day.
pub fn current_names(config: &Config, listed: &Listed, today: Day) -> Vec<String> {
    names_of(config, listed, |model| !model.lifecycle.is_gone(today))
}

fn names_of(config: &Config, listed: &Listed, is_meant: impl Fn(&Model) -> bool) -> Vec<String> {
    let mut names: Vec<String> = config
        .aliases
        .iter()
        .map(|alias| alias.name.clone())
        .collect();
    for provider in config.providers.iter().filter(|known| known.is_awake()) {
        let shipped = models::all()
            .iter()
            .filter(|model| model.provider == provider.vendor() && is_meant(model))
            .map(|model| model.id);
        let own = listed.get(provider.name());
        let own = own.into_iter().flatten().map(String::as_str);
        for id in shipped.chain(own) {
            let name = format!("{}/{id}", provider.name());
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.push("demo".to_owned());
    names
}

/// One target on the terms of the defaults.
fn single(config: &Config, target: Target) -> Route {
    Route {
        alias: None,
        targets: vec![target],
        overlay: Overlay::default(),
        rules: Arc::new(Rules {
            on_cut: config.defaults.on_cut,
            timeouts: config.defaults.timeouts,
            retry: config.defaults.retry,
            ..Rules::default()
        }),
    }
}

/// The targets of an alias and of the aliases in it, in order, each once. Providers that sleep are passed over, unless
/// all do: then the first one's error says what wakes it.
fn of_alias(config: &Config, alias: &Alias) -> Result<Route, Error> {
    let mut found = Found::default();
    found.follow_all(config, alias);
    if found.targets.is_empty() {
        let none = || not_found(format!("the alias `{}` has no target", alias.name));
        return Err(found.asleep.unwrap_or_else(none));
    }
    let mut overlay = alias.overlay.clone();
    let mut inner = alias;
    // The check has seen to it that an alias with something to say is the only target of the other, and that
    // aliases do not go in circles.
    while let [only] = inner.targets.as_slice()
        && let Aim::Alias(name) = &only.aim
        && let Some(next) = config.alias(name)
    {
        overlay = overlay.over(&next.overlay);
        inner = next;
    }
    Ok(Route {
        alias: Some(alias.name.clone()),
        targets: found.targets,
        overlay,
        rules: Arc::new(alias.rules.clone()),
    })
}

/// What following an alias has found.
#[derive(Default)]
struct Found {
    targets: Vec<Target>,
    asleep: Option<Error>,
}

impl Found {
    fn follow_all(&mut self, config: &Config, alias: &Alias) {
        let targets = alias.targets.iter().map(|weighted| &weighted.aim);
        for aim in targets.chain(&alias.then) {
            match aim {
                Aim::Alias(name) => {
                    if let Some(inner) = config.alias(name) {
                        self.follow_all(config, inner);
                    }
                }
                Aim::Target(target) => self.take(config, target),
            }
        }
    }

    fn take(&mut self, config: &Config, target: &Target) {
        let Some(provider) = config.provider(target.provider.as_str()) else {
            return;
        };
        match awake(provider, target.model.as_str()) {
            Ok(target) if self.targets.contains(&target) => {}
            Ok(target) => self.targets.push(target),
            Err(error) => {
                self.asleep.get_or_insert(error);
            }
        }
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
