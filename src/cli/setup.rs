//! From flags to a configuration and a model: what every command that asks somebody needs first.

use std::time::Duration;

use super::args::{Global, Talk};
use super::cache;
use super::failure::{Code, Failure, NO_KEY, Outcome, Stop};
use super::streams::{Kind, Streams, Talkative};
use super::typo;
use crate::catalog;
use crate::config::alias::{
    Aim, Alias, OnCut, Overlay, Policy, Rules, STICKY_HEADER, Sticky, Weighted,
};
use crate::config::load::{self, Env};
use crate::config::provider::State;
use crate::config::{Config, Faults};
use crate::error::Error;
use crate::providers;
use crate::routing::resolve::{self, Listed};
use crate::routing::words::{self, Meaning};
use crate::telemetry;

/// A configuration that can be used.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    /// What the providers listed when they were last asked.
    pub(crate) listed: Listed,
}

impl Setup {
    /// Loads the configuration, and says what is worth saying about it.
    pub(crate) fn load(global: &Global, streams: Streams) -> Outcome<Self> {
        let env = Env::of_process();
        if let Some(level) = log_level(global, &env) {
            start_log(level)?;
        }
        Self::load_from(global, streams, &env)
    }

    /// The same, without a log.
    pub(crate) fn load_from(global: &Global, streams: Streams, env: &Env) -> Outcome<Self> {
        let config = load::load(global.config.as_deref(), env).map_err(|faults| broken(&faults))?;
        for warning in &config.warnings {
            // That a provider sleeps concerns who runs a gateway; a question to another one it does not.
            if streams.talkative == Talkative::Verbose || !is_about_sleep(warning) {
                streams.warn(warning);
            }
        }
        if streams.talkative == Talkative::Verbose {
            streams.note(&match &config.source {
                Some(path) => format!("llmgw: configuration from {}", path.display()),
                None => "llmgw: no configuration file".to_owned(),
            });
        }
        Ok(Self {
            config,
            listed: Listed::new(),
        })
    }

    /// `--timeout` holds for the first content and between any two bytes.
    pub(crate) fn set_timeout(&mut self, talk: &Talk) {
        let Some(seconds) = talk.sampling.timeout else {
            return;
        };
        let idle = Duration::from_secs(seconds);
        let aliases = self
            .config
            .aliases
            .iter_mut()
            .map(|alias| &mut alias.rules.timeouts);
        for timeouts in aliases.chain([&mut self.config.defaults.timeouts]) {
            timeouts.first_token = idle;
            timeouts.idle = idle;
            timeouts.total = timeouts.total.max(idle);
        }
    }

    /// The model to ask: what was typed, or the default.
    pub(crate) fn model(&mut self, typed: Option<&str>, streams: Streams) -> Outcome<String> {
        let Some(typed) = typed else {
            return match resolve::default_model(&self.config) {
                Ok(model) => Ok(model),
                Err(_) if self.has_no_key() => Err(first_run().into()),
                Err(error) => Err(error.into()),
            };
        };
        if typed.contains(',') && self.config.alias(typed).is_none() {
            return self.chain(typed, streams);
        }
        self.one(typed, streams)
    }

    /// One name: an alias, an id, or words of one.
    fn one(&mut self, typed: &str, streams: Streams) -> Outcome<String> {
        let today = cache::today();
        let meaning = match words::search(&self.config, &self.listed, typed, today) {
            Ok(meaning) => meaning,
            // Only now is the list that the providers gave worth reading.
            Err(error) => {
                self.listed = cache::listed();
                let again = if self.listed.is_empty() {
                    Err(error)
                } else {
                    words::search(&self.config, &self.listed, typed, today)
                };
                again.map_err(|error| self.unknown(typed, error))?
            }
        };
        if let Meaning::Found(found) = &meaning
            && streams.stderr == Kind::Terminal
        {
            streams.note(&format!("using {found}"));
        }
        Ok(meaning.name().to_owned())
    }

    /// What to say of a name that means nothing.
    fn unknown(&self, typed: &str, error: Error) -> Failure {
        if matches!(error.code(), NO_KEY | words::SEVERAL) {
            return error.into();
        }
        if let Some((name, variable)) = self.asleep(typed) {
            let provider = name.split('/').next().unwrap_or_default();
            let message = format!("no key for `{provider}`, which would serve {name}");
            return Failure::new(Code::Key, message).with_hint(format!("set {variable}"));
        }
        let names = resolve::current_names(&self.config, &self.listed, cache::today());
        let near = typo::nearest_models(typed, &names, 3);
        let hint = match near.as_slice() {
            [] => "name it as provider/model     all: llmgw models".to_owned(),
            near => format!("did you mean  {}?     all: llmgw models", near.join(" · ")),
        };
        Failure::new(Code::Config, format!("no model \"{typed}\"")).with_hint(hint)
    }

