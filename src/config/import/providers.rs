//! The providers that the entries of a `model_list` come to: one for each address and set of keys.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Findings;
use super::deployment::text;
use super::vendors::{Vendor, vendor};
use crate::config::provider::is_built_in;

/// Where a provider is, and what it is told besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The `type` of our configuration.
    pub(super) r#type: &'static str,
    /// The `base_url`; absent where it is known.
    base_url: Option<String>,
    headers: Vec<(String, String)>,
}

/// The variable that holds a key; `None` where no key is sent.
pub(super) type KeyRef = Option<String>;

/// Words that stand for no key.
const PLACEHOLDERS: [&str; 9] = [
    "none",
    "empty",
    "dummy",
    "na",
    "n/a",
    "not-needed",
    "no-key",
    "fake-key",
    "anything",
];

#[derive(Debug)]
struct Draft {
    name: String,
    address: Address,
    keys: Vec<String>,
}

/// The providers so far.
#[derive(Debug, Default)]
pub(super) struct Providers {
    drafts: Vec<Draft>,
    /// Every variable that the result names, with a value that would do.
    pub(super) variables: BTreeMap<String, String>,
    /// Names that are not free.
    pub(super) taken: Vec<String>,
    literals: usize,
}

impl Providers {
    /// Where an entry's provider is, and its key; nothing if it cannot be asked here.
    pub(super) fn address(
        &mut self,
        provider: &str,
        written: &str,
        params: &Map<String, Value>,
        place: &str,
        findings: &mut Findings,
    ) -> Option<(Address, KeyRef)> {
        let at = |key: &str| format!("{place}.litellm_params.{key}");
        let base = text(params.get("api_base")).or_else(|| text(params.get("base_url")));
        let known = vendor(provider);
        let (r#type, variable, suffix, usual) = match known {
            // An address of one's own makes OpenAI's protocol anybody's.
            Some(Vendor::Known {
                r#type: "openai", ..
            }) if is_foreign(base.as_deref()) => ("openai-compatible", None, "", None),
            Some(Vendor::Known {
                r#type,
                variable,
                suffix,
            }) => (r#type, variable, suffix, None),
            Some(Vendor::Compatible { base_url, variable }) => {
                findings.approximate(
                    at("model"),
                    format!("`{provider}` is taken as a server of Chat Completions"),
                );
                ("openai-compatible", variable, "", base_url)
            }
            Some(Vendor::Foreign(why)) => {
                findings.manual(at("model"), format!("`{written}`: {why}"));
                return None;
            }
            None => {
                findings.manual(
                    at("model"),
                    format!("`{provider}` is no provider that is known here"),
                );
                return None;
            }
        };
        let base = base.filter(|url| is_foreign(Some(url)));
        let base_url = match (base, usual) {
            (Some(base), _) => {
                Some(self.base_url(&base, r#type, suffix, &at("api_base"), findings))
            }
            (None, Some(usual)) => Some(usual.to_owned()),
            (None, None) if r#type == "openai-compatible" || r#type == "azure" => {
                findings.manual(
                    at("api_base"),
                    "is missing, so nobody knows where the server is",
                );
                return None;
            }
            (None, None) => None,
        };
        if params.contains_key("api_version") {
            findings.approximate(at("api_version"), "left out: Azure's v1 API needs none");
        }
        let key = self.key(
            r#type,
            params.get("api_key"),
            variable,
            &at("api_key"),
            findings,
        );
        let address = Address {
            r#type,
            base_url,
            headers: self.headers(params, place, findings),
        };
        Some((address, key))
    }

    /// The address as our configuration has it.
    fn base_url(
        &mut self,
        written: &str,
        r#type: &str,
        suffix: &str,
        place: &str,
        findings: &mut Findings,
    ) -> String {
        let mut url = self.resolved(written, "http://imported.test");
        let bare = url.trim_end_matches('/').len();
        url.truncate(bare);
        for end in ["/chat/completions", "/v1/messages", "/responses"] {
            if let Some(rest) = url.strip_suffix(end) {
                url.truncate(rest.len());
            }
        }
        if let Some(at) = url.find("/openai/deployments") {
            url.truncate(at);
        }
        let versioned = match r#type {
            "anthropic" => url.strip_suffix("/v1"),
            "google" => url.strip_suffix("/v1beta"),
            _ => None,
        };
        if let Some(rest) = versioned {
            url.truncate(rest.len());
        }
        if !suffix.is_empty() && !url.ends_with(suffix) {
            url.push_str(suffix);
        }
        if url == written {
            findings.exact(place, "`base_url`");
        } else {
            findings.approximate(place, format!("`base_url: {url}`"));
        }
        url
    }

    /// The variable that brings a key. A key that stands in the file stays there.
    fn key(
        &mut self,
        r#type: &str,
        written: Option<&Value>,
        usual: Option<&'static str>,
        place: &str,
        findings: &mut Findings,
    ) -> KeyRef {
        let Some(written) = text(written).filter(|key| !key.is_empty()) else {
            return usual.map(|name| self.variable(name));
        };
        if let Some(name) = written.strip_prefix("os.environ/") {
            findings.exact(place, format!("`${{{name}}}`"));
            return Some(self.variable(name));
        }
        if PLACEHOLDERS.contains(&written.to_ascii_lowercase().as_str()) {
            findings.approximate(place, "a placeholder: no key is sent");
            return None;
        }
        self.literals += 1;
        let name = format!(
            "{}_API_KEY_{}",
            r#type.to_ascii_uppercase().replace('-', "_"),
            self.literals
        );
        findings.manual(
            place,
            format!("a key stands in the file: it is not copied, so set `{name}` to it"),
        );
        Some(self.variable(&name))
    }

    fn headers(
        &mut self,
        params: &Map<String, Value>,
        place: &str,
        findings: &mut Findings,
    ) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        if let Some(organization) = text(params.get("organization")) {
            let value = self.resolved(&organization, "org");
            headers.push(("openai-organization".to_owned(), value));
            findings.exact(
                format!("{place}.litellm_params.organization"),
                "the header `openai-organization`",
            );
        }
        for field in ["extra_headers", "headers"] {
            let Some(map) = params.get(field).and_then(Value::as_object) else {
                continue;
            };
            for (name, value) in map {
                let place = format!("{place}.litellm_params.{field}.{name}");
                let Some(value) = text(Some(value)) else {
                    findings.manual(place, "is no text");
                    continue;
                };
                let is_reference = value.starts_with("os.environ/");
                let value = if is_reference || !is_secret(name) {
                    findings.exact(place, "the same header");
                    self.resolved(&value, "value")
                } else {
                    let variable =
                        format!("IMPORTED_{}", name.to_ascii_uppercase().replace('-', "_"));
                    findings.manual(
                        place,
                        format!("may be a secret: it is not copied, so set `{variable}` to it"),
                    );
                    format!("${{{}}}", self.variable(&variable))
                };
                headers.push((name.to_ascii_lowercase(), value));
            }
        }
        headers
    }

