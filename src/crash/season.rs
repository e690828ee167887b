//! Faults that show over time: two minutes of requests, one a second, at a target that comes and goes.

use std::fmt::Write as _;
use std::time::Duration;

use super::Run;
use super::fault::{DEAD, Fault};
use super::judge::{Means, Verdict};
use super::stand_in::{Seen, Spread};
use super::trial::{Exchange, Outcome, Rehearsal};
use crate::canonical::request::Delivery;
use crate::config::alias::Policy;
use crate::config::{Breaker, Config};

/// How long it lasts.
const LENGTH: Duration = Duration::from_mins(2);

/// A client asks so often.
const EVERY: Duration = Duration::from_secs(1);

/// Tries the fault.
pub(super) async fn run(config: &Config, route: &str, fault: Fault) -> Run {
    let rehearsal = match Rehearsal::new(config, route, fault, Spread::First) {
        Ok(rehearsal) => rehearsal,
        Err(error) => return Run::impossible(Spread::First, Delivery::Streamed, &error),
    };
    let mut season = Season {
        means: &rehearsal.means,
        breaker: config.defaults.breaker,
        exchanges: Vec::new(),
        back_at: None,
    };
    while rehearsal.stage.elapsed() < LENGTH {
        let exchange = rehearsal.ask(route, Delivery::Streamed).await;
        if season.back_at.is_none()
            && rehearsal.stage.elapsed() > DEAD
            && exchange.target.is_some()
            && exchange.target == rehearsal.stage.seen().faulty
        {
            season.back_at = Some(rehearsal.stage.elapsed());
        }
        let rest = EVERY.saturating_sub(exchange.time);
        season.exchanges.push(exchange);
        tokio::time::sleep(rest).await;
    }
    season.judge(fault, &rehearsal.stage.seen(), rehearsal.stage.elapsed())
}

struct Season<'a> {
    means: &'a Means,
    breaker: Breaker,
    exchanges: Vec<Exchange>,
    /// When the target answered again after its death.
    back_at: Option<Duration>,
}

impl Season<'_> {
    fn judge(&self, fault: Fault, seen: &Seen, length: Duration) -> Run {
        let answered = self.count(|outcome| *outcome == Outcome::Answer);
        let failure = self
            .means
            .nobody()
            .or_else(|| self.wrong())
            .or_else(|| self.unanswered(answered))
            .or_else(|| self.hammered(fault, seen))
            .or_else(|| self.forgotten(fault));
        let all = self.exchanges.len();
        let mut note = format!(
            "{answered} of {all} answered; asked {} times while it was down",
            seen.while_down
        );
        if let Some(at) = self.back_at.filter(|_| fault == Fault::DeadPrimary) {
            let wait = at.saturating_sub(DEAD).as_secs_f64();
            // Writing to a string cannot fail.
            let _ = write!(note, "; used again after {wait:.0} s");
        }
        let verdict = match (&failure, answered == all) {
            (Some(_), _) => Verdict::Failed,
            (None, true) => Verdict::Answered,
            (None, false) => Verdict::Error,
        };
        let last_error = self.exchanges.iter().rev().find_map(code);
        Run {
            spread: Spread::First,
            delivery: Delivery::Streamed,
            verdict,
            answered_by: self
                .exchanges
                .iter()
                .rev()
                .find(|exchange| exchange.outcome == Outcome::Answer)
                .and_then(|exchange| exchange.target.clone()),
            status: last_error.as_ref().map_or(200, |(status, _)| *status),
            code: last_error.map(|(_, code)| code),
            attempts: seen.total(),
            seconds: length.as_secs_f64(),
            note: Some(match failure {
                Some(failure) => format!("{failure} ({note})"),
                None => note,
            }),
        }
    }

    fn count(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        let outcomes = self.exchanges.iter().map(|exchange| &exchange.outcome);
        outcomes.filter(|outcome| is(outcome)).count()
    }

    fn wrong(&self) -> Option<String> {
        let late = |exchange: &Exchange| exchange.time > self.means.longest();
        if self.exchanges.iter().any(late) {
            return Some(format!("longer than {:?}", self.means.longest()));
        }
        self.exchanges
            .iter()
            .find_map(|exchange| match &exchange.outcome {
                Outcome::WrongAnswer(what) => Some(what.clone()),
                Outcome::Answer | Outcome::Failed(_) | Outcome::Refused(..) => None,
            })
    }

    fn unanswered(&self, answered: usize) -> Option<String> {
        let missing = self.exchanges.len() - answered;
        (self.means.asked > 1 && missing > 0)
            .then(|| format!("{missing} were not answered, although another target stood by"))
    }

    /// A dead target may be asked until the breaker opens, and then by probes.
    fn hammered(&self, fault: Fault, seen: &Seen) -> Option<String> {
        let most = self.most_while_dead();
        (fault == Fault::DeadPrimary && seen.while_down > most)
            .then(|| format!("more than {most} times while it was dead"))
    }

    fn most_while_dead(&self) -> u32 {
        let breaker = &self.breaker;
        let failures = breaker.consecutive.min(breaker.min_requests.max(1));
        // Beside another target that is well, one request asks it once.
        let tries = if self.means.asked > 1 {
            1
        } else {
            self.means.retry.attempts
        };
        let (mut probes, mut pause, mut time) = (0_u32, breaker.open, Duration::ZERO);
        while time < DEAD && probes < 1000 {
            time += pause.max(EVERY);
            pause = (pause * 2).min(breaker.open_max);
            probes += 1;
        }
        failures.saturating_mul(tries).saturating_add(probes)
    }

    /// A target that has recovered is used again, as soon as its next probe is due.
    fn forgotten(&self, fault: Fault) -> Option<String> {
        let in_order = match self.means.policy {
            Policy::Failover | Policy::Cheapest | Policy::RoundRobin => true,
            // These may well have no use for it.
            Policy::Weighted | Policy::Fastest => false,
        };
        if fault != Fault::DeadPrimary || !in_order {
            return None;
        }
        let limit = self.breaker.open_max + EVERY * 3;
        match self.back_at {
            Some(at) if at <= DEAD + limit => None,
            Some(at) => Some(format!(
                "used again only {:?} after it recovered",
                at.saturating_sub(DEAD)
            )),
            None if DEAD + limit > LENGTH => None,
            None => Some("never used again after it recovered".to_owned()),
        }
    }
}

fn code(exchange: &Exchange) -> Option<(u16, String)> {
    match &exchange.outcome {
        Outcome::Answer | Outcome::WrongAnswer(_) => None,
        Outcome::Failed(code) => Some((200, code.clone())),
        Outcome::Refused(status, code) => Some((*status, code.clone())),
    }
}
