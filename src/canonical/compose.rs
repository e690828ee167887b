//! The composer: the only maker of event sequences.
//!
//! Decoders speak verbs (`text`, `reasoning`, `call`, …) about blocks that they name by a number of their own. The
//! composer opens and closes items and parts, invents ids and indices, keeps one item open at a time, and ends every
//! stream in exactly one terminal event. `end()` without `stop()` is a truncation, hence a failure.
//!
//! An item's close waits until something follows it or the stop reason is known, because only then is it clear whether
//! it is whole; a call whose arguments are whole JSON is closed at once, so that clients may act on it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::event::{Batch, ErrorEvent, Event, Lifecycle};
use super::fold::Fold;
use super::ids;
use super::item::{Item, ItemStatus};
use super::native::Protocol;
use super::open::Open;
use super::request::{Delivery, Profile};
use super::response::{Response, Status};
use super::settings::Echo;
use super::usage::Usage;
use crate::error::{Error, Kind};

mod calls;
mod closing;
mod opening;
mod relay;
#[cfg(test)]
mod tests;
mod writing;

/// How reasoning text reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningChannel {
    /// As a summary: the events that every client knows.
    #[default]
    Summary,
    /// As the trace itself: `response.reasoning.*`.
    Content,
}

/// What becomes of an answer that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It ends as failed.
    #[default]
    End,
    /// It stays as it is, and the failure is a fault of its stream: somebody may go on with it.
    Hold,
}

/// What a composer must know of the request.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The request's settings, repeated in every lifecycle event.
    pub echo: Echo,
    /// With whole delivery nothing is emitted but the terminal event.
    pub delivery: Delivery,
    /// How far a relayed response may go beyond the schema.
    pub profile: Profile,
    /// How reasoning text reaches the client.
    pub reasoning: ReasoningChannel,
    /// What becomes of the answer if it fails.
    pub on_failure: OnFailure,
    /// The protocol that the client's door and the upstream have in common, if they do: its frames are kept.
    pub native: Option<Protocol>,
    /// Ids are derived from this where the upstream gives none: the request's id.
    pub seed: String,
    /// Unix seconds.
    pub created_at: u64,
}

/// A tool's name as the client knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolName {
    /// The namespace that it is in.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

/// The client's names of tools by the names that the upstream has for them.
pub type Names = HashMap<String, ToolName>;

/// Why the model stopped.
#[derive(Debug, Clone)]
pub enum Stop {
    /// It was done, or it wants its tools' outputs.
    Complete,
    /// The token limit.
    MaxTokens,
    /// The provider's filter; the text, if any, is its explanation.
    ContentFilter(Option<String>),
    /// It failed.
    Failed(Error),
}

/// Names a block of the upstream's; any number that is stable while the block lasts.
pub type Block = u64;

/// What the open item is, and which upstream block feeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feed {
    Message(Option<(Block, PartKind)>),
    Reasoning(Block),
    Call(Block),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Text,
    Refusal,
}

#[derive(Debug)]
struct OpenItem {
    index: u32,
    id: Arc<str>,
    feed: Feed,
}

/// A call that began while another was being written.
#[derive(Debug)]
struct Waiting {
    block: Block,
    call_id: String,
    name: String,
    arguments: String,
    closed: bool,
}

/// At most this many items may wait, and this many stand in one response.
const MOST_ITEMS: usize = 1024;

/// Makes the events of one response, and the response.
#[derive(Debug, Default)]
pub struct Composer {
    setup: Setup,
    fold: Fold,
    batch: Batch,
    open: Option<OpenItem>,
    waiting: VecDeque<Waiting>,
    names: Names,
    stop: Option<Stop>,
    usage: Option<Usage>,
    fault: Option<Error>,
    skipped: Option<Error>,
    failure: Option<Error>,
    relayed: relay::Relayed,
    native: Vec<Bytes>,
    now: u64,
    begun: bool,
    ended: bool,
}

impl Composer {
    /// A composer for one request.
    pub fn new(setup: Setup) -> Self {
        let now = setup.created_at;
        Self {
            setup,
            now,
            ..Self::default()
        }
    }

    /// Tells the time, in Unix seconds: nothing here reads a clock.
    pub fn at(&mut self, now: u64) {
        self.now = now;
    }

