//! What is left of a plan while it is walked: whom to ask next, and what an error leaves of the rest.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::race::Joined;
use crate::error::{Error, Kind, Next};
use crate::routing::health::{Admission, Health};
use crate::routing::plan::{Candidate, Plan, Verdict};
use crate::target::Target;

/// The code of an error that says that a target was not asked, since it is left alone for now.
pub(super) const RESTING: &str = "target_resting";

/// A plan on its way.
#[derive(Debug)]
pub(super) struct Course {
    health: Arc<Health>,
    /// Nearest last.
    rest: Vec<Candidate>,
    asked: Vec<(Target, Option<u64>)>,
    on_context: Vec<Target>,
    on_refusal: Vec<Target>,
    failures: Vec<Error>,
    skips: Vec<Error>,
}

impl Course {
    /// The course of a plan; an error if nobody can be asked.
    pub(super) fn new(plan: Plan, health: &Arc<Health>) -> Result<Self, Error> {
        if plan.with(Verdict::Asked).next().is_none() {
            return Err(plan.nobody());
        }
        let mut rest = plan.candidates;
        rest.retain(|candidate| candidate.verdict == Verdict::Asked);
        rest.reverse();
        Ok(Self {
            health: health.clone(),
            rest,
            asked: Vec::new(),
            on_context: plan.on_context,
            on_refusal: plan.on_refusal,
            failures: Vec::new(),
            skips: Vec::new(),
        })
    }

    /// Whom to ask next: the first that is healthy, else the one that is left alone for the shortest time.
    pub(super) fn next(&mut self) -> Option<Target> {
        let rest = &mut self.rest;
        let at = if rest.len() < 2 {
            rest.len().checked_sub(1)?
        } else {
            let now = Instant::now();
            let wait = |candidate: &Candidate| wait(&self.health, &candidate.target, now);
            // Of equals the last is taken, which is the nearest.
            let waits = rest.iter().map(wait).enumerate();
            waits.rev().min_by_key(|(_, wait)| *wait)?.0
        };
        let candidate = rest.remove(at);
        self.asked
            .push((candidate.target.clone(), candidate.window));
        Some(candidate.target)
    }

    /// Takes the next target that is healthy beyond doubt, to be asked beside another.
    pub(super) fn take_rival(&mut self) -> Option<Candidate> {
        let now = Instant::now();
        let is_open = |candidate: &Candidate| {
            self.health.glance(&candidate.target, now).admission == Admission::Open
        };
        let at = self.rest.iter().rposition(is_open)?;
        Some(self.rest.remove(at))
    }

    /// What became of a rival: it was asked, or it goes back to its place.
    pub(super) fn settle_rival(&mut self, rival: Candidate, joined: Joined) {
        match joined {
            Joined::Yes => self.asked.push((rival.target, rival.window)),
            Joined::No => self.rest.push(rival),
        }
    }

    /// Is there another target that would be asked without a wait?
    pub(super) fn has_ready(&self) -> bool {
        let now = Instant::now();
        let mut rest = self.rest.iter();
        rest.any(|candidate| wait(&self.health, &candidate.target, now).is_zero())
    }

    /// Is there any other target?
    pub(super) fn has_others(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Had the plan more than one target?
    pub(super) fn is_choice(&self) -> bool {
        self.asked.len() > 1 || self.has_others()
    }

    /// What a failure leaves of the course: an error if it ends here.
    pub(super) fn failed(&mut self, error: Error) -> Result<(), Error> {
        match error.kind() {
            Kind::ContextLength => self.too_long(error.target()),
            Kind::ContentPolicy if self.on_refusal.is_empty() => {
                return Err(self.with_earlier(error));
            }
            Kind::ContentPolicy => {
                // Nobody but those whom the route names for it: to shop around is not ours to decide.
                let named = std::mem::take(&mut self.on_refusal);
                self.rest.clear();
                self.put_first(named);
            }
            _ if error.next() == Next::Stop => return Err(self.with_earlier(error)),
            _ => {}
        }
        if error.code() == RESTING {
            self.skips.push(error);
        } else {
            self.failures.push(error);
        }
        Ok(())
    }

    /// Nobody is left. Those that were not asked say less than those that failed.
    pub(super) fn exhausted(mut self) -> Error {
        self.skips.append(&mut self.failures);
        Error::exhausted(self.skips)
    }

    /// Only windows that are larger, or unknown, are worth another try.
    fn too_long(&mut self, at: Option<&Target>) {
        let known = self.asked.iter().find(|(target, _)| Some(target) == at);
        if let Some(window) = known.and_then(|(_, window)| *window) {
            let is_larger =
                |candidate: &Candidate| candidate.window.is_none_or(|other| other > window);
            self.rest.retain(is_larger);
        }
        let named = std::mem::take(&mut self.on_context);
        self.put_first(named);
    }

    fn put_first(&mut self, named: Vec<Target>) {
        let rest = &mut self.rest;
        for target in named.into_iter().rev() {
            if self.asked.iter().any(|(known, _)| *known == target) {
                continue;
            }
            rest.retain(|candidate| candidate.target != target);
            rest.push(Candidate {
                target,
                verdict: Verdict::Asked,
                window: None,
                reasons: Vec::new(),
            });
        }
    }

    fn with_earlier(&mut self, error: Error) -> Error {
        let mut failures = std::mem::take(&mut self.failures);
        if failures.is_empty() {
            return error;
        }
        failures.push(error);
        Error::exhausted(failures)
    }
}

/// How long a target is left alone from now.
pub(super) fn wait(health: &Health, target: &Target, now: Instant) -> Duration {
    match health.glance(target, now).admission {
        Admission::Open | Admission::Probe => Duration::ZERO,
        Admission::Closed(wait) | Admission::Throttled(wait) => wait,
    }
}
