//! The sequence laws of a stream, checked event by event.
//!
//! Open before delta, close once, one terminal event and nothing after it; one id per item; indices dense; joined
//! deltas equal what the `done` events carry; what the terminal response holds equals what was streamed. Used by
//! tests, fuzzing and debug builds.

use super::event::{Emitted, Event};
use super::fold::Fold;
use super::open::Open;

mod content;
mod laws;

pub(super) use laws::Laws;

/// What law an event broke.
pub type Violation = String;

/// Checks one stream.
#[derive(Debug, Default)]
pub struct Grammar {
    laws: Laws,
    fold: Fold,
}

impl Grammar {
    /// Checks a whole stream, its end included.
    pub fn check_all<'a>(events: impl IntoIterator<Item = &'a Emitted>) -> Result<(), Violation> {
        let mut grammar = Self::default();
        for emitted in events {
            grammar.check(&emitted.event)?;
        }
        grammar.finish()
    }

    /// Checks the next event. Unknown events may stand anywhere between the first and the last.
    pub fn check(&mut self, event: &Open<Event>) -> Result<(), Violation> {
        self.laws.check(event, &self.fold)?;
        if let Open::Known(event) = event {
            self.fold.apply(event);
        }
        Ok(())
    }

    /// Checks that the stream ended as it must.
    pub fn finish(&self) -> Result<(), Violation> {
        self.laws.finish()
    }
}
