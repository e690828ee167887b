//! One attempt at a target, as its health sees it: let in, and told how it went, whatever becomes of the attempt.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Gateway;
use super::course::RESTING;
use crate::config::Breaker;
use crate::error::{Error, Kind};
use crate::routing::health::{Admission, Change, Health, Outcome};
use crate::target::Target;

/// Tells a target's health what became of it. Cheap to keep beside a stream.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    health: Arc<Health>,
    target: Target,
    rules: Breaker,
}

/// Leave to ask a target. Dropped untold (the client has gone), it says nothing about the target.
#[derive(Debug)]
pub(super) struct Ticket {
    watch: Watch,
    admission: Admission,
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Failure,
    Answer,
}

impl Watch {
    pub(super) fn new(gateway: &Gateway, target: &Target, rules: Breaker) -> Self {
        Self {
            health: gateway.health.clone(),
            target: target.clone(),
            rules,
        }
    }

    /// Leave to ask, or how long there is none.
    pub(super) fn admit(&self) -> Result<Ticket, Admission> {
        match self.health.admit(&self.target, Instant::now()) {
            admission @ (Admission::Open | Admission::Probe) => Ok(Ticket {
                watch: self.clone(),
                admission,
                told: Told::Nothing,
            }),
            closed @ (Admission::Closed(_) | Admission::Throttled(_)) => Err(closed),
        }
    }

    /// How an answer that had begun has ended.
    pub(super) fn ended(&self, failure: Option<&Error>) {
        match failure.map(outcome) {
            None => self.record(Outcome::Finished),
            Some(Outcome::Nothing) => {}
            Some(_) => self.record(Outcome::Cut),
        }
    }

    fn record(&self, outcome: Outcome) {
        let target = &self.target;
        match self
            .health
            .record(target, outcome, &self.rules, Instant::now())
        {
            Change::None => {}
            Change::Opened(time) => {
                tracing::warn!(%target, time_ms = millis(time), "the target is left alone");
            }
            Change::Recovered => tracing::info!(%target, "the target has recovered"),
        }
    }
}

impl Ticket {
    /// Whether this attempt is to show that the target has recovered: then it is made once.
    pub(super) fn is_probe(&self) -> bool {
        self.admission == Admission::Probe
    }

    /// It answered.
    pub(super) fn answered(mut self, first_content: Duration) -> Watch {
        self.told = Told::Answer;
        self.watch.record(Outcome::Answered(first_content));
        self.watch.clone()
    }

    /// It failed. One request counts as one failure, however often it is tried: a request that breaks its target
    /// must not close the target to all others by itself.
    pub(super) fn failed(&mut self, error: &Error) {
        let outcome = outcome(error);
        match (outcome, self.told) {
            (Outcome::Nothing, _) | (Outcome::Failed, Told::Failure) => {}
            (_, _) => {
                self.told = Told::Failure;
                self.watch.record(outcome);
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.told == Told::Nothing {
            self.watch.record(Outcome::Nothing);
        }
    }
}

/// What an error says about its target's health. What lies with the request, or with one model's answer, says nothing.
fn outcome(error: &Error) -> Outcome {
    match error.kind() {
        Kind::Overloaded if error.code() == super::gate::PROVIDER_BUSY => Outcome::Nothing,
        // An overload with a time is as good as a rate limit.
        Kind::RateLimited | Kind::Overloaded => error
            .retry_after()
            .map_or(Outcome::Failed, Outcome::Throttled),
        Kind::Unreachable
        | Kind::Timeout
        | Kind::UpstreamFailed
        | Kind::UpstreamGarbled
        | Kind::StreamCut
        | Kind::UpstreamAuth
        | Kind::UpstreamBilling
        | Kind::QuotaExhausted => Outcome::Failed,
        Kind::InvalidRequest
        | Kind::Unsupported
        | Kind::NotFound
        | Kind::MethodNotAllowed
        | Kind::UnsupportedMediaType
        | Kind::Unauthorized
        | Kind::Forbidden
        | Kind::TooLarge
        | Kind::ModelNotFound
        | Kind::ModelUnavailable
        | Kind::ContextLength
        | Kind::UpstreamInvalid
        | Kind::ContentPolicy
        | Kind::UpstreamTooLarge
        | Kind::ModelFailed
        | Kind::Loop
        | Kind::Busy
        | Kind::Internal => Outcome::Nothing,
    }
}

/// The error of a target that is not asked, since it is left alone.
pub(super) fn resting(admission: Admission) -> Error {
    let (kind, why, wait) = match admission {
        Admission::Throttled(wait) => (Kind::RateLimited, "it asked for it", wait),
        Admission::Closed(wait) => (Kind::Overloaded, "it keeps failing", wait),
        Admission::Open | Admission::Probe => {
            (Kind::Overloaded, "it keeps failing", Duration::ZERO)
        }
    };
    let wait = wait.max(Duration::from_millis(1));
    let message = format!(
        "not asked: left alone for another {} ms, since {why}",
        millis(wait)
    );
    Error::new(kind, message)
        .with_code(RESTING)
        .with_retry_after(Some(wait))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
