//! Makes a relayed event fit what was sent before it.
//!
//! Seen in the wild: an id that changes between `added` and `done`, items without an id, parts that are never opened,
//! a first part with index 1, text that only the `done` event has, items that only `output_item.done` has, and places
//! that begin again at 0 when another upstream goes on with a broken stream.

use std::sync::Arc;

use super::super::{Composer, MOST_ITEMS, opening};
use super::opened::{item_for, part_for};
use crate::canonical::address::Address;
use crate::canonical::event::{ContentDelta, Event, ItemDelta, ItemEvent, PartEvent, SummaryDelta};
use crate::canonical::event::{SummaryPart, TextDelta};
use crate::canonical::extra::Object;
use crate::canonical::fold::Channel;
use crate::canonical::ids;
use crate::canonical::item::{Item, ItemStatus};
use crate::canonical::open::Open;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is as it came: its frame may be written verbatim.
    Same,
    /// It was changed.
    Changed,
    /// Others stand in its place.
    Dropped,
}

impl Composer {
    pub(super) fn mend(&mut self, event: &mut Event) -> Fate {
        match event {
            Event::ItemAdded(e) => return self.mend_added(e),
            Event::ItemDone(e) => return self.mend_done(e),
            Event::PartAdded(_) | Event::SummaryPartAdded(_) => self.make_room(event),
            _ => self.make_part(event),
        }
        let mut fate = self.readdress(event);
        let Some(Address { item, part, .. }) = Address::of(event) else {
            return fate;
        };
        let (index, at) = (*item, part.map(|(_, at)| *at));
        if let Some(missing) = self.missing(event) {
            self.emit(missing);
        }
        let ours = self.relayed.opened == Some(index);
        match event {
            Event::TextDone(_)
            | Event::RefusalDone(_)
            | Event::ReasoningDone(_)
            | Event::SummaryDone(_)
                if ours =>
            {
                fate = Fate::Dropped;
            }
            Event::PartDone(_) | Event::SummaryPartDone(_) => {
                let open = self.open_part(index).map(|(_, at)| at) == at;
                if ours || !open {
                    self.relayed.opened = None;
                    self.close_part(index);
                    fate = Fate::Dropped;
                }
            }
            _ => {}
        }
        fate
    }

    /// Puts the place of an event that this version does not know right.
    pub(super) fn mend_unknown(&self, event: &mut Object) -> Fate {
        let theirs = event
            .get("output_index")
            .and_then(serde_json::Value::as_u64);
        match theirs.and_then(|theirs| u32::try_from(theirs).ok()) {
            Some(theirs) if self.place(theirs) != theirs => {
                event.insert("output_index".to_owned(), self.place(theirs).into());
                Fate::Changed
            }
            _ => Fate::Same,
        }
    }

    fn mend_added(&mut self, event: &mut ItemEvent) -> Fate {
        if self.open.is_some() && !self.settle_open() {
            return Fate::Dropped;
        }
        let next = self.next_index();
        if self.fold.slots().len() >= MOST_ITEMS {
            self.spoil(opening::too_many_items());
            return Fate::Dropped;
        }
        let mut fate = Fate::Same;
        let theirs = event.output_index;
        if theirs != next
            || self
                .relayed
                .places
                .iter()
                .any(|(known, _)| *known == theirs)
        {
            self.relayed.places.push((theirs, next));
            event.output_index = next;
            fate = Fate::Changed;
        }
        if self.complete_item(&mut event.item, next, ItemStatus::InProgress) == Fate::Changed {
            fate = Fate::Changed;
        }
        fate
    }

