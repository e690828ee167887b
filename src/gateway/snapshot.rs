//! The configuration, made ready for use. Immutable: a reload makes a new one, requests in flight keep theirs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::OnceCell;
use tokio::time::Instant;
use uuid::Uuid;

use super::fetch::Rules;
use super::gate::{COME_BACK, Full, Gate, Manner, PROVIDER_BUSY, Place};
use super::keys::{Keyring, Lent};
use super::race::Stakes;
use super::tariff::Tariffs;
use super::upstream::{Peer, Transport};
use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::config::alias::{Policy, Sticky};
use crate::config::provider::{ProviderConfig, State};
use crate::config::{Config, load};
use crate::error::{Error, Kind, Retry};
use crate::providers::{self, Provider};
use crate::routing::plan::Mark;
use crate::secret::Secret;
use crate::target::ProviderName;

/// One configured provider.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) provider: Box<dyn Provider>,
    pub(super) transport: Transport,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) keys: Arc<Keyring>,
    /// How many requests it takes at once, if that is bounded.
    pub(super) gate: Option<Arc<Gate>>,
    config: ProviderConfig,
    commanded: OnceCell<Secret>,
}

/// The configuration and what was built of it.
#[derive(Debug)]
pub struct Snapshot {
    /// What the file and the environment say.
    pub config: Config,
    pub(super) fetch: Rules,
    pub(super) via: HeaderValue,
    pub(super) tariffs: Tariffs,
    members: HashMap<ProviderName, Member>,
    turns: HashMap<String, AtomicU64>,
    stakes: HashMap<String, Stakes>,
    /// The headers that some alias is sticky by.
    sticky_headers: Vec<HeaderName>,
}

/// Stand-ins for providers, by their names.
pub type Peers = HashMap<ProviderName, Peer>;

impl Snapshot {
    /// What the configuration says, and what of `before` still holds: the places that are taken, the state of keys.
    pub(super) fn new(config: Config, peers: &Peers, before: Option<&Self>) -> Self {
        let member = |provider: &ProviderConfig| {
            let name = provider.settings.name.clone();
            let before = before.and_then(|before| before.members.get(&name));
            let member = Member::new(provider.clone(), peers.get(&name), before);
            (name, member)
        };
        let members = config.providers.iter().map(member).collect();
        let in_turn = config
            .aliases
            .iter()
            .filter(|alias| alias.policy == Policy::RoundRobin);
        let turns = in_turn
            .map(|alias| (alias.name.clone(), AtomicU64::new(0)))
            .collect();
        let hedged = config
            .aliases
            .iter()
            .filter(|alias| alias.rules.hedge.is_some());
        let stakes = hedged
            .map(|alias| (alias.name.clone(), Stakes::default()))
            .collect();
        let fetch = Rules(config.fetch.clone());
        // A reload is the same gateway, and has to know its own requests.
        let via = before.map(|before| before.via.clone()).or_else(|| {
            HeaderValue::from_str(&format!("1.1 llmgw/{}", Uuid::now_v7().simple())).ok()
        });
        Self {
            fetch,
            tariffs: Tariffs::default(),
            via: via.unwrap_or(HeaderValue::from_static("1.1 llmgw")),
            members,
            turns,
            stakes,
            sticky_headers: sticky_headers(&config),
            config,
        }
    }

    pub(super) fn member(&self, name: &ProviderName) -> Result<&Member, Error> {
        self.members.get(name).ok_or_else(|| {
            Error::new(
                Kind::ModelNotFound,
                format!("no provider is named `{name}`"),
            )
            .with_param("model")
        })
    }

    /// How many requests of this alias went before; counts one more if it is taken.
    pub(super) fn turn(&self, alias: &str, turn: Turn) -> u64 {
        let Some(counter) = self.turns.get(alias) else {
            return 0;
        };
        match turn {
            Turn::Take => counter.fetch_add(1, Ordering::Relaxed),
            Turn::Look => counter.load(Ordering::Relaxed),
        }
    }

    /// What hedging on this alias may still cost.
    pub(super) fn stakes(&self, alias: &str) -> Option<&Stakes> {
        self.stakes.get(alias)
    }

    /// What of these headers some alias is sticky by; mostly nothing is looked for.
    pub fn marks(&self, headers: &HeaderMap) -> Vec<Mark> {
        let value = |name: &HeaderName| {
            let text = headers.get(name)?.to_str().ok()?;
            (!text.is_empty()).then(|| (name.clone(), text.to_owned()))
        };
        self.sticky_headers.iter().filter_map(value).collect()
    }

    /// Did this gateway send the request with these headers?
    pub fn is_own(&self, headers: &HeaderMap) -> bool {
        headers.get_all("via").iter().any(|via| via == self.via)
    }
}

fn sticky_headers(config: &Config) -> Vec<HeaderName> {
    let sticky = config
        .aliases
        .iter()
        .filter(|alias| alias.sticky == Sticky::Header);
    let mut names: Vec<HeaderName> = Vec::new();
    for alias in sticky {
        if !names.contains(&alias.sticky_header) {
            names.push(alias.sticky_header.clone());
        }
    }
    names
}

