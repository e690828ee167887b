//! The laws themselves, event by event.

use super::{Violation, content};
use crate::canonical::event::Event;
use crate::canonical::fold::{Channel, Fold};
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::response::{Response, Status};

/// The laws, judged against a fold that has taken in every event before.
#[derive(Debug, Default)]
pub(in crate::canonical) struct Laws {
    state: State,
    items: Vec<Seen>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Nothing,
    Created,
    InProgress,
    Failing,
    Ended,
}

#[derive(Debug, Default)]
struct Seen {
    id: Option<String>,
    done: bool,
}

impl Laws {
    /// Checks the next event. Unknown events may stand anywhere between the first and the last.
    pub(in crate::canonical) fn check(
        &mut self,
        event: &Open<Event>,
        fold: &Fold,
    ) -> Result<(), Violation> {
        match event {
            Open::Known(event) => self.judge(event, fold),
            Open::Unknown(_) => self.between("an unknown event"),
        }
    }

    /// The same for an event that is known.
    pub(in crate::canonical) fn judge(
        &mut self,
        event: &Event,
        fold: &Fold,
    ) -> Result<(), Violation> {
        self.lifecycle(fold, event)?;
        match event {
            Event::ItemAdded(e) => self.item_added(e.output_index, &e.item),
            Event::ItemDone(e) => self.item_done(fold, e.output_index, &e.item),
            Event::PartAdded(e) => {
                let at = (Channel::Content, e.content_index);
                self.part_added(fold, e.output_index, &e.item_id, at)
            }
            Event::SummaryPartAdded(e) => {
                let at = (Channel::Summary, e.summary_index);
                self.part_added(fold, e.output_index, &e.item_id, at)
            }
            Event::ArgumentsDelta(e) | Event::InputDelta(e) => {
                self.in_item(e.output_index, &e.item_id)
            }
            Event::ArgumentsDone(e) => {
                self.in_item(e.output_index, &e.item_id)?;
                content::same_arguments(fold, e.output_index, &e.arguments)
            }
            Event::InputDone(e) => self.in_item(e.output_index, &e.item_id),
            Event::Created(_)
            | Event::Queued(_)
            | Event::InProgress(_)
            | Event::Completed(_)
            | Event::Incomplete(_)
            | Event::Failed(_)
            | Event::Error(_) => Ok(()),
            part => self.in_part(part, fold),
        }
    }

    /// The events inside a part: it must be open, and what ends it must be what its deltas made.
    fn in_part(&self, event: &Event, fold: &Fold) -> Result<(), Violation> {
        let content = |index| (Channel::Content, index);
        let summary = |index| (Channel::Summary, index);
        let (index, id, at) = match event {
            Event::TextDelta(e) => (e.output_index, &e.item_id, content(e.content_index)),
            Event::TextDone(e) => (e.output_index, &e.item_id, content(e.content_index)),
            Event::AnnotationAdded(e) => (e.output_index, &e.item_id, content(e.content_index)),
            Event::RefusalDelta(e) | Event::ReasoningDelta(e) => {
                (e.output_index, &e.item_id, content(e.content_index))
            }
            Event::RefusalDone(e) => (e.output_index, &e.item_id, content(e.content_index)),
            Event::ReasoningDone(e) => (e.output_index, &e.item_id, content(e.content_index)),
            Event::PartDone(e) => (e.output_index, &e.item_id, content(e.content_index)),
            Event::SummaryDelta(e) => (e.output_index, &e.item_id, summary(e.summary_index)),
            Event::SummaryDone(e) => (e.output_index, &e.item_id, summary(e.summary_index)),
            Event::SummaryPartDone(e) => (e.output_index, &e.item_id, summary(e.summary_index)),
            // `judge` has taken the others.
            _ => return Ok(()),
        };
        self.inside(fold, index, id, at)?;
        match event {
            Event::TextDone(e) => content::same_text(fold, index, at, &e.text),
            Event::RefusalDone(e) => content::same_text(fold, index, at, &e.refusal),
            Event::ReasoningDone(e) => content::same_text(fold, index, at, &e.text),
            Event::SummaryDone(e) => content::same_text(fold, index, at, &e.text),
            Event::PartDone(e) => content::same_part(fold, index, at, &e.part),
            Event::SummaryPartDone(e) => content::same_part(fold, index, at, &e.part),
            _ => Ok(()),
        }
    }

    /// Checks that the stream ended as it must.
    pub(in crate::canonical) fn finish(&self) -> Result<(), Violation> {
        match self.state {
            State::Ended => Ok(()),
            State::Nothing | State::Created | State::InProgress | State::Failing => {
                Err("the stream has no terminal event".to_owned())
            }
        }
    }

