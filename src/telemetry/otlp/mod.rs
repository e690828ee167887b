//! Traces for an OpenTelemetry collector: OTLP over HTTP, as protobuf or JSON.
//!
//! Off unless the environment asks for it, and then off the way of every reply: a finished request costs a place in a
//! bounded queue, and what finds none is dropped and counted. Spans are made of records after the fact, so that nothing
//! of OpenTelemetry runs where answers are made. They hold names, counts and times; what was said only where
//! `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for it, a key never.
//!
//! There is no crate of OpenTelemetry here: its SDK, with what it needs, is a dozen more, for two kinds of spans.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep_until};

use super::record::Record;
use super::sinks::Sink;
use crate::config::Config;
use crate::config::traces::{Heed, Sampler, Traces};
use crate::gateway::trace::{Sampled, Trace};

mod json;
mod peers;
mod post;
mod protobuf;
mod spans;

use peers::Peers;
use post::Post;

/// How often at most a failure is warned of.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// How long the end of the process may wait for the last exports.
const LAST: Duration = Duration::from_secs(3);

/// What is asked at every request: which are recorded, and where their records go.
#[derive(Debug)]
pub struct Tracer {
    sampler: Sampler,
    peers: Arc<ArcSwap<Peers>>,
    counts: Arc<Counts>,
}

/// How many requests' spans went where.
#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    dropped: AtomicU64,
}

/// Takes records of sampled requests.
#[derive(Debug)]
struct Inlet {
    queue: Sender<Arc<Record>>,
    batch: usize,
    filled: Arc<Notify>,
    counts: Arc<Counts>,
}

/// Takes records to the collector. Somebody has to run it.
#[derive(Debug)]
pub struct Exporter {
    queue: Receiver<Arc<Record>>,
    /// Told of whenever a batch is in the queue.
    filled: Arc<Notify>,
    waiting: Vec<Arc<Record>>,
    settings: Traces,
    post: Post,
    peers: Arc<ArcSwap<Peers>>,
    counts: Arc<Counts>,
    /// When a failure was last warned of, and how many were dropped until then.
    warned: Option<(Instant, u64)>,
}

/// The parts of what is configured: who decides, who takes records, who exports them.
pub fn build(config: &Config) -> Option<(Tracer, Arc<dyn Sink>, Exporter)> {
    let settings = config.traces.clone()?;
    let (sender, queue) = mpsc::channel(settings.queue);
    let peers = Arc::new(ArcSwap::from_pointee(Peers::of(config)));
    let counts = Arc::<Counts>::default();
    let tracer = Tracer {
        sampler: settings.sampler,
        peers: peers.clone(),
        counts: counts.clone(),
    };
    let filled = Arc::<Notify>::default();
    let inlet = Inlet {
        queue: sender,
        batch: settings.batch,
        filled: filled.clone(),
        counts: counts.clone(),
    };
    let exporter = Exporter {
        queue,
        filled,
        waiting: Vec::new(),
        post: Post::new(&settings),
        settings,
        peers,
        counts,
        warned: None,
    };
    Some((tracer, Arc::new(inlet), exporter))
}

impl Tracer {
    /// The place of a request, given what its caller said.
    pub fn place(&self, incoming: Option<Trace>) -> Trace {
        let theirs = incoming.as_ref().map(Trace::sampled);
        let trace = incoming.unwrap_or_else(Trace::root);
        let sampled = match (self.sampler.heed, theirs) {
            (Heed::Caller, Some(theirs)) => theirs,
            (Heed::Caller, None) | (Heed::Nobody, _) => draw(self.sampler.ratio, trace.id),
        };
        trace.spanned(sampled)
    }

    /// The providers are others now.
    pub fn reload(&self, config: &Config) {
        self.peers.store(Arc::new(Peers::of(config)));
    }

    /// How many requests' spans were dropped: the queue was full, or the collector did not take them.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}

/// The trace's id decides, so that all who see it decide alike.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a share needs no more digits, and the lower half of an id is what the SDKs compare"
)]
fn draw(ratio: f64, id: u128) -> Sampled {
    let half = (id as u64) >> 1;
    if (half as f64) < ratio * (i64::MAX as f64) {
        Sampled::Yes
    } else {
        Sampled::No
    }
}

impl Sink for Inlet {
    fn take(&self, records: &[Arc<Record>]) {
        let is_sampled = |record: &&Arc<Record>| {
            let trace = record.trace.as_deref();
            trace.is_some_and(|trace| trace.sampled() == Sampled::Yes)
        };
        for record in records.iter().filter(is_sampled) {
            if self.queue.try_send(record.clone()).is_err() {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        if self.queue.max_capacity() - self.queue.capacity() >= self.batch {
            self.filled.notify_one();
        }
    }
}

impl Exporter {
    /// Exports until nobody is left to bring records. What it has taken when it is broken off, `finish` exports.
    pub async fn run(&mut self) {
        loop {
            // The delay counts from the first record that waits.
            if self.waiting.is_empty() && self.queue.recv_many(&mut self.waiting, 1).await == 0 {
                return;
            }
            let due = Instant::now() + self.settings.delay;
            // Nobody waits at the queue meanwhile: to be woken for each record would cost more than the record.
            while !self.take() && Instant::now() < due {
                tokio::select! {
                    () = self.filled.notified() => {}
                    () = sleep_until(due) => {}
                }
            }
            self.export().await;
        }
    }

    /// Exports what is left, as far as there is time.
    pub async fn finish(&mut self) {
        self.queue.close();
        let limit = self.settings.timeout.min(LAST);
        let all = async {
            loop {
                self.export().await;
                if self
                    .queue
                    .recv_many(&mut self.waiting, self.settings.batch)
                    .await
                    == 0
                {
                    break;
                }
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            let left = self.waiting.len() + self.queue.len();
            self.count_dropped(left);
        }
        self.warn("at shutdown");
    }

    /// Takes what there is. Is that a batch, or the last of all?
    fn take(&mut self) -> bool {
        while self.waiting.len() < self.settings.batch {
            match self.queue.try_recv() {
                Ok(record) => self.waiting.push(record),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
        true
    }

    async fn export(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let body = {
            let peers = self.peers.load();
            let waiting = self.waiting.iter();
            // One after another: all of them at once would be many times what they are written as.
            let spans = waiting.flat_map(|record| spans::of(record, &peers));
            self.post.encode(2 * self.waiting.len(), spans)
        };
        let outcome = self.post.send(body).await;
        let count = self.waiting.len();
        self.waiting.clear();
        match outcome {
            Ok(()) => {
                self.counts
                    .exported
                    .fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(why) => {
                self.count_dropped(count);
                self.warn(&why);
            }
        }
    }

    fn count_dropped(&self, count: usize) {
        self.counts
            .dropped
            .fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Says how much was dropped since the last time, but not at every turn.
    fn warn(&mut self, why: &str) {
        let dropped = self.counts.dropped.load(Ordering::Relaxed);
        let (told_at, told) = self.warned.unzip();
        let is_news = dropped > told.unwrap_or(0);
        if is_news && told_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            let exported = self.counts.exported.load(Ordering::Relaxed);
            tracing::warn!(
                dropped,
                exported,
                "the spans of requests are dropped: {why}"
            );
            self.warned = Some((Instant::now(), dropped));
        }
    }
}

#[cfg(test)]
mod tests;
