//! A reply becomes events, whole or in chunks: both go through the same verbs.
//!
//! A finish reason or `[DONE]` ends an answer; without either it was cut. One frame is read at once into structs that
//! borrow from it.

use serde_json::value::RawValue;

use super::calls::{Calls, Source};
use super::quirks::Replay;
use super::thoughts::{REASONING, Thoughts};
use super::{errors, usage};
use crate::canonical::compose::{Block, Composer, Stop};
use crate::canonical::item::ItemStatus;
use crate::canonical::native::Protocol;
use crate::canonical::open::Open;
use crate::canonical::part::{Annotation, Json, UrlCitation};
use crate::error::{Error, Kind};
use crate::providers::Decoder;
use crate::wire::chat::reply::{self, Choice, Completion, Message};
use crate::wire::chat::{Content, Text, ToolCall};
use crate::wire::sse;

const TEXT: Block = 0;
const REFUSAL: Block = 1;
/// Calls have the blocks from here on: the reasoning has the one before.
pub(super) const FIRST_CALL: Block = REASONING + 1;

/// What the decoder must know of the request.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) replay: Replay,
    /// Free-form tools that were sent as functions.
    pub(super) emulated: Vec<String>,
    pub(super) parallel: Parallel,
    pub(super) logprobs: bool,
    /// How many items the conversation had: tells the turns of a conversation apart.
    pub(super) turn: usize,
}

impl Wanted {
    pub(super) fn emulates(&self, name: &str) -> bool {
        self.emulated.iter().any(|known| known == name)
    }
}

/// How many calls are handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parallel {
    /// All.
    Many,
    /// The first: the request wants one at a time, and the server cannot be told.
    First,
}

/// How the answer ended.
#[derive(Debug)]
enum Finish {
    Complete,
    MaxTokens,
    Filtered(Option<String>),
    Failed,
    /// A word that is not known here.
    Other(String),
}

/// Reads the reply to one request.
#[derive(Debug)]
pub(super) struct ChatDecoder {
    wanted: Wanted,
    /// The reply's id.
    reply: String,
    calls: Calls,
    thoughts: Thoughts,
    /// Text that came inside a call: one item is open at a time.
    held: String,
    finish: Option<Finish>,
    done: bool,
}

impl Default for ChatDecoder {
    fn default() -> Self {
        Self::new(Wanted {
            provider: String::new(),
            model: String::new(),
            replay: Replay::Never,
            emulated: Vec::new(),
            parallel: Parallel::Many,
            logprobs: false,
            turn: 0,
        })
    }
}

impl Decoder for ChatDecoder {
    fn frame(&mut self, frame: &sse::Frame<'_>, out: &mut Composer) -> Result<(), Error> {
        let data = frame.data.trim_ascii();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.done = true;
            return self.end(out);
        }
        let chunk: Completion<'_> = match serde_json::from_slice(data) {
            Ok(chunk) => chunk,
            Err(_) if &*frame.event == b"error" => return Err(errors::inside(data)),
            Err(fault) => return self.unreadable(&fault, out),
        };
        if &*frame.event == b"error" && chunk.error.is_none() {
            return Err(errors::inside(data));
        }
        out.frame(Protocol::Chat, data);
        self.completion(&chunk, Source::Stream, out)
    }

    fn body(&mut self, body: &[u8], out: &mut Composer) -> Result<(), Error> {
        let whole: Completion<'_> = serde_json::from_slice(body).map_err(|e| {
            if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
                Error::garbled(format!("the reply is not a completion: {e}"))
            } else {
                Error::garbled(format!("the reply is not JSON: {e}"))
            }
        })?;
        if whole.choices.as_ref().is_none_or(Vec::is_empty) && whole.error.is_none() {
            return Err(errors::inside(body));
        }
        out.document(Protocol::Chat, body);
        self.completion(&whole, Source::Whole, out)?;
        // The document ends where it says: a missing finish reason does not mean that it was cut.
        self.done = true;
        self.end(out)
    }

    fn finish(&mut self, out: &mut Composer) -> Result<(), Error> {
        self.end(out)
    }
}

impl ChatDecoder {
    pub(super) fn new(wanted: Wanted) -> Self {
        let (provider, model) = (wanted.provider.clone(), wanted.model.clone());
        Self {
            thoughts: Thoughts::new(provider, model, wanted.replay),
            wanted,
            reply: String::new(),
            calls: Calls::default(),
            held: String::new(),
            finish: None,
            done: false,
        }
    }

