//! What the gateway does before an answer begins, in the words of the terminal: a line beside the spinner while it
//! lasts, and a note where somebody else answers in the end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Kind};
use crate::gateway::progress::{Progress, Watcher};
use crate::target::Target;

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A model's first word.
    Answer(String),
    /// The moment to ask again.
    Pause {
        why: &'static str,
        until: Instant,
        /// Which repetition it will be, and of how many.
        count: Option<(u32, u32)>,
    },
}

/// What has happened so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Follower(Arc<Mutex<Steps>>);

#[derive(Debug, Default)]
struct Steps {
    phase: Option<Phase>,
    /// Those that were asked in vain, and why.
    left: Vec<(Target, &'static str)>,
}

impl Follower {
    /// Tells this follower.
    pub(crate) fn watcher(&self) -> Watcher {
        let follower = self.clone();
        Watcher::new(move |progress| follower.take(progress))
    }

    /// The phase, if it has changed since it was last asked for.
    pub(crate) fn news(&self) -> Option<Phase> {
        self.steps(|steps| steps.phase.take())
    }

    /// What to say now that this one answers: who was passed over on the way.
    pub(crate) fn notes(&self, answers: &Target) -> Vec<String> {
        let left = self.steps(|steps| std::mem::take(&mut steps.left));
        left.into_iter()
            .map(|(target, why)| format!("note: {target} {why}, using {answers}"))
            .collect()
    }

    fn take(&self, progress: Progress<'_>) {
        self.steps(|steps| match progress {
            Progress::Asking(target) => steps.phase = Some(Phase::Answer(target.to_string())),
            Progress::Resting(_, wait) => {
                steps.phase = Some(pause("rate limited", wait, None));
            }
            Progress::Retrying {
                error,
                wait,
                again,
                most,
            } => steps.phase = Some(pause(trouble(error), wait, Some((again, most)))),
            Progress::MovedOn(error) => {
                let target = error.target().cloned();
                steps
                    .left
                    .extend(target.map(|target| (target, verdict(error))));
            }
        });
    }

    fn steps<T>(&self, act: impl FnOnce(&mut Steps) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Phase {
    /// The line beside the spinner.
    pub(crate) fn line(&self, now: Instant) -> String {
        match self {
            Self::Answer(target) => format!("waiting for {target}"),
            Self::Pause { why, until, count } => {
                let left = until.saturating_duration_since(now);
                // Full seconds, upwards: it never says that no time is left while there is some.
                let seconds = left.as_millis().div_ceil(1000);
                let count = match count {
                    Some((again, most)) => format!(" ({again}/{most})"),
                    None => String::new(),
                };
                format!("{why}, retrying in {seconds}s{count}")
            }
        }
    }
}

fn pause(why: &'static str, wait: Duration, count: Option<(u32, u32)>) -> Phase {
    Phase::Pause {
        why,
        until: Instant::now() + wait,
        count,
    }
}

/// Why one target is asked again, in two words.
fn trouble(error: &Error) -> &'static str {
    match error.kind() {
        Kind::RateLimited => "rate limited",
        Kind::Overloaded => "overloaded",
        Kind::Unreachable => "not reachable",
        Kind::Timeout => "no answer",
        Kind::StreamCut => "cut off",
        _ => "failed",
    }
}

/// What is wrong with a target, after its name.
fn verdict(error: &Error) -> &'static str {
    match error.kind() {
        Kind::RateLimited => "is rate limited",
        Kind::Overloaded => "is overloaded",
        Kind::Unreachable => "cannot be reached",
        Kind::Timeout => "does not answer",
        Kind::QuotaExhausted | Kind::UpstreamBilling => "has no quota left",
        Kind::UpstreamAuth => "refuses the key",
        Kind::ContextLength => "takes no prompt of this length",
        Kind::Unsupported => "cannot take this request",
        Kind::ModelNotFound | Kind::ModelUnavailable => "is not available",
        Kind::StreamCut => "broke off",
        // The rest has no name that would help; `-v` tells the whole story.
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_counted_down_in_full_seconds() {
        let now = Instant::now();
        let check = |millis, count, expect: &str| {
            let phase = Phase::Pause {
                why: "rate limited",
                until: now + Duration::from_millis(millis),
                count,
            };
            assert_eq!(phase.line(now), expect);
        };
        check(4000, Some((1, 2)), "rate limited, retrying in 4s (1/2)");
        check(3999, Some((1, 2)), "rate limited, retrying in 4s (1/2)");
        check(3001, None, "rate limited, retrying in 4s");
        check(0, None, "rate limited, retrying in 0s");
    }

    #[test]
    fn who_was_passed_over_is_told_once_somebody_answers() {
        let follower = Follower::default();
        let first = Target::new("openai", "gpt-6-luna");
        let second = Target::new("anthropic", "claude-haiku-5-5");
        follower.take(Progress::Asking(&first));
        assert_eq!(
            follower.news(),
            Some(Phase::Answer("openai/gpt-6-luna".to_owned()))
        );
        assert_eq!(follower.news(), None);
        let error = Error::new(Kind::RateLimited, "slow down").at(&first);
        follower.take(Progress::MovedOn(&error));
        assert_eq!(
            follower.notes(&second),
            ["note: openai/gpt-6-luna is rate limited, using anthropic/claude-haiku-5-5"]
        );
        assert!(follower.notes(&second).is_empty());
    }
}
