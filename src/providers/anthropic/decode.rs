//! Replies: the verbs that an Anthropic message becomes, whole or streamed.
//!
//! A whole message is read as its stream would be: start, blocks, end. Blocks do not overlap at Anthropic, but servers
//! that speak its protocol write parallel calls side by side, so calls may be open together. What is unknown (events, deltas, blocks of hosted tools) is skipped, as the API's versioning rules
//! ask of clients; what is known and broken is an error.

use serde_json::value::RawValue;

use super::block::Writing;
use super::count::Counter;
use super::error;
use crate::canonical::compose::{Composer, Stop};
use crate::canonical::native::Protocol;
use crate::canonical::request::Profile;
use crate::error::{Error, Kind};
use crate::providers;
use crate::wire::anthropic::reply::{
    Block, BlockDelta, Delta, Ending, Event, Head, Message, StopDetails, Text,
};
use crate::wire::sse;

/// What a reply must know of its request.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// The model as it was asked for: thinking goes back to no other.
    pub(super) model: String,
    /// The free-form tools that were emulated by functions.
    pub(super) custom: Vec<String>,
    /// Whether foreign annotations and items may be handed on.
    pub(super) profile: Profile,
}

/// Understands one reply.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    asked: Asked,
    begun: bool,
    open: Vec<(u64, Writing)>,
    counter: Counter,
    stop: Option<String>,
    stop_sequence: Option<String>,
    explanation: Option<String>,
    /// A free-form call whose input cannot be read: a fault, unless the answer stopped at its limit.
    broken: Option<String>,
}

impl Decoder {
    pub(super) fn new(asked: Asked) -> Self {
        Self {
            asked,
            ..Self::default()
        }
    }

    fn event(&mut self, event: &Event<'_>, data: &[u8], out: &mut Composer) -> Result<(), Error> {
        let index = event.index.unwrap_or_default();
        match event.kind.as_ref() {
            // A second start of the same message can occur, and changes nothing. Failures have words of our own.
            "message_start" if self.begun => return Ok(()),
            "error" => {}
            _ => out.frame(Protocol::Messages, data),
        }
        match event.kind.as_ref() {
            "content_block_delta" => {
                if let Some(raw) = event.delta {
                    self.delta(index, raw.get().as_bytes(), out)?;
                }
            }
            "content_block_start" => {
                if let Some(raw) = event.content_block {
                    self.open(index, raw, out)?;
                }
            }
            "content_block_stop" => self.close(out, |at, _| at == index),
            "message_start" => {
                if let Some(raw) = event.message {
                    self.start(&parse(raw.get().as_bytes())?, out)?;
                }
            }
            "message_delta" => {
                if let Some(raw) = event.delta {
                    let ending: Ending<'_> = parse(raw.get().as_bytes())?;
                    self.stopped(ending.stop_reason.as_ref(), ending.stop_sequence.as_ref());
                    self.explained(ending.stop_details.as_ref());
                }
                if let Some(raw) = event.usage {
                    self.counter.add(&parse(raw.get().as_bytes())?);
                    self.count(out);
                }
            }
            "message_stop" => self.end(out),
            "error" => return Err(error::in_reply(data)),
            // `ping`, and what a newer version of the API adds.
            _ => {}
        }
        Ok(())
    }

