//! What is kept between requests: responses with the input that led to them, so that conversations can go on by id, and
//! what requests used.
//!
//! Everything belongs to an [`Owner`], the client's key, and nobody else's lookups find it. Writing never stands in the
//! way of an answer, and never fails one: what cannot be kept is not kept, with a warning. Nothing here knows HTTP.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::config::{Store as StoreConfig, StoreKind};

mod database;
pub mod ledger;
mod memory;
pub mod place;
pub mod record;
pub mod seal;
mod writer;

use memory::Memory;
use record::{Owner, Place, Record};
use writer::Sqlite;

/// Tells the time in Unix seconds.
pub type Clock = fn() -> u64;

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// A record is forgotten after this time.
    pub ttl: Duration,
    /// The oldest records make way when there are more bytes than this.
    pub max: u64,
}

/// What a request without `store` is given: enough for the turns of a tool loop.
const BRIEFLY: Bounds = Bounds {
    ttl: Duration::from_hours(1),
    max: 64 * 1024 * 1024,
};

/// One place where records are kept.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Keeps a record, in place of another of the same id. Returns at once.
    fn put(&self, record: Arc<Record>);

    /// The record of this id.
    fn get<'a>(&'a self, owner: &'a Owner, id: &'a str) -> BoxFuture<'a, Option<Arc<Record>>>;

    /// The record that holds the item of this id, and where it stands in it.
    fn holder<'a>(
        &'a self,
        owner: &'a Owner,
        item: &'a str,
    ) -> BoxFuture<'a, Option<(Arc<Record>, Place)>>;

    /// The ids of all the record's items are told to its owner, so they must be found from now on.
    fn reveal(&self, _record: &Record) {}

    /// Forgets a record. False if there was none.
    fn delete<'a>(&'a self, owner: &'a Owner, id: &'a str) -> BoxFuture<'a, bool>;

    /// Waits until what was put is where it shall be.
    fn flush(&self) -> BoxFuture<'_, ()>;
}

/// For how long a response is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Not at all.
    Nothing,
    /// In memory, an hour.
    Briefly,
    /// As the configuration says.
    Lasting,
}

/// All places together: memory in front, and what the configuration names behind it.
#[derive(Debug)]
pub struct Archive {
    brief: Memory,
    lasting: Option<Box<dyn Store>>,
}

impl Archive {
    /// The archive that the configuration asks for. Opens no file yet.
    pub fn new(config: &StoreConfig, now: Clock) -> Self {
        let bounds = Bounds {
            ttl: config.ttl,
            max: config.max,
        };
        let lasting: Option<Box<dyn Store>> = match config.kind {
            StoreKind::Sqlite => {
                let path = config.path.clone().or_else(place::database);
                Some(Box::new(Sqlite::new(path, bounds, now)))
            }
            StoreKind::Memory => Some(Box::new(Memory::new(bounds, now))),
            StoreKind::None => None,
        };
        Self {
            brief: Memory::new(BRIEFLY, now),
            lasting,
        }
    }

    /// May responses be kept at all?
    pub fn keeps(&self) -> bool {
        self.lasting.is_some()
    }

    /// Keeps a record. What is written to a file is in memory too, so that the next request finds it at once.
    pub fn put(&self, record: &Arc<Record>, keep: Keep) {
        if keep == Keep::Nothing {
            return;
        }
        self.brief.put(record.clone());
        if let (Keep::Lasting, Some(lasting)) = (keep, &self.lasting) {
            lasting.put(record.clone());
        }
    }

    /// The record of this id.
    pub async fn get(&self, owner: &Owner, id: &str) -> Option<Arc<Record>> {
        if let Some(record) = self.brief.get(owner, id).await {
            return Some(record);
        }
        self.lasting.as_ref()?.get(owner, id).await
    }

    /// The record that holds the item of this id, and where it stands in it.
    pub async fn holder(&self, owner: &Owner, item: &str) -> Option<(Arc<Record>, Place)> {
        if let Some(found) = self.brief.holder(owner, item).await {
            return Some(found);
        }
        self.lasting.as_ref()?.holder(owner, item).await
    }

    /// The ids of all the record's items are told to its owner.
    pub fn reveal(&self, record: &Record) {
        self.brief.reveal(record);
        if let Some(lasting) = &self.lasting {
            lasting.reveal(record);
        }
    }

    /// Forgets a record everywhere. False if there was none.
    pub async fn delete(&self, owner: &Owner, id: &str) -> bool {
        let brief = self.brief.delete(owner, id).await;
        let lasting = match &self.lasting {
            Some(lasting) => lasting.delete(owner, id).await,
            None => false,
        };
        brief || lasting
    }

    /// Waits until what was put is where it shall be, for the end of the process.
    pub async fn flush(&self) {
        if let Some(lasting) = &self.lasting {
            lasting.flush().await;
        }
    }
}

#[cfg(test)]
mod tests;
