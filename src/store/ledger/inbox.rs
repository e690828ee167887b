//! Entries on their way to the thread. It is woken once for all that come before it writes: to wake it for each would
//! cost more than to write them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Entry;

/// With so many waiting there is no use in more.
pub(super) const BATCH: usize = 1000;

/// So many wait to be taken.
const MOST_ENTRIES: usize = 8192;

/// Entries on their way to the thread.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    entries: Mutex<Vec<Entry>>,
    dropped: AtomicU64,
}

/// What the thread has to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// There is something, or enough for a batch.
    Wake,
    /// It knows already.
    Nothing,
}

impl Inbox {
    /// Takes entries. What finds no place is dropped, and its requests are counted.
    pub(super) fn put(&self, mut more: Vec<Entry>) -> News {
        let mut entries = self.entries();
        let before = entries.len();
        let room = (MOST_ENTRIES - before).min(more.len());
        let lost = more.drain(room..).map(|entry| u64::from(entry.requests));
        self.count_dropped(lost.sum());
        entries.append(&mut more);
        let now = entries.len();
        if before == 0 || (before < BATCH && now >= BATCH) {
            News::Wake
        } else {
            News::Nothing
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries().len()
    }

    /// Hands all of them over.
    pub(super) fn empty(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries())
    }

    /// So many requests are missing in the ledger.
    pub(super) fn count_dropped(&self, requests: u64) {
        self.dropped.fetch_add(requests, Ordering::Relaxed);
    }

    /// How many requests are missing in the ledger.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
