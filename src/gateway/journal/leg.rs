//! How an attempt's fate gets into the journal, whoever learns of it.

use tokio::time::Instant;

use super::{Attempt, Fate, Journal, Tokens};
use crate::canonical::compose::Composer;
use crate::canonical::request::Request;
use crate::canonical::response::{Response, Status};
use crate::canonical::usage::Usage;
use crate::catalog::usd::Usd;
use crate::error::Error;
use crate::gateway::estimate::{self, Estimate};
use crate::gateway::tariff::Tariff;
use crate::providers::Loss;

/// One attempt, as far as the journal goes. Dropped untold, it was given up.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Leg {
    journal: Journal,
    at: usize,
    told: Told,
    prompt: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Told {
    #[default]
    No,
    Yes,
}

impl Leg {
    /// The attempt at that place of the journal.
    pub(super) fn of(journal: Journal, at: usize) -> Self {
        Self {
            journal,
            at,
            told: Told::No,
            prompt: 0,
        }
    }

    /// The prompt goes out in so many bytes.
    pub(in crate::gateway) fn sends(&mut self, request: &Request, bytes: usize) {
        if self.is_open() {
            self.prompt = estimate::prompt(request, bytes);
        }
    }

    /// The answer breaks off here: what nobody counted is estimated.
    pub(in crate::gateway) fn breaks(&mut self, composer: &Composer, tariff: &Tariff) {
        if self.is_open() {
            self.estimate(&composer.so_far(), tariff);
        }
    }

    fn estimate(&mut self, response: &Response, tariff: &Tariff) {
        let estimated = Estimate::of(self.prompt, response, tariff);
        if let Some(mut notes) = self.journal.notes()
            && let Some(attempt) = notes.attempts.get_mut(self.at)
        {
            attempt.estimated = estimated;
        }
    }

    /// The answer has begun.
    pub(in crate::gateway) fn begun(&self, losses: &[Loss], upstream_request_id: Option<&str>) {
        let Some(mut notes) = self.journal.notes() else {
            return;
        };
        let now = Instant::now();
        notes.first_content.get_or_insert(now);
        notes.losses = losses.iter().map(|loss| loss.field.clone()).collect();
        let upstream_request_id = upstream_request_id.map(|id| notes.copy(id));
        if let Some(attempt) = notes.attempts.get_mut(self.at) {
            attempt.to_first = Some(now - attempt.started);
            attempt.upstream_request_id = upstream_request_id;
        }
    }

    /// It failed before the first content.
    pub(in crate::gateway) fn failed(&mut self, error: &Error) {
        self.tell(|attempt| {
            attempt.fate = Fate::Failed;
            attempt.cause = Some(error.code().to_owned());
            attempt.upstream_status = error.upstream_status();
            attempt.upstream_request_id = error.upstream_request_id().map(str::to_owned);
        });
    }

    /// The answer has ended, with this response.
    pub(in crate::gateway) fn ended(
        &mut self,
        response: &Response,
        cost: Option<Usd>,
        tariff: &Tariff,
    ) {
        if response.status == Status::Failed && self.is_open() {
            self.estimate(response, tariff);
        }
        let said = self.journal.said(response);
        let mut why = None;
        if let Some(mut notes) = self.journal.notes() {
            notes.end(response, said);
            why = notes.end.as_ref().and_then(|end| end.reason.clone());
        }
        self.tell(|attempt| {
            (attempt.fate, attempt.cause) = match response.status {
                Status::Failed => (Fate::Cut, why),
                _ => (Fate::Answered, None),
            };
            attempt.tokens = response.usage.as_ref().map(Tokens::from);
            attempt.cost = cost;
        });
    }

    /// A question that is no response has its answer.
    pub(in crate::gateway) fn answered(&mut self, usage: Option<&Usage>, cost: Option<Usd>) {
        let now = Instant::now();
        self.tell(|attempt| {
            attempt.fate = Fate::Answered;
            attempt.to_first = Some(now - attempt.started);
            attempt.tokens = usage.map(Tokens::from);
            attempt.cost = cost;
        });
    }

    /// It broke off after so much, and somebody may go on with its answer.
    pub(in crate::gateway) fn cut(
        &mut self,
        error: &Error,
        counted: Option<(Tokens, Option<Usd>)>,
    ) {
        self.counted(counted);
        self.tell(|attempt| {
            attempt.fate = Fate::Cut;
            attempt.cause = Some(error.code().to_owned());
        });
    }

    /// It is given up after so much.
    pub(in crate::gateway) fn abandoned(&mut self, counted: Option<(Tokens, Option<Usd>)>) {
        self.counted(counted);
        self.tell(|_| {});
    }

    /// So much was used, whatever becomes of it: some tell the counts of the prompt before they say anything.
    pub(in crate::gateway) fn counted(&mut self, counted: Option<(Tokens, Option<Usd>)>) {
        if let Some((tokens, cost)) = counted
            && let Some(mut notes) = self.journal.notes()
            && let Some(attempt) = notes.attempts.get_mut(self.at)
        {
            (attempt.tokens, attempt.cost) = (Some(tokens), cost);
        }
    }

    /// Does anybody want to know?
    pub(in crate::gateway) fn is_open(&self) -> bool {
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

impl Drop for Leg {
    fn drop(&mut self) {
        self.tell(|_| {});
    }
}
