//! A further attempt at an answer: what of its events goes into the answer, and where.

use serde_json::Value;

use super::TEXT;
use crate::canonical::address::Address;
use crate::canonical::compose::{Block, Composer};
use crate::canonical::event::{Event, ItemEvent};
use crate::canonical::ids;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::part::Annotation;
use crate::canonical::rescue::joint::Joint;
use crate::canonical::rescue::{Diverged, Means};

const REFUSAL: Block = 1;

/// A further attempt.
#[derive(Debug)]
pub(super) struct Branch {
    joint: Joint,
    fates: Vec<(u32, Fate)>,
    /// Whether one of its messages has gone into ours.
    has_joined: bool,
    /// Thoughts that are shown only if calls follow them.
    shelved: Vec<Event>,
    /// How many characters the open part had before.
    before: usize,
}

/// What becomes of an item of a further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its text goes into the message that is open.
    Joined,
    /// It is an item of its own.
    Passed,
    /// It waits for calls.
    Shelved,
    /// It was said before.
    Dropped,
}

impl Branch {
    /// An attempt by these means at an answer of which the client has what `out` has made.
    pub(super) fn new(means: Means, out: &Composer) -> Self {
        Self {
            joint: out.said().joint(means),
            fates: Vec::new(),
            has_joined: false,
            shelved: Vec::new(),
            before: out.open_length(),
        }
    }

    /// No more text comes for the message that is open.
    pub(super) fn settle(&mut self, out: &mut Composer) -> Result<(), Diverged> {
        let rest = self.joint.finish()?;
        out.text(TEXT, &rest);
        Ok(())
    }

    /// Takes an event in.
    pub(super) fn join(&mut self, event: Event, out: &mut Composer) -> Result<(), Diverged> {
        match event {
            // The client has the opening already.
            Event::Created(_) | Event::Queued(_) | Event::InProgress(_) => Ok(()),
            Event::ItemAdded(added) => {
                self.added(added, out);
                Ok(())
            }
            event => self.inside(event, out),
        }
    }

    fn added(&mut self, mut added: ItemEvent, out: &mut Composer) {
        let fate = self.fate_of(&added.item, out);
        self.fates.push((added.output_index, fate));
        match fate {
            Fate::Joined => self.has_joined = true,
            Fate::Dropped => {}
            Fate::Shelved => self.shelved.push(Event::ItemAdded(added)),
            Fate::Passed => {
                if is_call(&added.item) {
                    self.unshelve(out);
                }
                rename(&mut added.item, out);
                out.relay(Open::Known(Event::ItemAdded(added)), None);
            }
        }
    }

    fn fate_of(&self, item: &Open<Item>, out: &Composer) -> Fate {
        let in_message = out.has_open_message();
        match item {
            Open::Known(Item::Message(_)) => {
                let is_own = self.joint.is_done() && (self.has_joined || !in_message);
                if is_own { Fate::Passed } else { Fate::Joined }
            }
            Open::Known(Item::Reasoning(_)) => {
                let is_own = self.joint.is_done() && (self.has_joined || !in_message);
                if is_own { Fate::Passed } else { Fate::Shelved }
            }
            item if is_call(item) => Fate::Passed,
            Open::Known(_) | Open::Unknown(_) => {
                if self.joint.is_done() {
                    Fate::Passed
                } else {
                    Fate::Dropped
                }
            }
        }
    }

    fn fate_at(&self, index: u32) -> Fate {
        let known = self.fates.iter().rev().find(|(at, _)| *at == index);
        known.map_or(Fate::Passed, |(_, fate)| *fate)
    }

    /// Is this event, which nobody here knows, of something that is shown?
    pub(super) fn passes(&self, event: &Open<Event>) -> bool {
        let Open::Unknown(map) = event else {
            return true;
        };
        let index = map.get("output_index").and_then(Value::as_u64);
        match index.and_then(|index| u32::try_from(index).ok()) {
            Some(index) => self.fate_at(index) == Fate::Passed,
            None => self.joint.is_done(),
        }
    }

    fn inside(&mut self, mut event: Event, out: &mut Composer) -> Result<(), Diverged> {
        let index = match &event {
            Event::ItemDone(done) => Some(done.output_index),
            _ => Address::of(&mut event).map(|address| *address.item),
        };
        match index.map_or(Fate::Passed, |index| self.fate_at(index)) {
            Fate::Joined => return self.text(event, out),
            Fate::Passed => out.relay(Open::Known(event), None),
            Fate::Shelved => self.shelved.push(event),
            Fate::Dropped => {}
        }
        Ok(())
    }

    /// What of a message goes into the one that is open: its text and the notes on it.
    fn text(&mut self, event: Event, out: &mut Composer) -> Result<(), Diverged> {
        match event {
            Event::TextDelta(delta) => {
                let text = self.joint.push(&delta.delta)?;
                let logprobs = if text.len() == delta.delta.len() {
                    delta.logprobs
                } else {
                    Vec::new()
                };
                if !text.is_empty() {
                    out.text_with(TEXT, &text, logprobs);
                }
            }
            // Half an answer is not gone on with by a refusal.
            Event::RefusalDelta(_) if !self.joint.is_done() || out.has_open_message() => {
                return Err(Diverged);
            }
            Event::RefusalDelta(delta) => out.refusal(REFUSAL, &delta.delta),
            Event::AnnotationAdded(mut note) if self.joint.is_done() => {
                self.shift(&mut note.annotation);
                out.annotate(TEXT, note.annotation);
            }
            _ => {}
        }
        Ok(())
    }

    /// A note's range is counted in the text of its own attempt.
    fn shift(&self, annotation: &mut Open<Annotation>) {
        if let Open::Known(Annotation::UrlCitation(citation)) = annotation
            && citation.end_index > 0
        {
            let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
            let (before, dropped) = (count(self.before), count(self.joint.dropped()));
            for place in [&mut citation.start_index, &mut citation.end_index] {
                *place = place.saturating_add(before).saturating_sub(dropped);
            }
        }
    }

    /// The thoughts before a call are shown after all, if they have the opaque state that the call needs.
    fn unshelve(&mut self, out: &mut Composer) {
        let shelved = std::mem::take(&mut self.shelved);
        let sealed = shelved.iter().filter_map(|event| match event {
            Event::ItemDone(ItemEvent {
                output_index,
                item: Open::Known(Item::Reasoning(thought)),
            }) => thought.encrypted_content.is_some().then_some(*output_index),
            _ => None,
        });
        let sealed: Vec<u32> = sealed.collect();
        for mut event in shelved {
            let index = match &event {
                Event::ItemAdded(item) | Event::ItemDone(item) => Some(item.output_index),
                _ => Address::of(&mut event).map(|address| *address.item),
            };
            if !index.is_some_and(|index| sealed.contains(&index)) {
                continue;
            }
            if let Event::ItemAdded(added) = &mut event {
                rename(&mut added.item, out);
            }
            out.relay(Open::Known(event), None);
        }
    }
}

/// Two attempts may use the same ids; the later ones are changed.
fn rename(item: &mut Open<Item>, out: &Composer) {
    if let Open::Known(item) = item
        && let Some(id) = item.id().filter(|id| out.has_item(id))
    {
        let prefix = id.split('_').next().unwrap_or("item");
        let id = ids::digest(&[&out.head().id, id, "again"]);
        item.set_id(format!("{prefix}_{id}"));
    }
}

pub(super) fn is_call(item: &Open<Item>) -> bool {
    matches!(
        item,
        Open::Known(Item::FunctionCall(_) | Item::CustomToolCall(_))
    )
}
