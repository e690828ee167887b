//! The dialect of a reply whose door is not open yet: who knocks at a path speaks the protocol of that path.

use axum::response::Response;
use http::HeaderMap;
use http::header::HeaderName;

use super::reply;
use crate::canonical::native::Protocol;
use crate::canonical::request::Request;
use crate::doors::chat::Chat;
use crate::doors::messages::Messages;
use crate::doors::responses::Responses;
use crate::error::Error;

/// Anthropic's clients send it with every request, and nobody else does.
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// The protocols of clients, as far as their errors go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Open Responses; also where nothing else is known.
    Responses,
    /// Chat Completions and what else OpenAI's clients call.
    Chat,
    /// Anthropic's.
    Messages,
}

impl Dialect {
    /// What the client of a request speaks.
    pub(super) fn of(path: &str, headers: &HeaderMap) -> Self {
        match path {
            "/v1/messages" | "/v1/messages/count_tokens" => Self::Messages,
            _ if path.starts_with("/v1/models") && is_anthropic(headers) => Self::Messages,
            "/v1/chat/completions" | "/v1/embeddings" => Self::Chat,
            _ if path.starts_with("/v1/models") => Self::Chat,
            _ => Self::Responses,
        }
    }

    /// A refusal or failure.
    pub(super) fn error(self, error: &Error, request_id: &str) -> Response {
        match self {
            Self::Responses => reply::error::<Responses>(error, request_id),
            Self::Chat => reply::error::<Chat>(error, request_id),
            Self::Messages => reply::error::<Messages>(error, request_id),
        }
    }
}

/// Gives a request the headers that belong to it: they go on to an upstream of the client's protocol.
pub(super) fn lend_headers(headers: &HeaderMap, request: &mut Request) {
    let Some(native) = &mut request.native else {
        return;
    };
    if native.protocol != Protocol::Messages {
        return;
    }
    for name in ["anthropic-version", "anthropic-beta"] {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        native
            .headers
            .extend(value.map(|value| (name, value.to_owned())));
    }
}

/// Does the request come from a client of Anthropic's API?
pub(super) fn is_anthropic(headers: &HeaderMap) -> bool {
    headers.contains_key(ANTHROPIC_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_dialect_and_the_list_of_models_its_header() {
        let plain = HeaderMap::new();
        let mut anthropic = HeaderMap::new();
        anthropic.insert(ANTHROPIC_VERSION, "2023-06-01".parse().unwrap());
        let check =
            |path, headers, expect| assert_eq!(Dialect::of(path, headers), expect, "{path}");
        check("/v1/messages", &plain, Dialect::Messages);
        check("/v1/messages/count_tokens", &plain, Dialect::Messages);
        check("/v1/chat/completions", &anthropic, Dialect::Chat);
        check("/v1/responses", &plain, Dialect::Responses);
        check("/v1/models", &plain, Dialect::Chat);
        check("/v1/models/a", &anthropic, Dialect::Messages);
        check("/nothing", &plain, Dialect::Responses);
    }
}
