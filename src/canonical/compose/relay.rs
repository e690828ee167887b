//! What an upstream of our own protocol says, passed on; and items that arrive whole.
//!
//! Relayed events keep their ids and indices. What some servers leave out is mended here: parts that were never
//! opened, items that were never closed, an id that changes between `added` and `done`, a terminal event without items.

use std::sync::Arc;

use bytes::Bytes;

use super::Composer;
use crate::canonical::event::{
    Emitted, ErrorEvent, ErrorPayload, Event, ItemDelta, ItemEvent, Lifecycle,
};
use crate::canonical::ids;
use crate::canonical::item::{Item, ItemStatus, Message, Reasoning};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Delivery;
use crate::canonical::response::{Response, Status};

impl Composer {
    /// Passes an event on. `raw` is its frame's `data`, for a door that writes it verbatim.
    pub fn relay(&mut self, event: Open<Event>, raw: Option<Bytes>) {
        if self.ended {
            return;
        }
        match event {
            Open::Known(Event::Created(l)) => self.relay_start(l, Event::Created),
            Open::Known(Event::Queued(l)) => self.relay_start(l, Event::Queued),
            Open::Known(Event::InProgress(l)) => self.relay_start(l, Event::InProgress),
            Open::Known(Event::Completed(l)) => self.relay_end(*l.response, Status::Completed),
            Open::Known(Event::Incomplete(l)) => self.relay_end(*l.response, Status::Incomplete),
            Open::Known(Event::Failed(l)) => self.relay_end(*l.response, Status::Failed),
            Open::Known(Event::Error(e)) => self.relayed_error = Some(e.error),
            Open::Known(mut event) => {
                let same = self.mend(&mut event);
                self.fold.apply(&event);
                if self.setup.delivery == Delivery::Streamed {
                    self.batch.push(Emitted {
                        event: Open::Known(event),
                        raw: raw.filter(|_| same),
                    });
                }
            }
            Open::Unknown(event) => {
                if self.setup.delivery == Delivery::Streamed {
                    self.batch.push(Emitted {
                        event: Open::Unknown(event),
                        raw,
                    });
                }
            }
        }
    }

    /// A whole reply of our own protocol. Streamed to a client that wants a stream.
    pub fn whole(&mut self, response: Response) {
        if self.setup.delivery == Delivery::Streamed {
            let mut head = response.clone();
            head.status = Status::InProgress;
            head.output = Vec::new();
            head.usage = None;
            head.completed_at = None;
            for make in [Event::Created as fn(Lifecycle) -> Event, Event::InProgress] {
                self.relay_start(
                    Lifecycle {
                        response: Box::new(head.clone()),
                    },
                    make,
                );
            }
            for item in &response.output {
                self.whole_item(item.clone());
            }
        }
        let status = response.status;
        self.relay_end(response, status);
    }

    /// The upstream's own error event, where it ended without `response.failed`.
    pub fn relayed_error(&self) -> Option<&ErrorPayload> {
        self.relayed_error.as_ref()
    }

    fn relay_start(&mut self, lifecycle: Lifecycle, make: fn(Lifecycle) -> Event) {
        let mut response = lifecycle.response;
        response.echo = self.setup.echo.merged(&response.echo, self.setup.profile);
        response.usage = None;
        self.begun = true;
        self.emit(make(Lifecycle { response }));
    }

    fn relay_end(&mut self, mut response: Response, status: Status) {
        self.begun = true;
        response.status = status;
        response.echo = self.setup.echo.merged(&response.echo, self.setup.profile);
        if response.completed_at.is_none() && status == Status::Completed {
            response.completed_at = Some(self.now);
        }
        if response.usage.is_none() {
            response.usage = self.usage.take();
        }
        self.close_relayed(&response, status);
        self.keep_ids(&mut response);
        let keep = response.output.is_empty() && !self.fold.slots().is_empty();
        if keep {
            response.output = self.fold.snapshot().output;
        }
        if status == Status::Failed && self.setup.delivery == Delivery::Streamed {
            let error = self.relayed_error.take().unwrap_or_else(|| {
                let error = response.error.clone().unwrap_or_default();
                ErrorPayload {
                    kind: "server_error".to_owned(),
                    code: Some(error.code),
                    message: error.message,
                    param: None,
                }
            });
            self.batch.push(Event::Error(ErrorEvent { error }).into());
        }
        let lifecycle = Lifecycle {
            response: Box::new(response),
        };
        let event = match status {
            Status::Failed | Status::Cancelled => Event::Failed(lifecycle),
            Status::Incomplete => Event::Incomplete(lifecycle),
            // A background answer is whole as a reply while it is still queued or in progress.
            Status::Completed | Status::Queued | Status::InProgress => Event::Completed(lifecycle),
        };
        self.fold.apply(&event);
        self.ended = true;
        self.batch.push(event.into());
    }

