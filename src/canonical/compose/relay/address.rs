//! Where a relayed event belongs, and what is opened for it where the upstream opened nothing.

use std::sync::Arc;

use crate::canonical::event::Event;
use crate::canonical::fold::Channel;
use crate::canonical::item::{Item, Message, Reasoning, Role};
use crate::canonical::part::{Part, RefusalPart, TextPart};

/// Where an event belongs.
pub(super) struct Address<'a> {
    /// The item's place.
    pub(super) item: &'a mut u32,
    /// The item's id.
    pub(super) id: &'a mut Arc<str>,
    /// The part and its index, for an event inside of one.
    pub(super) part: Option<(Channel, &'a mut u32)>,
}

impl<'a> Address<'a> {
    fn item(item: &'a mut u32, id: &'a mut Arc<str>) -> Self {
        let part = None;
        Self { item, id, part }
    }

    fn content(item: &'a mut u32, id: &'a mut Arc<str>, at: &'a mut u32) -> Self {
        let part = Some((Channel::Content, at));
        Self { item, id, part }
    }

    fn summary(item: &'a mut u32, id: &'a mut Arc<str>, at: &'a mut u32) -> Self {
        let part = Some((Channel::Summary, at));
        Self { item, id, part }
    }

    /// The address of an event inside an item; `None` for the others.
    pub(super) fn of(event: &'a mut Event) -> Option<Self> {
        Some(match event {
            Event::TextDelta(e) => {
                Self::content(&mut e.output_index, &mut e.item_id, &mut e.content_index)
            }
            Event::TextDone(e) => {
                Self::content(&mut e.output_index, &mut e.item_id, &mut e.content_index)
            }
            Event::AnnotationAdded(e) => {
                Self::content(&mut e.output_index, &mut e.item_id, &mut e.content_index)
            }
            Event::PartAdded(e) | Event::PartDone(e) => {
                Self::content(&mut e.output_index, &mut e.item_id, &mut e.content_index)
            }
            Event::RefusalDelta(e) | Event::ReasoningDelta(e) => {
                Self::content(&mut e.output_index, &mut e.item_id, &mut e.content_index)
            }
            Event::RefusalDone(e) => {
                Self::content(&mut e.output_index, &mut e.item_id, &mut e.content_index)
            }
            Event::ReasoningDone(e) => {
                Self::content(&mut e.output_index, &mut e.item_id, &mut e.content_index)
            }
            Event::SummaryPartAdded(e) | Event::SummaryPartDone(e) => {
                Self::summary(&mut e.output_index, &mut e.item_id, &mut e.summary_index)
            }
            Event::SummaryDelta(e) => {
                Self::summary(&mut e.output_index, &mut e.item_id, &mut e.summary_index)
            }
            Event::SummaryDone(e) => {
                Self::summary(&mut e.output_index, &mut e.item_id, &mut e.summary_index)
            }
            Event::ArgumentsDelta(e) | Event::InputDelta(e) => {
                Self::item(&mut e.output_index, &mut e.item_id)
            }
            Event::ArgumentsDone(e) => Self::item(&mut e.output_index, &mut e.item_id),
            Event::InputDone(e) => Self::item(&mut e.output_index, &mut e.item_id),
            Event::ItemAdded(_)
            | Event::ItemDone(_)
            | Event::Created(_)
            | Event::Queued(_)
            | Event::InProgress(_)
            | Event::Completed(_)
            | Event::Incomplete(_)
            | Event::Failed(_)
            | Event::Error(_) => return None,
        })
    }
}

/// The empty part that a text event writes to.
pub(super) fn part_for(event: &Event) -> Option<Part> {
    match event {
        Event::TextDelta(_) | Event::TextDone(_) => Some(Part::output_text("")),
        Event::RefusalDelta(_) => Some(Part::Refusal(RefusalPart::default())),
        Event::ReasoningDelta(_) | Event::ReasoningDone(_) => {
            Some(Part::ReasoningText(TextPart::default()))
        }
        Event::SummaryDelta(_) | Event::SummaryDone(_) => Some(Part::summary_text("")),
        _ => None,
    }
}

/// The item that such a part stands in.
pub(super) fn item_for(part: &Part, id: &str) -> Item {
    let id = (!id.is_empty()).then(|| id.to_owned());
    match part {
        Part::SummaryText(_) | Part::ReasoningText(_) => Item::Reasoning(Reasoning {
            id,
            ..Reasoning::default()
        }),
        _ => Item::Message(Message {
            id,
            role: Role::Assistant,
            ..Message::default()
        }),
    }
}

/// The item's place and the part's index, once they are ours.
pub(super) fn place_of(event: &mut Event) -> Option<(u32, Option<u32>)> {
    Address::of(event).map(|address| (*address.item, address.part.map(|(_, at)| *at)))
}
