//! The configuration, made ready for use. Immutable: a reload makes a new one, requests in flight keep theirs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::fetch::Rules;
use super::upstream::Transport;
use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::config::provider::{ProviderConfig, State};
use crate::config::{Config, load};
use crate::error::{Error, Kind};
use crate::providers::{self, Provider};
use crate::secret::Secret;
use crate::target::ProviderName;

/// One configured provider.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) provider: Box<dyn Provider>,
    pub(super) transport: Transport,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    config: ProviderConfig,
    next_key: AtomicUsize,
    commanded: OnceCell<Secret>,
}

/// The configuration and what was built of it.
#[derive(Debug)]
pub struct Snapshot {
    /// What the file and the environment say.
    pub config: Config,
    pub(super) fetch: Rules,
    pub(super) via: HeaderValue,
    members: HashMap<ProviderName, Member>,
}

impl Snapshot {
    pub(super) fn new(config: Config) -> Self {
        let members = config
            .providers
            .iter()
            .map(|provider| {
                (
                    provider.settings.name.clone(),
                    Member::new(provider.clone()),
                )
            })
            .collect();
        let fetch = Rules(config.fetch.clone());
        let via = HeaderValue::from_str(&format!("1.1 llmgw/{}", Uuid::now_v7().simple()));
        Self {
            fetch,
            via: via.unwrap_or(HeaderValue::from_static("1.1 llmgw")),
            members,
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

    /// The providers that may be asked: those that have a key or need none.
    pub fn ready_providers(&self) -> impl Iterator<Item = &str> {
        self.config.awake().map(ProviderName::as_str)
    }

    /// Did this gateway send the request with these headers?
    pub fn is_own(&self, headers: &HeaderMap) -> bool {
        headers.get_all("via").iter().any(|via| via == self.via)
    }
}

impl Member {
    fn new(config: ProviderConfig) -> Self {
        let provider = providers::build(config.kind, &config.settings);
        let transport = match config.kind {
            providers::Kind::Demo => Transport::Local(providers::demo::peer::answer),
            providers::Kind::OpenAi
            | providers::Kind::Anthropic
            | providers::Kind::Google
            | providers::Kind::Compatible => Transport::Http,
        };
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
            config,
            next_key: AtomicUsize::new(0),
            commanded: OnceCell::new(),
        }
    }

    /// The key for the next request; several are used in turn. `None` where the provider needs none.
    pub(super) async fn key(&self) -> Result<Option<Secret>, Error> {
        if !self.config.keys.is_empty() {
            let at = self.next_key.fetch_add(1, Ordering::Relaxed) % self.config.keys.len();
            return Ok(self.config.keys.get(at).cloned());
        }
        if let Some(command) = &self.config.key_command {
            let run = || self.run_key_command(command.clone());
            return self.commanded.get_or_try_init(run).await.cloned().map(Some);
        }
        let State::Asleep(variables) = &self.config.state else {
            return Ok(None);
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
