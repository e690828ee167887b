//! Configuration: a YAML file and the environment become one checked [`Config`].
//!
//! Three steps, each in its place: [`load`] finds and reads (the only code that sees the environment and the file),
//! [`document`] and [`expand`] make a tree of the text, [`check`] makes meaning of the tree and collects every fault,
//! not just the first. What comes out is immutable and needs no further checks.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::catalog::prices::PriceRule;
use crate::target::ProviderName;

pub mod alias;
pub mod check;
pub mod document;
pub mod expand;
pub mod import;
pub mod load;
pub mod nearest;
pub mod provider;
pub mod report;
mod seek;
pub mod server;
mod shape;
pub mod traces;
pub mod units;

use alias::{Alias, OnCut, Retry, Timeouts};
use document::Fault;
use provider::ProviderConfig;
use server::Server;

/// Everything that is configured, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The listener and who may call.
    pub server: Server,
    /// All providers, asleep ones included: `openai`, `anthropic`, `google`, the known compatible vendors in the order
    /// of their table, those of the file in its order, and `demo`, which is always there.
    pub providers: Vec<ProviderConfig>,
    /// Names that callers may use besides `provider/model`, in the order of the file.
    pub aliases: Vec<Alias>,
    /// What holds where nothing else is said.
    pub defaults: Defaults,
    /// Where responses are kept.
    pub store: Store,
    /// What the gateway may fetch for providers that cannot.
    pub fetch: Fetch,
    /// What is logged.
    pub log: Log,
    /// Where traces go; `None` without traces.
    pub traces: Option<traces::Traces>,
    /// Prices that go before the catalogue's; the first that fits holds.
    pub prices: Vec<PriceRule>,
    /// What is worth saying but stops nothing.
    pub warnings: Vec<String>,
    /// The file, if there was one.
    pub source: Option<PathBuf>,
}

/// `defaults`.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The model that is used when none is named.
    pub model: Option<String>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How often to try.
    pub retry: Retry,
    /// When to leave a target alone.
    pub breaker: Breaker,
    /// What becomes of an answer whose stream breaks.
    pub on_cut: OnCut,
    /// What becomes of a request that a target cannot carry whole.
    pub lossy: Lossy,
    /// Which events carry reasoning text.
    pub reasoning_events: ReasoningEvents,
}

/// When a target is left alone, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breaker {
    /// Failures are counted over this time.
    pub window: Duration,
    /// Below this number of requests the rate says nothing.
    pub min_requests: u32,
    /// The share of failures, 0 to 1, that opens it.
    pub error_rate: f64,
    /// So many failures in a row open it at once.
    pub consecutive: u32,
    /// How long it stays open the first time.
    pub open: Duration,
    /// How long it stays open at most.
    pub open_max: Duration,
}

/// What becomes of losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lossy {
    /// Listed in the header.
    Allow,
    /// Listed in the header and logged.
    #[default]
    Warn,
    /// The request is refused.
    Reject,
}

/// Which events carry the reasoning text of all vendors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReasoningEvents {
    /// The summary events, which all clients know.
    #[default]
    Summary,
    /// As the specification has it.
    Spec,
    /// As OpenAI sends it.
    OpenAi,
}

/// `store`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Where.
    pub kind: StoreKind,
    /// The database; absent means the state directory.
    pub path: Option<PathBuf>,
    /// How long a stored response is kept.
    pub ttl: Duration,
    /// How many bytes are kept at most.
    pub max: u64,
    /// How long it is kept what requests used; zero keeps nothing of it.
    pub usage_ttl: Duration,
    /// Of how many requests that is kept at most.
    pub usage_max: u64,
}

/// Where responses are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// A database file.
    #[default]
    Sqlite,
    /// Memory: gone with the process.
    Memory,
    /// Nowhere.
    None,
}

/// `fetch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Hosts and networks that are allowed besides public addresses.
    pub allow: Vec<FetchRule>,
    /// How many bytes one file may have.
    pub max: u64,
}

/// An exception to the rule that only public addresses are fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchRule {
    /// This host, by name; a leading `*.` takes its subdomains in.
    Host(String),
    /// The addresses whose first so many bits are these.
    Network(IpAddr, u8),
}

/// `log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Log {
    /// How much.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
    /// Whether it holds what was said.
    pub content: LogContent,
}

/// Whether the log holds what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogContent {
    /// No.
    #[default]
    Withheld,
    /// Requests and answers, without keys.
    Shown,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Failures.
    Error,
    /// And what may become one.
    Warn,
    /// And one line a request.
    #[default]
    Info,
    /// And decisions.
    Debug,
    /// Everything.
    Trace,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON lines otherwise.
    #[default]
    Auto,
    /// Text.
    Text,
    /// JSON lines.
    Json,
}

/// Why there is no configuration: every fault, with the file they stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The file, if there was one.
    pub source: Option<PathBuf>,
    /// The faults in the order of the file.
    pub faults: Vec<Fault>,
}

impl Config {
    /// The provider of that name.
    pub fn provider(&self, name: &str) -> Option<&ProviderConfig> {
        self.providers
            .iter()
            .find(|provider| provider.name().as_str() == name)
    }

    /// The alias of that name.
    pub fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases.iter().find(|alias| alias.name == name)
    }

    /// The names of the providers that can be asked, in order.
    pub fn awake(&self) -> impl Iterator<Item = &ProviderName> {
        self.providers
            .iter()
            .filter(|provider| provider.is_awake())
            .map(ProviderConfig::name)
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(30),
            min_requests: 10,
            error_rate: 0.5,
            consecutive: 3,
            open: Duration::from_secs(5),
            open_max: Duration::from_secs(30),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            kind: StoreKind::default(),
            path: None,
            ttl: Duration::from_hours(720),
            max: 1 << 30,
            usage_ttl: Duration::from_hours(400 * 24),
            usage_max: 2_000_000,
        }
    }
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            max: 20 << 20,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            match (&self.source, fault.position) {
                (Some(file), Some(_)) => write!(f, "{}:{fault}", file.display())?,
                (Some(file), None) => write!(f, "{}: {fault}", file.display())?,
                (None, _) => write!(f, "{fault}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
