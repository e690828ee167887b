//! What may be promised, and whether it was kept.

use std::time::Duration;

use super::Run;
use super::fault::Fault;
use super::stand_in::{Seen, Spread};
use super::trial::{Exchange, Outcome};
use crate::canonical::request::Delivery;
use crate::config::Config;
use crate::config::alias::{OnCut, Policy, Retry, Timeouts};
use crate::error::Error;
use crate::gateway::explain::Explanation;
use crate::routing::plan::Verdict as Place;

/// What a limit may be overrun by.
const GRACE: Duration = Duration::from_secs(1);

/// How it went. The order is from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The client has the whole right answer.
    Answered,
    /// The client has an honest error in bounded time, and nobody could have answered.
    Error,
    /// What was promised was not kept.
    Failed,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Error => "error",
            Self::Failed => "FAILED",
        }
    }
}

/// What a route has to meet a fault with.
#[derive(Debug, Clone)]
pub(super) struct Means {
    /// How many targets are asked in turn.
    pub(super) asked: usize,
    /// How many are kept for prompts that are too long.
    kept_for_context: usize,
    /// How many are kept for prompts that are refused.
    kept_for_refusal: usize,
    /// Upstream requests that one of the client's may make at most.
    most_attempts: u32,
    pub(super) policy: Policy,
    on_cut: OnCut,
    hedged: bool,
    pub(super) retry: Retry,
    timeouts: Timeouts,
    /// Why nobody can be asked.
    nobody: Option<String>,
}

