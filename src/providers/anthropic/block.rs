//! One content block while it is being read.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::decode::{Asked, parse};
use crate::canonical::compose::Composer;
use crate::canonical::extra::Extra;
use crate::canonical::ids;
use crate::canonical::item::{CustomToolCall, Item, ItemStatus};
use crate::canonical::open::Open;
use crate::canonical::part::{Annotation, UrlCitation};
use crate::canonical::request::Profile;
use crate::canonical::sealed::{self, Envelope};
use crate::error::Error;
use crate::wire::anthropic::reply::{Block, Citation, Delta, Text};

/// The vendor's name in envelopes.
pub(super) const VENDOR: &str = "anthropic";

/// What the open block is, and what must be known of it at its end.
#[derive(Debug)]
pub(super) enum Writing {
    /// Citations come before the text that they are about, and are held until its length is known.
    Text {
        chars: u64,
        citations: Vec<Cited>,
    },
    /// The exact text and signature go back to the model, whatever becomes of the summary on its way.
    Thinking {
        text: String,
        signature: String,
    },
    Redacted,
    /// `whole` is an input that came with the block's start; deltas, if there are any, replace it.
    Call {
        whole: Option<String>,
    },
    /// A free-form tool that was emulated: its input is inside the JSON, so it is written when that is whole.
    Custom {
        call_id: String,
        name: String,
        json: String,
    },
    /// A search of the provider's own. Its results come in a block of theirs, and as citations of the answer.
    Search {
        id: String,
        json: String,
    },
    Skipped,
}

/// What a citation becomes.
#[derive(Debug)]
pub(super) enum Cited {
    Page {
        url: String,
        title: String,
    },
    /// A place in a document: kept as it came, for clients that know it.
    Other(serde_json::Map<String, Value>),
}

impl Writing {
    /// A block begins, or came whole.
    pub(super) fn begin(
        kind: &str,
        index: u64,
        block: &Block<'_>,
        asked: &Asked,
        out: &mut Composer,
    ) -> Result<Self, Error> {
        let text_of = |text: &Option<Text<'_>>| -> String {
            text.as_ref()
                .map(|t| t.as_str().to_owned())
                .unwrap_or_default()
        };
        Ok(match kind {
            "thinking" => {
                let mut thinking = Self::Thinking {
                    text: String::new(),
                    signature: text_of(&block.signature),
                };
                thinking.think(index, block.thinking.as_ref().map_or("", Text::as_str), out);
                thinking
            }
            "redacted_thinking" => {
                let data = text_of(&block.data);
                out.seal(index, seal(asked, sealed::Block::Redacted { data }));
                Self::Redacted
            }
            "tool_use" => {
                let (id, name) = (text_of(&block.id), text_of(&block.name));
                if name.is_empty() {
                    return Err(Error::garbled("a tool call has no name"));
                }
                let whole = block
                    .input
                    .map(RawValue::get)
                    .filter(|json| !is_empty(json))
                    .map(str::to_owned);
                if asked.custom.contains(&name) {
                    Self::Custom {
                        call_id: id,
                        name,
                        json: whole.unwrap_or_default(),
                    }
                } else {
                    out.call(index, &id, &name);
                    Self::Call { whole }
                }
            }
            "server_tool_use" => match text_of(&block.name).as_str() {
                "web_search" => Self::Search {
                    id: text_of(&block.id),
                    json: block
                        .input
                        .map(RawValue::get)
                        .unwrap_or_default()
                        .to_owned(),
                }
                .started(),
                _ => Self::Skipped,
            },
            _ => {
                let mut writing = Self::Text {
                    chars: 0,
                    citations: Vec::new(),
                };
                for raw in block.citations.iter().flatten() {
                    writing.cite(raw.get())?;
                }
                writing.say(index, block.text.as_ref().map_or("", Text::as_str), out);
                writing
            }
        })
    }

    /// An input that is empty at the block's start follows in deltas.
    fn started(mut self) -> Self {
        if let Self::Search { json, .. } = &mut self
            && is_empty(json)
        {
            json.clear();
        }
        self
    }

    /// Calls may be written side by side.
    pub(super) fn is_call(&self) -> bool {
        match self {
            Self::Call { .. } | Self::Custom { .. } => true,
            Self::Text { .. }
            | Self::Thinking { .. }
            | Self::Search { .. }
            | Self::Redacted
            | Self::Skipped => false,
        }
    }

    /// The block goes on. A delta of another kind than the block's is not known here, and skipped.
    pub(super) fn delta(&mut self, index: u64, delta: &Delta<'_>, out: &mut Composer) {
        match self {
            Self::Text { .. } => {
                if let Some(text) = &delta.text {
                    self.say(index, text.as_str(), out);
                } else if let Some(raw) = delta.citation {
                    // A citation that cannot be read takes nothing from the text.
                    self.cite(raw.get()).unwrap_or_default();
                }
            }
            Self::Thinking { signature, .. } => {
                if let Some(more) = &delta.signature {
                    signature.push_str(more.as_str());
                } else if let Some(text) = &delta.thinking {
                    self.think(index, text.as_str(), out);
                }
            }
            Self::Call { whole } => {
                if let Some(json) = delta.partial_json.as_ref().map(Text::as_str)
                    && !json.is_empty()
                {
                    *whole = None;
                    out.arguments(index, json);
                }
            }
            Self::Custom { json, .. } | Self::Search { json, .. } => {
                if let Some(more) = &delta.partial_json {
                    json.push_str(more.as_str());
                }
            }
            Self::Redacted | Self::Skipped => {}
        }
    }

    /// The block is over. Gives the name of a free-form tool whose input cannot be read.
    pub(super) fn close(self, index: u64, asked: &Asked, out: &mut Composer) -> Option<String> {
        match self {
            Self::Text { chars, citations } => {
                for cited in citations {
                    if let Some(annotation) = cited.annotation(chars, asked.profile) {
                        out.annotate(index, annotation);
                    }
                }
                out.close(index);
            }
            Self::Thinking { text, signature } => {
                if !signature.is_empty() {
                    out.seal(
                        index,
                        seal(asked, sealed::Block::Thinking { text, signature }),
                    );
                }
                out.close(index);
            }
            Self::Call { whole } => {
                if let Some(json) = whole {
                    out.arguments(index, &json);
                }
                out.close(index);
            }
            Self::Custom {
                call_id,
                name,
                json,
            } => return write_custom(&call_id, name, json, out),
            Self::Search { id, json } => write_search(&id, &json, asked.profile, out),
            Self::Redacted | Self::Skipped => {}
        }
        None
    }

    fn say(&mut self, index: u64, text: &str, out: &mut Composer) {
        if let Self::Text { chars, .. } = self {
            *chars += text.chars().count() as u64;
            out.text(index, text);
        }
    }

    fn think(&mut self, index: u64, more: &str, out: &mut Composer) {
        if let Self::Thinking { text, .. } = self {
            text.push_str(more);
            out.reasoning(index, more);
        }
    }

    fn cite(&mut self, json: &str) -> Result<(), Error> {
        let Self::Text { citations, .. } = self else {
            return Ok(());
        };
        let citation: Citation<'_> = parse(json.as_bytes())?;
        let page = match citation.kind.as_ref() {
            "web_search_result_location" => citation.url,
            "search_result_location" => citation
                .source
                .filter(|source| source.as_str().starts_with("http")),
            _ => None,
        };
        citations.push(match page {
            Some(url) => Cited::Page {
                url: url.0.into_owned(),
                title: citation.title.unwrap_or_default().0.into_owned(),
            },
            None => Cited::Other(parse(json.as_bytes())?),
        });
        Ok(())
    }
}

