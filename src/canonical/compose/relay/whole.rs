//! Items that arrive whole: a whole reply for a client that wants a stream, and items that an upstream never streamed.

use std::sync::Arc;

use super::super::Composer;
use super::{Stage, mend};
use crate::canonical::event::{
    AnnotationEvent, ArgumentsDone, ContentDelta, Event, InputDone, ItemDelta, ItemEvent,
    Lifecycle, PartEvent, SummaryDelta, SummaryPart, TextDelta,
};
use crate::canonical::item::{Item, ItemStatus, Message, Reasoning};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Delivery;
use crate::canonical::response::{Response, Status};

impl Composer {
    /// A whole reply of our own protocol. Streamed to a client that wants a stream.
    pub fn whole(&mut self, mut response: Response) {
        let status = response.status;
        match self.setup.delivery {
            Delivery::Whole => self.open_silently(&response),
            Delivery::Streamed => {
                let output = std::mem::take(&mut response.output);
                self.open_with(&response);
                response.output = output;
            }
        }
        self.relay_end(response, status);
    }

    /// Nobody sees the opening events, and of the head nobody needs more than the id, which those of items rest on.
    fn open_silently(&mut self, response: &Response) {
        if !self.begun {
            self.fold.head_mut().id.clone_from(&response.id);
        }
        self.begun = true;
        self.relayed.stage = Stage::InProgress;
    }

    fn open_with(&mut self, response: &Response) {
        let response = Arc::new(Response {
            status: Status::InProgress,
            completed_at: None,
            incomplete_details: None,
            ..response.clone()
        });
        for make in [Event::Created as fn(Lifecycle) -> Event, Event::InProgress] {
            let response = response.clone();
            self.relay_start(Lifecycle { response }, make);
        }
    }

    /// Streams the items of a finished response that were not streamed.
    pub(super) fn complete(&mut self, response: &mut Response) {
        let streamed = self.fold.slots().len();
        let items = response.output.iter_mut().enumerate().skip(streamed);
        for (at, item) in items {
            let index = u32::try_from(at).unwrap_or(u32::MAX);
            // Whether it was changed matters only where a frame might be written verbatim.
            let _changed: mend::Fate = self.complete_item(item, index, ItemStatus::Completed);
            if self.setup.delivery == Delivery::Streamed {
                self.write_item(index, item.clone());
            }
        }
    }

    /// All the events of an item that arrived whole.
    pub(in super::super) fn whole_item(&mut self, mut item: Open<Item>) {
        let index = self.next_index();
        let _changed: mend::Fate = self.complete_item(&mut item, index, ItemStatus::Completed);
        if let Open::Known(Item::Reasoning(reasoning)) = &mut item {
            reasoning.status.get_or_insert(ItemStatus::Completed);
        }
        self.write_item(index, item);
    }

    fn write_item(&mut self, index: u32, item: Open<Item>) {
        let added = match &item {
            Open::Known(known) => opened(known).into(),
            Open::Unknown(_) => item.clone(),
        };
        self.emit(Event::ItemAdded(ItemEvent {
            output_index: index,
            item: added,
        }));
        if let Open::Known(known) = &item {
            let id: Arc<str> = known.id().unwrap_or_default().into();
            self.write_content(index, &id, known);
        }
        self.emit(Event::ItemDone(ItemEvent {
            output_index: index,
            item,
        }));
    }

    /// What an item holds, as events between its opening and its end.
    pub(super) fn write_content(&mut self, index: u32, id: &Arc<str>, item: &Item) {
        let (item_id, output_index) = (id.clone(), index);
        match item {
            Item::FunctionCall(call) => {
                let delta = call.arguments.clone();
                let arguments = call.arguments.clone();
                self.emit(Event::ArgumentsDelta(ItemDelta {
                    item_id: item_id.clone(),
                    output_index,
                    delta,
                }));
                self.emit(Event::ArgumentsDone(ArgumentsDone {
                    item_id,
                    output_index,
                    arguments,
                }));
            }
            Item::CustomToolCall(call) => {
                let delta = call.input.clone();
                let input = call.input.clone();
                self.emit(Event::InputDelta(ItemDelta {
                    item_id: item_id.clone(),
                    output_index,
                    delta,
                }));
                self.emit(Event::InputDone(InputDone {
                    item_id,
                    output_index,
                    input,
                }));
            }
            Item::Message(Message { content, .. }) => self.write_parts(index, id, content),
            Item::Reasoning(Reasoning {
                summary, content, ..
            }) => {
                self.write_summary(index, id, summary);
                self.write_parts(index, id, content.as_deref().unwrap_or_default());
            }
            Item::FunctionCallOutput(_)
            | Item::CustomToolCallOutput(_)
            | Item::Compaction(_)
            | Item::ItemReference(_) => {}
        }
    }

    fn write_parts(&mut self, index: u32, id: &Arc<str>, parts: &[Open<Part>]) {
        let output_index = index;
        for (at, part) in parts.iter().enumerate() {
            let content_index = u32::try_from(at).unwrap_or(u32::MAX);
            let item_id = id.clone();
            self.emit(Event::PartAdded(PartEvent {
                item_id: item_id.clone(),
                output_index,
                content_index,
                part: emptied(part),
            }));
            let text = part.known().and_then(Part::text).unwrap_or_default();
            let delta = ContentDelta {
                item_id: item_id.clone(),
                output_index,
                content_index,
                delta: text.to_owned(),
            };
            match part {
                _ if text.is_empty() => {}
                Open::Known(Part::OutputText(part)) => self.emit(Event::TextDelta(TextDelta {
                    item_id,
                    output_index,
                    content_index,
                    delta: delta.delta,
                    logprobs: part.logprobs.clone(),
                })),
                Open::Known(Part::Refusal(_)) => self.emit(Event::RefusalDelta(delta)),
                Open::Known(Part::ReasoningText(_)) => self.emit(Event::ReasoningDelta(delta)),
                Open::Known(_) | Open::Unknown(_) => {}
            }
            self.write_annotations(index, content_index, id, part);
            self.restore_part(index, part);
            self.close_part(index);
        }
    }

    fn write_annotations(
        &mut self,
        index: u32,
        content_index: u32,
        id: &Arc<str>,
        part: &Open<Part>,
    ) {
        let Open::Known(Part::OutputText(part)) = part else {
            return;
        };
        for (at, annotation) in part.annotations.iter().enumerate() {
            self.emit(Event::AnnotationAdded(AnnotationEvent {
                item_id: id.clone(),
                output_index: index,
                content_index,
                annotation_index: u32::try_from(at).unwrap_or(u32::MAX),
                annotation: annotation.clone(),
            }));
        }
    }

    fn write_summary(&mut self, index: u32, id: &Arc<str>, summary: &[Open<Part>]) {
        for (at, part) in summary.iter().enumerate() {
            let summary_index = u32::try_from(at).unwrap_or(u32::MAX);
            self.emit(Event::SummaryPartAdded(SummaryPart {
                item_id: id.clone(),
                output_index: index,
                summary_index,
                part: emptied(part),
            }));
            let text = part.known().and_then(Part::text).unwrap_or_default();
            if !text.is_empty() {
                self.emit(Event::SummaryDelta(SummaryDelta {
                    item_id: id.clone(),
                    output_index: index,
                    summary_index,
                    delta: text.to_owned(),
                }));
            }
            self.close_part(index);
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

pub(super) fn prefix(item: &Item) -> &'static str {
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
            part.text = String::new();
        }
        Open::Known(_) | Open::Unknown(_) => {}
    }
    part
}
