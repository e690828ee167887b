//! Providers: a request becomes HTTP, and HTTP becomes events. Pure: no I/O, no clock, no async.
//!
//! A provider holds what its configuration says and nothing that changes. What a reply needs to know of its request
//! (which tools were emulated, which names were changed) rides in the decoder that `encode` returns.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::canonical::compose::Composer;
use crate::canonical::embedding::{Embedded, Embedding};
use crate::canonical::item::Item;
use crate::canonical::native::Protocol;
use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::canonical::usage::Usage;
use crate::error::{Error, Remedy};
use crate::secret::Secret;
use crate::target::{ModelId, ProviderName};
use crate::wire::sse;

use namespaces::Flattened;

pub mod anthropic;
mod auto;
pub(crate) mod clean;
pub mod compatible;
pub mod demo;
mod embeddings;
pub mod google;
mod namespaces;
pub mod openai;
pub(crate) mod retry_after;

/// What is asked of a provider.
#[derive(Debug, Clone, Copy)]
pub enum Ask<'a> {
    /// A response.
    Respond(&'a Request),
    /// How many tokens the request has.
    Count(&'a Request),
    /// A shorter conversation in the place of this one.
    Compact(&'a Request),
    /// Vectors for texts.
    Embed(&'a Embedding),
    /// A page of its models; the cursor of the page before.
    Models(Option<&'a str>),
}

/// An HTTP request, and the means to understand its reply.
pub struct Call {
    /// The method.
    pub method: Method,
    /// The whole URL. Never holds a key.
    pub url: String,
    /// Headers but for the key, which `authorize` adds.
    pub headers: HeaderMap,
    /// The body; empty for `GET`.
    pub body: Bytes,
    /// Whether a stream was asked for.
    pub streamed: bool,
    /// What could not be carried over.
    pub losses: Vec<Loss>,
    /// Understands the reply.
    pub decoder: Box<dyn Decoder>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Something that a target cannot carry, dropped or adapted. Never silent: it is in the header, the log and the reply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// The path of the field, such as `reasoning.effort`.
    pub field: String,
    /// What became of it.
    pub what: String,
}

impl Loss {
    /// A loss of this field.
    pub fn new(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            what: what.into(),
        }
    }
}

/// A URL that must be fetched before the request can be encoded, and where in the request it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What is fetched.
    pub url: String,
    /// The path of the field, for errors: `input[0].content[1].image_url`.
    pub param: String,
}

/// One model of a provider's own list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListedModel {
    /// The id, as it is asked for.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Tokens that fit, the answer included where the provider counts so.
    pub context: Option<u64>,
    /// Tokens of one answer at most.
    pub max_output: Option<u64>,
    /// Unix seconds.
    pub created: Option<u64>,
}

/// The reply to an [`Ask`] that is no response.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// So many tokens.
    Tokens(u64),
    /// The shorter conversation, which its provider alone can read, and what it cost.
    Compacted(Vec<Open<Item>>, Option<Box<Usage>>),
    /// Vectors, one for each text.
    Embeddings(Embedded),
    /// A page of models and the cursor of the next.
    Models(Vec<ListedModel>, Option<String>),
}

/// The refusal of a provider that compacts nothing itself.
fn compacts_nothing() -> Error {
    Error::unsupported("model", "the provider compacts no conversations")
}

/// Which ask an [`Answer`] belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskKind {
    /// [`Ask::Count`].
    Count,
    /// [`Ask::Compact`].
    Compact,
    /// [`Ask::Embed`].
    Embed,
    /// [`Ask::Models`].
    Models,
}

/// The changes to the encoding that were learnt from refusals, each kind once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remedies(Vec<Remedy>);