    fn lifecycle(&mut self, fold: &Fold, event: &Event) -> Result<(), Violation> {
        let tag = event.tag();
        match (event, self.state) {
            (_, State::Ended) => return Err(format!("{tag} after the terminal event")),
            (Event::Created(l), State::Nothing) => {
                if !l.response.output.is_empty() {
                    return Err("response.created has output".to_owned());
                }
                self.state = State::Created;
            }
            (Event::Queued(_), State::Created) => {}
            (Event::InProgress(_), State::Created) => self.state = State::InProgress,
            (Event::Created(_) | Event::Queued(_) | Event::InProgress(_), _) => {
                return Err(format!("{tag} out of order"));
            }
            (Event::Error(_), _) => self.state = State::Failing,
            (Event::Failed(l), _) => self.terminal(fold, &l.response, Status::Failed)?,
            (Event::Completed(l), State::InProgress) => {
                self.terminal(fold, &l.response, Status::Completed)?;
            }
            (Event::Incomplete(l), State::InProgress) => {
                self.terminal(fold, &l.response, Status::Incomplete)?;
            }
            (_, State::InProgress) => {}
            (_, State::Nothing | State::Created | State::Failing) => {
                return Err(format!("{tag} out of order"));
            }
        }
        Ok(())
    }

    fn terminal(
        &mut self,
        fold: &Fold,
        response: &Response,
        status: Status,
    ) -> Result<(), Violation> {
        if response.status != status {
            return Err(format!(
                "status {:?} in the event for {status:?}",
                response.status
            ));
        }
        if let Some(at) = self.items.iter().position(|seen| !seen.done) {
            return Err(format!("item {at} was never closed"));
        }
        if response.output.len() != self.items.len() {
            return Err(format!(
                "{} items streamed, {} in the response",
                self.items.len(),
                response.output.len()
            ));
        }
        content::same_items(fold, response, status)?;
        self.state = State::Ended;
        Ok(())
    }

    fn between(&self, what: &str) -> Result<(), Violation> {
        match self.state {
            State::Ended => Err(format!("{what} after the terminal event")),
            State::Nothing => Err(format!("{what} before response.created")),
            State::Created | State::InProgress | State::Failing => Ok(()),
        }
    }

    fn item_added(&mut self, index: u32, item: &Open<Item>) -> Result<(), Violation> {
        if usize::try_from(index) != Ok(self.items.len()) {
            return Err(format!(
                "output_index {index} where {} is next",
                self.items.len()
            ));
        }
        let id = id_of(item);
        if id.is_none() {
            return Err(format!("item {index} has no id"));
        }
        if self.items.iter().any(|seen| seen.id == id) {
            return Err(format!("item {index} has the id of another"));
        }
        self.items.push(Seen { id, done: false });
        Ok(())
    }

    fn item_done(&mut self, fold: &Fold, index: u32, item: &Open<Item>) -> Result<(), Violation> {
        let slot = usize::try_from(index)
            .ok()
            .and_then(|at| fold.slots().get(at));
        if let Some(slot) = slot.filter(|slot| slot.item.tag() != item.tag()) {
            return Err(format!(
                "item {index} began as {} and ends as {}",
                slot.item.tag(),
                item.tag()
            ));
        }
        if let Some((_, part)) = slot.and_then(|slot| slot.part) {
            return Err(format!(
                "item {index} is done while its part {part} is open"
            ));
        }
        let Some(seen) = usize::try_from(index)
            .ok()
            .and_then(|at| self.items.get_mut(at))
        else {
            return Err(format!("item {index} is done and was never added"));
        };
        if seen.done {
            return Err(format!("item {index} is done twice"));
        }
        if seen.id != id_of(item) {
            return Err(format!("item {index} changed its id"));
        }
        seen.done = true;
        Ok(())
    }

    fn in_item(&self, index: u32, id: &str) -> Result<(), Violation> {
        match usize::try_from(index)
            .ok()
            .and_then(|at| self.items.get(at))
        {
            None => Err(format!("an event for item {index}, which was never added")),
            Some(seen) if seen.done => Err(format!("an event for item {index}, which is done")),
            Some(seen) if seen.id.as_deref() != Some(id) => {
                Err(format!("item {index} by another id"))
            }
            Some(_) => Ok(()),
        }
    }

    fn part_added(
        &self,
        fold: &Fold,
        index: u32,
        id: &str,
        (channel, part): (Channel, u32),
    ) -> Result<(), Violation> {
        self.in_item(index, id)?;
        let slot = usize::try_from(index)
            .ok()
            .and_then(|at| fold.slots().get(at));
        if let Some((_, open)) = slot.and_then(|slot| slot.part) {
            return Err(format!(
                "part {part} of item {index} opens while part {open} is open"
            ));
        }
        let known = content::parts(fold, index, channel).map_or(0, <[_]>::len);
        if usize::try_from(part) != Ok(known) {
            return Err(format!("part {part} of item {index} where {known} is next"));
        }
        Ok(())
    }

    fn inside(
        &self,
        fold: &Fold,
        index: u32,
        id: &str,
        (channel, part): (Channel, u32),
    ) -> Result<(), Violation> {
        self.in_item(index, id)?;
        let slot = usize::try_from(index)
            .ok()
            .and_then(|at| fold.slots().get(at));
        match slot.and_then(|slot| slot.part) {
            Some(open) if open == (channel, part) => Ok(()),
            _ => Err(format!(
                "an event for part {part} of item {index}, which is not open"
            )),
        }
    }
}

fn id_of(item: &Open<Item>) -> Option<String> {
    match item {
        Open::Known(item) => item.id().map(str::to_owned),
        Open::Unknown(map) => map.get("id").and_then(|id| id.as_str()).map(str::to_owned),
    }
}
