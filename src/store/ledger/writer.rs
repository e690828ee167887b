//! The thread that owns the ledger.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::inbox::{BATCH, Inbox};
use super::table::Table;
use super::{By, Entry, Report, Retention};
use crate::store::Clock;
use crate::store::database::Fault;

/// An entry waits for others so long: with what a commit takes, a second is not exceeded.
const DELAY: Duration = Duration::from_millis(500);

/// So many wait for a database that cannot be written.
const MOST_WAITING: usize = 20_000;

/// A database that could not be written is tried again after this time.
const AGAIN: Duration = Duration::from_secs(2);

/// How often at most a fault is warned of, and old entries are looked for.
const EVERY: Duration = Duration::from_mins(1);

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// There are entries.
    Wake,
    Report(u64, By, oneshot::Sender<Option<Report>>),
    Flush(oneshot::Sender<Option<()>>),
}

/// The thread's side.
pub(super) struct Writer {
    path: PathBuf,
    retention: Retention,
    now: Clock,
    inbox: Arc<Inbox>,
    table: Option<Table>,
    waiting: Vec<Entry>,
    /// When what waits is to be written.
    due: Option<Instant>,
    /// When the database was last found wanting.
    failed: Option<Instant>,
    warned: Option<Instant>,
    trimmed: Instant,
}

impl Writer {
    pub(super) fn new(path: PathBuf, retention: Retention, now: Clock, inbox: Arc<Inbox>) -> Self {
        Self {
            path,
            retention,
            now,
            inbox,
            table: None,
            waiting: Vec::new(),
            due: None,
            failed: None,
            warned: None,
            trimmed: Instant::now(),
        }
    }

    /// Until nobody is left to give orders.
    pub(super) fn run(mut self, queue: &Receiver<Order>) {
        loop {
            let order = match self.due {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => queue.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match order {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => self.write(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.write();
                    return;
                }
            }
        }
    }

    /// Whoever asked may be gone: an answer that nobody takes is dropped.
    pub(super) fn obey(&mut self, order: Order) {
        self.look();
        match order {
            Order::Wake => {}
            Order::Report(since, by, answer) => {
                self.write();
                let _gone = answer.send(self.with(|table| table.report(since, by)));
            }
            Order::Flush(answer) => {
                self.write();
                let _gone = answer.send(Some(()));
            }
        }
    }

    /// What is in the inbox stays there until its time, or until it is enough: then nobody wakes us for more of it.
    fn look(&mut self) {
        let entries = self.inbox.len();
        if entries > 0 {
            self.due.get_or_insert_with(|| Instant::now() + DELAY);
        }
        if entries < BATCH {
            return;
        }
        // A database that has failed is left alone until its time.
        if self.failed.is_none() {
            self.write();
        } else {
            self.take();
        }
    }

    fn take(&mut self) {
        let mut entries = self.inbox.empty();
        let room = MOST_WAITING.saturating_sub(self.waiting.len());
        if entries.len() > room {
            let lost = entries.drain(room..).map(|it| u64::from(it.requests));
            let lost = lost.sum();
            self.inbox.count_dropped(lost);
        }
        self.waiting.append(&mut entries);
    }

    fn write(&mut self) {
        self.take();
        self.due = None;
        let entries = std::mem::take(&mut self.waiting);
        if entries.is_empty() {
            return;
        }
        let (now, trims) = ((self.now)(), self.trimmed.elapsed() >= EVERY);
        let written = self.with(|table| table.add(&entries));
        if written.is_none() {
            self.waiting = entries;
            self.due = Some(Instant::now() + AGAIN);
        } else if trims {
            self.trimmed = Instant::now();
            // A fault has been warned of; what is too old is so the next time, too.
            self.with(|table| table.trim(now));
        }
    }

    /// Does something with the database. A fault is warned of, and the file is opened anew the next time.
    fn with<T>(&mut self, work: impl FnOnce(&mut Table) -> Result<T, Fault>) -> Option<T> {
        let attempt = || {
            let table = if let Some(table) = &mut self.table {
                table
            } else {
                let table = Table::open(&self.path, self.retention, (self.now)())?;
                self.table.insert(table)
            };
            work(table)
        };
        match attempt() {
            Ok(done) => {
                self.failed = None;
                Some(done)
            }
            Err(fault) => {
                self.table = None;
                self.failed = Some(Instant::now());
                self.warn(&fault);
                None
            }
        }
    }

    fn warn(&mut self, fault: &Fault) {
        if self.warned.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.warned = Some(Instant::now());
        let (waiting, dropped) = (self.waiting.len(), self.inbox.dropped());
        tracing::warn!(path = %self.path.display(), waiting, dropped, "usage cannot be recorded: {fault}");
    }

    #[cfg(test)]
    pub(super) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    #[cfg(test)]
    pub(super) fn table(&mut self) -> Option<&mut Table> {
        self.table.as_mut()
    }
}
