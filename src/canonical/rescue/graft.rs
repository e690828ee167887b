//! One answer of several attempts: the events of each come in, those of one sound sequence come out.
//!
//! The first attempt's events pass as they are, but for calls: a call that was handed out cannot be taken back, and its
//! client may act on it. So calls wait, and with them what follows them, until the answer is known to be whole; the end
//! of a message waits for what comes after it, so that a message that broke off just there can go on.
//!
//! Of a further attempt the text goes into the message that is open. What it thought before that text is left out,
//! unless calls follow, which need the opaque state.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Diverged, Means, Said};
use crate::canonical::compose::{Block, Composer, Setup};
use crate::canonical::event::{Batch, Emitted, Event, Lifecycle};
use crate::canonical::extra::Object;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::response::Response;
use crate::canonical::usage::Usage;
use crate::error::Error;

mod branch;

use branch::{Branch, is_call};

/// The text that goes on is one block, whoever writes it.
const TEXT: Block = 0;

/// The field of the terminal response that tells how it came about.
pub const NOTE: &str = "llmgw";

/// Makes the events of an answer of those of its attempts.
#[derive(Debug)]
pub struct Graft {
    composer: Composer,
    /// What waits until it is known what follows.
    held: Batch,
    holding: Holding,
    branch: Option<Branch>,
    spent: Option<Usage>,
    note: Value,
    breaks: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holding {
    /// The end of a message.
    Ends,
    /// Calls, and all that follows them.
    Calls,
}

impl Graft {
    /// For one request. The setup is the client's: its delivery may be another than that of the attempts.
    pub fn new(setup: Setup) -> Self {
        Self {
            composer: Composer::new(setup),
            held: Batch::new(),
            holding: Holding::Ends,
            branch: None,
            spent: None,
            note: Value::Null,
            breaks: Vec::new(),
        }
    }

    /// What the attempt that runs says of itself, for the terminal response.
    pub fn note(&mut self, note: Value) {
        if self.note.is_null() {
            self.note = note;
            return;
        }
        // Who began stays the model of the answer; the counts are those of all.
        let (Some(known), Value::Object(mut new)) = (self.note.as_object_mut(), note) else {
            return;
        };
        let losses = new.remove("losses");
        let losses = losses.as_ref().and_then(Value::as_array);
        if let (Some(Value::Array(lost)), Some(more)) = (known.get_mut("losses"), losses) {
            let fresh: Vec<Value> = more.iter().filter(|m| !lost.contains(m)).cloned().collect();
            lost.extend(fresh);
        }
        for key in ["attempts", "cost_usd"] {
            if let Some(value) = new.remove(key) {
                known.insert(key.to_owned(), value);
            }
        }
    }

    /// Tells the time, in Unix seconds.
    pub fn at(&mut self, now: u64) {
        self.composer.at(now);
    }

    /// The events of the attempt that runs.
    pub fn take_in(&mut self, batch: Batch) -> Result<(), Diverged> {
        for emitted in batch {
            self.event(emitted)?;
        }
        Ok(())
    }

    /// The events for the client since the last call.
    pub fn take(&mut self) -> Batch {
        self.composer.take()
    }

    /// Has the terminal event been made?
    pub fn is_ended(&self) -> bool {
        self.composer.is_ended()
    }

    /// What the client has.
    pub fn said(&self) -> Said {
        self.composer.said()
    }

    /// The attempt that ran is over, and the answer is not. What waited of it is forgotten.
    pub fn broke(&mut self, usage: Option<&Usage>) {
        self.held.clear();
        self.holding = Holding::Ends;
        self.branch = None;
        if let Some(usage) = usage {
            self.spent = Some(match &self.spent {
                Some(spent) => spent.plus(usage),
                None => usage.clone(),
            });
        }
        self.composer.interrupt(TEXT);
    }

    /// Somebody goes on: `model` by these means, after a break for this cause.
    pub fn goes_on(&mut self, model: &str, means: Means, cause: &str) {
        let said = self.composer.said().text.chars().count();
        self.breaks.push(json!({
            "cause": cause, "after_characters": said, "model": model, "means": means.as_str(),
        }));
        self.branch = Some(Branch::new(means, &self.composer));
    }

    /// How often somebody else, or the same again, went on.
    pub fn breaks(&self) -> usize {
        self.breaks.len()
    }

