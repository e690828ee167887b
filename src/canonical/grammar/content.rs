//! What a `done` event carries must be what its deltas made.

use super::Violation;
use crate::canonical::fold::{Channel, Fold};
use crate::canonical::item::{Item, ItemStatus};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::response::{Response, Status};

pub(super) fn parts(fold: &Fold, index: u32, channel: Channel) -> Option<&[Open<Part>]> {
    let slot = fold.slots().get(usize::try_from(index).ok()?)?;
    match (slot.item.known()?, channel) {
        (Item::Message(message), Channel::Content) => Some(&message.content),
        (Item::Reasoning(reasoning), Channel::Summary) => Some(&reasoning.summary),
        (Item::Reasoning(reasoning), Channel::Content) => reasoning.content.as_deref(),
        _ => None,
    }
}

pub(super) fn same_text(
    fold: &Fold,
    index: u32,
    (channel, part): (Channel, u32),
    text: &str,
) -> Result<(), Violation> {
    let known = parts(fold, index, channel)
        .and_then(|parts| parts.get(usize::try_from(part).ok()?)?.known()?.text());
    if known == Some(text) {
        return Ok(());
    }
    Err(format!(
        "the text of part {part} of item {index} is not what its deltas made"
    ))
}

pub(super) fn same_part(
    fold: &Fold,
    index: u32,
    (channel, part): (Channel, u32),
    done: &Open<Part>,
) -> Result<(), Violation> {
    match done.known().and_then(Part::text) {
        Some(text) => same_text(fold, index, (channel, part), text),
        None => Ok(()),
    }
}

pub(super) fn same_arguments(fold: &Fold, index: u32, arguments: &str) -> Result<(), Violation> {
    let slot = usize::try_from(index)
        .ok()
        .and_then(|at| fold.slots().get(at));
    match slot.and_then(|slot| slot.item.known()) {
        Some(Item::FunctionCall(call)) if call.arguments == arguments => Ok(()),
        _ => Err(format!(
            "the arguments of item {index} are not what their deltas made"
        )),
    }
}

/// The items of the terminal response are those that were streamed, and only the last may be incomplete.
pub(super) fn same_items(
    fold: &Fold,
    response: &Response,
    status: Status,
) -> Result<(), Violation> {
    for (at, (streamed, carried)) in fold.slots().iter().zip(&response.output).enumerate() {
        if &streamed.item != carried {
            return Err(format!(
                "item {at} differs between its done event and the response"
            ));
        }
    }
    let cut = response
        .output
        .iter()
        .position(|item| item.known().and_then(Item::status) == Some(ItemStatus::Incomplete));
    match cut {
        Some(_) if status == Status::Completed => {
            return Err("an incomplete item in a completed response".to_owned());
        }
        Some(at) if status == Status::Incomplete && at + 1 != response.output.len() => {
            return Err(format!("item {at} is incomplete and not the last"));
        }
        _ => {}
    }
    Ok(())
}
