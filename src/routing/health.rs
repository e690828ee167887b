//! What real traffic says about each target: a circuit breaker, and how fast it answers.
//!
//! The breaker is kept for each provider *and* model, so that one bad model never takes its siblings down. It opens on
//! failures in a row or on their share of a window, lets one probe through every few seconds, and closes on the first
//! success, because providers recover. A provider that names a time to wait is left alone for exactly that long, and
//! then is as good as before: it was alive when it said so.
//!
//! Time comes in from outside, so that plans and tests decide what now is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Breaker;
use crate::target::Target;

/// Model names come from clients, so what is remembered is bounded; the least recently used is forgotten.
const MOST_TARGETS: usize = 2000;

/// Outcomes older than the window are dropped; more than this many are not needed to tell a rate.
const MOST_OUTCOMES: usize = 512;

/// How much the latest time counts in the average.
const SMOOTHING: f64 = 0.2;

/// So many latest times tell the 95th percentile.
const MOST_TIMES: usize = 100;

/// How an attempt ended, as far as the target's health is concerned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// It answered; the time to its first content.
    Answered(Duration),
    /// What it had begun to answer ended properly.
    Finished,
    /// What it had begun to answer broke off.
    Cut,
    /// It failed for a reason that lies with it.
    Failed,
    /// It asked to be left alone for so long.
    Throttled(Duration),
    /// The attempt was given up by us, or failed for the request's sake: says nothing.
    Nothing,
}

/// May the target be asked?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Open,
    /// Yes, to see whether it has recovered; the next answer decides.
    Probe,
    /// Not for so long: it keeps failing.
    Closed(Duration),
    /// Not for so long: it said so itself.
    Throttled(Duration),
}

/// What a plan may know of a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glance {
    /// May it be asked?
    pub admission: Admission,
    /// The average time to first content; `None` before the first answer.
    pub first_content: Option<Duration>,
    /// How many answers that average rests on.
    pub answers: u64,
}

impl Glance {
    /// Of a target that nobody knows anything about.
    pub const UNKNOWN: Self = Self {
        admission: Admission::Open,
        first_content: None,
        answers: 0,
    };
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    /// Left alone until then; the pause that led to it.
    Open {
        until: Instant,
        pause: Duration,
    },
    /// It asked to be left alone until then.
    Throttled {
        until: Instant,
    },
    /// A probe is on its way since then.
    Probing {
        since: Instant,
        pause: Duration,
    },
}

#[derive(Debug)]
struct Circuit {
    state: State,
    outcomes: VecDeque<(Instant, bool)>,
    in_a_row: u32,
    cuts_in_a_row: u32,
    average: Option<f64>,
    answers: u64,
    times: VecDeque<Duration>,
    used: Instant,
}

/// The health of all targets.
#[derive(Debug, Default)]
pub struct Health {
    circuits: Mutex<HashMap<Target, Circuit>>,
}

impl Health {
    /// Looks without changing anything: for plans.
    pub fn glance(&self, target: &Target, now: Instant) -> Glance {
        self.with(|circuits| match circuits.get(target) {
            None => Glance::UNKNOWN,
            Some(circuit) => Glance {
                admission: circuit.admission(now),
                first_content: circuit.average.map(Duration::from_secs_f64),
                answers: circuit.answers,
            },
        })
    }

    /// All targets that were asked lately, as they are now.
    pub fn survey(&self, now: Instant) -> Vec<(Target, Admission)> {
        self.with(|circuits| {
            let circuits = circuits.iter();
            circuits
                .map(|(target, circuit)| (target.clone(), circuit.admission(now)))
                .collect()
        })
    }

    /// Asks to make an attempt. A probe is given to one caller at a time.
    pub fn admit(&self, target: &Target, now: Instant) -> Admission {
        self.with(|circuits| match circuits.get_mut(target) {
            None => Admission::Open,
            Some(circuit) => {
                let admission = circuit.admission(now);
                if let (
                    Admission::Probe,
                    State::Open { pause, .. } | State::Probing { pause, .. },
                ) = (admission, circuit.state)
                {
                    circuit.state = State::Probing { since: now, pause };
                }
                admission
            }
        })
    }

    /// Tells how an attempt ended, and what the breaker made of it.
    pub fn record(
        &self,
        target: &Target,
        outcome: Outcome,
        rules: &Breaker,
        now: Instant,
    ) -> Change {
        self.with(|circuits| {
            if circuits.len() >= MOST_TARGETS && !circuits.contains_key(target) {
                let oldest = circuits
                    .iter()
                    .min_by_key(|(_, circuit)| circuit.used)
                    .map(|(target, _)| target.clone());
                if let Some(oldest) = oldest {
                    circuits.remove(&oldest);
                }
            }
            circuits
                .entry(target.clone())
                .or_insert_with(|| Circuit::new(now))
                .record(outcome, rules, now)
        })
    }

