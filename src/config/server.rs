//! The listener: where it listens, who may call, and how much.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::catalog::glob;

/// `server`.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where to listen.
    pub address: Address,
    /// Who may call. Empty: anybody who reaches the listener.
    pub keys: Vec<ClientKey>,
    /// Whether a listener beyond loopback may do without keys.
    pub anonymous: Anonymous,
    /// The listener of its own for metrics and administration.
    pub admin: Option<Admin>,
    /// The largest request body in bytes.
    pub body_limit: u64,
    /// How long running requests may take to end at shutdown.
    pub drain: Duration,
    /// After this time without content the status and headers go out all the same.
    pub commit_after: Duration,
    /// A comment is sent so often while an upstream is silent.
    pub keep_alive: Duration,
    /// Origins whose web pages may call.
    pub cors: Vec<String>,
    /// More requests at once are refused.
    pub max_in_flight: usize,
}

/// A key that a client may call with.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// Its name in logs and metrics.
    pub name: String,
    /// The hash of the key; the key itself is not kept.
    pub sha256: [u8; 32],
    /// The aliases and `provider/model` patterns it may use; empty means all.
    pub models: Vec<String>,
    /// Its limit of requests.
    pub requests_per_minute: Option<u64>,
    /// Its limit of tokens.
    pub tokens_per_minute: Option<u64>,
}

/// Who may call a listener beyond loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Anonymous {
    /// Only holders of a key.
    #[default]
    Refused,
    /// Anybody: said so in the file.
    Allowed,
}

/// The listener for metrics and administration.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where to listen.
    pub address: Address,
    /// The hash of the key that callers need.
    pub sha256: Option<[u8; 32]>,
}

/// A host, perhaps unsaid, and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The host.
    pub host: Host,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

/// The host of an [`Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// `:8080`: all addresses with client keys, loopback without.
    Unsaid,
    /// `localhost`: both loopback addresses.
    Localhost,
    /// This address.
    Ip(IpAddr),
}

/// What to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// 127.0.0.1, and `::1` on the same port where the machine has it.
    Loopback(u16),
    /// `::` for both families, or 0.0.0.0 on a machine without IPv6.
    Everywhere(u16),
    /// Just this.
    At(SocketAddr),
}

/// The hash under which a client key is known.
pub fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

impl Server {
    /// What to bind, given the address of the command line if there is one. The error says what is missing: beyond
    /// loopback a key is needed, or the explicit word that none is.
    pub fn listen(&self, instead: Option<&str>) -> Result<Listen, String> {
        let address = instead.map_or(Ok(self.address), Address::parse)?;
        let open = !self.keys.is_empty() || self.anonymous == Anonymous::Allowed;
        match address.host {
            Host::Unsaid if open => Ok(Listen::Everywhere(address.port)),
            Host::Unsaid | Host::Localhost => Ok(Listen::Loopback(address.port)),
            Host::Ip(ip) if ip.is_loopback() || open => {
                Ok(Listen::At(SocketAddr::new(ip, address.port)))
            }
            Host::Ip(ip) => Err(format!(
                "{ip} is reachable from outside, and there are no client keys: \
                 set `server.keys`, or `server.allow_anonymous: true`"
            )),
        }
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::At(address)
    }
}

impl Listen {
    /// The sockets to try. All of `Loopback`, of which the second may fail; the first of `Everywhere` that works.
    pub fn sockets(self) -> Vec<SocketAddr> {
        let v4 = |ip: Ipv4Addr, port| SocketAddr::new(IpAddr::V4(ip), port);
        let v6 = |ip: Ipv6Addr, port| SocketAddr::new(IpAddr::V6(ip), port);
        match self {
            // With a port of the system's choice two sockets would have two ports.
            Self::Loopback(0) => vec![v4(Ipv4Addr::LOCALHOST, 0)],
            Self::Loopback(port) => {
                vec![v4(Ipv4Addr::LOCALHOST, port), v6(Ipv6Addr::LOCALHOST, port)]
            }
            Self::Everywhere(port) => {
                vec![
                    v6(Ipv6Addr::UNSPECIFIED, port),
                    v4(Ipv4Addr::UNSPECIFIED, port),
                ]
            }
            Self::At(address) => vec![address],
        }
    }

    /// Does it listen on loopback only?
    pub fn is_loopback(self) -> bool {
        match self {
            Self::Loopback(_) => true,
            Self::Everywhere(_) => false,
            Self::At(address) => address.ip().is_loopback(),
        }
    }
}

impl Address {
    /// Reads `:8080`, `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = || {
            "is no address: write it as `:8080`, `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`"
                .to_owned()
        };
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(fault)?;
        let port = port.parse().map_err(|_| fault())?;
        let host = match host {
            "" => Host::Unsaid,
            "localhost" => Host::Localhost,
            _ => {
                let bare = host
                    .strip_prefix('[')
                    .and_then(|inner| inner.strip_suffix(']'));
                match bare {
                    Some(v6) => Host::Ip(IpAddr::V6(v6.parse().map_err(|_| fault())?)),
                    None => Host::Ip(IpAddr::V4(host.parse().map_err(|_| fault())?)),
                }
            }
        };
        Ok(Self { host, port })
    }

    /// Is it loopback, whoever holds keys?
    pub fn is_loopback(&self) -> bool {
        match self.host {
            Host::Unsaid => false,
            Host::Localhost => true,
            Host::Ip(ip) => ip.is_loopback(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Unsaid => write!(f, ":{}", self.port),
            Host::Localhost => write!(f, "localhost:{}", self.port),
            Host::Ip(ip) => write!(f, "{}", SocketAddr::new(ip, self.port)),
        }
    }
}

impl ClientKey {
    /// May it use this name: an alias, or `provider/model`?
    pub fn allows(&self, name: &str) -> bool {
        self.models.is_empty()
            || self
                .models
                .iter()
                .any(|pattern| glob::matches(pattern, name))
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("name", &self.name)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: Address {
                host: Host::Unsaid,
                port: 8080,
            },
            keys: Vec::new(),
            anonymous: Anonymous::default(),
            admin: None,
            body_limit: 32 << 20,
            drain: Duration::from_secs(30),
            commit_after: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            cors: Vec::new(),
            max_in_flight: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown() {
        for text in [
            ":8080",
            "localhost:0",
            "127.0.0.1:80",
            "[::1]:8080",
            "[::]:1",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "8080",
            "example.com:80",
            "1.2.3.4",
            "::1:80",
            ":http",
            "[1.2.3.4]:80",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_keys_only_loopback_is_listened_on() {
        let mut server = Server::default();
        assert_eq!(server.listen(None), Ok(Listen::Loopback(8080)));
        assert!(server.listen(Some("127.0.0.2:80")).unwrap().is_loopback());
        assert!(server.listen(Some("0.0.0.0:80")).is_err());
        assert!(server.listen(Some("[::]:80")).is_err());
        server.anonymous = Anonymous::Allowed;
        assert_eq!(server.listen(None), Ok(Listen::Everywhere(8080)));
        assert!(server.listen(Some("0.0.0.0:80")).is_ok());
    }

    #[test]
    fn a_key_may_use_what_its_patterns_say() {
        let key = ClientKey {
            name: "ci".to_owned(),
            sha256: hash("k"),
            models: vec!["fast".to_owned(), "openai/*".to_owned()],
            requests_per_minute: None,
            tokens_per_minute: None,
        };
        assert!(key.allows("fast") && key.allows("openai/gpt-6-luna"));
        assert!(!key.allows("smart") && !key.allows("anthropic/claude-opus-5"));
    }
}
