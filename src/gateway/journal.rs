//! What the gateway notes of one request for whoever observes it: whom it asked, how each attempt went, what was used.
//!
//! Off unless somebody observes: then every note is one comparison.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::estimate::Estimate;
use super::finish::Finish;
use super::trace::SpanId;
use crate::canonical::response::{Response, Status};
use crate::canonical::usage::{HOUR_WRITES, Usage};
use crate::catalog::usd::Usd;
use crate::target::Target;

mod leg;

pub(super) use leg::Leg;

/// The notes on one request. Clones write on the same page; the default takes no notes.
#[derive(Debug, Clone, Default)]
pub struct Journal(Option<Arc<Page>>);

/// What is written on.
#[derive(Debug)]
struct Page {
    notes: Mutex<Notes>,
    says: Says,
}

/// Whether the answer itself is noted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Says {
    /// No: only how it went.
    #[default]
    Nothing,
    /// Yes, as JSON.
    Everything,
}

/// Everything that was noted.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// The alias that the name led to.
    pub alias: Option<String>,
    /// Upstream requests, in the order in which they were sent.
    pub attempts: Vec<Attempt>,
    /// What could not be carried to the target that answered.
    pub losses: Vec<String>,
    /// When the first content came.
    pub first_content: Option<Instant>,
    /// How the answer ended; `None` if it has not, or none began.
    pub end: Option<End>,
    /// The items of the answer as JSON, where they are wanted.
    pub said: Option<String>,
    /// The wait that precedes the next attempt.
    wait: Duration,
    /// Empty texts, to copy others into.
    room: Vec<String>,
}

/// Room for so many attempts is kept.
const MOST_ATTEMPTS: usize = 4;

/// So many bytes of room for a text are kept: it may be as long as a client or a provider makes it.
const MOST_TEXT: usize = 256;

/// What notes that nobody needs any more leave for the next ones.
#[derive(Debug, Default)]
pub struct Room {
    /// Attempts, of which only their room is used.
    pub attempts: Vec<Attempt>,
    /// Texts, likewise.
    pub texts: Vec<String>,
}

/// Takes a text out of its room, so that another one can stand there.
pub fn clear(text: &mut String) {
    text.clear();
    text.shrink_to(MOST_TEXT);
}

/// One upstream request.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Who was asked.
    pub target: Target,
    /// How it went.
    pub fate: Fate,
    /// The machine-readable cause if it failed; `None` otherwise.
    pub cause: Option<String>,
    /// The status of the upstream's refusal.
    pub upstream_status: Option<u16>,
    /// Its span in the request's trace; `None` without a trace.
    pub span: Option<SpanId>,
    /// How long was waited before it, on purpose.
    pub wait: Duration,
    /// When it began.
    pub started: Instant,
    /// How long it took, to the end of the answer or the failure.
    pub duration: Duration,
    /// How long it took to the first content.
    pub to_first: Option<Duration>,
    /// What the upstream counted, as far as it told; `None` where it told nothing.
    pub tokens: Option<Tokens>,
    /// What it cost; `None` where a price or the counts are unknown.
    pub cost: Option<Usd>,
    /// What it used beyond that, by an estimate of ours; only of an answer that broke off.
    pub estimated: Option<Estimate>,
    /// The provider's id of the request.
    pub upstream_request_id: Option<String>,
}

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its answer came to an end of its own.
    Answered,
    /// It failed before the first content.
    Failed,
    /// It broke off after content.
    Cut,
    /// It was given up: the client had gone, or another was faster.
    Abandoned,
}

impl Fate {
    /// The word for logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Cut => "cut",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Token counts on the common basis: `cached` and the writes are inside `input`, `reasoning` is inside `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// The whole prompt.
    pub input: u64,
    /// Read from a cache.
    pub cached: u64,
    /// Written to a cache for five minutes, or for as long as the vendor keeps it.
    pub write_5m: u64,
    /// Written to a cache for an hour.
    pub write_1h: u64,
    /// All that the model produced.
    pub output: u64,
    /// Spent on reasoning.
    pub reasoning: u64,
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        let details = &usage.input_tokens_details;
        let written = details.cache_write_tokens.unwrap_or(0);
        let hour = details.extra.get(HOUR_WRITES);
        let write_1h = hour
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0)
            .min(written);
        Self {
            input: usage.input_tokens,
            cached: details.cached_tokens,
            write_5m: written - write_1h,
            write_1h,
            output: usage.output_tokens,
            reasoning: usage.output_tokens_details.reasoning_tokens,
        }
    }
}

