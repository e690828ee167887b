//! What is known of a provider by its name and `type`, and what the file makes of it.

use crate::config::document::Path;
use crate::config::load::Env;
use crate::config::provider::{BUILT_IN, vendors};
use crate::config::{nearest, shape};
use crate::providers::{Api, Kind};

use super::Checker;

/// What is known of a provider before its file entry is looked at.
pub(super) struct Known {
    /// Its protocol.
    pub(super) kind: Kind,
    /// The compatible vendor that it is.
    pub(super) vendor: Option<&'static str>,
    /// Where it is, if that is known.
    pub(super) base_url: Option<&'static str>,
    /// Variables that hold the key of the provider of this very name; empty for names of the user's own.
    pub(super) key_variables: Vec<&'static str>,
    /// The variable that may hold another address.
    pub(super) base_url_variable: Option<String>,
    /// Whether it answers without a key.
    pub(super) needs: Needs,
}

/// Does a provider answer without a key?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// It does not.
    Key,
    /// It may.
    Nothing,
}

impl Checker<'_> {
    /// What its name and its `type` tell of a provider.
    pub(super) fn known(&mut self, at: &Path, name: &str, r#type: Option<&str>) -> Option<Known> {
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

    pub(super) fn api(&mut self, at: &Path, kind: Kind, api: Option<shape::Api>) -> Api {
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

    pub(super) fn base_url(
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
