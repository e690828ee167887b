//! What was used, by whom, and what it cost: one row for each finished request and model, in the database of stored
//! responses.
//!
//! Entries are handed over and written by a thread of the ledger's own, all that wait in one transaction, at most half a
//! second after the first. So a process that is killed loses the last second at most, and the file is whole. A database
//! that is locked, full or broken costs a warning, and entries wait for it within bounds; no answer waits with them.
//! Rows hold names, counts and times; never a prompt, never a key.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Clock;
use crate::config::{Store as StoreConfig, StoreKind};
use crate::target::Target;
use crate::worker::Worker;

mod inbox;
mod table;
#[cfg(test)]
mod tests;
mod writer;

use inbox::{Inbox, News};
pub use table::read;
use writer::{Order, Writer};

/// So many orders may wait for the thread.
const MOST_ORDERS: usize = 1024;

/// A report that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one request used of one model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// When the request arrived, in Unix milliseconds.
    pub at: u64,
    /// The id that the client got.
    pub request_id: String,
    /// 1, or 0 for what else the request used besides the model that answered.
    pub requests: u8,
    /// 1 if the request failed.
    pub failed: u8,
    /// The protocol that was spoken.
    pub door: &'static str,
    /// How it ended.
    pub outcome: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The name of the client's key; `None` without keys.
    pub key: Option<Arc<str>>,
    /// The alias that was asked for, if one was.
    pub alias: Option<String>,
    /// Who answered, or failed last; `None` if nobody was asked.
    pub target: Option<Target>,
    /// Upstream requests.
    pub attempts: u32,
    /// Tokens of the prompt, cached ones and cache writes included.
    pub input: u64,
    /// Of those, read from a cache.
    pub cached: u64,
    /// Of those, written to a cache.
    pub cache_write: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
    /// Of those, spent on reasoning.
    pub reasoning: u64,
    /// The cost in 10⁻¹² US dollars; `None` if a price is unknown.
    pub cost_pico: Option<u64>,
    /// 1 if something was used whose price is unknown.
    pub unpriced: u8,
    /// From arrival to the first content, in milliseconds.
    pub first_ms: Option<u64>,
    /// From arrival to the end, in milliseconds.
    pub total_ms: u64,
}

/// What a report has one line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// `provider/model`.
    #[default]
    Model,
    /// The client's key.
    Key,
    /// The alias, or the model that was asked for directly.
    Route,
    /// The day, in UTC.
    Day,
}

/// What was used since some time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// What there is a line for.
    pub by: By,
    /// The begin, in Unix seconds.
    pub since: u64,
    /// One for each, by cost, the largest first; days in their order.
    pub rows: Vec<Line>,
    /// All of them.
    pub total: Line,
}

/// Sums.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Line {
    /// What they are of; empty for all together, and for what has no name.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Tokens of prompts, cached ones and cache writes included.
    pub input: u64,
    /// Of those, read from a cache.
    pub cached: u64,
    /// Of those, written to a cache.
    pub cache_write: u64,
    /// Tokens of answers, reasoning included.
    pub output: u64,
    /// Of those, spent on reasoning.
    pub reasoning: u64,
    /// The cost in 10⁻¹² US dollars of all whose price is known.
    #[serde(rename = "cost_usd", serialize_with = "dollars")]
    pub cost_pico: u64,
    /// How many requests used something whose price is unknown; their cost is missing above.
    pub unpriced: u64,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::trivially_copy_pass_by_ref,
    reason = "the nearest number is what is asked for; serde wants a reference"
)]
fn dollars<S: serde::Serializer>(pico: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(*pico as f64 / 1e12)
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Entries are forgotten after this time.
    pub ttl: Duration,
    /// The oldest make way when there are more.
    pub rows: u64,
}

/// Where entries are handed over. Clones are the same; with the last of them the thread writes what is left.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Desk>);

#[derive(Debug)]
struct Desk {
    inbox: Arc<Inbox>,
    orders: SyncSender<Order>,
    _thread: Option<Worker>,
}

impl By {
    /// Reads the word of a flag or a query.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "model" => Some(Self::Model),
            "key" => Some(Self::Key),
            "route" => Some(Self::Route),
            "day" => Some(Self::Day),
            _ => None,
        }
    }
}

impl Ledger {
    /// The ledger that the configuration asks for; `None` if it asks for none. Opens no file yet.
    pub fn new(config: &StoreConfig, now: Clock) -> Option<Self> {
        let retention = Retention {
            ttl: config.usage_ttl,
            rows: config.usage_max,
        };
        let path = place(config)?;
        (!retention.ttl.is_zero()).then(|| Self::at(path, retention, now))
    }

    fn at(path: PathBuf, retention: Retention, now: Clock) -> Self {
        let (orders, queue) = sync_channel(MOST_ORDERS);
        let inbox = Arc::<Inbox>::default();
        let writer = Writer::new(path, retention, now, inbox.clone());
        let started = Worker::begin("llmgw-ledger", move || writer.run(&queue));
        if let Err(error) = &started {
            tracing::warn!("usage is not recorded: no thread for it: {error}");
        }
        Self(Arc::new(Desk {
            inbox,
            orders,
            _thread: started.ok(),
        }))
    }

    /// Hands entries over. Returns at once; what finds no place is dropped and counted.
    pub fn add(&self, entries: Vec<Entry>) {
        if self.0.inbox.put(entries) == News::Wake {
            // Too many orders: then the thread is awake, and looks before each. Nobody there: then the inbox fills up,
            // and what comes after is counted.
            let _busy_or_gone = self.0.orders.try_send(Order::Wake);
        }
    }

    /// How many requests are missing: the queue was full, or the database could not be written for too long.
    pub fn dropped(&self) -> u64 {
        self.0.inbox.dropped()
    }

    /// What was used since that time (Unix seconds), with everything that was handed over until now.
    pub async fn report(&self, since: u64, by: By) -> Option<Report> {
        self.ask(|answer| Order::Report(since, by, answer)).await
    }

    /// Waits until what was handed over is written.
    pub async fn flush(&self) {
        // Nothing to say: either all is written, or the thread has warned.
        self.ask(Order::Flush).await;
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<Option<T>>) -> Order) -> Option<T> {
        let (answer, reply) = oneshot::channel();
        if self.0.orders.try_send(order(answer)).is_err() {
            tracing::warn!("the ledger is too busy to be read");
            return None;
        }
        // A thread that is gone or too slow has warned itself.
        timeout(PATIENCE, reply).await.ok()?.ok()?
    }
}

/// The database that holds the ledger; `None` if none does.
pub fn place(config: &StoreConfig) -> Option<PathBuf> {
    match config.kind {
        StoreKind::Sqlite => config.path.clone().or_else(super::place::database),
        StoreKind::Memory | StoreKind::None => None,
    }
}
