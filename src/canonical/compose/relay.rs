//! What an upstream of our own protocol says, passed on.
//!
//! Relayed events keep their ids and indices. What some servers leave out or get wrong is mended on the way (`mend`),
//! so that every client gets a stream that keeps the laws; the terminal event is reconciled with what was streamed.

use std::sync::Arc;

use bytes::Bytes;

use super::Composer;
use crate::canonical::event::{Emitted, ErrorEvent, ErrorPayload, Event, Lifecycle};
use crate::canonical::grammar::Laws;
use crate::canonical::item::{Item, ItemStatus};
use crate::canonical::open::Open;
use crate::canonical::request::Delivery;
use crate::canonical::response::{Response, ResponseError, Status};
use crate::error::{Error, Kind};

mod mend;
mod opened;
mod resume;
mod whole;

/// How far the opening events have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Stage {
    #[default]
    Nothing,
    Created,
    InProgress,
}

/// What is remembered of an upstream of our own protocol.
#[derive(Debug, Default)]
pub(super) struct Relayed {
    error: Option<ErrorPayload>,
    pub(super) stage: Stage,
    /// Items that stand elsewhere here than upstream: their place, ours. The last entry for a place counts.
    places: Vec<(u32, u32)>,
    /// Parts likewise: the item by our place, their index, ours.
    parts: Vec<(u32, u32, u32)>,
    /// The item whose open part the upstream never opened.
    opened: Option<u32>,
    /// Judges a relayed stream: what cannot be mended must not reach a client as if it were sound.
    pub(super) laws: Option<Laws>,
}

impl Composer {
    /// Passes an event on. `raw` is its frame's `data`, for a door that writes it verbatim.
    pub fn relay(&mut self, event: Open<Event>, raw: Option<Bytes>) {
        if self.ended {
            return;
        }
        if !self.begun && self.setup.delivery == Delivery::Streamed {
            self.relayed.laws = Some(Laws::default());
        }
        match event {
            Open::Known(Event::Created(l)) => self.relay_start(l, Event::Created),
            Open::Known(Event::Queued(l)) => self.relay_start(l, Event::Queued),
            Open::Known(Event::InProgress(l)) => self.relay_start(l, Event::InProgress),
            Open::Known(Event::Completed(l)) => {
                self.relay_end(Arc::unwrap_or_clone(l.response), Status::Completed);
            }
            Open::Known(Event::Incomplete(l)) => {
                self.relay_end(Arc::unwrap_or_clone(l.response), Status::Incomplete);
            }
            Open::Known(Event::Failed(l)) => {
                self.relay_end(Arc::unwrap_or_clone(l.response), Status::Failed);
            }
            Open::Known(Event::Error(e)) => self.relayed.error = Some(e.error),
            Open::Known(mut event) => {
                self.open_stage();
                let fate = self.mend(&mut event);
                if fate == mend::Fate::Dropped {
                    return;
                }
                if !self.is_lawful(&event) {
                    return;
                }
                self.fold.apply(&event);
                if self.setup.delivery == Delivery::Streamed {
                    self.batch.push(Emitted {
                        event: Open::Known(event),
                        raw: raw.filter(|_| fate == mend::Fate::Same),
                        native: Vec::new(),
                    });
                }
            }
            Open::Unknown(mut event) => {
                if self.setup.delivery == Delivery::Streamed {
                    self.open_stage();
                    let fate = self.mend_unknown(&mut event);
                    self.batch.push(Emitted {
                        event: Open::Unknown(event),
                        raw: raw.filter(|_| fate == mend::Fate::Same),
                        native: Vec::new(),
                    });
                }
            }
        }
    }

    /// Does this event keep the laws? Only relayed streams are judged: the verbs cannot break them.
    pub(super) fn is_lawful(&mut self, event: &Event) -> bool {
        let Some(laws) = &mut self.relayed.laws else {
            return true;
        };
        let Err(violation) = laws.judge(event, &self.fold) else {
            return true;
        };
        self.spoil(Error::garbled(format!(
            "the upstream's events contradict themselves: {violation}"
        )));
        false
    }

