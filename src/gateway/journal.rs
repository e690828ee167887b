//! What the gateway notes of one request for whoever observes it: whom it asked, how each attempt went, what was used.
//!
//! Off unless somebody observes: then every note is one comparison.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::trace::SpanId;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::response::{Response, Status};
use crate::canonical::usage::{HOUR_WRITES, Usage};
use crate::catalog::usd::Usd;
use crate::error::Error;
use crate::providers::Loss;
use crate::target::Target;

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
    /// The sums of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input + other.input,
            cached: self.cached + other.cached,
            write_5m: self.write_5m + other.write_5m,
            write_1h: self.write_1h + other.write_1h,
            output: self.output + other.output,
            reasoning: self.reasoning + other.reasoning,
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

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It had said everything.
    Stop,
    /// It calls tools.
    ToolCall,
    /// It reached a limit.
    Length,
    /// It was stopped for what it said.
    ContentFilter,
    /// It did not: the answer failed.
    Error,
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
            upstream_request_id: None,
        });
        Leg {
            journal: self.clone(),
            at: notes.attempts.len() - 1,
            told: Told::No,
        }
    }
}

/// One attempt, as far as the journal goes. Dropped untold, it was given up.
#[derive(Debug, Default)]
pub(super) struct Leg {
    journal: Journal,
    at: usize,
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Told {
    #[default]
    No,
    Yes,
}

impl Leg {
    /// The answer has begun.
    pub(super) fn begun(&self, losses: &[Loss], upstream_request_id: Option<&str>) {
        let Some(mut notes) = self.journal.notes() else {
            return;
        };
        let now = Instant::now();
        notes.first_content = Some(now);
        notes.losses = losses.iter().map(|loss| loss.field.clone()).collect();
        if let Some(attempt) = notes.attempts.get_mut(self.at) {
            attempt.to_first = Some(now - attempt.started);
            attempt.upstream_request_id = upstream_request_id.map(str::to_owned);
        }
    }

    /// It failed before the first content.
    pub(super) fn failed(&mut self, error: &Error) {
        self.tell(|attempt| {
            attempt.fate = Fate::Failed;
            attempt.cause = Some(error.code().to_owned());
            attempt.upstream_status = error.upstream_status();
            attempt.upstream_request_id = error.upstream_request_id().map(str::to_owned);
        });
    }

    /// The answer has ended, with this response.
    pub(super) fn ended(&mut self, response: &Response, cost: Option<Usd>) {
        let end = End::of(response);
        self.tell(|attempt| {
            (attempt.fate, attempt.cause) = match end.status {
                Status::Failed => (Fate::Cut, end.reason.clone()),
                _ => (Fate::Answered, None),
            };
            attempt.tokens = response.usage.as_ref().map(Tokens::from);
            attempt.cost = cost;
        });
        let says = self.journal.0.as_ref().map(|page| page.says);
        let said = (says == Some(Says::Everything)).then(|| written(response));
        if let Some(mut notes) = self.journal.notes() {
            notes.end = Some(end);
            notes.said = said;
        }
    }

    /// A question that is no response has its answer.
    pub(super) fn answered(&mut self, usage: Option<&Usage>, cost: Option<Usd>) {
        let now = Instant::now();
        self.tell(|attempt| {
            attempt.fate = Fate::Answered;
            attempt.to_first = Some(now - attempt.started);
            attempt.tokens = usage.map(Tokens::from);
            attempt.cost = cost;
        });
    }

    /// It is given up after so much.
    pub(super) fn abandoned(&mut self, counted: Option<(Tokens, Option<Usd>)>) {
        self.counted(counted);
        self.tell(|_| {});
    }

    /// So much was used, whatever becomes of it: some tell the counts of the prompt before they say anything.
    pub(super) fn counted(&mut self, counted: Option<(Tokens, Option<Usd>)>) {
        if let Some((tokens, cost)) = counted
            && let Some(mut notes) = self.journal.notes()
            && let Some(attempt) = notes.attempts.get_mut(self.at)
        {
            (attempt.tokens, attempt.cost) = (Some(tokens), cost);
        }
    }

    /// Does anybody want to know?
    pub(super) fn is_open(&self) -> bool {
        self.journal.0.is_some() && self.told == Told::No
    }

    fn tell(&mut self, write: impl FnOnce(&mut Attempt)) {
        if self.told == Told::Yes {
            return;
        }
        self.told = Told::Yes;
        if let Some(mut notes) = self.journal.notes()
            && let Some(attempt) = notes.attempts.get_mut(self.at)
        {
            attempt.duration = attempt.started.elapsed();
            write(attempt);
        }
    }
}

/// What a response says, as JSON.
fn written(response: &Response) -> String {
    serde_json::to_string(&response.output).unwrap_or_default()
}

impl Drop for Leg {
    fn drop(&mut self) {
        self.tell(|_| {});
    }
}

impl Finish {
    fn of(response: &Response) -> Self {
        let reason = response.incomplete_details.as_ref();
        match (
            response.status,
            reason.map(|details| details.reason.as_str()),
        ) {
            (Status::Failed | Status::Cancelled, _) => Self::Error,
            (_, Some("content_filter")) => Self::ContentFilter,
            (_, Some(_)) => Self::Length,
            (_, None) if response.output.iter().any(is_call) => Self::ToolCall,
            (_, None) => Self::Stop,
        }
    }
}

fn is_call(item: &Open<Item>) -> bool {
    matches!(
        item,
        Open::Known(Item::FunctionCall(_) | Item::CustomToolCall(_))
    )
}

impl End {
    fn of(response: &Response) -> Self {
        let short = response.incomplete_details.as_ref();
        let error = response.error.as_ref();
        Self {
            response_id: response.id.clone(),
            status: response.status,
            reason: error
                .map(|error| error.code.clone())
                .or_else(|| short.map(|details| details.reason.clone())),
            message: error.map(|error| error.message.clone()),
            finish: Finish::of(response),
            model: response.model.clone(),
        }
    }
}