    /// The response begins. `id` is the upstream's, which may be empty. A second `begin` is ignored.
    pub fn begin(&mut self, id: &str, model: &str) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.relayed.stage = relay::Stage::InProgress;
        let id = if id.is_empty() { &self.setup.seed } else { id };
        *self.fold.head_mut() = Response {
            id: ids::response(id),
            created_at: self.setup.created_at,
            status: Status::InProgress,
            model: model.to_owned(),
            echo: self.setup.echo.clone(),
            ..Response::default()
        };
        if self.setup.delivery == Delivery::Streamed {
            let response = Arc::new(self.fold.head().clone());
            let created = response.clone();
            self.push(Event::Created(Lifecycle { response: created }));
            self.push(Event::InProgress(Lifecycle { response }));
        }
    }

    /// The upstream knows some tools by other names than the client.
    pub fn names(&mut self, names: Names) {
        self.names = names;
    }

    /// An item that arrived whole: all its events at once.
    pub fn item(&mut self, mut item: Open<Item>) {
        if self.settle_open() {
            self.rename(&mut item);
            self.whole_item(item);
        }
    }

    /// The counts of tokens. The last word stands.
    pub fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// The service tier that served the answer, which the terminal response tells in place of what was asked for. The
    /// vendors' own words for no special terms are `default`.
    pub fn tier(&mut self, word: &str) {
        let word = match word {
            "" => return,
            "standard" | "on_demand" => "default",
            word => word,
        };
        if self.fold.head().service_tier() == Some(word) {
            return;
        }
        self.setup.echo = self.setup.echo.served(word);
        self.fold.head_mut().echo = self.setup.echo.clone();
    }

    /// Adds a field beyond the specification to the response.
    pub fn extra(&mut self, key: &str, value: Value) {
        self.fold.head_mut().extra.insert(key.to_owned(), value);
    }

    /// Why the model stopped. The terminal event waits for `end`, since counts may follow.
    pub fn stop(&mut self, reason: Stop) {
        self.stop = Some(reason);
    }

    /// The upstream is done. Without a stop reason the answer was cut.
    pub fn end(&mut self) {
        if self.ended {
            return;
        }
        if let Some(fault) = self.fault.take() {
            return self.fail(&fault);
        }
        match self.stop.take() {
            None => self.fail(&Error::new(
                Kind::StreamCut,
                "the upstream ended before its answer was whole",
            )),
            Some(Stop::Failed(error)) => self.fail(&error),
            Some(Stop::Complete) => match self.unusable_arguments() {
                Some(error) => self.fail(&error),
                None => self.finish(Status::Completed, None),
            },
            Some(Stop::MaxTokens) => self.finish(Status::Incomplete, Some("max_output_tokens")),
            Some(Stop::ContentFilter(explanation)) => {
                let silent = self.fold.slots().is_empty();
                if let (true, Some(text)) = (silent, explanation) {
                    self.refusal(Block::MAX, &text);
                }
                self.finish(Status::Incomplete, Some("content_filter"));
            }
        }
    }

    /// The answer failed: what is open is closed as incomplete, then `error` and `response.failed`.
    pub fn fail(&mut self, error: &Error) {
        if self.ended {
            return;
        }
        if self.setup.on_failure == OnFailure::Hold {
            return self.spoil(error.clone());
        }
        self.begin("", "");
        self.ended = true;
        self.failure = Some(error.clone());
        // What follows is ours, and lawful whatever came before.
        self.relayed.laws = None;
        self.waiting.clear();
        self.close_all(ItemStatus::Incomplete);
        let response = self.terminal(Status::Failed, None, Some(error));
        self.push(Event::Error(ErrorEvent {
            error: error.into(),
        }));
        self.batch
            .push(Event::Failed(Lifecycle { response }).into());
    }

    /// An event could not be read that cannot have carried content, and was left out. The stream must still come to
    /// its proper end: otherwise it was cut.
    pub fn skip(&mut self, fault: Error) {
        self.skipped = Some(fault);
    }

    /// What was skipped since the last call, for the log.
    pub fn take_skipped(&mut self) -> Option<Error> {
        self.skipped.take()
    }

    /// The answer failed, and nobody goes on with it.
    pub fn give_up(&mut self, error: &Error) {
        self.setup.on_failure = OnFailure::End;
        self.fail(error);
    }

    /// Are failures held, since somebody may go on with the answer?
    pub fn holds_failures(&self) -> bool {
        self.setup.on_failure == OnFailure::Hold
    }

    /// What a decoder did wrong, if it did: the driver fails the stream with it.
    pub fn fault(&self) -> Option<&Error> {
        self.fault.as_ref()
    }

    /// Why the answer failed, if it did.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Has the terminal event been made?
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The response as it waits to be worked on.
    pub fn queued(&self) -> Response {
        Response {
            status: Status::Queued,
            ..self.fold.head().clone()
        }
    }

    /// The response's id; empty before `begin`.
    pub fn response_id(&self) -> &str {
        &self.fold.head().id
    }

    /// Has the model said anything?
    pub fn has_content(&self) -> bool {
        !self.fold.slots().is_empty()
    }

    /// The response as far as it is known, without what it says.
    pub fn head(&self) -> &Response {
        self.fold.head()
    }

    /// The response as far as it came, with the counts that are known.
    pub fn so_far(&self) -> Response {
        let mut response = self.fold.snapshot();
        response.usage = self.usage_so_far().cloned();
        response
    }

    /// The counts as far as they are known, also of an answer that broke off.
    pub fn usage_so_far(&self) -> Option<&Usage> {
        self.usage.as_ref().or(self.fold.head().usage.as_ref())
    }

    /// Have no events been made since the last call of `take`?
    pub fn has_nothing(&self) -> bool {
        self.batch.is_empty()
    }

    /// Keeps a frame's `data` as it came, if the client's door speaks the same protocol.
    pub fn frame(&mut self, protocol: Protocol, data: &[u8]) {
        if self.setup.native == Some(protocol) && !self.ended {
            self.native.push(Bytes::copy_from_slice(data));
        }
    }

    /// The same for a whole reply, which a client that wants a stream cannot be given as it is.
    pub fn document(&mut self, protocol: Protocol, body: &[u8]) {
        if self.setup.delivery == Delivery::Whole {
            self.frame(protocol, body);
        }
    }

    /// The events made since the last call. Frames that were kept go with the first of them.
    pub fn take(&mut self) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        if let Some(first) = batch.first_mut() {
            first.native = std::mem::take(&mut self.native);
        }
        batch
    }
}