    /// Closes the items that the upstream left open, as its terminal event has them.
    fn close_relayed(&mut self, response: &Response, status: Status) {
        for index in 0..self.next_index() {
            let at = usize::try_from(index).unwrap_or(usize::MAX);
            if !self.fold.slots().get(at).is_some_and(|slot| slot.open) {
                continue;
            }
            if let (Some(item), Some(slot)) = (response.output.get(at), self.fold.slot_mut(index)) {
                let (part, id) = (
                    slot.part,
                    slot.item.known().and_then(Item::id).map(str::to_owned),
                );
                slot.item = item.clone();
                slot.part = part;
                if let (Some(item), Some(id)) = (slot.item.known_mut(), id) {
                    item.set_id(id);
                }
            }
            let last = match status {
                Status::Completed => ItemStatus::Completed,
                _ => ItemStatus::Incomplete,
            };
            self.close_slot(index, last);
        }
    }

    /// An item keeps the id with which it was added.
    fn keep_ids(&self, response: &mut Response) {
        if response.output.len() != self.fold.slots().len() {
            return;
        }
        for (item, slot) in response.output.iter_mut().zip(self.fold.slots()) {
            if let (Open::Known(item), Some(id)) = (item, slot.item.known().and_then(Item::id)) {
                item.set_id(id.to_owned());
            }
        }
    }

