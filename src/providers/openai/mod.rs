//! OpenAI's Responses API, and servers that speak it: nearly our own protocol, so what is understood here is passed on
//! as it came.
//!
//! What OpenAI refuses is left out or adapted, and said. It is never asked to store anything: the gateway holds the
//! conversation. Chat Completions is another provider's business.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::{
    Answer, Ask, AskKind, Call, Decoder, ListedModel, Provider, Remedies, Settings, embeddings,
};
use crate::canonical::compose::Composer;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::request::{Delivery, Profile};
use crate::canonical::usage::Usage;
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::target::ModelId;
use crate::wire::sse;

mod failure;
mod fields;
mod foreign;
mod input;
mod parts;
mod request;
mod stream;

/// A server that speaks the Responses API.
#[derive(Debug)]
pub struct OpenAi {
    base_url: String,
}

impl OpenAi {
    /// The provider that the configuration describes. It speaks Responses whatever `settings.api` says: Chat
    /// Completions has a provider of its own.
    pub fn new(settings: &Settings) -> Self {
        Self {
            base_url: settings.base_url.clone(),
        }
    }

    fn url(&self, path: &str) -> String {
        [&self.base_url, path].concat()
    }
}

impl Provider for OpenAi {
    fn encode(&self, ask: Ask<'_>, model: &ModelId, remedies: &Remedies) -> Result<Call, Error> {
        match ask {
            Ask::Respond(request) => {
                let encoded = request::respond(request, model, remedies)?;
                Ok(Call {
                    method: Method::POST,
                    url: self.url("/responses"),
                    headers: json_headers(),
                    body: encoded.body,
                    streamed: request.delivery == Delivery::Streamed,
                    losses: encoded.losses,
                    decoder: Box::new(stream::Responses::new(request.profile)),
                })
            }
            Ask::Count(request) => {
                let encoded = request::count(request, model, remedies)?;
                Ok(Call {
                    method: Method::POST,
                    url: self.url("/responses/input_tokens"),
                    headers: json_headers(),
                    body: encoded.body,
                    streamed: false,
                    losses: encoded.losses,
                    decoder: Box::new(NoStream),
                })
            }
            Ask::Compact(request) => {
                let encoded = request::compact(request, model, remedies)?;
                Ok(Call {
                    method: Method::POST,
                    url: self.url("/responses/compact"),
                    headers: json_headers(),
                    body: encoded.body,
                    streamed: false,
                    losses: encoded.losses,
                    decoder: Box::new(NoStream),
                })
            }
            Ask::Embed(embedding) => embeddings::call(self.url("/embeddings"), embedding, model),
            Ask::Models(_) => Ok(Call {
                method: Method::GET,
                url: self.url("/models"),
                headers: HeaderMap::new(),
                body: bytes::Bytes::new(),
                streamed: false,
                losses: Vec::new(),
                decoder: Box::new(NoStream),
            }),
        }
    }

    fn authorize(&self, headers: &mut HeaderMap, key: &Secret) -> Result<(), Error> {
        let mut value =
            HeaderValue::from_str(&["Bearer ", key.expose()].concat()).map_err(|_| {
                Error::new(
                    Kind::UpstreamAuth,
                    "the API key has characters that no header may have",
                )
            })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    fn read(&self, kind: AskKind, body: &[u8]) -> Result<Answer, Error> {
        match kind {
            AskKind::Count => {
                let counted: Counted = parse(body)?;
                Ok(Answer::Tokens(counted.input_tokens))
            }
            AskKind::Compact => {
                let compacted: Compacted = parse(body)?;
                Ok(Answer::Compacted(
                    compacted.output,
                    compacted.usage.map(Box::new),
                ))
            }
            AskKind::Embed => embeddings::read(body),
            AskKind::Models => {
                let page: Page = parse(body)?;
                Ok(Answer::Models(
                    page.data.into_iter().map(Listed::into_model).collect(),
                    None,
                ))
            }
        }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        failure::of_reply(status, headers, body)
    }
}

fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| Error::garbled(format!("the upstream's reply does not parse: {error}")))
}

#[derive(Deserialize)]
struct Counted {
    input_tokens: u64,
}

#[derive(Deserialize)]
struct Compacted {
    output: Vec<Open<Item>>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Listed>,
}

/// OpenAI says no more than `id` and `created`; the rest is what servers of its kind add.
#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    created: Option<f64>,
    #[serde(default, alias = "context_window", alias = "max_model_len")]
    context_length: Option<u64>,
    #[serde(default)]
    max_output_tokens: Option<u64>,
}

