//! The stand-ins of one trial: every provider of the configuration, answering in its own protocol, one of them or all
//! of them with a fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::dialect::Question;
use super::fault::{Fault, PIECES, sound};
use crate::config::Config;
use crate::gateway::Peers;
use crate::gateway::upstream::{Outgoing, Peer};
use crate::providers::demo::peer::Step;

/// Who has the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// The target that is asked first, whoever that is.
    First,
    /// All of them.
    Everybody,
}

impl Spread {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Everybody => "all",
        }
    }
}

/// The stand-ins, and what they have seen.
#[derive(Debug)]
pub(super) struct Stage {
    fault: Fault,
    spread: Spread,
    began: Instant,
    seen: Mutex<Seen>,
}

/// What the stand-ins have seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The target with the fault, once it is known.
    pub(super) faulty: Option<String>,
    /// How often each target was asked.
    pub(super) asked: BTreeMap<String, u32>,
    /// How often a target was asked while it was down.
    pub(super) while_down: u32,
}

impl Seen {
    /// How often anybody was asked.
    pub(super) fn total(&self) -> u32 {
        self.asked.values().sum()
    }

    /// How often the one with the fault was asked.
    pub(super) fn faulty_asked(&self) -> u32 {
        let faulty = self.faulty.as_ref();
        let asked = faulty.and_then(|name| self.asked.get(name));
        asked.copied().unwrap_or_default()
    }
}

impl Stage {
    /// Sets the stage; the time of the fault runs from now.
    pub(super) fn new(fault: Fault, spread: Spread) -> Arc<Self> {
        Arc::new(Self {
            fault,
            spread,
            began: Instant::now(),
            seen: Mutex::default(),
        })
    }

    /// A stand-in for every provider.
    pub(super) fn peers(self: &Arc<Self>, config: &Config) -> Peers {
        let peer = |name: &str| {
            let (stage, name) = (self.clone(), name.to_owned());
            Peer::of_requests(move |outgoing| stage.answer(&name, outgoing))
        };
        let providers = config.providers.iter();
        providers
            .map(|provider| (provider.name().clone(), peer(provider.name().as_str())))
            .collect()
    }

    /// What they have seen so far.
    pub(super) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// How long the trial has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn answer(&self, provider: &str, outgoing: &Outgoing) -> Vec<Step> {
        let asked = Question::of(outgoing);
        let target = format!("{provider}/{}", asked.model);
        let since = self.elapsed();
        let is_faulty = {
            let mut seen = self.lock();
            let is_faulty = match self.spread {
                Spread::Everybody => true,
                Spread::First => *seen.faulty.get_or_insert_with(|| target.clone()) == target,
            };
            *seen.asked.entry(target).or_default() += 1;
            if is_faulty && self.fault.is_down(since) {
                seen.while_down += 1;
            }
            is_faulty
        };
        let pieces = left(&outgoing.body);
        if is_faulty {
            self.fault.answer(&asked, pieces, since)
        } else {
            sound(&asked, pieces)
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left to say: a model that is shown the beginning of its answer goes on from there.
fn left(body: &[u8]) -> &'static [&'static str] {
    let body = String::from_utf8_lossy(body);
    let said = (1..=PIECES.len()).rev().find(|count| {
        let begun = PIECES.get(..*count).unwrap_or_default().concat();
        body.contains(begun.trim_end())
    });
    PIECES.get(said.unwrap_or(0)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_begun_goes_on() {
        let check = |body: &str, expect: &str| {
            assert_eq!(left(body.as_bytes()).concat(), expect, "{body}");
        };
        check("{}", &PIECES.concat());
        check(
            r#"{"content":"Seven wise owls sat in one old oak and "}"#,
            "counted falling stars.",
        );
        check(
            r#"{"content":"Seven wise owls sat in one old oak and"}"#,
            "counted falling stars.",
        );
    }
}
