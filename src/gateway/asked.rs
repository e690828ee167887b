//! What one client's request has cost and taught so far, over all its targets.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::time::Instant;

use super::Gateway;
use crate::error::Remedy;
use crate::providers::Remedies;
use crate::target::Target;

/// One request's own account.
#[derive(Debug, Default)]
pub(super) struct Asked {
    requests: AtomicU32,
    /// When the first of them went out.
    first: OnceLock<Instant>,
    /// The targets that cannot read this conversation's thinking.
    unread: Mutex<Vec<Target>>,
}

impl Asked {
    /// One more upstream request goes out: how many that makes, and when the first went.
    pub(super) fn once_more(&self, now: Instant) -> (u32, Instant) {
        let count = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        (count, *self.first.get_or_init(|| now))
    }

    /// So many so far.
    pub(super) fn count(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Remembers what a target taught. What is true of this conversation alone is not held against others: their
    /// thinking is good.
    pub(super) fn learn(&self, gateway: &Gateway, target: &Target, remedy: &Remedy) {
        if *remedy != Remedy::DropReasoning {
            return gateway.learn(target, remedy.clone());
        }
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if !unread.contains(target) {
            unread.push(target.clone());
        }
    }

    /// What is known of a target.
    pub(super) fn remedies(&self, gateway: &Gateway, target: &Target) -> Remedies {
        let mut remedies = gateway.remedies(target);
        let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if unread.contains(target) {
            remedies.add(Remedy::DropReasoning);
        }
        remedies
    }
}