    /// A model that ships, has all the words in its name, and lacks nothing but a key; and the variable of the key.
    fn asleep(&self, typed: &str) -> Option<(String, &str)> {
        let words: Vec<String> = typed.split_whitespace().map(str::to_lowercase).collect();
        self.config.providers.iter().find_map(|provider| {
            let State::Asleep(variables) = &provider.state else {
                return None;
            };
            let fits = |id: &str| words.iter().all(|word| id.contains(word.as_str()));
            let model = catalog::models::all()
                .iter()
                .find(|model| model.provider == provider.vendor() && fits(model.id))?;
            let name = format!("{}/{}", provider.name(), model.id);
            Some((name, variables.first()?.as_str()))
        })
    }

    /// A comma list is an alias of the moment: asked in turn. Who lacks a key is passed over as long as somebody is left.
    fn chain(&mut self, typed: &str, streams: Streams) -> Outcome<String> {
        let mut targets = Vec::new();
        let mut keyless = None;
        for name in typed
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let name = match self.one(name, streams) {
                Ok(name) => name,
                Err(Stop::Failed(failure)) if failure.code == Code::Key => {
                    keyless.get_or_insert(failure);
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            let aim = if self.config.alias(&name).is_some() {
                Aim::Alias(name)
            } else {
                Aim::Target(resolve::target(&self.config, &self.listed, &name)?)
            };
            targets.push(Weighted { aim, weight: 1 });
        }
        match keyless {
            Some(failure) if targets.is_empty() => return Err(Stop::Failed(failure)),
            Some(failure) => streams.note(&format!("note: passed over: {}", failure.message)),
            None => {}
        }
        let defaults = &self.config.defaults;
        let rules = Rules {
            on_cut: OnCut::Error,
            timeouts: defaults.timeouts,
            retry: defaults.retry,
            ..Rules::default()
        };
        self.config.aliases.push(Alias {
            name: typed.to_owned(),
            policy: Policy::Failover,
            sticky: Sticky::None,
            sticky_header: STICKY_HEADER,
            targets,
            then: Vec::new(),
            overlay: Overlay::default(),
            rules,
        });
        Ok(typed.to_owned())
    }

    /// Is there no provider with a key of its own?
    pub(crate) fn has_no_key(&self) -> bool {
        !self
            .config
            .providers
            .iter()
            .any(|provider| provider.is_awake() && provider.has_key())
    }
}

/// Does a warning only say that a provider has no key?
pub(crate) fn is_about_sleep(warning: &str) -> bool {
    warning.contains("` sleeps: ")
}

/// What is logged at the terminal: nothing, unless it is asked for.
pub(crate) fn log_level<'a>(global: &Global, env: &'a Env) -> Option<&'a str> {
    match (env.get("LLMGW_LOG"), global.verbose) {
        (Some(level), _) if !level.is_empty() => Some(level),
        (_, 0) => None,
        (_, 1) => Some("llmgw=info"),
        (_, _) => Some("debug"),
    }
}

/// Begins logging at a terminal. The first call holds.
fn start_log(level: &str) -> Outcome {
    telemetry::start(level, telemetry::Format::Text)
        .map_err(|why| Failure::new(Code::Usage, why).into())
}

/// Faults of the configuration, all of them.
pub(crate) fn broken(faults: &Faults) -> super::failure::Stop {
    let mut lines = faults.to_string();
    let first = match lines.find('\n') {
        Some(at) => {
            let rest = lines.split_off(at);
            (lines, Some(rest.trim_start().to_owned()))
        }
        None => (lines, None),
    };
    let failure = Failure::new(Code::Config, first.0);
    let advice = "llmgw config edit opens the file";
    match first.1 {
        Some(rest) => failure.with_hint(format!("{rest}\n\n{advice}")),
        None => failure.with_hint(advice),
    }
    .into()
}

/// What somebody sees who has just installed this.
fn first_run() -> Failure {
    Failure::new(Code::Key, "no API key found, so there is no model to ask").with_hint(
        "Set one and try again:\n  \
           export OPENAI_API_KEY=…      https://platform.openai.com/api-keys\n  \
           export ANTHROPIC_API_KEY=…   https://console.anthropic.com/settings/keys\n  \
           export GOOGLE_API_KEY=…      https://aistudio.google.com/apikey\n\
         Use a local model:   llmgw ask -m ollama/llama3.2 …\n\
         Or see it work now:  llmgw ask -m demo hello",
    )
}

/// Does the provider run here, without a network?
pub(crate) fn is_local(kind: providers::Kind) -> bool {
    kind == providers::Kind::Demo
}
