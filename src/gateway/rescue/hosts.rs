//! Who answered, or was asked to go on, and what there is no use in trying again.

use crate::canonical::rescue::Means;
use crate::target::Target;

/// Everybody who had to do with one answer.
pub(super) struct Hosts(Vec<Host>);

/// One of them.
pub(super) struct Host {
    target: Target,
    /// How often it went on.
    pub(super) rounds: u32,
    pub(super) has_answered: bool,
    /// What there is no use in trying again.
    pub(super) closed: Vec<Means>,
}

impl Hosts {
    /// The one that answers first.
    pub(super) fn begin(target: &Target) -> Self {
        Self(vec![Host {
            has_answered: true,
            ..Host::new(target)
        }])
    }

    /// This one, known or new.
    pub(super) fn get(&mut self, target: &Target) -> &mut Host {
        let known = self.0.iter().position(|host| host.target == *target);
        let host = match known {
            Some(at) => self.0.remove(at),
            None => Host::new(target),
        };
        self.0.push_mut(host)
    }

    /// One that answered before, went on less than `most` times, and is not among these.
    pub(super) fn spare(&self, most: u32, tried: &[Target]) -> Option<Target> {
        let is_left =
            |host: &&Host| host.has_answered && host.rounds < most && !tried.contains(&host.target);
        self.0.iter().find(is_left).map(|host| host.target.clone())
    }
}

impl Host {
    fn new(target: &Target) -> Self {
        Self {
            target: target.clone(),
            rounds: 0,
            has_answered: false,
            closed: Vec::new(),
        }
    }
}