    fn mend_done(&mut self, event: &mut ItemEvent) -> Fate {
        let index = self.place(event.output_index);
        let mut fate = if index == event.output_index {
            Fate::Same
        } else {
            Fate::Changed
        };
        event.output_index = index;
        let Some(slot) = usize::try_from(index)
            .ok()
            .and_then(|at| self.fold.slots().get(at))
        else {
            if self.settle_open() {
                self.whole_item(event.item.clone());
            }
            return Fate::Dropped;
        };
        if !slot.open {
            return Fate::Dropped;
        }
        let sent = slot.item.clone();
        if slot.part.is_some() {
            self.relayed.opened = None;
            self.close_part(index);
        }
        match (&sent, &mut event.item) {
            (Open::Known(sent), Open::Known(item)) => {
                if let Some(id) = sent.id().filter(|id| item.id() != Some(id)) {
                    item.set_id(id.to_owned());
                    fate = Fate::Changed;
                }
                if is_bare(sent) {
                    let id: Arc<str> = item.id().unwrap_or_default().into();
                    self.write_content(index, &id, item);
                }
            }
            (Open::Unknown(sent), Open::Unknown(item)) => {
                if let Some(id) = sent.get("id").filter(|id| item.get("id") != Some(id)) {
                    item.insert("id".to_owned(), id.clone());
                    fate = Fate::Changed;
                }
            }
            (Open::Known(_), Open::Unknown(_)) | (Open::Unknown(_), Open::Known(_)) => {}
        }
        if self.complete_item(&mut event.item, index, ItemStatus::Completed) == Fate::Changed {
            fate = Fate::Changed;
        }
        fate
    }

    /// Gives an item what the specification requires of it.
    pub(super) fn complete_item(
        &self,
        item: &mut Open<Item>,
        index: u32,
        status: ItemStatus,
    ) -> Fate {
        let response = &self.fold.head().id;
        let mut fate = Fate::Same;
        match item {
            Open::Known(item) => {
                if item.id().is_none_or(str::is_empty) {
                    item.set_id(ids::item(super::whole::prefix(item), response, index));
                    fate = Fate::Changed;
                }
                // OpenAI's own reasoning items have none, and need none.
                if item.status().is_none() && !matches!(item, Item::Reasoning(_)) {
                    item.set_status(status);
                    if item.status().is_some() {
                        fate = Fate::Changed;
                    }
                }
            }
            Open::Unknown(object) => {
                if !object.get("id").is_some_and(serde_json::Value::is_string) {
                    object.insert("id".to_owned(), ids::item("item", response, index).into());
                    fate = Fate::Changed;
                }
            }
        }
        fate
    }

    fn place(&self, theirs: u32) -> u32 {
        let known = self.relayed.places.iter().rev();
        known
            .clone()
            .find(|(place, _)| *place == theirs)
            .map_or(theirs, |(_, ours)| *ours)
    }

    /// Our place and index, and the id with which the item was added.
    fn readdress(&self, event: &mut Event) -> Fate {
        let Some(address) = Address::of(event) else {
            return Fate::Same;
        };
        let mut fate = Fate::Same;
        let place = self.place(*address.item);
        if place != *address.item {
            *address.item = place;
            fate = Fate::Changed;
        }
        if let Some((_, at)) = address.part {
            let moved = self.relayed.parts.iter().rev();
            let ours = moved
                .clone()
                .find(|(item, theirs, _)| (*item, *theirs) == (place, *at));
            if let Some((_, _, ours)) = ours.filter(|(_, _, ours)| ours != at) {
                *at = *ours;
                fate = Fate::Changed;
            }
        }
        match self.item_at(place).and_then(Item::id) {
            Some(known) if known != &**address.id => {
                *address.id = known.into();
                Fate::Changed
            }
            _ => fate,
        }
    }

    /// Before a part opens: closes the one that is open, and notes where the new one stands if not where it says.
    fn make_room(&mut self, event: &mut Event) {
        let Some(Address {
            item,
            part: Some((channel, at)),
            ..
        }) = Address::of(event)
        else {
            return;
        };
        let (index, at) = (self.place(*item), *at);
        if self.open_part(index).is_some() {
            self.relayed.opened = None;
            self.close_part(index);
        }
        let next = self.count_parts(index, channel);
        if at != next {
            self.relayed.parts.push((index, at, next));
        }
    }

