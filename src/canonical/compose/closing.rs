//! Closing parts, items and the response.

use std::sync::Arc;

use serde::de::IgnoredAny;

use super::{Composer, Feed, OpenItem};
use crate::canonical::event::{
    ArgumentsDone, ContentText, Event, InputDone, ItemDelta, ItemEvent, Lifecycle, PartEvent,
    RefusalDone, SummaryPart, SummaryText, TextDone,
};
use crate::canonical::fold::Channel;
use crate::canonical::item::{Item, ItemStatus};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Delivery;
use crate::canonical::response::{IncompleteDetails, Response, ResponseError, Status};
use crate::error::{Error, Kind};

impl Composer {
    pub(super) fn item_at(&self, index: u32) -> Option<&Item> {
        self.fold
            .slots()
            .get(usize::try_from(index).ok()?)?
            .item
            .known()
    }

    /// How many parts the message has.
    pub(super) fn parts_of(&self, index: u32) -> u32 {
        match self.item_at(index) {
            Some(Item::Message(message)) => {
                u32::try_from(message.content.len()).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }

    /// The open text part of a message and how many annotations it has.
    pub(super) fn annotations(&self, index: u32) -> Option<(u32, u32)> {
        let (_, at) = self.open_part(index)?;
        let Some(Item::Message(message)) = self.item_at(index) else {
            return None;
        };
        match message.content.get(usize::try_from(at).ok()?)? {
            Open::Known(Part::OutputText(part)) => {
                Some((at, u32::try_from(part.annotations.len()).ok()?))
            }
            _ => None,
        }
    }

    pub(super) fn arguments_are_whole(&self, index: u32) -> bool {
        matches!(self.item_at(index), Some(Item::FunctionCall(call)) if is_whole(&call.arguments))
    }

    pub(super) fn arguments_are_empty(&self, index: u32) -> bool {
        matches!(self.item_at(index), Some(Item::FunctionCall(call)) if call.arguments.trim().is_empty())
    }

    /// The failure that a finished answer with unusable arguments is.
    pub(super) fn unusable_arguments(&self) -> Option<Error> {
        let items = self
            .fold
            .slots()
            .iter()
            .filter_map(|slot| slot.item.known());
        let written = items.filter_map(|item| match item {
            Item::FunctionCall(call) => Some((call.name.as_str(), call.arguments.as_str())),
            _ => None,
        });
        let waiting = self
            .waiting
            .iter()
            .map(|waiting| (waiting.name.as_str(), waiting.arguments.as_str()));
        let (name, _) = written
            .chain(waiting)
            .find(|(_, arguments)| !arguments.trim().is_empty() && !is_json(arguments))?;
        Some(
            Error::new(
                Kind::ModelFailed,
                format!("the model called `{name}` with arguments that are not JSON"),
            )
            .with_code("invalid_tool_arguments"),
        )
    }

    /// Closes the open part of an item, whoever opened it.
    pub(super) fn close_part(&mut self, index: u32) {
        let Some((channel, at)) = self.open_part(index) else {
            return;
        };
        if self.setup.delivery == Delivery::Whole {
            if let Some(slot) = self.fold.slot_mut(index) {
                slot.part = None;
            }
            return;
        }
        let Some(item) = self.item_at(index) else {
            return;
        };
        let item_id: Arc<str> = item.id().unwrap_or_default().into();
        let parts = match (item, channel) {
            (Item::Message(message), Channel::Content) => &message.content,
            (Item::Reasoning(reasoning), Channel::Summary) => &reasoning.summary,
            (Item::Reasoning(reasoning), Channel::Content) => match &reasoning.content {
                Some(parts) => parts,
                None => return,
            },
            _ => return,
        };
        let Some(part) = usize::try_from(at)
            .ok()
            .and_then(|at| parts.get(at))
            .cloned()
        else {
            return;
        };
        for event in part_ends(&item_id, index, channel, at, part) {
            self.emit(event);
        }
    }

    /// Closes the open item. A call without arguments gets the empty object that its silence means.
    pub(super) fn close_item(&mut self, status: ItemStatus) {
        let Some(OpenItem { index, id, feed }) = self.open.take() else {
            return;
        };
        if matches!(feed, Feed::Call(_))
            && status == ItemStatus::Completed
            && self.arguments_are_empty(index)
        {
            let event = ItemDelta {
                item_id: id,
                output_index: index,
                delta: "{}".to_owned(),
            };
            self.emit(Event::ArgumentsDelta(event));
        }
        self.close_slot(index, status);
    }

    /// Closes one item, whoever opened it: its open part, its own `done` event, the item.
    pub(super) fn close_slot(&mut self, index: u32, status: ItemStatus) {
        self.close_part(index);
        let status = match (status, self.arguments_are_whole(index)) {
            // Whole arguments are whole, also where the answer stopped at its limit just after them.
            (ItemStatus::Incomplete, true) => ItemStatus::Completed,
            (status, _) => status,
        };
        let Some(slot) = self.fold.slot_mut(index) else {
            return;
        };
        match &mut slot.item {
            Open::Known(item) => item.set_status(status),
            Open::Unknown(_) => {}
        }
        if self.setup.delivery == Delivery::Whole {
            slot.open = false;
            return;
        }
        let item = slot.item.clone();
        match item.known() {
            Some(Item::FunctionCall(call)) => {
                let event = ArgumentsDone {
                    item_id: call.id.as_deref().unwrap_or_default().into(),
                    output_index: index,
                    arguments: call.arguments.clone(),
                };
                self.push(Event::ArgumentsDone(event));
            }
            Some(Item::CustomToolCall(call)) => {
                let event = InputDone {
                    item_id: call.id.as_deref().unwrap_or_default().into(),
                    output_index: index,
                    input: call.input.clone(),
                };
                self.push(Event::InputDone(event));
            }
            _ => {}
        }
        self.item_done(index, item);
    }

    /// Ends an item. It stays open if the laws refuse its last form.
    pub(super) fn item_done(&mut self, output_index: u32, item: Open<Item>) {
        self.emit(Event::ItemDone(ItemEvent { output_index, item }));
    }

    /// Closes everything that is open.
    pub(super) fn close_all(&mut self, status: ItemStatus) {
        self.close_item(status);
        for index in 0..self.next_index() {
            let open = usize::try_from(index)
                .ok()
                .and_then(|at| self.fold.slots().get(at))
                .is_some_and(|s| s.open);
            if open {
                self.close_slot(index, status);
            }
        }
    }

    /// Ends the answer that was not a failure.
    pub(super) fn finish(&mut self, status: Status, reason: Option<&str>) {
        self.begin("", "");
        let last = match status {
            Status::Completed => ItemStatus::Completed,
            _ => ItemStatus::Incomplete,
        };
        while let Some(waiting) = self.waiting.pop_front() {
            self.close_item(ItemStatus::Completed);
            self.write_waiting(&waiting);
        }
        self.close_all(last);
        self.ended = true;
        let response = self.terminal(status, reason, None);
        let lifecycle = Lifecycle { response };
        let event = match status {
            Status::Completed => Event::Completed(lifecycle),
            _ => Event::Incomplete(lifecycle),
        };
        self.batch.push(event.into());
    }

    /// The response as the terminal event carries it.
    pub(super) fn terminal(
        &mut self,
        status: Status,
        reason: Option<&str>,
        error: Option<&Error>,
    ) -> Arc<Response> {
        let now = self.now;
        let usage = self.usage.take();
        let head = self.fold.head_mut();
        head.status = status;
        head.completed_at = (status == Status::Completed).then_some(now);
        head.incomplete_details = reason.map(|reason| IncompleteDetails {
            reason: reason.to_owned(),
            ..IncompleteDetails::default()
        });
        head.error = error.map(|error| ResponseError {
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            ..ResponseError::default()
        });
        if usage.is_some() {
            head.usage = usage;
        }
        Arc::new(self.fold.snapshot())
    }
}

/// Can these arguments be nothing but whole? Only an object or a list says where it ends.
fn is_whole(arguments: &str) -> bool {
    arguments.trim_start().starts_with(['{', '[']) && is_json(arguments)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The events that end a part.
fn part_ends(
    item_id: &Arc<str>,
    output_index: u32,
    channel: Channel,
    at: u32,
    part: Open<Part>,
) -> Vec<Event> {
    let item_id = item_id.clone();
    let whole = match (&part, channel) {
        (Open::Known(Part::OutputText(text)), Channel::Content) => {
            Some(Event::TextDone(TextDone {
                item_id: item_id.clone(),
                output_index,
                content_index: at,
                text: text.text.clone(),
                logprobs: text.logprobs.clone(),
            }))
        }
        (Open::Known(Part::Refusal(refusal)), Channel::Content) => {
            Some(Event::RefusalDone(RefusalDone {
                item_id: item_id.clone(),
                output_index,
                content_index: at,
                refusal: refusal.refusal.clone(),
            }))
        }
        (Open::Known(Part::SummaryText(text)), Channel::Summary) => {
            Some(Event::SummaryDone(SummaryText {
                item_id: item_id.clone(),
                output_index,
                summary_index: at,
                text: text.text.clone(),
            }))
        }
        (Open::Known(Part::ReasoningText(text)), Channel::Content) => {
            Some(Event::ReasoningDone(ContentText {
                item_id: item_id.clone(),
                output_index,
                content_index: at,
                text: text.text.clone(),
            }))
        }
        _ => None,
    };
    let done = match channel {
        Channel::Content => Event::PartDone(PartEvent {
            item_id,
            output_index,
            content_index: at,
            part,
        }),
        Channel::Summary => Event::SummaryPartDone(SummaryPart {
            item_id,
            output_index,
            summary_index: at,
            part,
        }),
    };
    whole.into_iter().chain([done]).collect()
}
