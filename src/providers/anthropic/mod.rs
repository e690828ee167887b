//! Anthropic: the Messages API, for models of Anthropic's and for servers that speak its protocol.
//!
//! A request is refused here only for what the model cannot do and nobody may drop: a forced tool choice, a schema for
//! the answer, several answers, media that nobody can read. Everything else that does not fit is a loss, and listed.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use self::native::{Purpose, Sent};
use crate::canonical::native::Protocol;
use crate::canonical::request::Request;
use crate::error::{Error, Kind};
use crate::providers::{
    Answer, Ask, AskKind, Call, ListedModel, Loss, Provider, Remedies, Settings, compacts_nothing,
    embeddings,
};
use crate::secret::Secret;
use crate::target::ModelId;
use crate::wire::anthropic::reply::{Count, Models};

mod block;
mod choice;
mod count;
mod decode;
mod error;
mod fields;
mod input_schema;
mod items;
mod media;
mod native;
mod output_schema;
mod request;
mod sampling;
mod thinking;
mod thoughts;
mod tools;
mod turns;

/// One configured Anthropic provider.
#[derive(Debug)]
pub struct Anthropic {
    base_url: String,
}

/// Above this many tokens a whole reply takes longer than connections last, so it is asked for as a stream; the bound
/// of Anthropic's SDKs (600 s at 128,000 tokens an hour).
const MOST_WHOLE: u64 = 21_333;

/// The key is an OAuth token, which this API takes as a bearer only.
const TOKEN_PREFIX: &str = "sk-ant-oat";

impl Anthropic {
    /// A provider with this configuration.
    pub fn new(settings: &Settings) -> Self {
        Self {
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
        }
    }

    /// The call that asks for an answer or a count: in the client's own words where it speaks this protocol.
    fn ask(
        &self,
        request: &Request,
        purpose: Purpose,
        model: &ModelId,
        remedies: &Remedies,
    ) -> Result<Call, Error> {
        let sent = match native::encode(request, purpose, model, remedies)? {
            Some(sent) => sent,
            None => translated(request, purpose, model, remedies)?,
        };
        let path = match purpose {
            Purpose::Answer => "/v1/messages",
            Purpose::Count => "/v1/messages/count_tokens",
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let beta = request
            .spoken(Protocol::Messages)
            .and_then(|native| native.header("anthropic-beta"));
        let version = ("anthropic-version", Some(sent.version.as_str()));
        for (name, value) in [version, ("anthropic-beta", beta)] {
            // A value that came in a header can go in one.
            if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
                headers.insert(name, value);
            }
        }
        let mut losses: Vec<Loss> = sent.losses;
        losses.sort();
        losses.dedup();
        Ok(Call {
            method: Method::POST,
            url: [&self.base_url, path].concat(),
            headers,
            body: sent.body.into(),
            streamed: sent.streamed,
            losses,
            decoder: Box::new(decode::Decoder::new(sent.asked)),
        })
    }
}

/// A request of any door, translated.
fn translated(
    request: &Request,
    purpose: Purpose,
    model: &ModelId,
    remedies: &Remedies,
) -> Result<Sent, Error> {
    let mut encoded = request::encode(request, model, remedies)?;
    if purpose == Purpose::Count {
        encoded = encoded.counting();
    }
    let body = serde_json::to_vec(&encoded.body).map_err(|fault| {
        Error::new(
            Kind::Internal,
            format!("the request cannot be written: {fault}"),
        )
    })?;
    if request.spoken(Protocol::Messages).is_some() {
        let lost = request.beyond.lost.iter();
        let what = "not known to this gateway";
        encoded
            .losses
            .extend(lost.map(|path| Loss::new(path.as_str(), what)));
    }
    Ok(Sent {
        version: encoded.version.to_owned(),
        body,
        streamed: encoded.body.stream == Some(true),
        losses: encoded.losses,
        asked: encoded.asked,
    })
}

impl Provider for Anthropic {
    fn speaks(&self, _request: &Request, _model: &ModelId) -> Option<Protocol> {
        Some(Protocol::Messages)
    }

    fn encode(&self, ask: Ask<'_>, model: &ModelId, remedies: &Remedies) -> Result<Call, Error> {
        match ask {
            Ask::Respond(request) => self.ask(request, Purpose::Answer, model, remedies),
            Ask::Count(request) => self.ask(request, Purpose::Count, model, remedies),
            Ask::Compact(_) => Err(compacts_nothing()),
            Ask::Embed(_) => Err(embeddings::unsupported("Anthropic")),
            Ask::Models(cursor) => {
                let after = cursor.map_or(String::new(), |id| {
                    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
                    format!("&after_id={id}")
                });
                let mut headers = HeaderMap::new();
                headers.insert(
                    "anthropic-version",
                    HeaderValue::from_static(request::VERSION),
                );
                Ok(Call {
                    method: Method::GET,
                    url: format!("{}/v1/models?limit=1000{after}", self.base_url),
                    headers,
                    body: Bytes::new(),
                    streamed: false,
                    losses: Vec::new(),
                    decoder: Box::new(decode::Decoder::default()),
                })
            }
        }
    }