impl Listed {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time that is no Unix time saturates, which is as good as any answer"
    )]
    fn into_model(self) -> ListedModel {
        ListedModel {
            id: self.id,
            name: self.name,
            context: self.context_length,
            max_output: self.max_output_tokens,
            created: self.created.map(|seconds| seconds as u64),
        }
    }
}

/// Stands where a call has no stream: `read` understands its reply.
struct NoStream;

impl Decoder for NoStream {
    fn frame(&mut self, _frame: &sse::Frame<'_>, _out: &mut Composer) -> Result<(), Error> {
        Err(Error::new(Kind::Internal, "this call has no stream"))
    }

    fn body(&mut self, _body: &[u8], _out: &mut Composer) -> Result<(), Error> {
        Err(Error::new(Kind::Internal, "this call has no response"))
    }
}

/// Whether a frame's bytes are kept for a door that may write them verbatim.
fn keeps_frames(profile: Profile) -> bool {
    profile == Profile::Native
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::request::Request;
    use crate::providers::Api;

    fn provider() -> OpenAi {
        OpenAi::new(&Settings {
            name: "openai".into(),
            base_url: "https://api.openai.com/v1".to_owned(),
            api: Api::Auto,
            vendor: None,
        })
    }

    #[test]
    fn each_ask_has_its_path() {
        let request = Request::ask("gpt-5.5", "hi");
        let url = |ask| {
            let call = provider().encode(ask, &"gpt-5.5".into(), &Remedies::default());
            call.map(|call| format!("{} {}", call.method, call.url))
                .unwrap()
        };
        assert_eq!(
            url(Ask::Respond(&request)),
            "POST https://api.openai.com/v1/responses"
        );
        assert_eq!(
            url(Ask::Count(&request)),
            "POST https://api.openai.com/v1/responses/input_tokens"
        );
        assert_eq!(
            url(Ask::Models(None)),
            "GET https://api.openai.com/v1/models"
        );
    }

    #[test]
    fn a_conversation_is_compacted_with_nothing_but_itself() {
        let request: Request = serde_json::from_str(
            r#"{"input":"hi","instructions":"Be brief.","prompt_cache_key":"k","tools":[{"type":"function","name":"f"}],
                "tool_choice":"auto","reasoning":{"effort":"low"},"temperature":1,"max_output_tokens":99,"newer":1}"#,
        )
        .unwrap();
        let call = provider().encode(
            Ask::Compact(&request),
            &"gpt-5.5".into(),
            &Remedies::default(),
        );
        let call = call.unwrap();
        assert_eq!(call.url, "https://api.openai.com/v1/responses/compact");
        let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
        let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["model", "input", "instructions", "prompt_cache_key"]);
        let reply = br#"{"id":"resp_1","output":[{"type":"compaction","id":"cmp_1","encrypted_content":"gAAAAx"}]}"#;
        let Answer::Compacted(output, None) = provider().read(AskKind::Compact, reply).unwrap()
        else {
            panic!("a compacted conversation")
        };
        assert_eq!(output.len(), 1);
    }

    #[test]
    fn the_key_goes_into_a_sensitive_header() {
        let mut headers = HeaderMap::new();
        provider()
            .authorize(&mut headers, &Secret::new("sk-1"))
            .unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer sk-1");
        assert!(headers[AUTHORIZATION].is_sensitive());
        let refused = provider().authorize(&mut headers, &Secret::new("sk\n1"));
        assert_eq!(refused.unwrap_err().kind(), Kind::UpstreamAuth);
    }

    #[test]
    fn counts_and_models_are_read() {
        let tokens = provider().read(
            AskKind::Count,
            br#"{"object":"response.input_tokens","input_tokens":11}"#,
        );
        assert_eq!(tokens.unwrap(), Answer::Tokens(11));
        let models = provider().read(
            AskKind::Models,
            br#"{"object":"list","data":[{"id":"gpt-6-luna","object":"model","created":7,"owned_by":"x"}]}"#,
        );
        let expect = ListedModel {
            id: "gpt-6-luna".to_owned(),
            created: Some(7),
            ..ListedModel::default()
        };
        assert_eq!(models.unwrap(), Answer::Models(vec![expect], None));
        assert!(provider().read(AskKind::Count, b"<html>").is_err());
    }
}
