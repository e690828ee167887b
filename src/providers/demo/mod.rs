//! The built-in provider: offline, deterministic, without a key.
//!
//! It shows what the gateway does before anybody has a key, and it is the test double for everything that an upstream
//! may do wrong. Its upstream is [`peer`], which the gateway's transport plays in this process: so a demo answer takes
//! the same way as any other, bytes and all. It is never chosen by itself.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use crate::canonical::request::Request;
use crate::error::{Error, Kind, Remedy};
use crate::providers::{
    Answer, Ask, AskKind, Call, ListedModel, Loss, Provider, Remedies, compacts_nothing, embeddings,
};
use crate::secret::Secret;
use crate::target::ModelId;

mod count;
mod faults;
pub mod peer;
mod pen;
mod reply;
mod request;
mod sample;
mod sample_text;
mod stream;

use request::Asked;
use stream::DemoDecoder;

/// The scheme of the demo's URLs: a transport that meets it plays [`peer::answer`] instead of going out.
pub const SCHEME: &str = "demo:";

/// The one model that is listed. Any other name is answered too.
pub const MODEL: &str = "demo";

/// The provider. It has no settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Demo;

impl Provider for Demo {
    fn encode(&self, ask: Ask<'_>, model: &ModelId, _: &Remedies) -> Result<Call, Error> {
        match ask {
            Ask::Respond(request) => {
                let (request, losses) = request::prepare(request, model)?;
                let streamed = !request.delivery.is_whole();
                call("responses", &Asked::Respond(request), streamed, losses)
            }
            Ask::Count(request) => {
                let (request, losses) = request::prepare(request, model)?;
                call("count", &Asked::Count(request), false, losses)
            }
            Ask::Compact(_) => Err(compacts_nothing()),
            Ask::Embed(_) => Err(embeddings::unsupported("`demo`")),
            Ask::Models(_) => call::<Request>("models", &Asked::Models, false, Vec::new()),
        }
    }

    fn authorize(&self, _: &mut HeaderMap, _: &Secret) -> Result<(), Error> {
        Ok(())
    }

    fn read(&self, kind: AskKind, body: &[u8]) -> Result<Answer, Error> {
        #[derive(Deserialize)]
        struct Count {
            tokens: u64,
        }
        #[derive(Deserialize)]
        struct Models {
            models: Vec<String>,
        }
        let garbled = |error: serde_json::Error| Error::garbled(format!("demo reply: {error}"));
        match kind {
            AskKind::Count => {
                let count: Count = serde_json::from_slice(body).map_err(garbled)?;
                Ok(Answer::Tokens(count.tokens))
            }
            AskKind::Compact => Err(compacts_nothing()),
            AskKind::Embed => Err(embeddings::unsupported("`demo`")),
            AskKind::Models => {
                let list: Models = serde_json::from_slice(body).map_err(garbled)?;
                let models = list.models.into_iter().map(|id| ListedModel {
                    id,
                    name: Some("Demo (offline)".to_owned()),
                    ..ListedModel::default()
                });
                Ok(Answer::Models(models.collect(), None))
            }
        }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        // A body that is no error of ours, such as a page of HTML, leaves the status to speak alone.
        let said = serde_json::from_slice::<ErrorBody>(body)
            .map(|body| body.error)
            .unwrap_or_default();
        let message = match said.message.as_str() {
            "" => format!("the upstream answered {status}"),
            message => message.to_owned(),
        };
        let wait = headers
            .get(http::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok());
        let id = headers
            .get("x-request-id")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let mut error = Error::new(kind_of(status.as_u16(), &said.code), message)
            .with_upstream_status(status.as_u16())
            .with_upstream_request_id(id)
            .with_retry_after(wait);
        if let Some(param) = said.param {
            error = error.with_param(param);
        }
        if let Some(most) = said.max_tokens {
            error = error.with_remedy(Remedy::MaxTokens(most));
        }
        error
    }
}

/// The body of the demo's errors.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    error: Said,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    code: String,
    message: String,
    param: Option<String>,
    max_tokens: Option<u64>,
}

/// The class of a failure, as a real upstream's status and code would have it.
fn kind_of(status: u16, code: &str) -> Kind {
    match (status, code) {
        (_, "context_length_exceeded") => Kind::ContextLength,
        (_, "content_policy_violation") => Kind::ContentPolicy,
        (_, "insufficient_quota") => Kind::QuotaExhausted,
        (404, _) | (_, "model_not_found") => Kind::ModelNotFound,
        (402, _) => Kind::UpstreamBilling,
        (403, "model_not_available") => Kind::ModelUnavailable,
        (401 | 403, _) => Kind::UpstreamAuth,
        (413, _) => Kind::TooLarge,
        (408 | 409 | 503 | 529, _) => Kind::Overloaded,
        (429, _) => Kind::RateLimited,
        (_, "model_error") => Kind::ModelFailed,
        (400..=499, _) => Kind::UpstreamInvalid,
        _ => Kind::UpstreamFailed,
    }
}

fn call<R>(path: &str, asked: &Asked<R>, streamed: bool, losses: Vec<Loss>) -> Result<Call, Error>
where
    Asked<R>: serde::Serialize,
{
    let body = serde_json::to_vec(asked)
        .map_err(|error| Error::new(Kind::Internal, format!("demo request: {error}")))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Call {
        method: Method::POST,
        url: format!("{SCHEME}/{path}"),
        headers,
        body: Bytes::from(body),
        streamed,
        losses,
        decoder: Box::new(DemoDecoder),
    })
}

#[cfg(test)]
mod tests;