    fn completion(
        &mut self,
        chunk: &Completion<'_>,
        source: Source,
        out: &mut Composer,
    ) -> Result<(), Error> {
        let groq = chunk.x_groq.as_ref();
        // The last counts stand: some servers repeat them in every chunk, each time the sum.
        let counts = chunk
            .usage
            .as_ref()
            .or(groq.and_then(|groq| groq.usage.as_ref()));
        if let Some(usage) = counts.and_then(usage::counted) {
            out.usage(usage);
            out.tier(chunk.service_tier.as_ref().map_or("", |tier| tier.as_str()));
        }
        let choices = chunk.choices.as_deref().unwrap_or_default();
        let choice = choices.iter().find(|choice| choice.index.unwrap_or(0) == 0);
        let error = chunk
            .error
            .or(choice.and_then(|choice| choice.error))
            .or(groq.and_then(|groq| groq.error));
        if let Some(error) = error.filter(|error| error.get() != "null") {
            return self.failed(errors::inside(error.get().as_bytes()), out);
        }
        let Some(choice) = choice else { return Ok(()) };
        if self.reply.is_empty() {
            let id = chunk.id.as_ref().map_or("", Text::as_str);
            id.clone_into(&mut self.reply);
        }
        let model = chunk.model.as_ref().map_or("", Text::as_str);
        out.begin(
            &self.reply,
            if model.is_empty() {
                &self.wanted.model
            } else {
                model
            },
        );
        self.choice(choice, source, out);
        Ok(())
    }

    /// An error inside a reply whose status was 200.
    fn failed(&mut self, error: Error, out: &mut Composer) -> Result<(), Error> {
        match &self.finish {
            // The answer had ended already, and not in success: the error says the same once more.
            Some(Finish::MaxTokens | Finish::Filtered(_)) => Ok(()),
            _ if error.kind() == Kind::ContentPolicy && !out.has_content() => {
                out.begin(&self.reply, &self.wanted.model);
                self.finish = Some(Finish::Filtered(Some(error.message().to_owned())));
                Ok(())
            }
            _ => Err(error),
        }
    }

    fn choice(&mut self, choice: &Choice<'_>, source: Source, out: &mut Composer) {
        // Some servers repeat the whole message beside each delta, or at the end.
        let message = choice.delta.as_ref().or(choice
            .message
            .as_ref()
            .filter(|_| source == Source::Whole || !out.has_content()));
        if let Some(message) = message {
            self.message(message, choice.logprobs.as_deref(), source, out);
        }
        let reason = choice.finish_reason.as_ref().map_or("", Text::as_str);
        if !reason.is_empty() {
            let native = choice.native_finish_reason.as_ref();
            let cut = native.is_some_and(|word| word.as_str() == "max_output_tokens");
            // OpenRouter says `tool_calls` of calls that were cut at the limit.
            self.finish = Some(if cut {
                Finish::MaxTokens
            } else {
                finish(reason)
            });
        }
    }

    fn message(
        &mut self,
        message: &Message<'_>,
        logprobs: Option<&RawValue>,
        source: Source,
        out: &mut Composer,
    ) {
        self.thoughts.message(message, out);
        if let Some(content) = &message.content {
            self.content(content, logprobs, out);
        }
        if let Some(refusal) = message.refusal.as_ref().filter(|r| !r.as_str().is_empty()) {
            self.thoughts.seal(out);
            out.refusal(REFUSAL, refusal.as_str());
        }
        for annotation in message.annotations.iter().flatten() {
            if let Some(citation) = &annotation.url_citation {
                out.annotate(TEXT, cited(citation));
            }
        }
        for call in message.tool_calls.iter().flatten() {
            self.call(call, source, out);
        }
        if let Some(call) = &message.function_call {
            let named = call
                .name
                .as_ref()
                .is_some_and(|name| !name.as_str().is_empty());
            let written = call
                .arguments
                .as_ref()
                .is_some_and(|text| !text.0.is_empty());
            if named || written {
                let call = ToolCall {
                    index: Some(0),
                    function: Some(call.clone()),
                    ..ToolCall::default()
                };
                self.call(&call, source, out);
            }
        }
    }

