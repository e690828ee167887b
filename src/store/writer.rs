//! The thread that owns the database: the reply path hands records over and goes on.
//!
//! Reading goes through the same queue, so that a record is found as soon as it was put. A database that is locked,
//! full or broken costs a warning and what should have been kept, and is tried again later.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::database::{Database, Fault};
use super::record::{Owner, Place, Record};
use super::{Bounds, Clock, Store};

/// So many orders may wait.
const MOST_ORDERS: usize = 1024;

/// So many bytes may wait to be written.
const MOST_WAITING: u64 = 128 * 1024 * 1024;

/// A lookup that takes longer has found nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database that cannot be opened is tried again after this time, and warned of as often.
const AGAIN: Duration = Duration::from_secs(30);

/// Keeps records in a database file.
#[derive(Debug)]
pub(super) struct Sqlite {
    orders: SyncSender<Order>,
    waiting: Arc<AtomicU64>,
}

type Answer<T> = oneshot::Sender<Option<T>>;

enum Order {
    Put(Arc<Record>),
    Get(Owner, String, Answer<Arc<Record>>),
    Holder(Owner, String, Answer<(Arc<Record>, Place)>),
    Delete(Owner, String, Answer<bool>),
    Flush(Answer<()>),
}

impl Sqlite {
    /// The store in this file, which is opened when it is first needed.
    pub(super) fn new(path: Option<PathBuf>, bounds: Bounds, now: Clock) -> Self {
        let (orders, queue) = sync_channel(MOST_ORDERS);
        let waiting = Arc::new(AtomicU64::new(0));
        let worker = Worker {
            path,
            bounds,
            now,
            waiting: waiting.clone(),
            database: None,
            failed: None,
            warned: None,
        };
        let started = thread::Builder::new()
            .name("llmgw-store".to_owned())
            .spawn(move || worker.run(&queue));
        if let Err(error) = started {
            tracing::warn!("responses are not stored: no thread for it: {error}");
        }
        Self { orders, waiting }
    }

    async fn ask<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Option<T> {
        let (answer, reply) = oneshot::channel();
        if self.orders.try_send(order(answer)).is_err() {
            tracing::warn!("the store is too busy for a lookup");
            return None;
        }
        // A thread that is gone or too slow has warned itself; here it means that nothing was found.
        timeout(PATIENCE, reply).await.ok()?.ok()?
    }
}

impl Store for Sqlite {
    fn put(&self, record: Arc<Record>) {
        let bytes = record.bytes;
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let id = record.id().to_owned();
        if waiting > MOST_WAITING || self.orders.try_send(Order::Put(record)).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            tracing::warn!(id, "a response is not stored: the store is too slow");
        }
    }

    fn get<'a>(&'a self, owner: &'a Owner, id: &'a str) -> BoxFuture<'a, Option<Arc<Record>>> {
        Box::pin(self.ask(|answer| Order::Get(owner.clone(), id.to_owned(), answer)))
    }

    fn holder<'a>(
        &'a self,
        owner: &'a Owner,
        item: &'a str,
    ) -> BoxFuture<'a, Option<(Arc<Record>, Place)>> {
        Box::pin(self.ask(|answer| Order::Holder(owner.clone(), item.to_owned(), answer)))
    }

    fn delete<'a>(&'a self, owner: &'a Owner, id: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let order = |answer| Order::Delete(owner.clone(), id.to_owned(), answer);
            self.ask(order).await == Some(true)
        })
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Nothing to say: either all is written, or the thread has warned.
            self.ask(Order::Flush).await;
        })
    }
}

/// The thread's side.
struct Worker {
    path: Option<PathBuf>,
    bounds: Bounds,
    now: Clock,
    waiting: Arc<AtomicU64>,
    database: Option<Database>,
    failed: Option<Instant>,
    warned: Option<Instant>,
}

impl Worker {
    fn run(mut self, queue: &Receiver<Order>) {
        while let Ok(order) = queue.recv() {
            self.obey(order);
        }
    }

    /// Whoever asked may be gone: an answer that nobody takes is dropped.
    fn obey(&mut self, order: Order) {
        let now = (self.now)();
        match order {
            Order::Put(record) => {
                let done = self.with(|database| database.put(&record, now));
                self.waiting.fetch_sub(record.bytes, Ordering::Relaxed);
                if done.is_none() {
                    tracing::debug!(id = record.id(), "a response is not stored");
                }
            }
            Order::Get(owner, id, answer) => {
                let found = self.with(|database| database.get(&owner, &id, now));
                let _gone = answer.send(found.flatten());
            }
            Order::Holder(owner, item, answer) => {
                let found = self.with(|database| database.holder(&owner, &item, now));
                let _gone = answer.send(found.flatten());
            }
            Order::Delete(owner, id, answer) => {
                let _gone = answer.send(self.with(|database| database.delete(&owner, &id)));
            }
            Order::Flush(answer) => {
                let _gone = answer.send(Some(()));
            }
        }
    }

    /// Does something with the database. A fault is warned of, and the file is opened anew the next time.
    fn with<T>(&mut self, work: impl FnOnce(&mut Database) -> Result<T, Fault>) -> Option<T> {
        if self.database.is_none() {
            if self.failed.is_some_and(|at| at.elapsed() < AGAIN) {
                return None;
            }
            let path = self.path.as_deref();
            let opened = path.ok_or_else(|| Fault::from("there is no state directory"));
            match opened.and_then(|path| Database::open(path, self.bounds, (self.now)())) {
                Ok(database) => self.database = Some(database),
                Err(fault) => {
                    self.failed = Some(Instant::now());
                    self.warn(&fault);
                    return None;
                }
            }
        }
        let done = work(self.database.as_mut()?);
        match done {
            Ok(done) => Some(done),
            Err(fault) => {
                self.database = None;
                self.warn(&fault);
                None
            }
        }
    }

    fn warn(&mut self, fault: &Fault) {
        if self.warned.is_some_and(|at| at.elapsed() < AGAIN) {
            return;
        }
        self.warned = Some(Instant::now());
        let path = self.path.as_deref().map(|path| path.display().to_string());
        tracing::warn!(path, "responses are not stored: {fault}");
    }
}