impl Tokens {
    /// The sums of both. Counts come from upstreams, so they stop at the most there is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            write_5m: self.write_5m.saturating_add(other.write_5m),
            write_1h: self.write_1h.saturating_add(other.write_1h),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The response's id.
    pub response_id: String,
    /// Its status.
    pub status: Status,
    /// Why it is incomplete, or the code of its failure.
    pub reason: Option<String>,
    /// For people, if it failed.
    pub message: Option<String>,
    /// Why the model stopped.
    pub finish: Finish,
    /// The model that answered, as its provider names it.
    pub model: String,
}

impl Journal {
    /// A page of its own.
    pub fn open(says: Says) -> Self {
        let notes = Mutex::default();
        Self(Some(Arc::new(Page { notes, says })))
    }

    /// Everything so far; the page is empty afterwards.
    pub fn take(&self) -> Notes {
        self.notes()
            .map_or_else(Notes::default, |mut notes| std::mem::take(&mut *notes))
    }

    /// An empty page again; `None` if somebody may still write on it.
    pub fn blank(mut self, room: Room) -> Option<Self> {
        let page = Arc::get_mut(self.0.as_mut()?)?;
        let Room {
            mut attempts,
            mut texts,
        } = room;
        attempts.clear();
        attempts.shrink_to(MOST_ATTEMPTS);
        texts.iter_mut().for_each(clear);
        let notes = page.notes.get_mut();
        *notes.unwrap_or_else(PoisonError::into_inner) = Notes {
            attempts,
            room: texts,
            ..Notes::default()
        };
        Some(self)
    }

    fn notes(&self) -> Option<MutexGuard<'_, Notes>> {
        let page = self.0.as_ref()?;
        Some(page.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The name led to this alias.
    pub(super) fn route(&self, alias: Option<&str>) {
        if let Some(mut notes) = self.notes() {
            notes.alias = alias.map(str::to_owned);
        }
    }

    /// So long is waited before the next attempt.
    pub(super) fn wait(&self, wait: Duration) {
        if let Some(mut notes) = self.notes() {
            notes.wait += wait;
        }
    }

    /// The answer of several attempts has ended, with this response.
    pub(super) fn ended(&self, response: &Response) {
        let said = self.said(response);
        if let Some(mut notes) = self.notes() {
            notes.end(response, said);
        }
    }

    /// What a response says, as JSON, where that is wanted.
    fn said(&self, response: &Response) -> Option<String> {
        let says = self.0.as_ref().map(|page| page.says);
        let written = || serde_json::to_string(&response.output).unwrap_or_default();
        (says == Some(Says::Everything)).then(written)
    }

    /// An upstream request goes out.
    pub(super) fn attempt(&self, target: &Target, span: Option<SpanId>) -> Leg {
        let Some(mut notes) = self.notes() else {
            return Leg::default();
        };
        let wait = std::mem::take(&mut notes.wait);
        notes.attempts.push(Attempt {
            target: target.clone(),
            fate: Fate::Abandoned,
            cause: None,
            upstream_status: None,
            span,
            wait,
            started: Instant::now(),
            duration: Duration::ZERO,
            to_first: None,
            tokens: None,
            cost: None,
            estimated: None,
            upstream_request_id: None,
        });
        Leg::of(self.clone(), notes.attempts.len() - 1)
    }
}

impl Notes {
    /// A copy, where there is room.
    fn copy(&mut self, text: &str) -> String {
        let mut copy = self.room.pop().unwrap_or_default();
        copy.push_str(text);
        copy
    }

    fn end(&mut self, response: &Response, said: Option<String>) {
        let short = response.incomplete_details.as_ref();
        let error = response.error.as_ref();
        self.said = said;
        self.end = Some(End {
            response_id: self.copy(&response.id),
            status: response.status,
            reason: error
                .map(|error| error.code.clone())
                .or_else(|| short.map(|details| details.reason.clone())),
            message: error.map(|error| error.message.clone()),
            finish: Finish::of(response),
            model: self.copy(&response.model),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_blank_again_when_nobody_can_write_on_it_any_more() {
        let journal = Journal::open(Says::Nothing);
        journal.route(Some("fast"));
        journal.wait(Duration::from_secs(1));
        let leg = journal.attempt(&Target::new("lab", "one"), None);
        let notes = journal.take();
        assert_eq!(notes.alias.as_deref(), Some("fast"));
        let held = journal.clone();
        assert!(journal.blank(Room::default()).is_none(), "two hold it");
        drop(leg);
        let room = Room {
            attempts: notes.attempts,
            texts: vec!["r".repeat(1000)],
        };
        let blank = held.blank(room).expect("nobody else holds it");
        let notes = blank.take();
        assert_eq!((notes.alias, notes.attempts.len()), (None, 0));
        assert_eq!(notes.wait, Duration::ZERO);
        assert_eq!(notes.room, [""]);
        assert!(
            notes.room[0].capacity() <= MOST_TEXT,
            "no more than is usual"
        );
    }
}
