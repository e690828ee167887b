//! Hedging: a target that is slower than usual gets company, and the first content wins. Off unless a route says so,
//! since the loser's work may have to be paid for; how often it may happen is bounded.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::asked::Asked;
use super::attempt::Attempt;
use super::course::Course;
use super::opened::Opened;
use super::{Gateway, Snapshot};
use crate::config::alias::Hedge;
use crate::error::{Error, Next};
use crate::target::Target;

/// After so many requests the counts are halved, so that a quiet past does not pay for a storm.
const MEMORY: u64 = 10_000;

/// How many requests of a route there were, and how many of them got a second attempt.
#[derive(Debug, Default)]
pub(super) struct Stakes {
    requests: AtomicU64,
    raced: AtomicU64,
}

impl Stakes {
    fn request(&self) {
        if self.requests.fetch_add(1, Ordering::Relaxed) >= MEMORY {
            self.requests.store(MEMORY / 2, Ordering::Relaxed);
            self.raced
                .store(self.raced.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
        }
    }

    /// Takes leave for a second attempt, if the share allows it. Counted before it is compared, so that requests at
    /// once do not pass the same check.
    #[expect(clippy::cast_precision_loss, reason = "the counts stay far below 2^52")]
    fn allows(&self, share: f64) -> bool {
        let raced = self.raced.fetch_add(1, Ordering::Relaxed) + 1;
        let allowed = raced as f64 <= share * self.requests.load(Ordering::Relaxed) as f64;
        if !allowed {
            self.raced.fetch_sub(1, Ordering::Relaxed);
        }
        allowed
    }
}

/// What is to be known for a race.
pub(super) struct Race<'a> {
    hedge: Hedge,
    stakes: &'a Stakes,
    after: Duration,
}

impl<'a> Race<'a> {
    /// The race for this target, if the route has one, and its usual time is known.
    pub(super) fn of(
        gateway: &Gateway,
        snapshot: &'a Snapshot,
        alias: Option<&str>,
        hedge: Option<Hedge>,
        target: &Target,
    ) -> Option<Self> {
        let hedge = hedge?;
        let stakes = snapshot.stakes(alias?)?;
        stakes.request();
        let after = hedge.after.or_else(|| gateway.health.p95(target))?;
        Some(Self {
            hedge,
            stakes,
            after,
        })
    }

    /// Asks the first target, and the next one beside it if the first has said nothing in its usual time. The failures
    /// are those of all that were asked and failed.
    pub(super) async fn run<'b>(
        &self,
        attempt: impl Fn(&'b Target, &'b Course, Option<&'b Target>) -> Attempt<'b>,
        (target, rival, course): (&'b Target, &'b Target, &'b Course),
        asked: &Asked,
    ) -> (Result<Opened, Vec<Error>>, Joined) {
        let first = attempt(target, course, Some(rival));
        let mut first = pin!(first.run(asked));
        tokio::select! {
            biased;
            answer = &mut first => return (answer.map_err(|error| vec![error]), Joined::No),
            () = tokio::time::sleep(self.after) => {}
        }
        if !self.stakes.allows(self.hedge.max_extra) {
            return (first.await.map_err(|error| vec![error]), Joined::No);
        }
        tracing::info!(%target, %rival, "a slow target gets company");
        let second = attempt(rival, course, None);
        let mut second = pin!(second.run(asked));
        // Whoever loses is dropped at the end of this function, and its upstream request with it.
        let (failed, other) = tokio::select! {
            biased;
            answer = &mut first => match answer {
                Ok(opened) => return (Ok(opened), Joined::Yes),
                Err(error) => (error, Other::Second),
            },
            answer = &mut second => match answer {
                Ok(opened) => return (Ok(opened), Joined::Yes),
                Err(error) => (error, Other::First),
            },
        };
        if failed.next() == Next::Stop {
            return (Err(vec![failed]), Joined::Yes);
        }
        let answer = match other {
            Other::First => first.await,
            Other::Second => second.await,
        };
        (answer.map_err(|error| vec![failed, error]), Joined::Yes)
    }
}

/// Was the rival asked?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    Yes,
    No,
}

enum Other {
    First,
    Second,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_second_attempts_is_bounded() {
        let stakes = Stakes::default();
        let mut raced = 0;
        for _ in 0..1000 {
            stakes.request();
            raced += u32::from(stakes.allows(0.03));
        }
        assert_eq!(raced, 30);
    }
}