    /// The 95th percentile of the time to first content; `None` while there are too few answers to tell.
    pub fn p95(&self, target: &Target) -> Option<Duration> {
        self.with(|circuits| {
            let mut times: Vec<Duration> = circuits.get(target)?.times.iter().copied().collect();
            if times.len() < 20 {
                return None;
            }
            times.sort_unstable();
            times.get(times.len() * 95 / 100).copied()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Target, Circuit>) -> T) -> T {
        work(&mut self.circuits.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a breaker did when it was told of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It opened, for so long.
    Opened(Duration),
    /// It closed again.
    Recovered,
}

impl Circuit {
    fn new(now: Instant) -> Self {
        Self {
            state: State::Closed,
            outcomes: VecDeque::new(),
            in_a_row: 0,
            cuts_in_a_row: 0,
            average: None,
            answers: 0,
            times: VecDeque::new(),
            used: now,
        }
    }

    fn admission(&self, now: Instant) -> Admission {
        match self.state {
            State::Closed => Admission::Open,
            State::Throttled { until } if now >= until => Admission::Open,
            State::Throttled { until } => Admission::Throttled(until - now),
            State::Open { until, .. } if now >= until => Admission::Probe,
            State::Open { until, .. } => Admission::Closed(until - now),
            // A probe whose end nobody reported is given up after its pause, or a lost one would close the target.
            State::Probing { since, pause } if now >= since + pause => Admission::Probe,
            State::Probing { since, pause } => Admission::Closed(since + pause - now),
        }
    }

    fn record(&mut self, outcome: Outcome, rules: &Breaker, now: Instant) -> Change {
        self.used = now;
        match outcome {
            Outcome::Answered(time) => self.answered(time, rules, now),
            Outcome::Finished => {
                self.cuts_in_a_row = 0;
                Change::None
            }
            Outcome::Cut => {
                self.cuts_in_a_row = self.cuts_in_a_row.saturating_add(1);
                self.failed(rules, now)
            }
            Outcome::Failed => self.failed(rules, now),
            Outcome::Throttled(wait) => {
                let until = now + wait;
                // Of two waits the longer one holds, whichever reply came last.
                if !matches!(self.state, State::Throttled { until: known } if known >= until) {
                    self.state = State::Throttled { until };
                }
                Change::Opened(wait)
            }
            Outcome::Nothing => {
                if let State::Probing { pause, .. } = self.state {
                    // The probe said nothing, so the next caller may probe.
                    self.state = State::Open { until: now, pause };
                }
                Change::None
            }
        }
    }

    fn answered(&mut self, time: Duration, rules: &Breaker, now: Instant) -> Change {
        self.note(now, true, rules);
        self.in_a_row = 0;
        self.answers += 1;
        let seconds = time.as_secs_f64();
        self.average = Some(
            self.average
                .map_or(seconds, |average| average + SMOOTHING * (seconds - average)),
        );
        if self.times.len() >= MOST_TIMES {
            self.times.pop_front();
        }
        self.times.push_back(time);
        match self.state {
            // A wait that is over needs no closing: it counts as closed.
            State::Closed | State::Throttled { .. } => Change::None,
            State::Open { .. } | State::Probing { .. } => {
                self.state = State::Closed;
                self.outcomes.clear();
                Change::Recovered
            }
        }
    }

    fn failed(&mut self, rules: &Breaker, now: Instant) -> Change {
        self.note(now, false, rules);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let is_over =
            self.in_a_row.max(self.cuts_in_a_row) >= rules.consecutive || self.rate_is_over(rules);
        // An attempt that began before the target was left alone changes nothing.
        let pause = match self.state {
            State::Probing { pause, .. } => (pause * 2).min(rules.open_max),
            State::Throttled { until } if now >= until && is_over => rules.open,
            State::Closed if is_over => rules.open,
            State::Open { .. } | State::Throttled { .. } | State::Closed => return Change::None,
        };
        self.state = State::Open {
            until: now + pause,
            pause,
        };
        Change::Opened(pause)
    }

    fn note(&mut self, now: Instant, good: bool, rules: &Breaker) {
        while self.outcomes.len() >= MOST_OUTCOMES
            || self
                .outcomes
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) > rules.window)
        {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((now, good));
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 512 outcomes are counted"
    )]
    fn rate_is_over(&self, rules: &Breaker) -> bool {
        let all = self.outcomes.len();
        let bad = self.outcomes.iter().filter(|(_, good)| !good).count();
        all >= usize::try_from(rules.min_requests).unwrap_or(usize::MAX)
            && bad as f64 >= rules.error_rate * all as f64
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