impl Cited {
    /// The annotation of a whole block. A place in a document has no equal in the specification's schema.
    fn annotation(self, chars: u64, profile: Profile) -> Option<Open<Annotation>> {
        match (self, profile) {
            (Self::Page { url, title }, _) => {
                Some(Open::Known(Annotation::UrlCitation(UrlCitation {
                    url,
                    title,
                    start_index: 0,
                    end_index: chars,
                    extra: Extra::new(),
                })))
            }
            (Self::Other(object), Profile::Native) => Some(Open::Unknown(object)),
            (Self::Other(_), Profile::Strict) => None,
        }
    }
}

fn seal(asked: &Asked, block: sealed::Block) -> String {
    Envelope {
        vendor: VENDOR.to_owned(),
        model: asked.model.clone(),
        blocks: vec![block],
    }
    .seal()
}

/// Writes a free-form call. An input that cannot be read is written as it came, as incomplete, and named.
fn write_custom(call_id: &str, name: String, json: String, out: &mut Composer) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Emulated<'a> {
        #[serde(borrow)]
        input: Cow<'a, str>,
    }
    let read = serde_json::from_str::<Emulated<'_>>(&json).map(|call| call.input.into_owned());
    let (input, status, broken) = match read {
        Ok(input) => (input, ItemStatus::Completed, None),
        // No arguments at all are the empty text.
        Err(_) if is_empty(&json) => (String::new(), ItemStatus::Completed, None),
        Err(_) => (json, ItemStatus::Incomplete, Some(name.clone())),
    };
    out.item(Open::Known(Item::CustomToolCall(CustomToolCall {
        call_id: ids::call(call_id, 64).into_owned(),
        name,
        input,
        status: Some(status),
        ..CustomToolCall::default()
    })));
    broken
}

/// Writes a search as OpenAI's item, which the specification does not have, so only for those who asked for more.
fn write_search(id: &str, json: &str, profile: Profile, out: &mut Composer) {
    #[derive(Default, serde::Deserialize)]
    struct Search {
        #[serde(default)]
        query: String,
    }
    if profile == Profile::Strict {
        return;
    }
    // A search whose words cannot be read is still a search.
    let search: Search = serde_json::from_str(json).unwrap_or_default();
    let item = serde_json::json!({
        "type": "web_search_call",
        "id": format!("ws_{}", ids::digest(&["ws", id])),
        "status": "completed",
        "action": {"type": "search", "query": search.query},
    });
    if let Value::Object(item) = item {
        out.item(Open::Unknown(item));
    }
}

/// Is this JSON nothing, or an object without fields?
fn is_empty(json: &str) -> bool {
    let json = json.trim();
    json.is_empty()
        || json
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .is_some_and(|inner| inner.trim().is_empty())
}
