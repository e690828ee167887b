//! Events become a response: the only maker of a [`Response`].
//!
//! The composer folds as it emits, so a whole reply and the terminal event of a stream are built by the same code, and
//! a client of ours may fold what it reads. Events that contradict the grammar do not panic here; `grammar` names them.

use super::event::{Event, ItemEvent};
use super::item::{Item, ItemStatus};
use super::open::Open;
use super::part::{OutputText, Part, RefusalPart, TextPart};
use super::response::Response;

/// Which list of an item an open part stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// `content`.
    Content,
    /// `summary` of a reasoning item.
    Summary,
}

/// An item and what of it is still open.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The item as it stands.
    pub item: Open<Item>,
    /// Added, and not done.
    pub open: bool,
    /// The part that was added and is not done.
    pub part: Option<(Channel, u32)>,
}

/// A response being built.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    response: Response,
    slots: Vec<Slot>,
}

impl Fold {
    /// Folds a whole sequence.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Response {
        let mut fold = Self::default();
        for event in events {
            fold.apply(event);
        }
        fold.into_response()
    }

    /// Takes one event in.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Created(l) | Event::Queued(l) | Event::InProgress(l) => self.adopt(&l.response),
            Event::Completed(l) | Event::Incomplete(l) | Event::Failed(l) => {
                self.adopt(&l.response);
            }
            Event::ItemAdded(e) => self.put(e, true),
            Event::ItemDone(e) => self.put(e, false),
            Event::PartAdded(e) => {
                self.part_opened(e.output_index, Channel::Content, e.content_index, &e.part);
            }
            Event::SummaryPartAdded(e) => {
                self.part_opened(e.output_index, Channel::Summary, e.summary_index, &e.part);
            }
            Event::PartDone(e) => {
                self.part_closed(e.output_index, Channel::Content, e.content_index, &e.part);
            }
            Event::SummaryPartDone(e) => {
                self.part_closed(e.output_index, Channel::Summary, e.summary_index, &e.part);
            }
            Event::TextDelta(e) => {
                if let Some(Part::OutputText(part)) =
                    self.part(e.output_index, Channel::Content, e.content_index)
                {
                    part.text.push_str(&e.delta);
                    part.logprobs.extend(e.logprobs.iter().cloned());
                }
            }
            Event::RefusalDelta(e) | Event::ReasoningDelta(e) => {
                self.grow(e.output_index, Channel::Content, e.content_index, &e.delta);
            }
            Event::SummaryDelta(e) => {
                self.grow(e.output_index, Channel::Summary, e.summary_index, &e.delta);
            }
            Event::AnnotationAdded(e) => {
                if let Some(Part::OutputText(part)) =
                    self.part(e.output_index, Channel::Content, e.content_index)
                {
                    part.annotations.push(e.annotation.clone());
                }
            }
            Event::ArgumentsDelta(e) => {
                if let Some(Item::FunctionCall(call)) = self.item(e.output_index) {
                    call.arguments.push_str(&e.delta);
                }
            }
            Event::ArgumentsDone(e) => {
                if let Some(Item::FunctionCall(call)) = self.item(e.output_index) {
                    call.arguments.clone_from(&e.arguments);
                }
            }
            Event::InputDelta(e) => {
                if let Some(Item::CustomToolCall(call)) = self.item(e.output_index) {
                    call.input.push_str(&e.delta);
                }
            }
            // The text in a `done` event is what the deltas made; the part's own `done` follows with it.
            Event::InputDone(_)
            | Event::TextDone(_)
            | Event::RefusalDone(_)
            | Event::ReasoningDone(_)
            | Event::SummaryDone(_)
            | Event::Error(_) => {}
        }
    }

    /// The response as it stands: with the items that were added, in their order.
    pub fn snapshot(&self) -> Response {
        let mut response = self.response.clone();
        response.output = self.slots.iter().map(|slot| slot.item.clone()).collect();
        response
    }

    /// The response as it stands, without copying it.
    pub fn into_response(mut self) -> Response {
        if !self.slots.is_empty() {
            self.response.output = self.slots.into_iter().map(|slot| slot.item).collect();
        }
        self.response
    }

    /// What the lifecycle events say, without the items.
    pub fn head(&self) -> &Response {
        &self.response
    }

    /// What the lifecycle events say, to change it.
    pub(super) fn head_mut(&mut self) -> &mut Response {
        &mut self.response
    }

    /// The items and what of them is open.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// One item, to finish it.
    pub(super) fn slot_mut(&mut self, index: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(index).ok()?)
    }

    /// Takes the head of a lifecycle event's response. Its items are taken only where it has any: some servers end
    /// with an empty `output`, and then what was streamed stands.
    fn adopt(&mut self, response: &Response) {
        let items = &response.output;
        if !items.is_empty() {
            let same = items.len() == self.slots.len();
            if !same || response.status != super::response::Status::InProgress {
                self.slots = items
                    .iter()
                    .map(|item| Slot {
                        item: item.clone(),
                        open: false,
                        part: None,
                    })
                    .collect();
            }
        }
        self.response.clone_from(response);
        self.response.output = Vec::new();
    }

    fn put(&mut self, event: &ItemEvent, open: bool) {
        let slot = Slot {
            item: event.item.clone(),
            open,
            part: None,
        };
        let Ok(at) = usize::try_from(event.output_index) else {
            return;
        };
        if at < self.slots.len() {
            self.slots[at] = slot;
        } else {
            self.slots.push(slot);
        }
    }

    fn item(&mut self, index: u32) -> Option<&mut Item> {
        self.slot_mut(index)?.item.known_mut()
    }

    fn parts(&mut self, index: u32, channel: Channel) -> Option<&mut Vec<Open<Part>>> {
        match (self.item(index)?, channel) {
            (Item::Message(message), Channel::Content) => Some(&mut message.content),
            (Item::Reasoning(reasoning), Channel::Summary) => Some(&mut reasoning.summary),
            (Item::Reasoning(reasoning), Channel::Content) => {
                Some(reasoning.content.get_or_insert_default())
            }
            _ => None,
        }
    }

    fn part(&mut self, index: u32, channel: Channel, part: u32) -> Option<&mut Part> {
        self.parts(index, channel)?
            .get_mut(usize::try_from(part).ok()?)?
            .known_mut()
    }

    fn grow(&mut self, index: u32, channel: Channel, part: u32, delta: &str) {
        if let Some(
            Part::OutputText(OutputText { text, .. })
            | Part::Refusal(RefusalPart { refusal: text, .. })
            | Part::SummaryText(TextPart { text, .. })
            | Part::ReasoningText(TextPart { text, .. }),
        ) = self.part(index, channel, part)
        {
            text.push_str(delta);
        }
    }

    fn part_opened(&mut self, index: u32, channel: Channel, at: u32, part: &Open<Part>) {
        // An item that has no such list has no such part either.
        if self.set_part(index, channel, at, part)
            && let Some(slot) = self.slot_mut(index)
        {
            slot.part = Some((channel, at));
        }
    }

    fn part_closed(&mut self, index: u32, channel: Channel, at: u32, part: &Open<Part>) {
        self.set_part(index, channel, at, part);
        if let Some(slot) = self.slot_mut(index) {
            slot.part = None;
        }
    }

    fn set_part(&mut self, index: u32, channel: Channel, at: u32, part: &Open<Part>) -> bool {
        let Ok(at) = usize::try_from(at) else {
            return false;
        };
        let Some(parts) = self.parts(index, channel) else {
            return false;
        };
        match parts.get_mut(at) {
            Some(place) => place.clone_from(part),
            None => parts.push(part.clone()),
        }
        true
    }
}

impl Slot {
    /// The item's place in its life, as far as it is known.
    pub fn status(&self) -> Option<ItemStatus> {
        self.item.known().and_then(Item::status)
    }
}