    /// A delta that came apart from its event. One of a kind that is not known is skipped, whatever its shape.
    fn delta(&mut self, index: u64, json: &[u8], out: &mut Composer) -> Result<(), Error> {
        match serde_json::from_slice(json) {
            Ok(delta) => self.add(index, &delta, out),
            Err(fault) => {
                let head: Head<'_> = parse(json)?;
                if DELTAS.contains(&head.kind.as_ref()) {
                    return Err(garbled(&fault));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, index: u64, delta: &Delta<'_>, out: &mut Composer) {
        let open = self.open.iter_mut().find(|(at, _)| *at == index);
        if let Some((_, writing)) = open
            && DELTAS.contains(&delta.kind.as_ref())
        {
            writing.delta(index, delta, out);
        }
    }

    fn start(&mut self, message: &Message<'_>, out: &mut Composer) -> Result<(), Error> {
        self.begun = true;
        let model = if message.model.is_empty() {
            self.asked.model.as_str()
        } else {
            message.model.as_ref()
        };
        out.begin(&message.id, model);
        if let Some(usage) = &message.usage {
            self.counter.add(usage);
            self.count(out);
        }
        // A call that a running container makes comes whole in the start of its message.
        for (index, raw) in message.content.iter().flatten().enumerate() {
            self.open(index as u64, raw, out)?;
            self.close(out, |_, _| true);
        }
        self.stopped(message.stop_reason.as_ref(), message.stop_sequence.as_ref());
        self.explained(message.stop_details.as_ref());
        Ok(())
    }

    fn open(&mut self, index: u64, raw: &RawValue, out: &mut Composer) -> Result<(), Error> {
        self.close(out, |at, open| at == index || !open.is_call());
        let head: Head<'_> = parse(raw.get().as_bytes())?;
        let writing = match head.kind.as_ref() {
            "text" | "thinking" | "redacted_thinking" | "tool_use" | "server_tool_use" => {
                let block: Block<'_> = parse(raw.get().as_bytes())?;
                Writing::begin(&head.kind, index, &block, &self.asked, out)?
            }
            // Results of hosted tools, and kinds of a newer version.
            _ => Writing::Skipped,
        };
        self.open.push((index, writing));
        Ok(())
    }

    /// Closes the open blocks that `which` picks.
    fn close(&mut self, out: &mut Composer, which: impl Fn(u64, &Writing) -> bool) {
        for (index, writing) in self.open.extract_if(.., |(at, open)| which(*at, open)) {
            if let Some(broken) = writing.close(index, &self.asked, out) {
                self.broken.get_or_insert(broken);
            }
        }
    }

    fn stopped(&mut self, reason: Option<&Text<'_>>, sequence: Option<&Text<'_>>) {
        if let Some(reason) = reason {
            self.stop = Some(reason.as_str().to_owned());
        }
        if let Some(sequence) = sequence {
            self.stop_sequence = Some(sequence.as_str().to_owned());
        }
    }

    fn explained(&mut self, details: Option<&StopDetails<'_>>) {
        if let Some(text) = details.and_then(|details| details.explanation.as_ref()) {
            self.explanation = Some(text.as_str().to_owned());
        }
    }

    /// Can an event of this name, which does not parse, have carried no content? After the stop reason none can.
    fn is_empty(&self, name: &[u8]) -> bool {
        self.stop.is_some()
            || matches!(
                name,
                b"ping" | b"content_block_stop" | b"message_delta" | b"message_stop"
            )
    }

    fn count(&self, out: &mut Composer) {
        if let Some(usage) = self.counter.usage() {
            out.usage(usage);
            out.tier(self.counter.tier());
        }
    }

    /// The message is over. Without a stop reason it was cut, which the composer says by itself.
    fn end(&mut self, out: &mut Composer) {
        self.close(out, |_, _| true);
        if let Some(sequence) = self.stop_sequence.take() {
            out.extra("stop_sequence", sequence.into());
        }
        if let Some(reason) = self.stop.take() {
            let stop = self.stop_of(&reason, out);
            out.stop(stop);
        }
        out.end();
    }

    /// What a stop reason means.
    ///
    /// `pause_turn` (a loop of hosted tools that rests) has no word in Open Responses. The answer is whole as far as it
    /// goes but not finished, so it ends as incomplete for reaching a limit, the limit of that loop; `completed` would
    /// be a false success.
    fn stop_of(&mut self, reason: &str, out: &Composer) -> Stop {
        match reason {
            "max_tokens" | "model_context_window_exceeded" | "pause_turn" => Stop::MaxTokens,
            "refusal" => Stop::ContentFilter(self.explanation.take()),
            _ if self.broken.is_some() => {
                let name = self.broken.take().unwrap_or_default();
                let message =
                    format!("the model called `{name}` with an input that cannot be read");
                let error = Error::new(Kind::ModelFailed, message);
                Stop::Failed(error.with_code("invalid_tool_arguments"))
            }
            "end_turn" | "stop_sequence" | "tool_use" => Stop::Complete,
            _ if out.has_content() => Stop::Complete,
            other => Stop::Failed(Error::new(
                Kind::ModelFailed,
                format!("the model stopped without an answer, for the reason `{other}`"),
            )),
        }
    }
}

impl providers::Decoder for Decoder {
    fn frame(&mut self, frame: &sse::Frame<'_>, out: &mut Composer) -> Result<(), Error> {
        // OpenRouter ends its Messages streams as a chat stream ends.
        if out.is_ended() || frame.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        // The event that a stream is made of is read in one go; its name tells before its data does.
        if frame.event.as_ref() == b"content_block_delta"
            && let Ok(json) = std::str::from_utf8(&frame.data)
            && let Some(event) = BlockDelta::plain(json).or_else(|| serde_json::from_str(json).ok())
        {
            self.add(event.index, &event.delta, out);
            out.frame(Protocol::Messages, &frame.data);
            return Ok(());
        }
        match serde_json::from_slice::<Event<'_>>(&frame.data) {
            Ok(event) => self.event(&event, &frame.data, out),
            Err(fault) => match serde_json::from_slice::<Head<'_>>(&frame.data) {
                Ok(head) if !EVENTS.contains(&head.kind.as_ref()) => {
                    out.frame(Protocol::Messages, &frame.data);
                    Ok(())
                }
                Ok(_) | Err(_) if self.is_empty(&frame.event) => {
                    out.skip(garbled(&fault));
                    Ok(())
                }
                Ok(_) | Err(_) => Err(garbled(&fault)),
            },
        }
    }

    /// A stop reason is an end, also where the closing event is missing.
    fn finish(&mut self, out: &mut Composer) -> Result<(), Error> {
        if self.stop.is_some() && !out.is_ended() {
            out.frame(Protocol::Messages, br#"{"type":"message_stop"}"#);
            self.end(out);
        }
        out.end();
        Ok(())
    }

    fn body(&mut self, body: &[u8], out: &mut Composer) -> Result<(), Error> {
        let message: Message<'_> = parse(body)?;
        if message.kind == "error" {
            return Err(error::in_reply(body));
        }
        if message.content.is_none() {
            return Err(Error::garbled("the reply is not a message"));
        }
        out.document(Protocol::Messages, body);
        self.start(&message, out)?;
        self.end(out);
        Ok(())
    }
}

/// The deltas that are known; one without a kind is broken.
const DELTAS: [&str; 6] = [
    "text_delta",
    "input_json_delta",
    "thinking_delta",
    "signature_delta",
    "citations_delta",
    "",
];

/// The events that are known; one without a kind is broken.
const EVENTS: [&str; 8] = [
    "content_block_delta",
    "content_block_start",
    "content_block_stop",
    "message_start",
    "message_delta",
    "message_stop",
    "error",
    "",
];

pub(super) fn parse<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(json).map_err(|fault| garbled(&fault))
}

fn garbled(fault: &serde_json::Error) -> Error {
    Error::garbled(format!(
        "the upstream sent JSON that cannot be read: {fault}"
    ))
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "decode_faults_tests.rs"]
mod faults_tests;