    /// Has nothing come for the client since it was asked last?
    pub fn is_silent(&self) -> bool {
        self.composer.has_nothing()
    }

    /// Whoever was to go on did not, after all.
    pub fn fell_through(&mut self) {
        self.breaks.pop();
    }

    /// Nobody goes on: the answer ends as failed.
    pub fn give_up(&mut self, error: &Error) {
        self.held.clear();
        if let Some(spent) = self.spent.take() {
            self.composer.usage(spent);
        }
        let note = self.told();
        self.composer.extra(NOTE, note);
        self.composer.give_up(error);
    }

    fn event(&mut self, emitted: Emitted) -> Result<(), Diverged> {
        match emitted.event.known() {
            Some(Event::Completed(_) | Event::Incomplete(_)) => self.finish(emitted),
            Some(event) if begins_call(event) => {
                self.settle_text()?;
                self.holding = Holding::Calls;
                self.held.push(emitted);
                Ok(())
            }
            Some(event) if self.holding == Holding::Calls || ends_message(event) => {
                self.held.push(emitted);
                Ok(())
            }
            None if self.holding == Holding::Calls => {
                self.held.push(emitted);
                Ok(())
            }
            Some(_) | None => {
                self.release()?;
                self.pass(emitted)
            }
        }
    }

    /// No more text comes for the message that is open.
    fn settle_text(&mut self) -> Result<(), Diverged> {
        if let Some(branch) = &mut self.branch {
            branch.settle(&mut self.composer)?;
        }
        Ok(())
    }

    fn release(&mut self) -> Result<(), Diverged> {
        for emitted in std::mem::take(&mut self.held) {
            self.pass(emitted)?;
        }
        Ok(())
    }

    fn pass(&mut self, emitted: Emitted) -> Result<(), Diverged> {
        match (&mut self.branch, emitted.event) {
            (None, event) => self.composer.relay(event, emitted.raw),
            (Some(branch), Open::Known(event)) => return branch.join(event, &mut self.composer),
            (Some(branch), event @ Open::Unknown(_)) => {
                if branch.passes(&event) {
                    self.composer.relay(event, None);
                }
            }
        }
        Ok(())
    }

    /// The attempt that runs has come to its end, and with it the answer.
    fn finish(&mut self, emitted: Emitted) -> Result<(), Diverged> {
        self.settle_text()?;
        self.release()?;
        let (make, mut response): (fn(Lifecycle) -> Event, _) = match emitted.event {
            Open::Known(Event::Completed(l)) => (Event::Completed, l.response),
            Open::Known(Event::Incomplete(l)) => (Event::Incomplete, l.response),
            Open::Known(_) | Open::Unknown(_) => return Ok(()),
        };
        if !self.breaks.is_empty() {
            let response = Arc::make_mut(&mut response);
            if let Some(note) = response.extra.shift_remove(NOTE) {
                self.note(note);
            }
            self.sign(response);
        }
        let event = Open::Known(make(Lifecycle { response }));
        self.composer.relay(event, None);
        Ok(())
    }

    /// The response of the last attempt becomes that of all.
    fn sign(&mut self, response: &mut Response) {
        let head = self.composer.head();
        response.id.clone_from(&head.id);
        response.model.clone_from(&head.model);
        response.created_at = head.created_at;
        // What was streamed stands in its place.
        response.output.clear();
        if let Some(spent) = self.spent.take() {
            response.usage = Some(match &response.usage {
                Some(usage) => spent.plus(usage),
                None => spent,
            });
        }
        let note = self.told();
        response.extra.insert(NOTE.to_owned(), note);
    }

    fn told(&mut self) -> Value {
        let mut note = match self.note.take() {
            Value::Object(note) => note,
            _ => Object::new(),
        };
        if !self.breaks.is_empty() {
            note.insert("rescues".to_owned(), self.breaks.clone().into());
        }
        note.into()
    }
}

fn begins_call(event: &Event) -> bool {
    matches!(event, Event::ItemAdded(added) if is_call(&added.item))
}

/// Does this end a message, or a part of one?
fn ends_message(event: &Event) -> bool {
    match event {
        Event::TextDone(_) | Event::RefusalDone(_) => true,
        Event::PartDone(done) => matches!(
            done.part,
            Open::Known(Part::OutputText(_) | Part::Refusal(_))
        ),
        Event::ItemDone(done) => matches!(done.item, Open::Known(Item::Message(_))),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
