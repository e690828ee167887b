//! Who may call.
//!
//! With client keys, a key must be shown; every failure answers alike. Without keys the gateway is for this machine
//! alone, and a web page must not reach it either: a foreign `Host` or `Origin` is refused, and so is a body that is
//! not declared as JSON, which is what a browser sends without asking first.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::config::server::{Anonymous, ClientKey, Server};
use crate::error::{Error, Kind};
use crate::routing::plan::Mark;

/// The rules of access, by the configuration.
#[derive(Debug)]
pub(super) struct Access {
    rules: ArcSwap<Rules>,
}

#[derive(Debug)]
struct Rules {
    keys: Vec<(Arc<str>, Arc<ClientKey>)>,
    anonymous: Anonymous,
    cors: Vec<String>,
}

/// A caller that was let in.
#[derive(Debug, Clone, Default)]
pub(super) struct Admitted {
    /// The key that was shown; `None` where none is needed.
    pub(super) key: Option<(Arc<str>, Arc<ClientKey>)>,
    /// What of the request's headers some alias is sticky by.
    pub(super) marks: Vec<Mark>,
}

impl Access {
    pub(super) fn new(server: &Server) -> Self {
        Self {
            rules: ArcSwap::from_pointee(Rules::new(server)),
        }
    }

    /// May pages of this origin call?
    pub(super) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        is_listed(&self.rules.load().cors, origin)
    }

    /// Takes new rules, for the next request.
    pub(super) fn reload(&self, server: &Server) {
        self.rules.store(Arc::new(Rules::new(server)));
    }

    /// Lets the request in, or says why not.
    pub(super) fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<Admitted, Error> {
        self.rules.load().admit(method, headers)
    }
}

impl Rules {
    fn new(server: &Server) -> Self {
        let named = |key: &ClientKey| (Arc::from(key.name.as_str()), Arc::new(key.clone()));
        Self {
            keys: server.keys.iter().map(named).collect(),
            anonymous: server.anonymous,
            cors: server.cors.clone(),
        }
    }

    fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<Admitted, Error> {
        if self.keys.is_empty() {
            if self.anonymous == Anonymous::Refused {
                self.local(headers)?;
            }
            if method == Method::POST && !is_json(headers) {
                return Err(Error::new(
                    Kind::UnsupportedMediaType,
                    "the body must be sent as application/json",
                )
                .with_hint("send the header `content-type: application/json`"));
            }
            return Ok(Admitted::default());
        }
        let shown = shown_key(headers).unwrap_or_default();
        let hash: [u8; 32] = Sha256::digest(shown).into();
        // All keys are compared, whichever fits, so that the time says nothing.
        let mut found = None;
        for entry in &self.keys {
            if bool::from(entry.1.sha256.ct_eq(&hash)) {
                found = Some(entry);
            }
        }
        match found {
            Some(key) => Ok(Admitted {
                key: Some(key.clone()),
                marks: Vec::new(),
            }),
            None => Err(Error::new(Kind::Unauthorized, "a valid key is required")
                .with_hint("send one of the gateway's client keys as `authorization: Bearer …`")),
        }
    }

    fn local(&self, headers: &HeaderMap) -> Result<(), Error> {
        only_this_machine(headers, &self.cors)
    }
}

fn is_listed(cors: &[String], origin: &HeaderValue) -> bool {
    cors.iter()
        .any(|allowed| allowed == "*" || origin == allowed.as_str())
}

/// Only this machine may call, and no web page at all.
pub(super) fn only_local(headers: &HeaderMap) -> Result<(), Error> {
    only_this_machine(headers, &[])
}

fn only_this_machine(headers: &HeaderMap, cors: &[String]) -> Result<(), Error> {
    if let Some(host) = headers.get(HOST) {
        let host = host.to_str().unwrap_or_default();
        if !is_local(host) {
            return Err(Error::new(
                Kind::Forbidden,
                "without client keys only this machine may call",
            )
            .with_code("foreign_host"));
        }
    }
    if let Some(origin) = headers.get(ORIGIN)
        && !is_listed(cors, origin)
    {
        return Err(Error::new(
            Kind::Forbidden,
            "without client keys web pages may not call",
        )
        .with_code("foreign_origin")
        .with_hint("list the page's origin under `server.cors`"));
    }
    Ok(())
}

impl Admitted {
    /// May this caller use the model of that name?
    pub(super) fn may_use(&self, model: &str) -> Result<(), Error> {
        let Some((_, key)) = &self.key else {
            return Ok(());
        };
        if key.allows(model) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Forbidden,
            format!("this key may not use the model `{model}`"),
        )
        .with_code("model_not_allowed")
        .with_param("model"))
    }

    /// The name of the key.
    pub(super) fn name(&self) -> Option<Arc<str>> {
        self.key.as_ref().map(|(name, _)| name.clone())
    }
}

/// The key that the client shows, in either header.
pub(super) fn shown_key(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers
        .get("x-api-key")
        .and_then(|value| value.to_str().ok())
    {
        return Some(key.trim());
    }
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let media_type = value.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
        || (media_type.len() > 5 && media_type.to_ascii_lowercase().ends_with("+json"))
}

/// `localhost`, a loopback address, each with or without a port.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for host in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:1",
            "[::1]:8080",
            "127.9.9.9",
            "a.localhost:1",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:80",
            "10.0.0.1",
            "localhost.evil",
            "[::2]:1",
            "",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn a_key_is_read_from_either_header() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "bearer  k1".parse().unwrap());
        assert_eq!(shown_key(&headers), Some("k1"));
        headers.insert("x-api-key", "k2".parse().unwrap());
        assert_eq!(shown_key(&headers), Some("k2"));
    }

    #[test]
    fn json_is_told_from_what_a_form_may_send() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            is_json(&headers)
        };
        assert!(with("application/json") && with("Application/JSON; charset=utf-8"));
        assert!(
            !with("text/plain")
                && !with("application/x-www-form-urlencoded")
                && !with("text/plain;json")
        );
    }
}