    /// `os.environ/NAME` as a reference of ours; other text as it is.
    fn resolved(&mut self, written: &str, would_do: &str) -> String {
        match written.strip_prefix("os.environ/") {
            Some(name) => {
                self.variables.insert(name.to_owned(), would_do.to_owned());
                format!("${{{name}}}")
            }
            // A dollar and a brace would be a reference here.
            None => written.replace("${", "$${"),
        }
    }

    /// Takes note of a variable that holds a key.
    pub(super) fn variable(&mut self, name: &str) -> String {
        let number = self.variables.len();
        let would_do = || format!("a-key-that-is-long-enough-{number}");
        self.variables
            .entry(name.to_owned())
            .or_insert_with(would_do);
        name.to_owned()
    }

    /// The name of the provider at this address with these keys, made if it is new.
    pub(super) fn name(&mut self, address: &Address, keys: &[String]) -> String {
        let same = |draft: &&Draft| draft.address == *address && draft.keys == keys;
        if let Some(draft) = self.drafts.iter().find(same) {
            return draft.name.clone();
        }
        let wanted = address.name();
        let is_free = |name: &str| {
            let known = !address.is_own() && name == address.r#type;
            (known || !is_built_in(name))
                && !self.taken.iter().any(|taken| taken == name)
                && !self.drafts.iter().any(|draft| draft.name == name)
        };
        let numbered = (2..1000).map(|number| format!("{wanted}-{number}"));
        let name = std::iter::once(wanted.clone())
            .chain(numbered)
            .find(|name| is_free(name))
            .unwrap_or(wanted);
        self.drafts.push(Draft {
            name: name.clone(),
            address: address.clone(),
            keys: keys.to_vec(),
        });
        name
    }

    /// The section `providers`.
    pub(super) fn section(&self) -> Map<String, Value> {
        let mut section = Map::new();
        for draft in &self.drafts {
            let entry = draft.entry();
            if !entry.is_empty() {
                section.insert(draft.name.clone(), Value::Object(entry));
            }
        }
        section
    }
}

impl Draft {
    fn entry(&self) -> Map<String, Value> {
        let mut entry = Map::new();
        let mut put = |key: &str, value: Value| entry.insert(key.to_owned(), value);
        if self.name != self.address.r#type {
            put("type", json!(self.address.r#type));
        }
        if let Some(url) = &self.address.base_url {
            put("base_url", json!(url));
        }
        let reference = |name: &String| json!(format!("${{{name}}}"));
        match self.keys.as_slice() {
            [] => {}
            [only] => {
                put("api_key", reference(only));
            }
            several => {
                put("api_keys", several.iter().map(reference).collect());
            }
        }
        if !self.address.headers.is_empty() {
            let headers = self.address.headers.iter();
            let headers: Map<_, _> = headers
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            put("headers", Value::Object(headers));
        }
        entry
    }
}

impl Address {
    fn is_own(&self) -> bool {
        self.base_url.is_some()
    }

    /// The vendor's name, or one that its host suggests.
    fn name(&self) -> String {
        let Some(url) = &self.base_url else {
            return self.r#type.to_owned();
        };
        let vendor = match self.r#type {
            "openai-compatible" => None,
            r#type => Some(r#type),
        };
        let host = match url::Url::parse(url) {
            Ok(url) => url.host_str().map(str::to_owned),
            // It begins with a variable, whose name says as much.
            Err(_) => url.split(['{', '}']).nth(1).map(str::to_owned),
        };
        let host = host
            .unwrap_or_else(|| "server".to_owned())
            .to_ascii_lowercase();
        let is_ip = host.parse::<std::net::IpAddr>().is_ok();
        let label = host
            .split('.')
            .find(|label| !matches!(*label, "api" | "www"));
        let word = if is_ip {
            host.as_str()
        } else {
            label.unwrap_or("server")
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let word: String = word.chars().map(plain).collect();
        let word = word.trim_matches('-');
        match vendor {
            Some(vendor) => format!("{vendor}-{word}"),
            None if is_ip => format!("server-{word}"),
            None => word.to_owned(),
        }
    }
}

/// Is this another address than OpenAI's own?
fn is_foreign(base: Option<&str>) -> bool {
    base.is_some_and(|url| !url.is_empty() && !url.contains("api.openai.com"))
}

/// May the value of a header of this name be a secret?
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "key", "token", "secret", "cookie", "password"]
        .iter()
        .any(|word| name.contains(word))
}
