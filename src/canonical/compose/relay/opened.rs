//! What is opened for a relayed event where the upstream opened nothing.

use crate::canonical::event::Event;
use crate::canonical::item::{Item, Message, Reasoning, Role};
use crate::canonical::part::{Part, RefusalPart, TextPart};

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
