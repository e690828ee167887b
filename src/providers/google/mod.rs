//! Google's Gemini API: `generateContent`, `countTokens` and the list of models, version `v1beta`.
//!
//! What it cannot do is refused or reported before anything is sent; what the families differ in is data in
//! [`crate::catalog::google`].

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Serialize;

use super::{
    Answer, Ask, AskKind, Call, ListedModel, Need, Provider, Remedies, Settings, compacts_nothing,
};
use crate::canonical::request::{Delivery, Request};
use crate::catalog::google as catalog;
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::target::ModelId;
use crate::wire::gemini;
use stream::{Calls, Reply};
use tools::Names;

mod calls;
mod contents;
mod count;
mod embeddings;
mod error;
mod finish;
mod grounding;
mod losses;
mod media;
mod parts;
mod request;
mod schema;
mod settings;
mod stream;
mod tools;
mod turns;

/// Always this version: `v1` lacks fields.
const VERSION: &str = "v1beta";

/// Google's largest page of models.
const PAGE: u32 = 1000;

/// The Gemini API at one address.
#[derive(Debug, Clone)]
pub struct Google {
    base_url: String,
}

impl Google {
    /// A provider for the address in these settings, which has no version in it.
    pub fn new(settings: &Settings) -> Self {
        Self {
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
        }
    }

    fn respond(
        &self,
        request: &Request,
        model: &ModelId,
        remedies: &Remedies,
    ) -> Result<Call, Error> {
        let rules = catalog::rules(model.as_str());
        let (body, losses) = request::encode(request, model, &rules, remedies)?;
        let streamed = request.delivery == Delivery::Streamed || rules.streamed_only.yes();
        let action = if streamed {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        let calls = match request.parallel_tool_calls {
            Some(false) => Calls::First,
            Some(true) | None => Calls::Every,
        };
        Ok(Call {
            method: Method::POST,
            url: self.url(model, action),
            headers: json_headers(),
            body: json(&body)?,
            streamed,
            losses,
            decoder: Box::new(Reply::new(model, Names::of(request), calls)),
        })
    }

    fn count(
        &self,
        request: &Request,
        model: &ModelId,
        remedies: &Remedies,
    ) -> Result<Call, Error> {
        let rules = catalog::rules(model.as_str());
        let (mut body, losses) = request::encode(request, model, &rules, remedies)?;
        body.model = Some(resource(model));
        Ok(Call {
            method: Method::POST,
            url: self.url(model, "countTokens"),
            headers: json_headers(),
            body: json(&gemini::request::CountTokens {
                generate_content_request: body,
            })?,
            streamed: false,
            losses,
            decoder: Box::new(Reply::new(model, Names::default(), Calls::Every)),
        })
    }

    fn models(&self, cursor: Option<&str>) -> Call {
        let mut url = format!("{}/{VERSION}/models?pageSize={PAGE}", self.base_url);
        if let Some(cursor) = cursor {
            url.push_str("&pageToken=");
            push_encoded(&mut url, cursor);
        }
        Call {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            streamed: false,
            losses: Vec::new(),
            decoder: Box::new(Reply::new(&"".into(), Names::default(), Calls::Every)),
        }
    }

    fn url(&self, model: &ModelId, action: &str) -> String {
        let resource = resource(model);
        let (folder, name) = resource.split_once('/').unwrap_or(("models", &resource));
        let mut url = format!("{}/{VERSION}/{folder}/", self.base_url);
        push_encoded(&mut url, name);
        url.push(':');
        url.push_str(action);
        url
    }
}

impl Provider for Google {
    fn needs(&self, request: &Request, _model: &ModelId) -> Vec<Need> {
        media::needs(request)
    }

    fn encode(&self, ask: Ask<'_>, model: &ModelId, remedies: &Remedies) -> Result<Call, Error> {
        match ask {
            Ask::Respond(request) => self.respond(request, model, remedies),
            Ask::Count(request) => self.count(request, model, remedies),
            Ask::Compact(_) => Err(compacts_nothing()),
            Ask::Embed(embedding) => {
                let url = self.url(model, "batchEmbedContents");
                embeddings::call(url, &resource(model), embedding)
            }
            Ask::Models(cursor) => Ok(self.models(cursor)),
        }
    }

    fn authorize(&self, headers: &mut HeaderMap, key: &Secret) -> Result<(), Error> {
        let mut value = HeaderValue::from_str(key.expose())
            .map_err(|_| Error::new(Kind::UpstreamAuth, "the key for Google is no header value"))?;
        value.set_sensitive(true);
        headers.insert("x-goog-api-key", value);
        Ok(())
    }

    fn read(&self, kind: AskKind, body: &[u8]) -> Result<Answer, Error> {
        let garbled =
            |e: serde_json::Error| Error::garbled(format!("Google's reply is not understood: {e}"));
        match kind {
            AskKind::Count => {
                let count: gemini::response::TokenCount =
                    serde_json::from_slice(body).map_err(garbled)?;
                Ok(Answer::Tokens(count.total_tokens))
            }
            AskKind::Compact => Err(compacts_nothing()),
            AskKind::Embed => embeddings::read(body),
            AskKind::Models => {
                let page: gemini::response::ModelPage =
                    serde_json::from_slice(body).map_err(garbled)?;
                let next = page.next_page_token.filter(|token| !token.is_empty());
                let models = page.models.into_iter().filter_map(listed).collect();
                Ok(Answer::Models(models, next))
            }
        }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of(status, headers, body)
    }
}

/// A model that answers; those that only embed or draw are not listed.
fn listed(model: gemini::response::Model) -> Option<ListedModel> {
    let answers = model
        .supported_generation_methods
        .iter()
        .any(|method| method == "generateContent");
    answers.then(|| ListedModel {
        id: model
            .name
            .strip_prefix("models/")
            .unwrap_or(&model.name)
            .to_owned(),
        name: model.display_name,
        context: model.input_token_limit,
        max_output: model.output_token_limit,
        created: None,
    })
}

/// `models/NAME`, or the resource that the name is already.
fn resource(model: &ModelId) -> String {
    let name = model.as_str();
    if name.starts_with("models/") || name.starts_with("tunedModels/") {
        name.to_owned()
    } else {
        format!("models/{name}")
    }
}

/// Everything but unreserved characters is encoded, so that no name reaches another path.
fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

fn json<T: Serialize>(body: &T) -> Result<Bytes, Error> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|e| {
        Error::new(
            Kind::Internal,
            format!("the body could not be written: {e}"),
        )
    })
}

#[cfg(test)]
mod tests;