    fn content(&mut self, content: &Content<'_>, logprobs: Option<&RawValue>, out: &mut Composer) {
        match content {
            Content::Null => {}
            Content::Text(text) => self.text(text, logprobs, out),
            Content::Parts(parts) => {
                for part in parts {
                    if let Some(thinking) = &part.thinking {
                        self.thoughts.part(thinking, out);
                    }
                    if let Some(text) = &part.text {
                        self.text(text.as_str(), None, out);
                    }
                    if let Some(refusal) = &part.refusal {
                        self.thoughts.seal(out);
                        out.refusal(REFUSAL, refusal.as_str());
                    }
                }
            }
        }
    }

    fn text(&mut self, text: &str, logprobs: Option<&RawValue>, out: &mut Composer) {
        if text.is_empty() {
            return;
        }
        if self.calls.is_writing() {
            self.held.push_str(text);
            return;
        }
        self.thoughts.seal(out);
        let logprobs = match logprobs {
            Some(raw) if self.wanted.logprobs => tokens(raw),
            Some(_) | None => Vec::new(),
        };
        out.text_with(TEXT, text, logprobs);
    }

    fn call(&mut self, call: &ToolCall<'_>, source: Source, out: &mut Composer) {
        self.thoughts.seal(out);
        self.thoughts.sign(call, out);
        self.calls
            .piece(call, source, &self.wanted, &self.reply, out);
    }

    /// Nothing follows.
    fn end(&mut self, out: &mut Composer) -> Result<(), Error> {
        if out.is_ended() {
            return Ok(());
        }
        let has_content = out.has_content() || !self.calls.is_empty();
        let finish = match self.finish.take() {
            None if self.done && has_content => Some(Finish::Complete),
            other => other,
        };
        let status = match finish {
            Some(Finish::Complete) => ItemStatus::Completed,
            Some(Finish::Other(_)) if has_content => ItemStatus::Completed,
            _ => ItemStatus::Incomplete,
        };
        if finish.is_some() {
            self.thoughts.seal(out);
            self.calls.finish(status, out)?;
            let held = std::mem::take(&mut self.held);
            // Templates leave line breaks between calls; they are no answer.
            if !held.trim().is_empty() {
                out.text(TEXT, &held);
            }
        }
        match finish {
            None => {}
            Some(Finish::Complete) => out.stop(Stop::Complete),
            Some(Finish::MaxTokens) => out.stop(Stop::MaxTokens),
            Some(Finish::Filtered(why)) => out.stop(Stop::ContentFilter(why)),
            Some(Finish::Failed) => out.stop(Stop::Failed(Error::new(
                Kind::ModelFailed,
                "the server ended its answer with an error",
            ))),
            Some(Finish::Other(_)) if has_content => out.stop(Stop::Complete),
            Some(Finish::Other(word)) => out.stop(Stop::Failed(Error::new(
                Kind::ModelFailed,
                format!("the model said nothing and stopped with `{word}`"),
            ))),
        }
        out.end();
        Ok(())
    }
}

fn finish(reason: &str) -> Finish {
    match reason {
        "stop" | "tool_calls" | "function_call" | "eos" | "eos_token" | "end_turn"
        | "stop_sequence" | "tool_use" => Finish::Complete,
        "length" | "max_tokens" | "model_length" => Finish::MaxTokens,
        "content_filter" | "safety" | "refusal" => Finish::Filtered(None),
        "error" => Finish::Failed,
        other => Finish::Other(other.to_owned()),
    }
}

/// The log probabilities, if they have OpenAI's form.
fn tokens(raw: &RawValue) -> Vec<Json> {
    let logprobs: reply::Logprobs<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let tokens = logprobs.content.unwrap_or_default();
    tokens.into_iter().map(|raw| Json(raw.to_owned())).collect()
}

fn cited(citation: &reply::UrlCitation<'_>) -> Open<Annotation> {
    let start = citation.start_index.unwrap_or_default();
    Open::Known(Annotation::UrlCitation(UrlCitation {
        url: citation.url.as_str().to_owned(),
        title: citation
            .title
            .as_ref()
            .map_or(String::new(), |title| title.as_str().to_owned()),
        start_index: start,
        end_index: citation.end_index.unwrap_or(start),
        extra: crate::canonical::extra::Extra::new(),
    }))
}

mod unreadable;

#[cfg(test)]
mod tests;