impl Remedies {
    /// Takes a remedy in. False if its kind is there already, so that nobody applies it twice.
    pub fn add(&mut self, remedy: Remedy) -> bool {
        let same_kind = |known: &Remedy| match (known, &remedy) {
            (Remedy::DropParameter(a), Remedy::DropParameter(b)) => a == b,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        if self.0.iter().any(same_kind) {
            return false;
        }
        self.0.push(remedy);
        true
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Remedy> {
        self.0.iter()
    }

    /// Is this one there?
    pub fn has(&self, remedy: &Remedy) -> bool {
        self.0.contains(remedy)
    }

    /// The model's maximum of output tokens, if it was learnt.
    pub fn max_tokens(&self) -> Option<u64> {
        self.0.iter().find_map(|remedy| match remedy {
            Remedy::MaxTokens(most) => Some(*most),
            _ => None,
        })
    }
}

/// The refusal of a request whose answer has begun, by a target that begins anew whatever it is given.
pub(crate) fn begins_anew() -> Error {
    Error::unsupported("input", "the model does not go on from its own words")
        .with_code("unsupported_value")
}

/// The vendor protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// OpenAI's Responses API, and servers that speak it.
    OpenAi,
    /// Anthropic's Messages API.
    Anthropic,
    /// Google's generateContent.
    Google,
    /// Chat Completions, as many servers speak it.
    Compatible,
    /// Built in: offline, deterministic, without a key.
    Demo,
}

/// Which of OpenAI's two APIs is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Api {
    /// Responses at OpenAI, and Chat Completions for what only that has; Chat Completions elsewhere.
    #[default]
    Auto,
    /// Responses.
    Responses,
    /// Chat Completions.
    Chat,
}

/// What the configuration says of one provider, as far as its protocol cares. Keys are not here: they rotate.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the configuration.
    pub name: ProviderName,
    /// As the vendor's SDK takes it: OpenAI and compatible servers with `/v1`, Anthropic and Google without. No
    /// trailing slash.
    pub base_url: String,
    /// Which of OpenAI's APIs it speaks.
    pub api: Api,
    /// The row of the quirk table that describes it, if it is a known vendor's: `groq`, `ollama`, ….
    pub vendor: Option<String>,
}

/// The provider of that kind: the one place where the kinds are told apart. Only the Responses API has namespaces.
pub fn build(kind: Kind, settings: &Settings) -> Box<dyn Provider> {
    let responses = || Box::new(openai::OpenAi::new(settings));
    let chat = || Box::new(Flattened(compatible::Compatible::new(settings)));
    match kind {
        Kind::OpenAi => match settings.api {
            Api::Auto => Box::new(auto::Auto::new(settings)),
            Api::Responses => responses(),
            Api::Chat => chat(),
        },
        Kind::Compatible => match settings.api {
            Api::Auto | Api::Chat => chat(),
            Api::Responses => responses(),
        },
        Kind::Anthropic => Box::new(Flattened(anthropic::Anthropic::new(settings))),
        Kind::Google => Box::new(Flattened(google::Google::new(settings))),
        Kind::Demo => Box::new(Flattened(demo::Demo)),
    }
}

/// One vendor protocol with one configuration.
pub trait Provider: Send + Sync + fmt::Debug {
    /// The protocol of a door of ours that its upstream speaks too, if it will be asked in it.
    fn speaks(&self, _request: &Request, _model: &ModelId) -> Option<Protocol> {
        None
    }

    /// URLs that must be fetched first. The gateway puts data URLs in their place before it calls `encode`.
    fn needs(&self, _request: &Request, _model: &ModelId) -> Vec<Need> {
        Vec::new()
    }

    /// The HTTP request, or a refusal ([`crate::error::Kind::Unsupported`]) that names the field.
    fn encode(&self, ask: Ask<'_>, model: &ModelId, remedies: &Remedies) -> Result<Call, Error>;

    /// Puts the key on. Keys are not the provider's own, since they rotate.
    fn authorize(&self, headers: &mut HeaderMap, key: &Secret) -> Result<(), Error>;

    /// Reads a reply that is no response.
    fn read(&self, kind: AskKind, body: &[u8]) -> Result<Answer, Error>;

    /// Understands a reply whose status is no success. Its message is cleaned: no keys, no HTML.
    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error;
}

/// Understands one reply, whole or streamed, through the same verbs.
pub trait Decoder: Send {
    /// One frame of a stream. An error means that the stream failed here: before content the gateway may ask
    /// elsewhere, after it the answer ends as failed.
    fn frame(&mut self, frame: &sse::Frame<'_>, out: &mut Composer) -> Result<(), Error>;

    /// A whole reply.
    fn body(&mut self, body: &[u8], out: &mut Composer) -> Result<(), Error>;

    /// The bytes have ended. Wires with a terminal frame need nothing here: `end` without `stop` is a cut.
    fn finish(&mut self, out: &mut Composer) -> Result<(), Error> {
        out.end();
        Ok(())
    }
}
