//! Records in memory: gone with the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, ready};

use super::record::{Owner, Place, Record};
use super::{Bounds, Clock, Store};

type Key = (Owner, String);

/// Keeps records in memory, the oldest of which make way.
#[derive(Debug)]
pub(super) struct Memory {
    bounds: Bounds,
    now: Clock,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    records: HashMap<Key, Kept>,
    items: HashMap<Key, (String, Place)>,
    /// In the order in which they came, which is the order in which they expire. An entry whose number is not the
    /// record's was put anew since.
    queue: VecDeque<(Key, u64)>,
    bytes: u64,
    next: u64,
}

#[derive(Debug)]
struct Kept {
    record: Arc<Record>,
    expires: u64,
    number: u64,
    names: Names,
}

/// Which items of a record can be found by their ids. Those that came without one get theirs by a hash, which nobody
/// needs until the owner asks for the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Given,
    All,
}

impl Memory {
    pub(super) fn new(bounds: Bounds, now: Clock) -> Self {
        Self {
            bounds,
            now,
            shelf: Mutex::default(),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, owner: &Owner, id: &str) -> Option<Arc<Record>> {
        let shelf = self.shelf();
        let kept = shelf.records.get(&(owner.clone(), id.to_owned()))?;
        (kept.expires > (self.now)()).then(|| kept.record.clone())
    }
}

impl Store for Memory {
    fn put(&self, record: Arc<Record>) {
        if record.bytes > self.bounds.max {
            tracing::warn!(
                id = record.id(),
                bytes = record.bytes,
                "a response is too large to be kept"
            );
            return;
        }
        let now = (self.now)();
        let mut shelf = self.shelf();
        shelf.put(record, now + self.bounds.ttl.as_secs());
        shelf.trim(now, self.bounds.max);
    }

    fn get<'a>(&'a self, owner: &'a Owner, id: &'a str) -> BoxFuture<'a, Option<Arc<Record>>> {
        Box::pin(ready(self.find(owner, id)))
    }

    fn holder<'a>(
        &'a self,
        owner: &'a Owner,
        item: &'a str,
    ) -> BoxFuture<'a, Option<(Arc<Record>, Place)>> {
        let place = self
            .shelf()
            .items
            .get(&(owner.clone(), item.to_owned()))
            .cloned();
        let found = place.and_then(|(id, place)| Some((self.find(owner, &id)?, place)));
        Box::pin(ready(found))
    }

    fn reveal(&self, record: &Record) {
        self.shelf().reveal(record);
    }

    fn delete<'a>(&'a self, owner: &'a Owner, id: &'a str) -> BoxFuture<'a, bool> {
        let key = (owner.clone(), id.to_owned());
        let mut shelf = self.shelf();
        let removed = shelf.remove(&key);
        Box::pin(ready(
            removed.is_some_and(|kept| kept.expires > (self.now)()),
        ))
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

impl Shelf {
    fn put(&mut self, record: Arc<Record>, expires: u64) {
        let key = (record.owner.clone(), record.id().to_owned());
        self.remove(&key);
        let number = self.next;
        self.next += 1;
        self.bytes += record.bytes;
        for (item, place) in record.given_items() {
            self.items
                .insert((key.0.clone(), item), (key.1.clone(), place));
        }
        self.queue.push_back((key.clone(), number));
        self.records.insert(
            key,
            Kept {
                record,
                expires,
                number,
                names: Names::Given,
            },
        );
    }

    fn remove(&mut self, key: &Key) -> Option<Kept> {
        let kept = self.records.remove(key)?;
        self.bytes -= kept.record.bytes;
        match kept.names {
            Names::Given => self.unlist(key, kept.record.given_items()),
            Names::All => self.unlist(key, kept.record.own_items()),
        }
        Some(kept)
    }

    fn unlist(&mut self, key: &Key, items: impl Iterator<Item = (String, Place)>) {
        for (item, _) in items {
            let item = (key.0.clone(), item);
            // A later record may have taken the item over.
            if self.items.get(&item).is_some_and(|(id, _)| *id == key.1) {
                self.items.remove(&item);
            }
        }
    }

    fn reveal(&mut self, record: &Record) {
        let key = (record.owner.clone(), record.id().to_owned());
        let Some(kept) = self.records.get_mut(&key) else {
            return;
        };
        if kept.names == Names::All {
            return;
        }
        kept.names = Names::All;
        for (item, place) in record.unnamed_items() {
            self.items
                .insert((key.0.clone(), item), (key.1.clone(), place));
        }
    }

    /// Lets go of what has expired, and of the oldest until the rest fits.
    fn trim(&mut self, now: u64, max: u64) {
        while let Some((key, number)) = self.queue.front() {
            let kept = self.records.get(key).filter(|kept| kept.number == *number);
            if kept.is_some_and(|kept| kept.expires > now && self.bytes <= max) {
                break;
            }
            let live = kept.is_some();
            if let Some((key, _)) = self.queue.pop_front()
                && live
            {
                self.remove(&key);
            }
        }
    }
}
