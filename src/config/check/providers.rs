//! The check of `providers`: the file, the built-in ones and the environment become one list.

use http::{HeaderName, HeaderValue};
use serde_yaml::{Mapping, Value};

use crate::config::document::Path;
use crate::config::load::Env;
use crate::config::provider::{BUILT_IN, Origin, ProviderConfig, State, vendors};
use crate::config::shape;
use crate::providers::{Api, Kind, Settings};
use crate::secret::Secret;
use crate::target::ProviderName;

use super::Checker;
use super::known::{Known, Needs};
use super::server::size;

/// The keys of a provider, from wherever they came.
#[derive(Default)]
struct Keys {
    secrets: Vec<Secret>,
    command: Option<String>,
    /// Variables that would have brought a key.
    missing: Vec<String>,
}

impl Checker<'_> {
    pub(super) fn providers(&mut self, part: Option<Value>, env: &Env) -> Vec<ProviderConfig> {
        let at = Path::root().key("providers");
        let mut file = Vec::new();
        for (name, value) in self.entries(&at, part) {
            let at = at.key(&name);
            if name == "demo" {
                self.fault_at_key(&at, "`demo` is built in and takes no settings");
            } else if is_name(&name) {
                let shape: shape::Provider = self.read(&at, Some(value));
                file.push((name, shape));
            } else {
                let message = "a provider's name has only letters, digits, `-`, `_` and `.`";
                self.fault_at_key(&at, message);
            }
        }
        let mut named: Vec<&str> = BUILT_IN.iter().map(|known| known.name).collect();
        named.extend(vendors().map(|vendor| vendor.name));
        let mut providers = Vec::new();
        for name in named {
            let shape = file
                .iter()
                .position(|(other, _)| other == name)
                .map(|index| file.remove(index).1);
            if shape.is_some() || crate::config::provider::is_built_in(name) {
                providers.extend(self.provider(name, shape, env));
            }
        }
        for (name, shape) in file {
            providers.extend(self.provider(&name, Some(shape), env));
        }
        providers.push(demo());
        providers
    }

    fn provider(
        &mut self,
        name: &str,
        shape: Option<shape::Provider>,
        env: &Env,
    ) -> Option<ProviderConfig> {
        let at = Path::root().key("providers").key(name);
        let origin = match shape {
            Some(_) => Origin::File,
            None => Origin::BuiltIn,
        };
        let shape = shape.unwrap_or_default();
        let known = self.known(&at, name, shape.r#type.as_deref())?;
        let api = self.api(&at, known.kind, shape.api);
        let base_url = self.base_url(&at, &known, shape.base_url.as_deref(), env);
        let keys = self.keys(&at, &known, &shape, env);
        let headers = self.headers(&at.key("headers"), shape.headers.unwrap_or_default());
        // Somebody's own server in a vendor's protocol may well want no key.
        let own = shape.base_url.is_some() && known.vendor.is_none() && keys.missing.is_empty();
        let needs = if own { Needs::Nothing } else { known.needs };
        let state = if needs == Needs::Nothing && keys.missing.is_empty()
            || !keys.secrets.is_empty()
            || keys.command.is_some()
        {
            State::Awake
        } else {
            self.asleep(&at, name, origin, &known, keys.missing)
        };
        Some(ProviderConfig {
            settings: Settings {
                name: ProviderName::from(name),
                base_url: base_url?,
                api,
                vendor: known.vendor.map(str::to_owned),
            },
            kind: known.kind,
            keys: keys.secrets,
            key_command: keys.command,
            headers,
            max_in_flight: self
                .not_zero(&at.key("max_in_flight"), shape.max_in_flight)
                .map(size),
            state,
            origin,
        })
    }

    /// The keys: explicit ones of the file, else those of the environment, else plain ones of the file.
    fn keys(&mut self, at: &Path, known: &Known, shape: &shape::Provider, env: &Env) -> Keys {
        let said = [
            shape.api_key.is_some() || self.is_unset(&at.key("api_key")),
            shape.api_keys.is_some(),
            shape.api_key_cmd.is_some(),
        ];
        if said.iter().filter(|said| **said).count() > 1 {
            self.fault_at_key(
                at,
                "only one of `api_key`, `api_keys` and `api_key_cmd` can hold",
            );
        }
        let variables = || known.key_variables.iter().map(|name| (*name).to_owned());
        let from_env = || {
            let set = known.key_variables.iter().filter_map(|name| env.get(name));
            set.filter(|key| !key.trim().is_empty())
                .map(|key| Secret::new(key.trim()))
                .next()
        };
        if let Some(command) = &shape.api_key_cmd {
            return Keys {
                command: Some(command.clone()),
                ..Keys::default()
            };
        }
        if let Some(list) = &shape.api_keys {
            return self.key_list(&at.key("api_keys"), list);
        }
        let at = at.key("api_key");
        if let Some((_, variable)) = self.expansion.unset.iter().find(|(path, _)| *path == at) {
            // The other spelling of the same variable will do.
            let same = known.key_variables.contains(&variable.as_str());
            return Keys {
                secrets: same.then(from_env).flatten().into_iter().collect(),
                missing: vec![variable.clone()],
                ..Keys::default()
            };
        }
        let plain = shape.api_key.as_ref().map(|hidden| hidden.0.clone());
        let plain = plain.filter(|key| !key.expose().is_empty());
        if plain.is_some() {
            self.saw_secret(&at);
        }
        let key = if self.is_reference(&at) {
            plain
        } else {
            from_env().or(plain)
        };
        let missing = match (&key, known.needs) {
            (None, Needs::Key) if shape.base_url.is_none() || known.vendor.is_some() => {
                variables().collect()
            }
            _ => Vec::new(),
        };
        Keys {
            secrets: key.into_iter().collect(),
            missing,
            ..Keys::default()
        }
    }

    fn key_list(&mut self, at: &Path, list: &[Option<shape::Hidden>]) -> Keys {
        let mut found = Keys::default();
        for (index, key) in list.iter().enumerate() {
            let at = at.index(index);
            let unset = self.expansion.unset.iter().find(|(path, _)| *path == at);
            match (key, unset) {
                (Some(hidden), _) if !hidden.0.expose().is_empty() => {
                    self.saw_secret(&at);
                    found.secrets.push(hidden.0.clone());
                }
                (_, Some((_, variable))) => found.missing.push(variable.clone()),
                (_, None) => self.fault(&at, "the key is empty"),
            }
        }
        if !found.secrets.is_empty() {
            for variable in &found.missing {
                let warning = format!("{at}: `{variable}` is not set, so there is a key less");
                self.warnings.push(warning);
            }
        }
        found
    }

    fn asleep(
        &mut self,
        at: &Path,
        name: &str,
        origin: Origin,
        known: &Known,
        missing: Vec<String>,
    ) -> State {
        let missing = if missing.is_empty() {
            known
                .key_variables
                .iter()
                .map(|name| (*name).to_owned())
                .collect()
        } else {
            missing
        };
        if missing.is_empty() {
            self.fault_at_key(at, "missing key `api_key`");
        } else if origin == Origin::File {
            let names = missing.join("` or `");
            self.warnings.push(format!(
                "the provider `{name}` sleeps: `{names}` is not set"
            ));
        }
        State::Asleep(missing)
    }

    fn headers(&mut self, at: &Path, map: Mapping) -> Vec<(HeaderName, Secret)> {
        let mut headers = Vec::new();
        for (key, value) in map {
            let (Some(name), Some(text)) = (key.as_str(), value.as_str()) else {
                let path = key.as_str().map_or_else(|| at.clone(), |name| at.key(name));
                if !self.is_unset(&path) {
                    self.fault(&path, "a header's name and value must be text");
                }
                continue;
            };
            let at = at.key(name);
            match (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(text),
            ) {
                (Ok(name), Ok(_)) => headers.push((name, Secret::new(text))),
                (Err(_), _) => self.fault_at_key(&at, "no header can have this name"),
                (Ok(_), Err(_)) => self.fault(&at, "no header can have this value"),
            }
        }
        headers
    }
}

fn is_name(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.bytes().all(sound)
}

/// Offline and without a key: always there.
fn demo() -> ProviderConfig {
    ProviderConfig {
        settings: Settings {
            name: ProviderName::from("demo"),
            base_url: "http://demo.invalid".to_owned(),
            api: Api::Auto,
            vendor: None,
        },
        kind: Kind::Demo,
        keys: Vec::new(),
        key_command: None,
        headers: Vec::new(),
        max_in_flight: None,
        state: State::Awake,
        origin: Origin::BuiltIn,
    }
}
