//! One configured provider: where it is, what opens it, and whether it can be asked at all.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::HeaderName;

use crate::providers::compatible::quirks::known;
use crate::providers::{Kind, Settings};
use crate::secret::Secret;
use crate::target::ProviderName;

/// What the configuration says of one provider.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// What its protocol cares about.
    pub settings: Settings,
    /// Its protocol.
    pub kind: Kind,
    /// Its keys; several are used in turn. Empty if it needs none, or if `key_command` tells it.
    pub keys: Vec<Secret>,
    /// A command that prints the key; it is run when the key is first needed.
    pub key_command: Option<String>,
    /// Headers of the file, sent with every request.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Requests at once at most.
    pub max_in_flight: Option<usize>,
    /// Can it be asked?
    pub state: State,
    /// Where it comes from.
    pub origin: Origin,
}

/// Can a provider be asked?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Yes.
    Awake,
    /// Not before one of these variables is set.
    Asleep(Vec<String>),
}

/// Where a provider comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Built in, and not mentioned in the file.
    BuiltIn,
    /// Mentioned in the file.
    File,
}

/// A provider that is known without a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its protocol.
    pub kind: Kind,
    /// Where it is.
    pub base_url: &'static str,
    /// The variables that hold its key, first come first; empty if it needs none.
    pub key_variables: &'static [&'static str],
    /// The variable that may hold another `base_url`.
    pub base_url_variable: &'static str,
    /// The model that is used when nobody names one.
    pub default_model: Option<&'static str>,
}

/// The built-in providers, in the order in which a default is looked for.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: "openai",
        kind: Kind::OpenAi,
        base_url: "https://api.openai.com/v1",
        key_variables: &["OPENAI_API_KEY"],
        base_url_variable: "OPENAI_BASE_URL",
        default_model: Some("gpt-6-luna"),
    },
    BuiltIn {
        name: "anthropic",
        kind: Kind::Anthropic,
        base_url: "https://api.anthropic.com",
        key_variables: &["ANTHROPIC_API_KEY"],
        base_url_variable: "ANTHROPIC_BASE_URL",
        default_model: Some("claude-sonnet-5-5"),
    },
    BuiltIn {
        name: "google",
        kind: Kind::Google,
        base_url: "https://generativelanguage.googleapis.com",
        key_variables: &["GOOGLE_API_KEY", "GEMINI_API_KEY"],
        base_url_variable: "GOOGLE_BASE_URL",
        default_model: Some("gemini-3.8-flash"),
    },
];

/// A vendor whose servers speak Chat Completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendor {
    /// Its name, as a provider and as a `type`.
    pub name: &'static str,
    /// Where it is; `None` where each user has a host of their own.
    pub base_url: Option<&'static str>,
    /// The variable that holds its key; `None` for servers that people run for themselves.
    pub key_variable: Option<&'static str>,
}

/// The compatible vendors that are known by name, in the order in which they are listed.
pub fn vendors() -> impl Iterator<Item = Vendor> {
    // Those with a key come before those that people run for themselves.
    let rows = || known().iter().filter(|row| !is_first(row.name));
    let keyed = rows().filter(|row| row.key_env.is_some());
    keyed
        .chain(rows().filter(|row| row.key_env.is_none()))
        .map(|row| Vendor {
            name: row.name,
            base_url: row.base_url,
            key_variable: row.key_env,
        })
}

impl Vendor {
    /// Is it there without a file? Vendors with a key of their own are, and `ollama`, which has one well-known address;
    /// other servers that people run for themselves have to be named.
    pub fn is_built_in(&self) -> bool {
        self.base_url.is_some() && (self.key_variable.is_some() || self.name == "ollama")
    }
}

impl ProviderConfig {
    /// Its name.
    pub fn name(&self) -> &ProviderName {
        &self.settings.name
    }

    /// Can it be asked?
    pub fn is_awake(&self) -> bool {
        self.state == State::Awake
    }

    /// Does it have a key of its own, or a way to one? Local servers and `demo` have none.
    pub fn has_key(&self) -> bool {
        !self.keys.is_empty() || self.key_command.is_some()
    }

    /// Would a request to it come back to one of these sockets? Loopback and unspecified addresses of one port are the
    /// same machine; other names are not looked up.
    pub fn points_at(&self, listening: &[SocketAddr]) -> bool {
        let Ok(url) = url::Url::parse(&self.settings.base_url) else {
            return false;
        };
        let ip = match url.host() {
            Some(url::Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(url::Host::Domain("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(url::Host::Domain(_)) | None => return false,
        };
        let here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
        listening.iter().any(|socket| {
            let same = socket.ip() == ip || here(ip) && here(socket.ip());
            url.port_or_known_default() == Some(socket.port()) && same
        })
    }

    /// Its name in the catalogue: the vendor's, whatever it is called here.
    pub fn vendor(&self) -> &str {
        match self.kind {
            Kind::OpenAi => "openai",
            Kind::Anthropic => "anthropic",
            Kind::Google => "google",
            Kind::Compatible => self
                .settings
                .vendor
                .as_deref()
                .unwrap_or(self.settings.name.as_str()),
            Kind::Demo => "demo",
        }
    }
}

/// Is the provider of this name known and there without a file?
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|known| known.name == name)
        || vendors().any(|vendor| vendor.name == name && vendor.is_built_in())
}

/// Is this one of the three vendors with a protocol of their own, or `demo`? Their names cannot be given to aliases.
pub fn is_first(name: &str) -> bool {
    name == "demo" || BUILT_IN.iter().any(|known| known.name == name)
}