/// Is a turn taken, or only looked at?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Take,
    Look,
}

impl Member {
    /// A place among the requests that the provider takes at once; `None` where that is not bounded.
    pub(super) async fn place(&self, manner: Manner) -> Result<Option<Place>, Error> {
        let Some(gate) = &self.gate else {
            return Ok(None);
        };
        match gate.enter(manner).await {
            Ok(place) => Ok(Some(place)),
            Err(Full) => Err(Error::new(
                Kind::Overloaded,
                format!(
                    "all {} places at the provider are taken (`max_in_flight`)",
                    gate.limit()
                ),
            )
            .with_code(PROVIDER_BUSY)
            .with_retry(Retry::No)
            .with_retry_after(Some(COME_BACK))),
        }
    }

    fn new(config: ProviderConfig, peer: Option<&Peer>, before: Option<&Self>) -> Self {
        let provider = providers::build(config.kind, &config.settings);
        let transport = match (peer, config.kind) {
            (Some(peer), _) => Transport::Local(peer.clone()),
            (None, providers::Kind::Demo) => {
                Transport::Local(Peer::new(providers::demo::peer::answer))
            }
            (
                None,
                providers::Kind::OpenAi
                | providers::Kind::Anthropic
                | providers::Kind::Google
                | providers::Kind::Compatible,
            ) => Transport::Http,
        };
        let same_keys = before.filter(|before| same(&before.config.keys, &config.keys));
        let keys = same_keys.map_or_else(
            || Arc::new(Keyring::new(config.keys.clone())),
            |before| before.keys.clone(),
        );
        let gate = config.max_in_flight.map(|limit| {
            let known = before.and_then(|before| before.gate.as_ref());
            let known = known.filter(|gate| gate.limit() == limit);
            known.cloned().unwrap_or_else(|| Arc::new(Gate::new(limit)))
        });
        let headers = config
            .headers
            .iter()
            .filter_map(|(name, value)| {
                // The configuration's check has refused values that no header can hold.
                let mut value = HeaderValue::from_str(value.expose()).ok()?;
                value.set_sensitive(true);
                Some((name.clone(), value))
            })
            .collect();
        Self {
            provider,
            transport,
            headers,
            keys,
            gate,
            config,
            commanded: OnceCell::new(),
        }
    }

    /// The key for the next request; several are used in turn. None is lent where the provider needs none.
    pub(super) async fn key(&self) -> Result<Lent, Error> {
        if !self.keys.is_empty() {
            return Ok(self.keys.lend(Instant::now()));
        }
        let lend = |secret| Lent { secret, at: None };
        if let Some(command) = &self.config.key_command {
            let run = || self.run_key_command(command.clone());
            let told = self.commanded.get_or_try_init(run).await?;
            return Ok(lend(Some(told.clone())));
        }
        let State::Asleep(variables) = &self.config.state else {
            return Ok(lend(None));
        };
        let name = &self.config.settings.name;
        let mut error = Error::new(
            Kind::UpstreamAuth,
            format!("provider `{name}` has no API key"),
        )
        .with_code("no_api_key");
        if let Some(variable) = variables.first() {
            error = error.with_hint(format!("set {variable}, or `providers.{name}.api_key`"));
        }
        Err(error)
    }

    /// The command may ask a password manager and take its time, so it does not run on a worker of the server's.
    async fn run_key_command(&self, command: String) -> Result<Secret, Error> {
        let name = self.config.settings.name.clone();
        tokio::task::spawn_blocking(move || load::run_key_command(name.as_str(), &command))
            .await
            .map_err(|_| Error::new(Kind::Internal, "the key command's task broke off"))?
    }
}

fn same(one: &[Secret], other: &[Secret]) -> bool {
    one.iter()
        .map(Secret::expose)
        .eq(other.iter().map(Secret::expose))
}

/// Puts fetched data in place of its URL, wherever it stands.
pub(super) fn put_media(request: &mut Request, url: &str, data: &str) {
    for item in request.input.iter_mut().filter_map(Open::known_mut) {
        let parts = match item {
            Item::Message(message) => &mut message.content,
            Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
                match &mut output.output {
                    ToolOutput::Parts(parts) => parts,
                    ToolOutput::Text(_) => continue,
                }
            }
            Item::FunctionCall(_)
            | Item::Reasoning(_)
            | Item::Compaction(_)
            | Item::ItemReference(_)
            | Item::CustomToolCall(_) => continue,
        };
        for part in parts.iter_mut().filter_map(Open::known_mut) {
            match part {
                Part::InputImage(image) if image.image_url.as_deref() == Some(url) => {
                    image.image_url = Some(data.to_owned());
                }
                Part::InputFile(file) if file.file_url.as_deref() == Some(url) => {
                    file.file_url = None;
                    file.file_data = Some(data.to_owned());
                }
                _ => {}
            }
        }
    }
}
