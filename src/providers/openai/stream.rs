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
use crate::wire::plain::Plain;
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

impl<'a> TextFrame<'a> {
    fn read(json: &'a str) -> Result<Self, serde_json::Error> {
        Self::plain(json).map_or_else(|| serde_json::from_str(json), Ok)
    }

    /// Without a general reader, where the text is as plain as it mostly is.
    fn plain(json: &'a str) -> Option<Self> {
        let (mut id, mut item, mut content, mut delta) = (None, None, None, None);
        let mut logprobs = None;
        Plain::whole(json, |reader, name| {
            match name {
                "item_id" if id.is_none() => id = Some(reader.word()?),
                "output_index" if item.is_none() => item = Some(reader.number()?),
                "content_index" if content.is_none() => content = Some(reader.number()?),
                "delta" if delta.is_none() => delta = Some(reader.text()?),
                "logprobs" if logprobs.is_none() => logprobs = Some(reader.nothing()?),
                "item_id" | "output_index" | "content_index" | "delta" | "logprobs" => return None,
                _ => reader.skip()?,
            }
            Some(())
        })?;
        Some(Self {
            item_id: Cow::Borrowed(id?),
            output_index: item?,
            content_index: content.unwrap_or_default(),
            delta: delta?,
            logprobs: None,
        })
    }
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
            let frame = TextFrame::read(json).map_err(garbled)?;
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
        if matches!(&*frame.data, b"" | b"[DONE]") || out.is_ended() {
            return Ok(());
        }
        let json = text(&frame.data)?;
        let tag = tag(&frame.event, json)?;
        if tag == "keepalive" {
            return Ok(());
        }
        let event = match self.event(&tag, json) {
            Ok(event) => event,
            Err(fault) if is_empty(&tag) => {
                out.skip(fault);
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        match &event {
            Open::Known(Event::Error(error)) => {
                let failure = failure::of_event(&error.error);
                if !out.has_content() || out.holds_failures() {
                    return Err(failure);
                }
                self.failure = Some(failure);
            }
            Open::Known(Event::Failed(failed)) if !out.has_content() || out.holds_failures() => {
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

/// Can an event of this name, which does not parse, have carried no content?
fn is_empty(tag: &str) -> bool {
    matches!(
        tag,
        "response.created" | "response.queued" | "response.in_progress"
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::compose::Setup;
    use crate::canonical::grammar::Grammar;
    use crate::canonical::request::Delivery;
    use crate::error::Kind;

    /// What the composer made of these frames, or the error.
    fn read(profile: Profile, frames: &[(&str, &str)]) -> Result<Composer, Error> {
        let mut out = Composer::new(Setup {
            delivery: Delivery::Streamed,
            profile,
            ..Setup::default()
        });
        let mut decoder = Responses::new(profile);
        for (event, data) in frames {
            let frame = sse::Frame {
                event: Cow::Borrowed(event.as_bytes()),
                data: Cow::Borrowed(data.as_bytes()),
            };
            decoder.frame(&frame, &mut out)?;
        }
        decoder.finish(&mut out)?;
        Ok(out)
    }

    fn tags(frames: &[(&str, &str)]) -> Vec<&'static str> {
        let batch = read(Profile::Native, frames).unwrap().take();
        Grammar::check_all(&batch).unwrap();
        let known = batch.iter().filter_map(|emitted| emitted.event.known());
        known.map(Event::tag).collect()
    }

    const CREATED: (&str, &str) = (
        "response.created",
        r#"{"type":"response.created","response":{"id":"resp_1","model":"m","output":[]}}"#,
    );
    const STARTED: (&str, &str) = (
        "response.in_progress",
        r#"{"type":"response.in_progress","response":{"id":"resp_1","model":"m","output":[]}}"#,
    );
    const ADDED: (&str, &str) = (
        "",
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","status":"in_progress","content":[]}}"#,
    );
    const DELTA: (&str, &str) = (
        "response.output_text.delta",
        r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"hé"}"#,
    );
    const ERROR: (&str, &str) = (
        "error",
        r#"{"type":"error","error":{"type":"insufficient_quota","code":"insufficient_quota","message":"no"}}"#,
    );

    #[test]
    fn an_event_that_does_not_parse_is_skipped_only_if_it_cannot_have_carried_content() {
        let broken = |name| read(Profile::Strict, &[(name, "{\"type\": ")]);
        assert!(broken("response.in_progress").is_ok());
        let lost = broken("response.output_text.delta").unwrap_err();
        assert_eq!(lost.kind(), Kind::UpstreamGarbled);
        assert!(broken("response.something_new").is_err());
    }

    #[test]
    fn a_failure_before_content_is_an_error() {
        let failed = read(Profile::Strict, &[CREATED, STARTED, ERROR]).unwrap_err();
        assert_eq!(failed.kind(), Kind::QuotaExhausted);
        let flat = (
            "",
            r#"{"type":"error","code":"server_error","message":"no"}"#,
        );
        let failed = read(Profile::Strict, &[CREATED, flat]).unwrap_err();
        assert_eq!(failed.kind(), Kind::UpstreamFailed);
        let event = (
            "response.failed",
            r#"{"type":"response.failed","response":{"id":"resp_1","model":"m","status":"failed","error":{"code":"rate_limit_exceeded","message":"no"}}}"#,
        );
        let failed = read(Profile::Strict, &[CREATED, event]).unwrap_err();
        assert_eq!(failed.kind(), Kind::RateLimited);
    }

    #[test]
    fn a_failure_after_content_ends_the_stream_as_failed() {
        let tags = tags(&[CREATED, STARTED, ADDED, DELTA, ERROR]);
        assert_eq!(tags.last(), Some(&"response.failed"));
    }

    #[test]
    fn a_stream_that_is_cut_ends_as_failed() {
        let tags = tags(&[CREATED, STARTED, ADDED, DELTA, ("", "[DONE]")]);
        assert_eq!(tags.last(), Some(&"response.failed"));
    }

    #[test]
    fn what_the_upstream_left_out_is_mended() {
        let done = (
            "response.completed",
            r#"{"type":"response.completed","response":{"id":"resp_1","model":"m","status":"completed","output":[]}}"#,
        );
        let keepalive = ("keepalive", r#"{"type":"keepalive","sequence_number":3}"#);
        assert_eq!(
            tags(&[CREATED, keepalive, ADDED, DELTA, done]),
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed",
            ]
        );
    }

    #[test]
    fn frames_are_kept_for_a_native_client_alone() {
        let raw = |profile| {
            let batch = read(profile, &[CREATED, STARTED, ADDED, DELTA])
                .unwrap()
                .take();
            let delta = batch
                .iter()
                .find(|emitted| matches!(emitted.event, Open::Known(Event::TextDelta(_))));
            delta.unwrap().raw.clone()
        };
        assert_eq!(raw(Profile::Strict), None);
        assert_eq!(raw(Profile::Native).as_deref(), Some(DELTA.1.as_bytes()));
    }

    #[test]
    fn a_whole_reply_that_failed_is_an_error() {
        let mut out = Composer::new(Setup::default());
        let mut read = |json: &str| Responses::new(Profile::Strict).body(json.as_bytes(), &mut out);
        let failed = r#"{"id":"resp_1","model":"m","status":"failed","error":{"code":"server_error","message":"no"}}"#;
        assert_eq!(read(failed).unwrap_err().kind(), Kind::UpstreamFailed);
        let unfinished = r#"{"id":"resp_1","model":"m","status":"queued"}"#;
        assert_eq!(read(unfinished).unwrap_err().kind(), Kind::UpstreamGarbled);
        assert!(read(r#"{"id":"resp_1","model":"m","status":"completed","output":[]}"#).is_ok());
    }
}
