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
use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::record::Record;
use super::sinks::Sink;
use crate::config::Config;
use crate::config::traces::{Heed, Sampler, Traces};
use crate::gateway::trace::{Sampled, Trace};

mod attributes;
mod batch;
mod json;
mod peers;
mod post;
mod protobuf;
mod spans;

use batch::{Load, Outbox};
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
    outbox: Arc<Outbox>,
    peers: Arc<ArcSwap<Peers>>,
    counts: Arc<Counts>,
}

/// Takes spans to the collector. Somebody has to run it.
#[derive(Debug)]
pub struct Exporter {
    outbox: Arc<Outbox>,
    /// Of how many requests something is being sent, and what.
    sending: Option<(usize, Bytes)>,
    settings: Traces,
    post: Post,
    counts: Arc<Counts>,
    /// When a failure was last warned of, and how many were dropped until then.
    warned: Option<(Instant, u64)>,
}

/// Was there something to export?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exported {
    Nothing,
    Some,
}

/// The parts of what is configured: who decides, who takes records, who exports them.
pub fn build(config: &Config) -> Option<(Tracer, Arc<dyn Sink>, Exporter)> {
    let settings = config.traces.clone()?;
    let peers = Arc::new(ArcSwap::from_pointee(Peers::of(config)));
    let counts = Arc::<Counts>::default();
    let outbox = Arc::new(Outbox::new(&settings));
    let tracer = Tracer {
        sampler: settings.sampler,
        peers: peers.clone(),
        counts: counts.clone(),
    };
    let inlet = Inlet {
        outbox: outbox.clone(),
        peers,
        counts: counts.clone(),
    };
    let exporter = Exporter {
        outbox,
        sending: None,
        post: Post::new(&settings),
        settings,
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
    fn take(&self, records: &[Record]) {
        let is_sampled = |record: &&Record| {
            let trace = record.trace.as_deref();
            trace.is_some_and(|trace| trace.sampled() == Sampled::Yes)
        };
        let peers = self.peers.load();
        let sampled = records.iter().filter(is_sampled);
        // Written while the records are at hand: a record that waits takes more room, and is far when it is wanted again.
        let mut room = Vec::new();
        let dropped = self.outbox.put(sampled, |record, batch| {
            spans::each(record, &peers, &mut room, |span| batch.add(span));
        });
        if dropped > 0 {
            self.counts.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }
}

impl Exporter {
    /// Exports what comes. It never ends; what it is sending when it is broken off, `finish` sends.
    pub async fn run(&mut self) {
        loop {
            // The delay counts from the first request that waits.
            while self.outbox.load() == Load::Nothing {
                self.outbox.news.notified().await;
            }
            let due = Instant::now() + self.settings.delay;
            while self.outbox.load() != Load::Batch && Instant::now() < due {
                tokio::select! {
                    () = self.outbox.news.notified() => {}
                    () = sleep_until(due) => {}
                }
            }
            self.export().await;
        }
    }

    /// Exports what is left, as far as there is time.
    pub async fn finish(&mut self) {
        self.outbox.close();
        let limit = self.settings.timeout.min(LAST);
        let all = async { while self.export().await == Exported::Some {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            let broken_off = self.sending.take().map_or(0, |(requests, _)| requests);
            self.count_dropped(broken_off + self.outbox.requests());
        }
        self.warn("at shutdown");
    }

    /// Sends the next batch, or what an earlier call was broken off with.
    async fn export(&mut self) -> Exported {
        if self.sending.is_none() {
            let batch = self.outbox.take();
            self.sending = batch.map(|batch| (batch.requests, self.post.pack(batch)));
        }
        let Some((requests, body)) = &self.sending else {
            return Exported::Nothing;
        };
        let (requests, outcome) = (*requests, self.post.send(body.clone()).await);
        self.sending = None;
        match outcome {
            Ok(()) => {
                self.counts
                    .exported
                    .fetch_add(requests as u64, Ordering::Relaxed);
            }
            Err(why) => {
                self.count_dropped(requests);
                self.warn(&why);
            }
        }
        Exported::Some
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
