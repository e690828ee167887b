//! The composer: the only maker of event sequences.
//!
//! Decoders speak verbs (`text`, `reasoning`, `call`, …) about blocks that they name by a number of their own. The
//! composer opens and closes items and parts, invents ids and indices, keeps one item open at a time, and ends every
//! stream in exactly one terminal event. `end()` without `stop()` is a truncation, hence a failure.
//!
//! An item's close waits until something follows it or the stop reason is known, because only then is it clear whether
//! it is whole; a call whose arguments are whole JSON is closed at once, so that clients may act on it.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::event::{
    AnnotationEvent, Batch, ContentDelta, ErrorEvent, Event, ItemDelta, Lifecycle, PartEvent,
    SummaryDelta, SummaryPart, TextDelta,
};
use super::fold::Fold;
use super::ids;
use super::item::{Item, ItemStatus};
use super::open::Open;
use super::part::{Annotation, Json, Part, TextPart};
use super::request::{Delivery, Profile};
use super::response::{Response, Status};
use super::settings::Echo;
use super::usage::Usage;
use crate::error::{Error, Kind};

mod closing;
mod opening;
mod relay;
#[cfg(test)]
mod tests;

/// How reasoning text reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningChannel {
    /// As a summary: the events that every client knows.
    #[default]
    Summary,
    /// As the trace itself: `response.reasoning.*`.
    Content,
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
    /// Ids are derived from this where the upstream gives none: the request's id.
    pub seed: String,
    /// Unix seconds.
    pub created_at: u64,
}

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
    stop: Option<Stop>,
    usage: Option<Usage>,
    fault: Option<Error>,
    failure: Option<Error>,
    relayed: relay::Relayed,
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
            let response = Box::new(self.fold.head().clone());
            let created = response.clone();
            self.push(Event::Created(Lifecycle { response: created }));
            self.push(Event::InProgress(Lifecycle { response }));
        }
    }

    /// Text goes on. Empty text opens nothing.
    pub fn text(&mut self, block: Block, delta: &str) {
        self.text_with(block, delta, Vec::new());
    }

    /// Text goes on, with log probabilities.
    pub fn text_with(&mut self, block: Block, delta: &str, logprobs: Vec<Json>) {
        if delta.is_empty() && logprobs.is_empty() {
            return;
        }
        if let Some((item_id, output_index, content_index)) =
            self.message_part(block, PartKind::Text)
        {
            let delta = delta.to_owned();
            self.emit(Event::TextDelta(TextDelta {
                item_id,
                output_index,
                content_index,
                delta,
                logprobs,
            }));
        }
    }

    /// A refusal goes on.
    pub fn refusal(&mut self, block: Block, delta: &str) {
        if delta.is_empty() {
            return;
        }
        if let Some((item_id, output_index, content_index)) =
            self.message_part(block, PartKind::Refusal)
        {
            let delta = delta.to_owned();
            self.emit(Event::RefusalDelta(ContentDelta {
                item_id,
                output_index,
                content_index,
                delta,
            }));
        }
    }

    /// The text of this block is annotated. Ignored where the block has no open text.
    pub fn annotate(&mut self, block: Block, annotation: Open<Annotation>) {
        let Some(OpenItem {
            index,
            id,
            feed: Feed::Message(Some((at, PartKind::Text))),
        }) = &self.open
        else {
            return;
        };
        if *at != block {
            return;
        }
        let (item_id, output_index) = (id.clone(), *index);
        let Some((content_index, annotation_index)) = self.annotations(output_index) else {
            return;
        };
        self.emit(Event::AnnotationAdded(AnnotationEvent {
            item_id,
            output_index,
            content_index,
            annotation_index,
            annotation,
        }));
    }

    /// Reasoning goes on, in the channel that the request chose.
    pub fn reasoning(&mut self, block: Block, delta: &str) {
        if delta.is_empty() {
            return;
        }
        let Some((item_id, output_index)) = self.reasoning_item(block) else {
            return;
        };
        let delta = delta.to_owned();
        match self.setup.reasoning {
            ReasoningChannel::Summary => {
                let summary_index = 0;
                if self.open_part(output_index).is_none() {
                    let part = Part::summary_text("").into();
                    let item_id = item_id.clone();
                    self.emit(Event::SummaryPartAdded(SummaryPart {
                        item_id,
                        output_index,
                        summary_index,
                        part,
                    }));
                }
                self.emit(Event::SummaryDelta(SummaryDelta {
                    item_id,
                    output_index,
                    summary_index,
                    delta,
                }));
            }
            ReasoningChannel::Content => {
                let content_index = 0;
                if self.open_part(output_index).is_none() {
                    let part = Part::ReasoningText(TextPart::default()).into();
                    let item_id = item_id.clone();
                    self.emit(Event::PartAdded(PartEvent {
                        item_id,
                        output_index,
                        content_index,
                        part,
                    }));
                }
                self.emit(Event::ReasoningDelta(ContentDelta {
                    item_id,
                    output_index,
                    content_index,
                    delta,
                }));
            }
        }
    }

    /// Puts the vendor's opaque state on the reasoning of this block, which may have no text.
    pub fn seal(&mut self, block: Block, encrypted_content: String) {
        let Some((_, index)) = self.reasoning_item(block) else {
            return;
        };
        if let Some(Open::Known(Item::Reasoning(item))) =
            self.fold.slot_mut(index).map(|slot| &mut slot.item)
        {
            item.encrypted_content = Some(encrypted_content);
        }
    }

    /// A function call begins. While another call's arguments are unfinished it waits, since one item is open at a time.
    pub fn call(&mut self, block: Block, call_id: &str, name: &str) {
        if let Some(OpenItem {
            index,
            feed: Feed::Call(_),
            ..
        }) = self.open
            && !self.arguments_are_whole(index)
        {
            if self.waiting.len() >= MOST_ITEMS {
                return self.spoil(opening::too_many_items());
            }
            self.waiting.push_back(Waiting {
                block,
                call_id: call_id.to_owned(),
                name: name.to_owned(),
                arguments: String::new(),
                closed: false,
            });
            return;
        }
        self.open_call(block, call_id, name);
    }

    /// Arguments go on.
    pub fn arguments(&mut self, block: Block, delta: &str) {
        if delta.is_empty() {
            return;
        }
        if let Some(waiting) = self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.block == block && !waiting.closed)
        {
            waiting.arguments.push_str(delta);
            return;
        }
        match &self.open {
            Some(OpenItem {
                index,
                id,
                feed: Feed::Call(at),
            }) if *at == block => {
                let event = ItemDelta {
                    item_id: id.clone(),
                    output_index: *index,
                    delta: delta.to_owned(),
                };
                self.emit(Event::ArgumentsDelta(event));
            }
            _ if delta.trim().is_empty() => {}
            _ => self.spoil(Error::garbled(
                "arguments arrived for a tool call that is not open",
            )),
        }
    }

    /// The upstream says that this block is whole.
    pub fn close(&mut self, block: Block) {
        if let Some(waiting) = self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.block == block)
        {
            waiting.closed = true;
            return;
        }
        let Some(open) = &mut self.open else { return };
        match &mut open.feed {
            Feed::Message(part @ Some(_)) if part.is_some_and(|(at, _)| at == block) => {
                *part = None;
                let index = open.index;
                self.close_part(index);
            }
            Feed::Call(at) if *at == block => {
                let index = open.index;
                if self.arguments_are_whole(index) || self.arguments_are_empty(index) {
                    self.close_item(ItemStatus::Completed);
                    self.next_waiting();
                }
            }
            Feed::Message(_) | Feed::Reasoning(_) | Feed::Call(_) => {}
        }
    }

    /// An item that arrived whole: all its events at once.
    pub fn item(&mut self, item: Open<Item>) {
        if self.settle_open() {
            self.whole_item(item);
        }
    }

    /// The counts of tokens. The last word stands.
    pub fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
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

    /// The response's id; empty before `begin`.
    pub fn response_id(&self) -> &str {
        &self.fold.head().id
    }

    /// Has the model said anything?
    pub fn has_content(&self) -> bool {
        !self.fold.slots().is_empty()
    }

    /// The counts as far as they are known, also of an answer that broke off.
    pub fn usage_so_far(&self) -> Option<&Usage> {
        self.usage.as_ref().or(self.fold.head().usage.as_ref())
    }

    /// The events made since the last call.
    pub fn take(&mut self) -> Batch {
        std::mem::take(&mut self.batch)
    }
}
