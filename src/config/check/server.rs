//! The check of `server`.

use serde_yaml::Value;

use crate::config::document::Path;
use crate::config::server::{Address, Admin, Anonymous, ClientKey, Server, hash};
use crate::config::{nearest, shape};

use super::Checker;

impl Checker<'_> {
    pub(super) fn server(&mut self, part: Option<Value>) -> Server {
        let at = Path::root().key("server");
        let shape: shape::Server = self.read(&at, part);
        let base = Server::default();
        let admin = self.admin(&at, &shape);
        let server = Server {
            address: self.address(&at.key("address"), shape.address.as_deref(), base.address),
            keys: self.client_keys(&at.key("keys"), shape.keys.unwrap_or_default()),
            anonymous: match shape.allow_anonymous {
                Some(true) => Anonymous::Allowed,
                Some(false) | None => Anonymous::Refused,
            },
            admin,
            body_limit: self
                .not_zero(&at.key("body_limit"), shape.body_limit)
                .unwrap_or(base.body_limit),
            drain: shape.drain.unwrap_or(base.drain),
            commit_after: shape.commit_after.unwrap_or(base.commit_after),
            keep_alive: shape.keep_alive.unwrap_or(base.keep_alive),
            cors: self.origins(&at.key("cors"), shape.cors.unwrap_or_default()),
            max_in_flight: self
                .not_zero(&at.key("max_in_flight"), shape.max_in_flight)
                .map_or(base.max_in_flight, size),
        };
        if server.keep_alive.is_zero() {
            self.fault(&at.key("keep_alive"), "must be more than 0");
        }
        if let Err(message) = server.listen(None) {
            self.fault(&at.key("address"), message);
        }
        server
    }

    fn address(&mut self, at: &Path, text: Option<&str>, base: Address) -> Address {
        match text.map(Address::parse) {
            Some(Ok(address)) => address,
            Some(Err(message)) => {
                self.fault(at, message);
                base
            }
            None => base,
        }
    }

    fn admin(&mut self, at: &Path, shape: &shape::Server) -> Option<Admin> {
        let key = shape.admin_key.as_ref().map(|hidden| hidden.0.expose());
        let key = key.filter(|key| !key.is_empty());
        if key.is_some() {
            self.saw_secret(&at.key("admin_key"));
        }
        let text = shape.admin.as_deref().filter(|text| *text != "off")?;
        let at = at.key("admin");
        match Address::parse(text) {
            Ok(address) => {
                if !address.is_loopback() && key.is_none() {
                    self.fault(&at, "an address beyond loopback needs `server.admin_key`");
                }
                Some(Admin {
                    address,
                    sha256: key.map(hash),
                })
            }
            Err(message) => {
                self.fault(&at, format!("{message}; or `off`"));
                None
            }
        }
    }

    fn client_keys(&mut self, at: &Path, keys: Vec<shape::Key>) -> Vec<ClientKey> {
        let mut known: Vec<ClientKey> = Vec::new();
        for (index, shape) in keys.into_iter().enumerate() {
            let at = at.index(index);
            let text = shape.secret.as_ref().map(|hidden| hidden.0.expose());
            let key = ClientKey {
                sha256: hash(text.unwrap_or_default()),
                name: shape.name,
                models: shape.models,
                requests_per_minute: self
                    .not_zero(&at.key("requests_per_minute"), shape.requests_per_minute),
                tokens_per_minute: self
                    .not_zero(&at.key("tokens_per_minute"), shape.tokens_per_minute),
            };
            match text {
                None if self.is_unset(&at.key("key")) => {}
                None | Some("") => self.fault(&at, "the key is empty"),
                Some(text) => {
                    self.saw_secret(&at.key("key"));
                    if text.len() < 16 {
                        let warning =
                            format!("the client key `{}` is short and easily guessed", key.name);
                        self.warnings.push(warning);
                    }
                    if known.iter().any(|other| other.sha256 == key.sha256) {
                        self.fault(&at.key("key"), "another client has this key too");
                    }
                }
            }
            if known.iter().any(|other| other.name == key.name) {
                let message = format!("there are two client keys named `{}`", key.name);
                self.fault(&at.key("name"), message);
            }
            known.push(key);
        }
        known
    }

    /// Origins are compared as browsers send them: scheme, host and port, nothing else.
    fn origins(&mut self, at: &Path, origins: Vec<String>) -> Vec<String> {
        for (index, origin) in origins.iter().enumerate() {
            let sound = origin == "*"
                || url::Url::parse(origin)
                    .is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !sound {
                let near = origin.trim_end_matches('/').to_lowercase();
                let question = nearest::question(origin, [near.as_str()]);
                let message = format!("is no origin such as `https://app.example.com`{question}");
                self.fault(&at.index(index), message);
            }
        }
        origins
    }
}

/// A count that is used as a number of things in memory.
pub(super) fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