impl Means {
    /// Reads them off the plan and the route's rules.
    pub(super) fn of(config: &Config, route: &str, plan: &Explanation) -> Self {
        let alias = config.alias(route);
        let rules = alias.map(|alias| &alias.rules);
        let count = |place: Place| {
            let candidates = plan.candidates.iter();
            candidates
                .filter(|candidate| candidate.verdict == place.as_str())
                .count()
        };
        let retry = rules.map_or(config.defaults.retry, |rules| rules.retry);
        let on_cut = rules.map_or(config.defaults.on_cut, |rules| rules.on_cut);
        // Each key of a provider may be tried once more than the target itself.
        let tries = plan.candidates.iter().map(|candidate| {
            let provider = candidate.target.split('/').next().unwrap_or_default();
            let keys = config
                .provider(provider)
                .map_or(0, |known| known.keys.len());
            retry.attempts + u32::try_from(keys.saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let once = tries.fold(0_u32, u32::saturating_add);
        let nobody = plan.candidates.iter().map(|candidate| {
            let why = candidate.refusal.clone();
            let why = why.or_else(|| candidate.reasons.first().cloned());
            format!("{}: {}", candidate.target, why.unwrap_or_default())
        });
        Self {
            asked: count(Place::Asked),
            kept_for_context: count(Place::KeptForContext),
            kept_for_refusal: count(Place::KeptForRefusal),
            most_attempts: match on_cut {
                OnCut::Error => once,
                // A rescue may ask everybody again.
                OnCut::Continue => once.saturating_mul(2),
            },
            policy: alias.map_or(Policy::Failover, |alias| alias.policy),
            on_cut,
            hedged: rules.is_some_and(|rules| rules.hedge.is_some()),
            retry,
            timeouts: rules.map_or(config.defaults.timeouts, |rules| rules.timeouts),
            nobody: (!plan.has_target()).then(|| nobody.collect::<Vec<_>>().join("; ")),
        }
    }

    /// The time that one exchange may take: until content all attempts together, and then silences.
    pub(super) fn longest(&self) -> Duration {
        let once = self.timeouts.total + self.timeouts.idle;
        match self.on_cut {
            OnCut::Error => once + GRACE,
            OnCut::Continue => once * 2 + GRACE,
        }
    }

    /// Must there be an answer, and why?
    fn promise(&self, fault: Fault, spread: Spread, delivery: Delivery) -> Option<&'static str> {
        let others = self.asked > 1;
        match (spread, fault) {
            (Spread::Everybody, _) => None,
            (Spread::First, Fault::ContextOverflow) => {
                (self.kept_for_context > 0).then_some("`when_context_over` names a target")
            }
            (Spread::First, Fault::ContentRefusal) => {
                (self.kept_for_refusal > 0).then_some("`when_refused` names a target")
            }
            // After content only a rescue brings the answer; a whole reply has no content before its end.
            (Spread::First, fault)
                if fault.strikes_midway()
                    && delivery == Delivery::Streamed
                    && self.on_cut == OnCut::Error =>
            {
                None
            }
            (Spread::First, _) => others.then_some("another target stood by"),
        }
    }

    /// What was broken of the rules of asking.
    fn excess(&self, fault: Fault, seen: &Seen) -> Option<String> {
        if seen.total() > self.most_attempts {
            let (total, most) = (seen.total(), self.most_attempts);
            return Some(format!(
                "{total} upstream requests, where {most} are the bound"
            ));
        }
        match fault {
            Fault::ContextOverflow if seen.faulty_asked() > 1 => {
                Some("the same long prompt was sent there again".to_owned())
            }
            Fault::ContentRefusal
                if self.kept_for_refusal == 0 && !self.hedged && seen.total() > 1 =>
            {
                Some("a refused prompt was taken elsewhere unasked".to_owned())
            }
            _ => None,
        }
    }

    /// Nobody can be asked at all, whatever the fault.
    pub(super) fn nobody(&self) -> Option<String> {
        let why = self.nobody.as_ref()?;
        Some(format!("no target can take a request: {why}"))
    }
}

/// Judges one exchange.
pub(super) fn judge(
    fault: Fault,
    spread: Spread,
    delivery: Delivery,
    means: &Means,
    exchange: &Exchange,
    seen: &Seen,
) -> Run {
    let promise = means.promise(fault, spread, delivery);
    let broken = match (&exchange.outcome, promise) {
        (Outcome::WrongAnswer(what), _) => Some(what.clone()),
        (Outcome::Failed(_) | Outcome::Refused(..), Some(why)) => {
            Some(format!("no answer, although {why}"))
        }
        (Outcome::Answer | Outcome::Failed(_) | Outcome::Refused(..), _) => None,
    };
    let late = exchange.time > means.longest();
    let late = late.then(|| format!("longer than {:?}", means.longest()));
    let failure = means
        .nobody()
        .or(broken)
        .or(late)
        .or_else(|| means.excess(fault, seen));
    let verdict = match (&failure, &exchange.outcome) {
        (Some(_), _) => Verdict::Failed,
        (None, Outcome::Answer) => Verdict::Answered,
        (None, _) => Verdict::Error,
    };
    let (status, code) = match &exchange.outcome {
        Outcome::Answer | Outcome::WrongAnswer(_) => (200, None),
        Outcome::Failed(code) => (200, Some(code.clone())),
        Outcome::Refused(status, code) => (*status, Some(code.clone())),
    };
    let note = match (failure, &exchange.message) {
        (Some(failure), Some(message)) => Some(format!("{failure} ({message})")),
        (Some(failure), None) => Some(failure),
        (None, message) => message.clone(),
    };
    Run {
        spread,
        delivery,
        verdict,
        answered_by: exchange
            .target
            .clone()
            .filter(|_| exchange.outcome == Outcome::Answer),
        status,
        code,
        attempts: seen.total(),
        seconds: exchange.time.as_secs_f64(),
        note,
    }
}

impl Run {
    /// The route has nothing that could be asked.
    pub(super) fn impossible(spread: Spread, delivery: Delivery, error: &Error) -> Self {
        Self {
            spread,
            delivery,
            verdict: Verdict::Failed,
            answered_by: None,
            status: error.status(),
            code: Some(error.code().to_owned()),
            attempts: 0,
            seconds: 0.0,
            note: Some(error.to_string()),
        }
    }
}
