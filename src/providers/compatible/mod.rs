//! Chat Completions upstream: OpenAI's own, and every server that imitates it.
//!
//! What differs between vendors is data ([`quirks`]); the code knows no vendor by name.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use self::quirks::{Auth, Images, Quirks};
use self::stream::ChatDecoder;
use super::{
    Answer, Ask, AskKind, Call, Need, Provider, Remedies, Settings, compacts_nothing, embeddings,
};
use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::native::Protocol;
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::target::ModelId;

mod calls;
mod choice;
mod details;
mod errors;
mod fields;
mod format;
mod messages;
mod models;
mod parts;
mod prefill;
pub mod quirks;
mod remedies;
mod request;
mod stream;
mod thoughts;
mod turn;
mod usage;
mod vendors;

/// A server that speaks Chat Completions.
#[derive(Debug)]
pub struct Compatible {
    name: String,
    base_url: String,
    quirks: &'static Quirks,
}

impl Compatible {
    /// The server that the settings describe. Without a vendor's name the address may still tell whose it is.
    pub fn new(settings: &Settings) -> Self {
        let named = settings.vendor.as_deref().and_then(quirks::vendor);
        let at_address = || {
            let same = |row: &&Quirks| row.base_url == Some(settings.base_url.as_str());
            quirks::known().iter().find(same)
        };
        Self {
            name: settings.name.as_str().to_owned(),
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
            quirks: named.or_else(at_address).unwrap_or(quirks::unknown()),
        }
    }

    /// The address of an endpoint. Azure's base URL may end in a query, which stays at the end.
    fn url(&self, path: &str) -> String {
        match self.base_url.split_once('?') {
            Some((base, query)) => format!("{}{path}?{query}", base.trim_end_matches('/')),
            None => [&self.base_url, path].concat(),
        }
    }

    fn respond(
        &self,
        request: &Request,
        model: &ModelId,
        remedies: &Remedies,
    ) -> Result<Call, Error> {
        let encoded = request::encode(request, model.as_str(), &self.name, self.quirks, remedies)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Call {
            method: Method::POST,
            url: self.url("/chat/completions"),
            headers,
            body: encoded.body,
            streamed: !request.delivery.is_whole(),
            losses: encoded.losses,
            decoder: Box::new(encoded.decoder),
        })
    }
}

impl Provider for Compatible {
    fn speaks(&self, _request: &Request, _model: &ModelId) -> Option<Protocol> {
        Some(Protocol::Chat)
    }