    /// Makes the event fit what was sent before it. False if it was changed.
    fn mend(&mut self, event: &mut Event) -> bool {
        match event {
            Event::ItemDone(e) => {
                let Some(slot) = usize::try_from(e.output_index)
                    .ok()
                    .and_then(|at| self.fold.slots().get(at))
                else {
                    let mut item = e.item.clone();
                    if let Open::Known(item) = &mut item {
                        *item = opened(item);
                    }
                    let added = Event::ItemAdded(ItemEvent {
                        output_index: e.output_index,
                        item,
                    });
                    self.emit(added);
                    return true;
                };
                let known = slot.item.known().and_then(Item::id).map(str::to_owned);
                if slot.part.is_some() {
                    self.close_part(e.output_index);
                }
                match (known, &mut e.item) {
                    (Some(id), Open::Known(item)) if item.id() != Some(&id) => {
                        item.set_id(id);
                        false
                    }
                    _ => true,
                }
            }
            Event::TextDelta(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::TextDone(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::PartAdded(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::PartDone(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::ArgumentsDelta(e) | Event::InputDelta(e) => {
                self.same_id(e.output_index, &mut e.item_id)
            }
            Event::ArgumentsDone(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::SummaryDelta(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::SummaryDone(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::SummaryPartAdded(e) | Event::SummaryPartDone(e) => {
                self.same_id(e.output_index, &mut e.item_id)
            }
            Event::ReasoningDelta(e) => {
                let same = self.same_id(e.output_index, &mut e.item_id);
                if self.open_part(e.output_index).is_none() {
                    let part =
                        Part::ReasoningText(crate::canonical::part::TextPart::default()).into();
                    self.emit(Event::PartAdded(crate::canonical::event::PartEvent {
                        item_id: e.item_id.clone(),
                        output_index: e.output_index,
                        content_index: e.content_index,
                        part,
                    }));
                }
                same
            }
            Event::ReasoningDone(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::RefusalDelta(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::RefusalDone(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::AnnotationAdded(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::InputDone(e) => self.same_id(e.output_index, &mut e.item_id),
            Event::ItemAdded(_)
            | Event::Created(_)
            | Event::Queued(_)
            | Event::InProgress(_)
            | Event::Completed(_)
            | Event::Incomplete(_)
            | Event::Failed(_)
            | Event::Error(_) => true,
        }
    }

    fn same_id(&self, index: u32, id: &mut Arc<str>) -> bool {
        match self.item_at(index).and_then(Item::id) {
            Some(known) if known != &**id => {
                *id = known.into();
                false
            }
            _ => true,
        }
    }

    /// All the events of an item that arrived whole.
    pub(super) fn whole_item(&mut self, mut item: Open<Item>) {
        let index = self.next_index();
        let response = self.fold.head().id.clone();
        let Open::Known(known) = &mut item else {
            self.emit(Event::ItemAdded(ItemEvent {
                output_index: index,
                item: item.clone(),
            }));
            self.emit(Event::ItemDone(ItemEvent {
                output_index: index,
                item,
            }));
            return;
        };
        if known.id().is_none() {
            known.set_id(ids::item(prefix(known), &response, index));
        }
        let status = known.status().unwrap_or(ItemStatus::Completed);
        let id: Arc<str> = known.id().unwrap_or_default().into();
        self.emit(Event::ItemAdded(ItemEvent {
            output_index: index,
            item: opened(known).into(),
        }));
        self.write_content(index, &id, known);
        if let Some(slot) = self.fold.slot_mut(index) {
            slot.item = item;
        }
        self.close_slot(index, status);
    }

    fn write_content(&mut self, index: u32, id: &Arc<str>, item: &Item) {
        use crate::canonical::event::{
            ContentDelta, PartEvent, SummaryDelta, SummaryPart, TextDelta,
        };
        let (item_id, output_index) = (id.clone(), index);
        match item {
            Item::FunctionCall(call) => {
                let delta = call.arguments.clone();
                self.emit(Event::ArgumentsDelta(ItemDelta {
                    item_id,
                    output_index,
                    delta,
                }));
            }
            Item::CustomToolCall(call) => {
                let delta = call.input.clone();
                self.emit(Event::InputDelta(ItemDelta {
                    item_id,
                    output_index,
                    delta,
                }));
            }
            Item::Message(Message { content, .. })
            | Item::Reasoning(Reasoning {
                content: Some(content),
                ..
            }) => {
                for (at, part) in content.iter().enumerate() {
                    let content_index = u32::try_from(at).unwrap_or(u32::MAX);
                    let empty = emptied(part);
                    let item_id = item_id.clone();
                    self.emit(Event::PartAdded(PartEvent {
                        item_id: item_id.clone(),
                        output_index,
                        content_index,
                        part: empty,
                    }));
                    let text = part
                        .known()
                        .and_then(Part::text)
                        .unwrap_or_default()
                        .to_owned();
                    match part {
                        Open::Known(Part::OutputText(_)) => {
                            self.emit(Event::TextDelta(TextDelta {
                                item_id,
                                output_index,
                                content_index,
                                delta: text,
                                logprobs: Vec::new(),
                            }))
                        }
                        Open::Known(Part::Refusal(_)) => {
                            let event = ContentDelta {
                                item_id,
                                output_index,
                                content_index,
                                delta: text,
                            };
                            self.emit(Event::RefusalDelta(event));
                        }
                        Open::Known(Part::ReasoningText(_)) => {
                            let event = ContentDelta {
                                item_id,
                                output_index,
                                content_index,
                                delta: text,
                            };
                            self.emit(Event::ReasoningDelta(event));
                        }
                        _ => {}
                    }
                    self.restore_part(index, part);
                    self.close_part(index);
                }
            }
            Item::Reasoning(Reasoning {
                summary,
                content: None,
                ..
            }) => {
                for (at, part) in summary.iter().enumerate() {
                    let summary_index = u32::try_from(at).unwrap_or(u32::MAX);
                    let item_id = item_id.clone();
                    self.emit(Event::SummaryPartAdded(SummaryPart {
                        item_id: item_id.clone(),
                        output_index,
                        summary_index,
                        part: emptied(part),
                    }));
                    let delta = part
                        .known()
                        .and_then(Part::text)
                        .unwrap_or_default()
                        .to_owned();
                    self.emit(Event::SummaryDelta(SummaryDelta {
                        item_id,
                        output_index,
                        summary_index,
                        delta,
                    }));
                    self.close_part(index);
                }
            }
            _ => {}
        }
    }

    /// Puts the part as it arrived in place of what its deltas made: its annotations come along.
    fn restore_part(&mut self, index: u32, part: &Open<Part>) {
        let Some((_, at)) = self.open_part(index) else {
            return;
        };
        if let Some(Open::Known(Item::Message(message))) =
            self.fold.slot_mut(index).map(|slot| &mut slot.item)
            && let Some(place) = usize::try_from(at)
                .ok()
                .and_then(|at| message.content.get_mut(at))
        {
            place.clone_from(part);
        }
    }
}

fn prefix(item: &Item) -> &'static str {
    match item {
        Item::Message(_) => "msg",
        Item::FunctionCall(_) => "fc",
        Item::Reasoning(_) => "rs",
        Item::Compaction(_) => "cmp",
        Item::CustomToolCall(_) => "ctc",
        Item::FunctionCallOutput(_) => "fco",
        Item::CustomToolCallOutput(_) => "ctco",
        Item::ItemReference(_) => "ref",
    }
}

/// The item as `output_item.added` has it: everything but what streams.
fn opened(item: &Item) -> Item {
    let mut item = item.clone();
    item.set_status(ItemStatus::InProgress);
    match &mut item {
        Item::Message(message) => message.content = Vec::new(),
        Item::FunctionCall(call) => call.arguments = String::new(),
        Item::CustomToolCall(call) => call.input = String::new(),
        Item::Reasoning(reasoning) => {
            reasoning.summary = Vec::new();
            reasoning.content = None;
        }
        Item::FunctionCallOutput(_)
        | Item::CustomToolCallOutput(_)
        | Item::Compaction(_)
        | Item::ItemReference(_) => {}
    }
    item
}

fn emptied(part: &Open<Part>) -> Open<Part> {
    let mut part = part.clone();
    match &mut part {
        Open::Known(Part::OutputText(part)) => {
            part.text = String::new();
            part.annotations = Vec::new();
            part.logprobs = Vec::new();
        }
        Open::Known(Part::Refusal(part)) => part.refusal = String::new(),
        Open::Known(Part::SummaryText(part) | Part::ReasoningText(part)) => {
            part.text = String::new()
        }
        Open::Known(_) | Open::Unknown(_) => {}
    }
    part
}