    fn authorize(&self, headers: &mut HeaderMap, key: &Secret) -> Result<(), Error> {
        let unsendable = |_| {
            Error::new(
                Kind::UpstreamAuth,
                "the API key holds characters that no header can carry",
            )
        };
        let (name, text) = if key.expose().starts_with(TOKEN_PREFIX) {
            (AUTHORIZATION, ["Bearer ", key.expose()].concat())
        } else {
            (
                http::HeaderName::from_static("x-api-key"),
                key.expose().to_owned(),
            )
        };
        let mut value = HeaderValue::from_str(&text).map_err(unsendable)?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }

    fn read(&self, kind: AskKind, body: &[u8]) -> Result<Answer, Error> {
        match kind {
            AskKind::Count => {
                let count: Count = decode::parse(body)?;
                Ok(Answer::Tokens(count.input_tokens))
            }
            AskKind::Compact => Err(compacts_nothing()),
            AskKind::Embed => Err(embeddings::unsupported("Anthropic")),
            AskKind::Models => {
                let page: Models = decode::parse(body)?;
                let next = page.last_id.filter(|_| page.has_more);
                let models = page.data.into_iter().map(|model| ListedModel {
                    id: model.id,
                    name: model.display_name,
                    context: model.max_input_tokens.filter(|tokens| *tokens > 0),
                    max_output: model.max_tokens.filter(|tokens| *tokens > 0),
                    created: model.created_at.as_deref().and_then(unix_seconds),
                });
                Ok(Answer::Models(models.collect(), next))
            }
        }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        error::of_reply(status, headers, body)
    }
}

/// Unix seconds of an RFC 3339 time in UTC, to the second: `2026-10-21T00:00:00Z`. `None` before 1970.
fn unix_seconds(time: &str) -> Option<u64> {
    let part = |from: usize, to: usize| -> Option<u64> { time.get(from..to)?.parse().ok() };
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    // Years are counted from March, so that the leap day is the last (Hinnant, "chrono-compatible date algorithms").
    let shifted = if month > 2 {
        year
    } else {
        year.checked_sub(1)?
    };
    let days_in_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + days_in_year;
    days.checked_sub(719_468)?
        .checked_mul(86_400)?
        .checked_add(hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Anthropic {
        Anthropic::new(&Settings {
            name: "anthropic".into(),
            base_url: "https://api.anthropic.com/".to_owned(),
            api: crate::providers::Api::Auto,
            vendor: None,
        })
    }

    #[test]
    fn times_become_unix_seconds() {
        let check = |time, expect| assert_eq!(unix_seconds(time), expect, "{time}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2000-03-01T00:00:00Z", Some(951_868_800));
        check("2024-02-29T12:30:15.5Z", Some(1_709_209_815));
        check("soon", None);
    }

    #[test]
    fn a_list_of_models_is_read_page_by_page() {
        let page = br#"{"data":[{"type":"model","id":"claude-x","display_name":"X","created_at":"2024-02-29T12:30:15Z",
            "max_input_tokens":200000,"max_tokens":64000}],"has_more":true,"first_id":"claude-x","last_id":"claude-x"}"#;
        let expect = ListedModel {
            id: "claude-x".to_owned(),
            name: Some("X".to_owned()),
            context: Some(200_000),
            max_output: Some(64_000),
            created: Some(1_709_209_815),
        };
        assert_eq!(
            provider().read(AskKind::Models, page).unwrap(),
            Answer::Models(vec![expect], Some("claude-x".to_owned()))
        );
        let next = provider()
            .encode(Ask::Models(Some("a b")), &"".into(), &Remedies::default())
            .unwrap();
        assert_eq!(
            next.url,
            "https://api.anthropic.com/v1/models?limit=1000&after_id=a+b"
        );
    }

    #[test]
    fn a_key_goes_into_one_header() {
        let check = |key: &str, name: &str, value: &str| {
            let mut headers = HeaderMap::new();
            provider()
                .authorize(&mut headers, &Secret::new(key))
                .unwrap();
            assert_eq!(headers.len(), 1);
            assert_eq!(headers[name], value);
            assert!(headers[name].is_sensitive());
        };
        check("sk-ant-api03-x", "x-api-key", "sk-ant-api03-x");
        check("sk-ant-oat01-x", "authorization", "Bearer sk-ant-oat01-x");
    }
}