    /// The upstream's own error event, where it ended without `response.failed`.
    pub fn relayed_error(&self) -> Option<&ErrorPayload> {
        self.relayed.error.as_ref()
    }

    /// The opening events, each once. A stream that goes on after another broke opens again, which nobody needs to see.
    fn relay_start(&mut self, lifecycle: Lifecycle, make: fn(Lifecycle) -> Event) {
        let mut response = Arc::unwrap_or_clone(lifecycle.response);
        response.echo = self.setup.echo.merged(&response.echo, self.setup.profile);
        response.usage = None;
        response.output = Vec::new();
        response.error = None;
        self.stamp(&mut response);
        let response = Arc::new(response);
        let event = make(Lifecycle {
            response: response.clone(),
        });
        let stage = match &event {
            Event::InProgress(_) => Stage::InProgress,
            _ => Stage::Created,
        };
        if self.begun && (stage <= self.relayed.stage) && !matches!(event, Event::Queued(_)) {
            return;
        }
        if self.relayed.stage == Stage::InProgress {
            return;
        }
        if self.relayed.stage == Stage::Nothing && !matches!(event, Event::Created(_)) {
            self.emit(Event::Created(Lifecycle { response }));
        }
        self.begun = true;
        self.relayed.stage = stage;
        self.emit(event);
    }

    /// Opens the stream where the upstream went straight to the matter.
    fn open_stage(&mut self) {
        if self.relayed.stage == Stage::InProgress {
            return;
        }
        if !self.begun {
            return self.begin("", "");
        }
        self.relayed.stage = Stage::InProgress;
        let response = Arc::new(self.fold.head().clone());
        self.emit(Event::InProgress(Lifecycle { response }));
    }

    /// Fills in what a server left out of the head.
    fn stamp(&self, response: &mut Response) {
        if response.created_at == 0 {
            response.created_at = self.setup.created_at;
        }
    }

    pub(super) fn relay_end(&mut self, mut response: Response, status: Status) {
        self.open_stage();
        if let Some(fault) = self.fault.take() {
            return self.fail(&fault);
        }
        response.status = match status {
            Status::Cancelled => Status::Failed,
            status => status,
        };
        response.echo = self.setup.echo.merged(&response.echo, self.setup.profile);
        self.stamp(&mut response);
        if response.completed_at.is_none() && status == Status::Completed {
            response.completed_at = Some(self.now);
        }
        if response.usage.is_none() {
            response.usage = self.usage.take();
        }
        self.reconcile(&mut response);
        let lifecycle = |response| Lifecycle {
            response: Arc::new(response),
        };
        let event = match response.status {
            Status::Completed => Event::Completed(lifecycle(response)),
            Status::Incomplete => Event::Incomplete(lifecycle(response)),
            Status::Failed | Status::Cancelled => {
                let error = self.stated_error(&mut response);
                self.failure = Some(Error::new(Kind::UpstreamFailed, error.message.clone()));
                self.push(Event::Error(ErrorEvent { error }));
                Event::Failed(lifecycle(response))
            }
            Status::Queued | Status::InProgress => {
                return self.fail(&Error::garbled("the upstream's answer is not finished"));
            }
        };
        if !self.is_lawful(&event)
            && let Some(fault) = self.fault.take()
        {
            return self.fail(&fault);
        }
        match self.setup.delivery {
            Delivery::Streamed => self.fold.apply(&event),
            // The event has it all; what was counted is asked for on its own.
            Delivery::Whole => {
                self.fold.head_mut().usage = event.terminal().and_then(|it| it.usage.clone());
            }
        }
        self.ended = true;
        self.batch.push(event.into());
    }

