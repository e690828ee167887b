//! The keys of one provider: used in turn, rested when a limit is hit, retired when they are refused.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::target::ProviderName;

/// A key at its limit rests so long if the provider names no time.
const SHORT_REST: Duration = Duration::from_secs(1);

/// A key whose quota is used up rests so long before it is tried again.
const LONG_REST: Duration = Duration::from_mins(1);

/// Several keys.
#[derive(Debug)]
pub(super) struct Keyring {
    keys: Vec<Secret>,
    states: Mutex<Vec<State>>,
    next: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Resting(Instant),
    Retired,
}

/// The state of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It can be used.
    Ready,
    /// It rests at a limit, and comes back.
    Resting,
    /// The provider refuses it.
    Retired,
}

/// How many keys there are of each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// They can be used.
    pub ready: usize,
    /// They rest at a limit, and come back.
    pub resting: usize,
    /// The provider refuses them.
    pub retired: usize,
}

/// A key that was lent for one request.
#[derive(Debug, Clone)]
pub(super) struct Lent {
    /// The key; `None` where the provider needs none.
    pub(super) secret: Option<Secret>,
    /// Which one it is, if there are several.
    pub(super) at: Option<usize>,
}

/// Is there another key to try at once?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    /// Yes: the failure was this key's alone.
    Key,
    /// No.
    None,
}

impl Keyring {
    pub(super) fn new(keys: Vec<Secret>) -> Self {
        Self {
            states: Mutex::new(vec![State::Ready; keys.len()]),
            keys,
            next: AtomicUsize::new(0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The next key that is ready; without one, the one that is ready soonest. A refused key is the last resort, so
    /// that a provider that was wrong for a moment does not lock itself out.
    pub(super) fn lend(&self, now: Instant) -> Lent {
        if let [only] = self.keys.as_slice() {
            return Lent {
                secret: Some(only.clone()),
                at: None,
            };
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let states = self.states();
        let count = self.keys.len().max(1);
        let rest = |at: &usize| match states.get(*at) {
            Some(State::Resting(until)) => until.saturating_duration_since(now),
            Some(State::Retired) => Duration::MAX,
            Some(State::Ready) | None => Duration::ZERO,
        };
        let at = (0..count)
            .map(|step| turn.wrapping_add(step) % count)
            .min_by_key(rest);
        Lent {
            secret: at.and_then(|at| self.keys.get(at).cloned()),
            at,
        }
    }

    /// Takes note of a failure with that key.
    pub(super) fn blame(
        &self,
        at: Option<usize>,
        error: &Error,
        provider: &ProviderName,
        now: Instant,
    ) -> Other {
        let state = match error.kind() {
            Kind::UpstreamAuth => State::Retired,
            Kind::RateLimited => State::Resting(now + error.retry_after().unwrap_or(SHORT_REST)),
            Kind::QuotaExhausted | Kind::UpstreamBilling => State::Resting(now + LONG_REST),
            _ => return Other::None,
        };
        let Some(at) = at else {
            if state == State::Retired {
                tracing::error!(%provider, "the provider refuses its API key");
            }
            return Other::None;
        };
        let mut states = self.states();
        if let Some(known) = states.get_mut(at)
            && *known != State::Retired
        {
            *known = state;
            if state == State::Retired {
                tracing::error!(%provider, key = at + 1, "the provider refuses this API key: it is used no more");
            }
        }
        let is_ready = |state: &State| match state {
            State::Ready => true,
            State::Resting(until) => *until <= now,
            State::Retired => false,
        };
        if states.iter().any(is_ready) {
            Other::Key
        } else {
            Other::None
        }
    }

    /// How long until a key is ready again; `None` if no key's rest is what stands in the way.
    pub(super) fn soonest(&self, now: Instant) -> Option<Duration> {
        let wait = |state: &State| match state {
            State::Ready => Some(Duration::ZERO),
            State::Resting(until) => Some(until.saturating_duration_since(now)),
            State::Retired => None,
        };
        self.states().iter().filter_map(wait).min()
    }

    /// The states of all keys.
    pub(super) fn census(&self, now: Instant) -> Census {
        let mut census = Census::default();
        for state in self.each(now) {
            match state {
                KeyState::Resting => census.resting += 1,
                KeyState::Ready => census.ready += 1,
                KeyState::Retired => census.retired += 1,
            }
        }
        census
    }

    /// The state of each key, in their order.
    pub(super) fn each(&self, now: Instant) -> Vec<KeyState> {
        let state = |state: &State| match state {
            State::Resting(until) if *until > now => KeyState::Resting,
            State::Ready | State::Resting(_) => KeyState::Ready,
            State::Retired => KeyState::Retired,
        };
        self.states().iter().map(state).collect()
    }

    fn states(&self) -> std::sync::MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Keyring {
        Keyring::new(
            ["a", "b", "c"]
                .map(|key| Secret::new(key.to_owned()))
                .to_vec(),
        )
    }

    fn used(ring: &Keyring, times: usize, now: Instant) -> String {
        let name = |_| ring.lend(now).secret.map(|key| key.expose().to_owned());
        (0..times).filter_map(name).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_used_in_turn_and_a_refused_one_no_more() {
        let (ring, now) = (ring(), Instant::now());
        assert_eq!(used(&ring, 6, now), "abcabc");
        let refused = Error::new(Kind::UpstreamAuth, "no");
        assert_eq!(ring.blame(Some(1), &refused, &"p".into(), now), Other::Key);
        assert!(!used(&ring, 9, now + Duration::from_secs(1000)).contains('b'));
        ring.blame(Some(0), &refused, &"p".into(), now);
        assert_eq!(ring.blame(Some(2), &refused, &"p".into(), now), Other::None);
        assert_eq!(used(&ring, 3, now).len(), 3, "the last resort");
        let retired = Census {
            retired: 3,
            ..Census::default()
        };
        assert_eq!(ring.census(now), retired);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_at_its_limit_rests_as_long_as_it_was_told() {
        let (ring, now) = (ring(), Instant::now());
        let limited =
            Error::new(Kind::RateLimited, "slow").with_retry_after(Some(Duration::from_secs(7)));
        assert_eq!(ring.blame(Some(0), &limited, &"p".into(), now), Other::Key);
        assert!(!used(&ring, 6, now + Duration::from_secs(6)).contains('a'));
        let census = ring.census(now + Duration::from_secs(6));
        assert_eq!((census.ready, census.resting, census.retired), (2, 1, 0));
        assert_eq!(ring.census(now + Duration::from_secs(7)).ready, 3);
        assert!(used(&ring, 6, now + Duration::from_secs(7)).contains('a'));
        ring.blame(Some(1), &limited, &"p".into(), now + Duration::from_secs(1));
        assert_eq!(
            ring.blame(Some(2), &limited, &"p".into(), now + Duration::from_secs(2)),
            Other::None
        );
        assert_eq!(
            ring.soonest(now + Duration::from_secs(2)),
            Some(Duration::from_secs(5))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_fault_of_a_request_is_no_fault_of_the_key() {
        let (ring, now) = (ring(), Instant::now());
        let error = Error::new(Kind::UpstreamInvalid, "bad");
        assert_eq!(ring.blame(Some(0), &error, &"p".into(), now), Other::None);
        assert_eq!(used(&ring, 3, now), "abc");
    }
}
