//! An ended request, as it leaves the request's way: what was known, noted and told, not yet put together.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::Draft;
use super::ending::Ending;
use crate::error::Error;
use crate::gateway::journal::Fate;
use crate::telemetry::record::{self, Content, Mend, Record};
use crate::telemetry::sinks::ContentFor;

/// An ended request.
#[derive(Debug)]
pub(in crate::telemetry) struct Ended {
    pub(super) draft: Box<Draft>,
    pub(super) told: Told,
    /// From its arrival.
    pub(super) total: Duration,
}

/// One moment on both clocks: requests keep the time by the one that always goes on, records tell it by the other.
#[derive(Debug, Clone, Copy)]
pub(in crate::telemetry) struct Now(SystemTime, Instant);

impl Now {
    pub(in crate::telemetry) fn read() -> Self {
        Self(SystemTime::now(), Instant::now())
    }

    fn unix(self, earlier: Instant) -> SystemTime {
        let Self(unix, now) = self;
        unix - now.saturating_duration_since(earlier)
    }
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum Told {
    Delivered,
    Cancelled,
    Failed(Box<Error>, u16),
    Dropped,
    /// Dropped, because the gateway stops.
    Stopped,
    /// Dropped, because the gateway panicked over it.
    BrokeDown,
}

impl Ended {
    /// The record of it, with what was said for those who want that; and the draft, of which nothing is wanted any more.
    pub(in crate::telemetry) fn into_record(
        self,
        wanted: &ContentFor,
        now: Now,
    ) -> (Record, Box<Draft>) {
        let Self {
            mut draft,
            told,
            total,
        } = self;
        let notes = draft.journal.take();
        let mut ending = Ending::of(&notes, &told);
        if wanted.log.is_none() {
            ending.withhold(&told);
        }
        let said = notes.said.as_deref().unwrap_or_default();
        let content = wanted.log.as_ref().map(|redactor| Content {
            request: draft.body.take().unwrap_or_default(),
            response: redactor.redact(said),
        });
        let finish = notes.end.as_ref().map(|end| end.finish);
        let mut messages = draft.messages.take();
        if let (Some(finish), Some(redactor)) = (finish, &wanted.spans) {
            messages = messages.map(|it| it.answered(said, finish, redactor));
        }
        let served = notes.attempts.iter().rev().find(|attempt| {
            attempt.to_first.is_some() && matches!(attempt.fate, Fate::Answered | Fate::Cut)
        });
        let begun = || {
            notes
                .attempts
                .iter()
                .rev()
                .find(|attempt| attempt.to_first.is_some())
        };
        let served = served.or_else(begun).map(|attempt| attempt.target.clone());
        let mut losses = notes.losses;
        losses.append(&mut draft.withheld);
        let record = Record {
            request_id: std::mem::take(&mut draft.request_id),
            began: now.unix(draft.started),
            started: draft.started,
            door: draft.door,
            transport: draft.transport,
            key: draft.key.take(),
            asked: std::mem::take(&mut draft.asked),
            alias: notes.alias,
            served,
            delivery: draft.delivery,
            outcome: ending.outcome,
            status: ending.status,
            code: ending.code,
            message: ending.message,
            finish,
            response_model: notes.end.as_ref().map(|end| end.model.clone()),
            response_id: notes.end.map(|end| end.response_id),
            parameters: draft.parameters,
            trace: draft.trace.take(),
            tokens: record::tokens(&notes.attempts),
            cost: record::cost(&notes.attempts),
            to_first: notes.first_content.map(|at| at - draft.started),
            total,
            overhead: record::overhead(total, &notes.attempts),
            losses,
            mend: Mend::of(&notes.attempts, ending.outcome),
            attempts: notes.attempts,
            content,
            messages,
        };
        (record, draft)
    }
}
