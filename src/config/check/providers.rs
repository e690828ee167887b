//! The check of `providers`: the file, the built-in ones and the environment become one list.

use http::{HeaderName, HeaderValue};
use serde_yaml::{Mapping, Value};

use crate::config::document::Path;
use crate::config::load::Env;
use crate::config::provider::{BUILT_IN, Origin, ProviderConfig, State, vendors};
use crate::config::{nearest, shape};
use crate::providers::{Api, Kind, Settings};
use crate::secret::Secret;
use crate::target::ProviderName;

use super::Checker;
use super::server::size;

/// What is known of a provider before its file entry is looked at.
struct Known {
    kind: Kind,
    vendor: Option<&'static str>,
    base_url: Option<&'static str>,
    /// Variables that hold the key of the provider of this very name; empty for names of the user's own.
    key_variables: Vec<&'static str>,
    base_url_variable: Option<String>,
    needs: Needs,
}

/// Does a provider answer without a key?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// It does not.
    Key,
    /// It may.
    Nothing,
}

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

    /// What its name and its `type` tell of a provider.
    fn known(&mut self, at: &Path, name: &str, r#type: Option<&str>) -> Option<Known> {
        let is_type = |word: &str| match r#type {
            Some(r#type) => r#type == word,
            None => name == word,
        };
        let ours = name_variables(name);
        if let Some(known) = BUILT_IN.iter().find(|known| is_type(known.name)) {
            return Some(Known {
                kind: known.kind,
                vendor: None,
                base_url: Some(known.base_url),
                key_variables: ours.0,
                base_url_variable: ours.1,
                needs: Needs::Key,
            });
        }
        if let Some(vendor) = vendors().find(|vendor| is_type(vendor.name)) {
            let needs = match vendor.key_variable {
                Some(_) => Needs::Key,
                None => Needs::Nothing,
            };
            return Some(Known {
                kind: Kind::Compatible,
                vendor: Some(vendor.name),
                base_url: vendor.base_url,
                key_variables: ours.0,
                base_url_variable: ours.1,
                needs,
            });
        }
        if r#type == Some("openai-compatible") {
            return Some(Known {
                kind: Kind::Compatible,
                vendor: vendors()
                    .find(|vendor| vendor.name == name)
                    .map(|vendor| vendor.name),
                base_url: None,
                key_variables: ours.0,
                base_url_variable: ours.1,
                needs: Needs::Nothing,
            });
        }
        let words = ["openai-compatible", "openai", "anthropic", "google"];
        let all = || words.into_iter().chain(vendors().map(|vendor| vendor.name));
        if let Some(word) = r#type {
            let question = nearest::question(word, all());
            let message = format!("`{word}` is no type of provider{question}");
            self.fault(&at.key("type"), message);
        } else {
            let question = nearest::question(name, all());
            let message = format!(
                "missing key `type` (`openai-compatible`, `openai`, `anthropic` or `google`){question}"
            );
            self.fault_at_key(at, message);
        }
        None
    }

    fn api(&mut self, at: &Path, kind: Kind, api: Option<shape::Api>) -> Api {
        match (api, kind) {
            (Some(_), Kind::Anthropic | Kind::Google | Kind::Demo) => {
                self.fault(
                    &at.key("api"),
                    "only OpenAI and compatible servers have a choice",
                );
                Api::Auto
            }
            (None | Some(shape::Api::Auto), _) => Api::Auto,
            (Some(shape::Api::Responses), _) => Api::Responses,
            (Some(shape::Api::Chat), _) => Api::Chat,
        }
    }

    fn base_url(
        &mut self,
        at: &Path,
        known: &Known,
        file: Option<&str>,
        env: &Env,
    ) -> Option<String> {
        let variable = known.base_url_variable.as_deref();
        let from_env = variable
            .and_then(|name| env.get(name))
            .filter(|url| !url.is_empty());
        let (text, source) = match (file, from_env) {
            (None, Some(text)) => (text, variable),
            (file, _) => (file.or(known.base_url).unwrap_or_default(), None),
        };
        if text.is_empty() {
            // A variable that is not set has its fault already.
            if !self.is_unset(&at.key("base_url")) {
                self.fault_at_key(at, "missing key `base_url`");
            }
            return None;
        }
        match base_url(text, known.kind) {
            Ok(url) => Some(url),
            Err(message) => {
                match source {
                    Some(variable) => {
                        self.fault(at, format!("the variable `{variable}` {message}"));
                    }
                    None => self.fault(&at.key("base_url"), message),
                }
                None
            }
        }
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

/// The variables of the built-in provider of this name: those of its key, and that of its address.
fn name_variables(name: &str) -> (Vec<&'static str>, Option<String>) {
    if let Some(known) = BUILT_IN.iter().find(|known| known.name == name) {
        return (
            known.key_variables.to_vec(),
            Some(known.base_url_variable.to_owned()),
        );
    }
    match vendors().find(|vendor| vendor.name == name) {
        Some(vendor) => {
            let prefix = vendor.name.to_ascii_uppercase().replace('-', "_");
            (
                vendor.key_variable.into_iter().collect(),
                Some(format!("{prefix}_BASE_URL")),
            )
        }
        None => (Vec::new(), None),
    }
}

/// The URL without its trailing slash. The message never repeats it: it may hold a password.
fn base_url(text: &str, kind: Kind) -> Result<String, String> {
    let url = url::Url::parse(text.trim())
        .map_err(|_| "is no URL: write it as `https://host/v1`".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with `http://` or `https://`".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a name or password: keys travel in headers".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a `?` or `#`".to_owned());
    }
    let bare = url.as_str().trim_end_matches('/').to_owned();
    let versioned = [("/v1", "v1"), ("/v1beta", "v1beta")]
        .into_iter()
        .find(|(end, _)| bare.ends_with(end));
    match (kind, versioned) {
        (Kind::Anthropic | Kind::Google, Some((_, version))) => {
            Err(format!("must end before `/{version}`, which is added"))
        }
        _ => Ok(bare),
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
