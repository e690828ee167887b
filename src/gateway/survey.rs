//! How each provider fares, for whoever watches over a gateway: what real traffic says, and the state of the keys.
//!
//! Nothing is asked for it, and no model is named: names come from clients, and this is for anybody's eyes.

use tokio::time::Instant;

use super::Gateway;
use super::keys::{Census, KeyState};
use crate::routing::health::Admission;
use crate::target::{ProviderName, Target};

/// How a provider fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fares {
    /// It has no key, so it is not asked.
    Asleep,
    /// Nobody has asked it yet, or not for long.
    Unknown,
    /// All of its models that were asked answer.
    Well,
    /// Some of its models are left alone, or some of its keys are.
    Partly,
    /// All of its models that were asked are left alone, or all of its keys are.
    Badly,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub name: ProviderName,
    /// How it fares.
    pub fares: Fares,
    /// How many of its models were asked lately.
    pub models: usize,
    /// How many of those are left alone for now.
    pub resting: usize,
    /// Its keys; none where a command tells the key, or none is needed.
    pub keys: Census,
}

impl Gateway {
    /// The targets that were asked lately, as they are now.
    pub fn targets(&self) -> Vec<(Target, Admission)> {
        self.health.survey(Instant::now())
    }

    /// The keys of each provider that has any.
    pub fn keys(&self) -> Vec<(ProviderName, Vec<KeyState>)> {
        let (snapshot, now) = (self.snapshot(), Instant::now());
        let providers = snapshot.config.providers.iter();
        let keys = providers.filter_map(|provider| {
            let states = snapshot.member(provider.name()).ok()?.keys.each(now);
            (!states.is_empty()).then(|| (provider.name().clone(), states))
        });
        keys.collect()
    }

    /// All configured providers, in their order.
    pub fn survey(&self) -> Vec<Report> {
        let (snapshot, now) = (self.snapshot(), Instant::now());
        let targets = self.health.survey(now);
        let report = |provider: &crate::config::provider::ProviderConfig| {
            let name = provider.name();
            let of_it = targets
                .iter()
                .filter(|(target, _)| target.provider == *name);
            let (mut models, mut resting) = (0, 0);
            for (_, admission) in of_it {
                models += 1;
                match admission {
                    Admission::Open => {}
                    Admission::Probe | Admission::Closed(_) | Admission::Throttled(_) => {
                        resting += 1;
                    }
                }
            }
            let keys = match snapshot.member(name) {
                Ok(member) => member.keys.census(now),
                Err(_) => Census::default(),
            };
            let fares = if provider.is_awake() {
                fares(models, resting, keys)
            } else {
                Fares::Asleep
            };
            Report {
                name: name.clone(),
                fares,
                models,
                resting,
                keys,
            }
        };
        snapshot.config.providers.iter().map(report).collect()
    }
}

fn fares(models: usize, resting: usize, keys: Census) -> Fares {
    let unusable = keys.resting + keys.retired;
    if (models > 0 && resting == models) || (unusable > 0 && keys.ready == 0) {
        return Fares::Badly;
    }
    match (models, resting, unusable) {
        (0, _, 0) => Fares::Unknown,
        (_, 0, 0) => Fares::Well,
        (_, _, _) => Fares::Partly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_fares_as_its_models_and_its_keys_do() {
        let check = |models, resting, (ready, limited, retired), expect| {
            let keys = Census {
                ready,
                resting: limited,
                retired,
            };
            assert_eq!(
                fares(models, resting, keys),
                expect,
                "{models} {resting} {keys:?}"
            );
        };
        check(0, 0, (1, 0, 0), Fares::Unknown);
        check(0, 0, (0, 0, 0), Fares::Unknown);
        check(2, 0, (1, 0, 0), Fares::Well);
        check(2, 1, (1, 0, 0), Fares::Partly);
        check(2, 2, (1, 0, 0), Fares::Badly);
        check(2, 0, (1, 1, 0), Fares::Partly);
        check(2, 0, (0, 1, 1), Fares::Badly);
        check(0, 0, (0, 0, 1), Fares::Badly);
    }
}
