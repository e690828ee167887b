//! Where an event belongs: its item and its part, whichever event it is.

use std::sync::Arc;

use super::event::Event;
use super::fold::Channel;

/// Where an event belongs.
#[derive(Debug)]
pub struct Address<'a> {
    /// The item's place.
    pub item: &'a mut u32,
    /// The item's id.
    pub id: &'a mut Arc<str>,
    /// The part and its index, for an event inside of one.
    pub part: Option<(Channel, &'a mut u32)>,
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
    pub fn of(event: &'a mut Event) -> Option<Self> {
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