    /// Before text goes on: opens the item and the part that the upstream never opened.
    fn make_part(&mut self, event: &mut Event) {
        let Some(Address {
            item,
            id,
            part: Some((channel, at)),
        }) = Address::of(event)
        else {
            return;
        };
        let index = self.place(*item);
        if self.open_part(index).is_some() || self.is_closed(index) {
            return;
        }
        let (theirs, at, id) = (*item, *at, id.clone());
        let Some(part) = part_for(event) else { return };
        if index >= self.next_index() {
            let mut added = ItemEvent {
                output_index: theirs,
                item: item_for(&part, &id).into(),
            };
            if self.mend_added(&mut added) == Fate::Dropped {
                return;
            }
            self.emit(Event::ItemAdded(added));
        }
        let (index, item_id) = (self.place(theirs), id);
        let next = self.count_parts(index, channel);
        if at != next {
            self.relayed.parts.push((index, at, next));
        }
        self.relayed.opened = Some(index);
        let mut opening = match channel {
            Channel::Content => Event::PartAdded(PartEvent {
                item_id,
                output_index: index,
                content_index: next,
                part: part.into(),
            }),
            Channel::Summary => Event::SummaryPartAdded(SummaryPart {
                item_id,
                output_index: index,
                summary_index: next,
                part: part.into(),
            }),
        };
        if let (Some(address), Some(known)) = (
            Address::of(&mut opening),
            self.item_at(index).and_then(Item::id),
        ) {
            *address.id = known.into();
        }
        self.emit(opening);
    }

    fn is_closed(&self, index: u32) -> bool {
        let slot = usize::try_from(index).ok();
        slot.and_then(|at| self.fold.slots().get(at))
            .is_some_and(|slot| !slot.open)
    }

    fn count_parts(&self, index: u32, channel: Channel) -> u32 {
        let parts = match (self.item_at(index), channel) {
            (Some(Item::Message(message)), Channel::Content) => message.content.len(),
            (Some(Item::Reasoning(item)), Channel::Summary) => item.summary.len(),
            (Some(Item::Reasoning(item)), Channel::Content) => {
                item.content.as_ref().map_or(0, Vec::len)
            }
            _ => 0,
        };
        u32::try_from(parts).unwrap_or(u32::MAX)
    }

    /// The delta that is wanting where a `done` event has more than the deltas before it.
    fn missing(&self, event: &Event) -> Option<Event> {
        let known = |index: u32| {
            let (channel, at) = self.open_part(index)?;
            let parts = match (self.item_at(index)?, channel) {
                (Item::Message(message), _) => &message.content,
                (Item::Reasoning(item), Channel::Summary) => &item.summary,
                (Item::Reasoning(item), Channel::Content) => item.content.as_ref()?,
                _ => return None,
            };
            parts.get(usize::try_from(at).ok()?)?.known()?.text()
        };
        match event {
            Event::TextDone(e) => rest(&e.text, known(e.output_index)?).map(|delta| {
                Event::TextDelta(TextDelta {
                    item_id: e.item_id.clone(),
                    output_index: e.output_index,
                    content_index: e.content_index,
                    delta,
                    logprobs: Vec::new(),
                })
            }),
            Event::ReasoningDone(e) => rest(&e.text, known(e.output_index)?).map(|delta| {
                Event::ReasoningDelta(ContentDelta {
                    item_id: e.item_id.clone(),
                    output_index: e.output_index,
                    content_index: e.content_index,
                    delta,
                })
            }),
            Event::SummaryDone(e) => rest(&e.text, known(e.output_index)?).map(|delta| {
                Event::SummaryDelta(SummaryDelta {
                    item_id: e.item_id.clone(),
                    output_index: e.output_index,
                    summary_index: e.summary_index,
                    delta,
                })
            }),
            Event::ArgumentsDone(e) => match self.item_at(e.output_index)? {
                Item::FunctionCall(call) => rest(&e.arguments, &call.arguments).map(|delta| {
                    Event::ArgumentsDelta(ItemDelta {
                        item_id: e.item_id.clone(),
                        output_index: e.output_index,
                        delta,
                    })
                }),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What `whole` has beyond `known`.
fn rest(whole: &str, known: &str) -> Option<String> {
    let rest = whole.strip_prefix(known)?;
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// Was nothing of the item streamed but its opening?
pub(super) fn is_bare(item: &Item) -> bool {
    match item {
        Item::Message(message) => message.content.is_empty(),
        Item::FunctionCall(call) => call.arguments.is_empty(),
        Item::CustomToolCall(call) => call.input.is_empty(),
        Item::Reasoning(item) => item.summary.is_empty() && item.content.is_none(),
        Item::FunctionCallOutput(_)
        | Item::CustomToolCallOutput(_)
        | Item::Compaction(_)
        | Item::ItemReference(_) => true,
    }
}
