//! A rehearsal: the user's own configuration, with every target replaced by a stand-in that misbehaves.
//!
//! The planner, the gateway, the providers' encoders and decoders are those that serve; the transport alone is played,
//! in this process, on a clock that is simulated, so that a minute's outage takes no time and no key is needed. Every
//! route meets every fault at the target that is asked first, and at all targets, streamed and whole. What comes out is
//! judged by what may be promised: the whole right answer, or an honest error in bounded time, and never an error
//! while somebody who could have answered stood by.

use crate::config::Config;
use crate::config::provider::{ProviderConfig, State};
use crate::error::{Error, Kind};
use crate::routing::resolve::{self, Listed};
use crate::secret::Secret;

mod dialect;
mod fault;
mod judge;
mod season;
mod stand_in;
mod trial;

pub use fault::Fault;
pub use judge::Verdict;
pub use stand_in::Spread;

use crate::canonical::request::Delivery;

/// What became of one route under one fault.
#[derive(Debug, Clone)]
pub struct Row {
    /// The alias, or `provider/model`.
    pub route: String,
    /// What was wrong.
    pub fault: Fault,
    /// Each trial.
    pub runs: Vec<Run>,
}

/// One trial.
#[derive(Debug, Clone)]
pub struct Run {
    /// Who had the fault.
    pub spread: Spread,
    /// How the client asked.
    pub delivery: Delivery,
    /// How it went.
    pub verdict: Verdict,
    /// Who answered, if somebody did.
    pub answered_by: Option<String>,
    /// The status that the client saw.
    pub status: u16,
    /// The code of the error that the client saw.
    pub code: Option<String>,
    /// Upstream requests in all.
    pub attempts: u32,
    /// Simulated seconds until the end.
    pub seconds: f64,
    /// What there is to say besides.
    pub note: Option<String>,
}

impl Row {
    /// The worst of its trials. With a fault at all targets an honest error is all that can be had, so there it counts
    /// for nothing.
    pub fn verdict(&self) -> Verdict {
        let counts = |run: &&Run| run.spread == Spread::First || run.verdict == Verdict::Failed;
        let verdicts = self.runs.iter().filter(counts).map(|run| run.verdict);
        verdicts.max().unwrap_or(Verdict::Answered)
    }
}

/// The routes that are tried if nobody names any: all aliases, and the default model.
pub fn routes(config: &Config) -> Vec<String> {
    let names = config.aliases.iter().map(|alias| alias.name.clone());
    let mut routes: Vec<String> = names.collect();
    if let Some(model) = &config.defaults.model
        && !routes.contains(model)
    {
        routes.push(model.clone());
    }
    routes
}

/// The configuration as it is rehearsed: every provider has a key, which opens nothing.
pub fn rehearsed(mut config: Config) -> Config {
    for provider in &mut config.providers {
        open(provider);
    }
    config
}

fn open(provider: &mut ProviderConfig) {
    let needs_key = provider.has_key() || provider.state != State::Awake;
    let count = provider.keys.len().max(usize::from(needs_key));
    provider.keys = (1..=count)
        .map(|at| Secret::new(format!("crash-test-{at}")))
        .collect();
    provider.key_command = None;
    provider.headers.clear();
    provider.state = State::Awake;
}

/// Is there such a route in a rehearsed configuration?
pub fn check(config: &Config, route: &str) -> Result<(), Error> {
    if config.alias(route).is_some() {
        return Ok(());
    }
    resolve::target(config, &Listed::new(), route)
        .map(|_| ())
        .map_err(|error| match error.kind() {
            Kind::ModelNotFound => error,
            _ => Error::new(Kind::ModelNotFound, error.message()),
        })
}

/// Tries one route of a rehearsed configuration under one fault. Wants a runtime whose clock is paused.
pub async fn rehearse(config: &Config, route: &str, fault: Fault) -> Row {
    let mut runs = Vec::new();
    if fault.takes_time() {
        runs.push(season::run(config, route, fault).await);
    } else {
        for spread in [Spread::First, Spread::Everybody] {
            for delivery in [Delivery::Streamed, Delivery::Whole] {
                runs.push(trial::run(config, route, fault, spread, delivery).await);
            }
        }
    }
    Row {
        route: route.to_owned(),
        fault,
        runs,
    }
}
