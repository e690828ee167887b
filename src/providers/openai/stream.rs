//! The reply: our own protocol, so events are relayed as they come.
//!
//! The one thing that is judged here is failure. Before the model said anything a failure is an error, and the gateway
//! may ask elsewhere; after that it stays in the stream.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::{failure, keeps_frames};
use crate::canonical::compose::Composer;
use crate::canonical::event::{Event, TextDelta};
use crate::canonical::open::{Head, Open, Tagged, strip_position};
use crate::canonical::part::Json;
use crate::canonical::request::Profile;
use crate::canonical::response::{Response, Status};
use crate::error::Error;
use crate::providers::Decoder;
use crate::wire::sse;

/// Understands the reply to one request.
pub(super) struct Responses {
    profile: Profile,
    /// The last item's id: the deltas of one item share it.
    item_id: Arc<str>,
    /// What an `error` event said; `response.failed` should follow it.
    failure: Option<Error>,
}

/// The event that streams consist of, as it is read: borrowed, and parsed once.
#[derive(Deserialize)]
struct TextFrame<'a> {
    #[serde(borrow)]
    item_id: Cow<'a, str>,
    output_index: u32,
    #[serde(default)]
    content_index: u32,
    #[serde(borrow)]
    delta: Cow<'a, str>,
    #[serde(default)]
    logprobs: Option<Vec<Json>>,
}

impl Responses {
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            profile,
            item_id: Arc::from(""),
            failure: None,
        }
    }

    fn event(&mut self, tag: &str, json: &str) -> Result<Open<Event>, Error> {
        let garbled = |error: serde_json::Error| {
            let fault = error.to_string();
            let fault = strip_position(&fault).replace(crate::canonical::open::PATH_MARK, ": ");
            Error::garbled(format!("the event `{tag}` does not parse: {fault}"))
        };
        if tag == "response.output_text.delta" {
            let frame: TextFrame<'_> = serde_json::from_str(json).map_err(garbled)?;
            if *self.item_id != *frame.item_id {
                self.item_id = frame.item_id.into();
            }
            return Ok(Open::Known(Event::TextDelta(TextDelta {
                item_id: self.item_id.clone(),
                output_index: frame.output_index,
                content_index: frame.content_index,
                delta: frame.delta.into_owned(),
                logprobs: frame.logprobs.unwrap_or_default(),
            })));
        }
        match Event::read(tag, json) {
            Some(event) => event.map(Open::Known).map_err(garbled),
            None => serde_json::from_str(json)
                .map(Open::Unknown)
                .map_err(garbled),
        }
    }
}

impl Decoder for Responses {
    fn frame(&mut self, frame: &sse::Frame<'_>, out: &mut Composer) -> Result<(), Error> {
        if *frame.data == *b"[DONE]" || out.is_ended() {
            return Ok(());
        }
        let json = text(&frame.data)?;
        let tag = tag(&frame.event, json)?;
        if tag == "keepalive" {
            return Ok(());
        }
        let event = self.event(&tag, json)?;
        match &event {
            Open::Known(Event::Error(error)) => {
                let failure = failure::of_event(&error.error);
                if !out.has_content() {
                    return Err(failure);
                }
                self.failure = Some(failure);
            }
            Open::Known(Event::Failed(failed)) if !out.has_content() => {
                return Err(failure::of_response(failed.response.error.as_ref()));
            }
            Open::Known(_) | Open::Unknown(_) => {}
        }
        let raw = keeps_frames(self.profile).then(|| Bytes::copy_from_slice(&frame.data));
        out.relay(event, raw);
        Ok(())
    }

    fn body(&mut self, body: &[u8], out: &mut Composer) -> Result<(), Error> {
        let response: Response = super::parse(body)?;
        match response.status {
            Status::Failed | Status::Cancelled => {
                Err(failure::of_response(response.error.as_ref()))
            }
            Status::Completed | Status::Incomplete => {
                out.whole(response);
                Ok(())
            }
            // It was asked for an answer, and gave a promise of one.
            Status::Queued | Status::InProgress => {
                Err(Error::garbled("the upstream's answer is not finished"))
            }
        }
    }

    fn finish(&mut self, out: &mut Composer) -> Result<(), Error> {
        match self.failure.take() {
            Some(failure) => out.fail(&failure),
            None => out.end(),
        }
        Ok(())
    }
}

fn text(data: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(data)
        .map_err(|fault| Error::garbled(format!("an event is not valid UTF-8: {fault}")))
}

/// The event's name, which some servers leave to the data.
fn tag<'a>(event: &'a [u8], json: &'a str) -> Result<Cow<'a, str>, Error> {
    if !event.is_empty() && event != b"message" {
        return text(event).map(Cow::Borrowed);
    }
    let head: Head<'_> = serde_json::from_str(json)
        .map_err(|fault| Error::garbled(format!("an event does not parse: {fault}")))?;
    match head.tag {
        Some(tag) => Ok(tag),
        // Some servers end a stream with a bare error body.
        None if json.contains("\"error\"") => Ok(Cow::Borrowed("error")),
        None => Err(Error::garbled("an event has no `type`")),
    }
}