    fn needs(&self, request: &Request, _model: &ModelId) -> Vec<Need> {
        let mut needs = Vec::new();
        for (at, item) in request.input.iter().enumerate() {
            let (parts, field) = match item {
                Open::Known(Item::Message(message)) => (&message.content, "content"),
                Open::Known(
                    Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output),
                ) => match &output.output {
                    ToolOutput::Parts(parts) => (parts, "output"),
                    ToolOutput::Text(_) => continue,
                },
                Open::Known(
                    Item::FunctionCall(_)
                    | Item::Reasoning(_)
                    | Item::Compaction(_)
                    | Item::ItemReference(_)
                    | Item::CustomToolCall(_),
                )
                | Open::Unknown(_) => continue,
            };
            for (place, part) in parts.iter().enumerate() {
                if let Some((url, name)) = self.wanted(part) {
                    needs.push(Need {
                        url: url.to_owned(),
                        param: format!("input[{at}].{field}[{place}].{name}"),
                    });
                }
            }
        }
        needs
    }

    fn encode(&self, ask: Ask<'_>, model: &ModelId, remedies: &Remedies) -> Result<Call, Error> {
        match ask {
            Ask::Respond(request) => self.respond(request, model, remedies),
            Ask::Count(_) => Err(Error::unsupported(
                "model",
                "this server has no endpoint that counts tokens",
            )),
            Ask::Compact(_) => Err(compacts_nothing()),
            Ask::Embed(embedding) => embeddings::call(self.url("/embeddings"), embedding, model),
            Ask::Models(_) => Ok(Call {
                method: Method::GET,
                url: self.url("/models"),
                headers: HeaderMap::new(),
                body: Bytes::new(),
                streamed: false,
                losses: Vec::new(),
                decoder: Box::new(ChatDecoder::default()),
            }),
        }
    }

    fn authorize(&self, headers: &mut HeaderMap, key: &Secret) -> Result<(), Error> {
        let (name, text) = match self.quirks.auth {
            Auth::Bearer => (AUTHORIZATION, ["Bearer ", key.expose()].concat()),
            Auth::ApiKey => (HeaderName::from_static("api-key"), key.expose().to_owned()),
        };
        let mut value = HeaderValue::try_from(text).map_err(|_| {
            Error::new(
                Kind::UpstreamAuth,
                "the key has characters that no header can carry",
            )
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    }

    fn read(&self, kind: AskKind, body: &[u8]) -> Result<Answer, Error> {
        match kind {
            AskKind::Compact => Err(compacts_nothing()),
            AskKind::Embed => embeddings::read(body),
            AskKind::Models => models::read(body),
            AskKind::Count => Err(Error::unsupported(
                "model",
                "this server has no endpoint that counts tokens",
            )),
        }
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        errors::read(status, headers, body)
    }
}

impl Compatible {
    /// What of this part must be fetched: files have no URLs in Chat Completions, images do at most servers.
    fn wanted<'p>(&self, part: &'p Open<Part>) -> Option<(&'p str, &'static str)> {
        match part {
            Open::Known(Part::InputImage(image)) if self.quirks.images == Images::DataUrls => image
                .image_url
                .as_deref()
                .filter(|url| !url.starts_with("data:"))
                .map(|url| (url, "image_url")),
            Open::Known(Part::InputFile(file)) if file.file_data.is_none() => {
                file.file_url.as_deref().map(|url| (url, "file_url"))
            }
            Open::Known(_) | Open::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(vendor: Option<&str>, base_url: &str) -> Compatible {
        Compatible::new(&Settings {
            name: "lab".into(),
            base_url: base_url.to_owned(),
            api: super::super::Api::Auto,
            vendor: vendor.map(str::to_owned),
        })
    }

    #[test]
    fn an_address_tells_whose_server_it_is() {
        let row = |base_url| provider(None, base_url).quirks.name;
        assert_eq!(row("https://api.mistral.ai/v1"), "mistral");
        assert_eq!(row("http://lab:1/v1"), "openai-compatible");
    }

    #[test]
    fn a_query_of_the_base_url_stays_at_the_end() {
        assert_eq!(
            provider(
                Some("azure"),
                "https://x.openai.azure.com/openai/v1?api-version=preview"
            )
            .url("/models"),
            "https://x.openai.azure.com/openai/v1/models?api-version=preview"
        );
    }

    #[test]
    fn images_are_fetched_only_for_servers_that_take_no_urls() {
        let request: Request = serde_json::from_str(
            r#"{"input":[{"role":"user","content":[
                {"type":"input_image","image_url":"https://a/b.png"},
                {"type":"input_image","image_url":"data:image/png;base64,AA=="},
                {"type":"input_file","file_url":"https://a/b.pdf"}]}]}"#,
        )
        .unwrap();
        let needs = |vendor| {
            let needs = provider(Some(vendor), "http://x/v1").needs(&request, &"m".into());
            needs.into_iter().map(|need| need.param).collect::<Vec<_>>()
        };
        assert_eq!(
            needs("ollama"),
            [
                "input[0].content[0].image_url",
                "input[0].content[2].file_url"
            ]
        );
        assert_eq!(needs("openai"), ["input[0].content[2].file_url"]);
    }

    #[test]
    fn the_key_is_shown_as_the_vendor_wants_it() {
        let shown = |vendor, name| {
            let mut headers = HeaderMap::new();
            let provider = provider(Some(vendor), "http://x/v1");
            provider.authorize(&mut headers, &Secret::new("k")).unwrap();
            headers.get(name).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(shown("groq", "authorization"), "Bearer k");
        assert_eq!(shown("azure", "api-key"), "k");
    }
}