    /// What the `error` event before `response.failed` says; the response says the same.
    fn stated_error(&mut self, response: &mut Response) -> ErrorPayload {
        let said = self.relayed.error.take();
        let error = response.error.get_or_insert_with(|| ResponseError {
            code: "server_error".to_owned(),
            message: "the upstream failed and does not say why".to_owned(),
            ..ResponseError::default()
        });
        said.unwrap_or_else(|| ErrorPayload {
            kind: "server_error".to_owned(),
            code: Some(error.code.clone()),
            message: error.message.clone(),
            param: None,
        })
    }

    /// Makes the items of the terminal event and those of the stream the same: closes what the upstream left open, adds
    /// what it never streamed, and keeps what it streamed where its terminal event has less.
    fn reconcile(&mut self, response: &mut Response) {
        let same_places = self.relayed.places.is_empty();
        self.close_relayed(response);
        if same_places && response.output.len() > self.fold.slots().len() {
            self.complete(response);
        }
        if !same_places || response.output.len() < self.fold.slots().len() {
            response.output = self.fold.snapshot().output;
        }
        for (item, slot) in response.output.iter_mut().zip(self.fold.slots()) {
            if let (Open::Known(item), Open::Known(sent)) = (item, &slot.item) {
                as_sent(item, sent);
            }
        }
    }

    /// Closes the items that are still open, as the terminal event has them.
    fn close_relayed(&mut self, response: &Response) {
        let last = match response.status {
            Status::Completed => ItemStatus::Completed,
            _ => ItemStatus::Incomplete,
        };
        let same_places = self.relayed.places.is_empty();
        for index in 0..self.next_index() {
            let at = usize::try_from(index).unwrap_or(usize::MAX);
            let Some(slot) = self.fold.slots().get(at).filter(|slot| slot.open) else {
                continue;
            };
            let whole = response.output.get(at).filter(|_| same_places);
            match whole.and_then(|whole| last_form(&slot.item, whole, last)) {
                Some(item) => self.close_as(index, item),
                None => self.close_slot(index, last),
            }
        }
    }

    /// Closes an item of which nothing was streamed yet: with what it holds.
    fn close_as(&mut self, index: u32, item: Open<Item>) {
        self.close_part(index);
        if let Open::Known(known) = &item {
            let id: Arc<str> = known.id().unwrap_or_default().into();
            self.write_content(index, &id, known);
        }
        self.item_done(index, item);
    }
}

/// An open item as the terminal event has it. `None` where something of it was streamed, which then stands, and where
/// the two are not of one type.
fn last_form(sent: &Open<Item>, whole: &Open<Item>, status: ItemStatus) -> Option<Open<Item>> {
    if sent.tag() != whole.tag() {
        return None;
    }
    let mut item = whole.clone();
    match (sent, &mut item) {
        (Open::Known(sent), Open::Known(item)) => {
            if !mend::is_bare(sent) {
                return None;
            }
            item.set_status(status);
            if let Some(id) = sent.id() {
                item.set_id(id.to_owned());
            }
        }
        (Open::Unknown(sent), Open::Unknown(item)) => {
            if let Some(id) = sent.get("id") {
                item.insert("id".to_owned(), id.clone());
            }
        }
        (Open::Known(_), Open::Unknown(_)) | (Open::Unknown(_), Open::Known(_)) => return None,
    }
    Some(item)
}

/// What must be the same in both places. OpenAI encrypts its opaque state anew for the terminal event; both forms are
/// good, and clients have the first.
fn as_sent(item: &mut Item, sent: &Item) {
    if let Some(id) = sent.id().filter(|id| item.id() != Some(id)) {
        item.set_id(id.to_owned());
    }
    if let (None, Some(status)) = (item.status(), sent.status()) {
        item.set_status(status);
    }
    match (item, sent) {
        (Item::Reasoning(item), Item::Reasoning(sent)) if sent.encrypted_content.is_some() => {
            item.encrypted_content.clone_from(&sent.encrypted_content);
        }
        (Item::Compaction(item), Item::Compaction(sent)) => {
            item.encrypted_content.clone_from(&sent.encrypted_content);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
