//! A bound on how many are inside at once, and a short queue before it. Whoever finds the queue full, or waits in vain,
//! is told so at once and when to come back: a long queue only makes everybody late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Nobody waits longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// So many may wait for each so many inside: an eighth of them, but a few in any case.
const QUEUE_SHARE: usize = 8;
const SHORTEST_QUEUE: usize = 4;

/// What those who are not let in are told: come back in a second.
pub const COME_BACK: Duration = Duration::from_secs(1);

/// The code of an error that says that `max_in_flight` of the provider is reached.
pub(super) const PROVIDER_BUSY: &str = "provider_busy";

/// A bound with a queue.
#[derive(Debug)]
pub struct Gate {
    limit: usize,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A place inside, for as long as it lives.
pub type Place = OwnedSemaphorePermit;

/// Is it worth waiting for a place?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Yes, for a short time.
    Queue,
    /// No: there is somewhere else to go.
    Glance,
}

/// There is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Gate {
    /// Lets so many in.
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            limit,
            slots: Arc::new(Semaphore::new(limit)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// How many it lets in.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many are inside.
    pub fn inside(&self) -> usize {
        self.limit.saturating_sub(self.slots.available_permits())
    }

    /// A place, at once or after a short wait in the queue.
    pub async fn enter(&self, manner: Manner) -> Result<Place, Full> {
        if let Ok(place) = self.slots.clone().try_acquire_owned() {
            return Ok(place);
        }
        let queue = (self.limit / QUEUE_SHARE).max(SHORTEST_QUEUE);
        if manner == Manner::Glance || self.waiting.fetch_add(1, Ordering::Relaxed) >= queue {
            if manner == Manner::Queue {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
            }
            return Err(Full);
        }
        // Counts down also when the wait is given up from outside.
        let _waiting = Waiting(&self.waiting);
        match timeout(LONGEST_WAIT, self.slots.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // Nobody closes the semaphore, so the other case is the time that ran out.
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_bound_holds_and_the_queue_is_short() {
        let gate = Gate::new(2);
        let first = gate.enter(Manner::Queue).await.expect("room");
        let _second = gate.enter(Manner::Queue).await.expect("room");
        assert_eq!(gate.enter(Manner::Glance).await.err(), Some(Full));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut waiting: Vec<_> = (0..5)
            .map(|_| Box::pin(gate.enter(Manner::Queue)))
            .collect();
        for one in &mut waiting[..4] {
            assert!(one.as_mut().poll(&mut cx).is_pending());
        }
        let last = waiting[4].as_mut().poll(&mut cx);
        assert!(matches!(last, std::task::Poll::Ready(Err(Full))));
        drop(first);
        assert!(
            waiting.remove(0).await.is_ok(),
            "the first in the queue gets the place"
        );
        drop(waiting);
        assert_eq!(gate.inside(), 1, "who gives up waiting takes no place");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_in_vain_is_sent_away() {
        let gate = Gate::new(1);
        let _held = gate.enter(Manner::Queue).await.expect("room");
        let began = tokio::time::Instant::now();
        assert_eq!(gate.enter(Manner::Queue).await.err(), Some(Full));
        assert_eq!(began.elapsed(), LONGEST_WAIT);
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }
}
