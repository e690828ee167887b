//! What is measured at the moment of the reading, and not counted.

use super::exposition::Page;
use super::vocabulary::Vocabulary;
use crate::gateway::keys::KeyState;
use crate::routing::health::Admission;
use crate::target::{ProviderName, Target};

/// The state of the gateway at one moment.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Requests at once.
    pub in_flight: usize,
    /// Streams among them.
    pub streams: usize,
    /// How often the configuration was taken, the first time included.
    pub generation: u64,
    /// Whether the last file was sound.
    pub reload: Reload,
    /// The targets that were asked lately.
    pub targets: Vec<(Target, Admission)>,
    /// The keys of the providers that have any.
    pub keys: Vec<(ProviderName, Vec<KeyState>)>,
    /// Lines of the log that were lost.
    pub lost_lines: u64,
}

/// What became of the last file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reload {
    /// It holds.
    #[default]
    Taken,
    /// It is broken.
    Refused,
}

impl Gauges {
    pub(super) fn write(&self, page: &mut Page, words: &Vocabulary) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let plain = |page: &mut Page, name, help, value| {
            page.gauges(name, help, &[], [([], value)]);
        };
        let in_flight = count(self.in_flight);
        plain(page, "llmgw_inflight", "Requests at once.", in_flight);
        let streams = count(self.streams);
        plain(page, "llmgw_streams_open", "Streams being sent.", streams);
        self.breakers(page, words);
        let most = self.keys.iter().map(|(_, states)| states.len()).max();
        let numbers: Vec<String> = (1..=most.unwrap_or(0)).map(|at| at.to_string()).collect();
        let keys = self.keys.iter().flat_map(|(provider, states)| {
            states.iter().zip(&numbers).map(move |(state, number)| {
                let key = [provider.as_str(), number.as_str()];
                let up = match state {
                    KeyState::Ready => 1,
                    KeyState::Resting | KeyState::Retired => 0,
                };
                (key, up)
            })
        });
        page.gauges(
            "llmgw_key_up",
            "Whether a provider's key can be used: not while it rests at a limit, nor once it was refused.",
            &["provider", "key"],
            keys,
        );
        let lost = [([], self.lost_lines)];
        let help = "Lines of the log that could not be written.";
        page.counters("llmgw_log_dropped_total", help, &[], lost);
        let sound = match self.reload {
            Reload::Taken => 1,
            Reload::Refused => 0,
        };
        plain(
            page,
            "llmgw_config_reload_success",
            "Whether the last configuration that was read is sound, and holds.",
            sound,
        );
        plain(
            page,
            "llmgw_config_generation",
            "How often a configuration was taken.",
            self.generation,
        );
        page.gauges(
            "llmgw_build_info",
            "Which program this is.",
            &["version"],
            [([env!("CARGO_PKG_VERSION")], 1)],
        );
    }

    /// Models that share a label are told by the worst of them.
    fn breakers(&self, page: &mut Page, words: &Vocabulary) {
        let mut worst = std::collections::BTreeMap::<[&str; 2], u64>::new();
        for (target, admission) in &self.targets {
            let state = match admission {
                Admission::Open => 0,
                Admission::Probe => 1,
                Admission::Closed(_) | Admission::Throttled(_) => 2,
            };
            let whom = words.whom(target);
            let known = worst.entry([whom.provider, whom.model]).or_default();
            *known = state.max(*known);
        }
        page.gauges(
            "llmgw_breaker_state",
            "Whether a target is asked: 0 yes, 1 to see whether it has recovered, 2 it is left alone.",
            &["provider", "model"],
            worst,
        );
    }
}
