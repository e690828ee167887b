//! Spans on their way to the collector: written as they come, in batches that are sent as they are.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use super::spans::Span;
use super::{json, protobuf};
use crate::config::traces::{Protocol, Traces};

/// What waits to be sent. It is counted in requests, each of which stands for its spans.
#[derive(Debug)]
pub(super) struct Outbox {
    protocol: Protocol,
    resource: Vec<(String, String)>,
    /// So many requests are sent at once.
    most_sent: usize,
    /// So many may wait.
    most_waiting: usize,
    waiting: Mutex<Waiting>,
    /// Told when the first request waits, and when there is a batch of them.
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The last is being filled.
    batches: VecDeque<Batch>,
    requests: usize,
    /// The last batch had so many bytes: the next one has room for them from the beginning.
    usual: usize,
    /// Nothing more is taken.
    is_closed: bool,
}

/// The spans of some requests, written.
#[derive(Debug)]
pub(super) struct Batch {
    body: Body,
    pub(super) requests: usize,
}

#[derive(Debug)]
enum Body {
    Protobuf(protobuf::Body),
    Json(json::Body),
}

/// How much waits?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    Nothing,
    /// Less than is sent at once.
    Some,
    Batch,
}

impl Outbox {
    pub(super) fn new(settings: &Traces) -> Self {
        Self {
            protocol: settings.protocol,
            resource: resource(settings),
            most_sent: settings.batch,
            most_waiting: settings.queue,
            waiting: Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Takes what is written of each of these, and tells for how many there was no room.
    pub(super) fn put<T>(
        &self,
        requests: impl Iterator<Item = T>,
        mut write: impl FnMut(T, &mut Batch),
    ) -> u64 {
        let mut waiting = self.waiting();
        let (before, mut dropped) = (waiting.requests, 0);
        for request in requests {
            if waiting.is_closed || waiting.requests >= self.most_waiting {
                dropped += 1;
                continue;
            }
            waiting.requests += 1;
            let last = waiting.batches.pop_back();
            let mut batch = match last {
                Some(last) if last.requests < self.most_sent => last,
                full => {
                    waiting.usual = full.as_ref().map_or(waiting.usual, Batch::len);
                    waiting.batches.extend(full);
                    self.batch(waiting.usual)
                }
            };
            batch.requests += 1;
            write(request, &mut batch);
            waiting.batches.push_back(batch);
        }
        let after = waiting.requests;
        drop(waiting);
        let is_first = before == 0 && after > 0;
        if is_first || before < self.most_sent && after >= self.most_sent {
            self.news.notify_one();
        }
        dropped
    }

    pub(super) fn load(&self) -> Load {
        match self.requests() {
            0 => Load::Nothing,
            some if some < self.most_sent => Load::Some,
            _ => Load::Batch,
        }
    }

    /// The batch that has waited longest.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut waiting = self.waiting();
        let batch = waiting.batches.pop_front()?;
        waiting.usual = batch.len();
        waiting.requests -= batch.requests;
        Some(batch)
    }

    /// From now on, nothing is taken.
    pub(super) fn close(&self) {
        self.waiting().is_closed = true;
    }

    /// How many wait.
    pub(super) fn requests(&self) -> usize {
        self.waiting().requests
    }

    fn batch(&self, room: usize) -> Batch {
        let body = match self.protocol {
            Protocol::Protobuf => Body::Protobuf(protobuf::Body::begin(room, &self.resource)),
            Protocol::Json => Body::Json(json::Body::begin(room, &self.resource)),
        };
        Batch { body, requests: 0 }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// One span more.
    pub(super) fn add(&mut self, span: &Span<'_>) {
        match &mut self.body {
            Body::Protobuf(body) => body.add(span),
            Body::Json(body) => body.add(span),
        }
    }

    /// How many bytes are written.
    fn len(&self) -> usize {
        match &self.body {
            Body::Protobuf(body) => body.len(),
            Body::Json(body) => body.len(),
        }
    }

    /// The body of its export.
    pub(super) fn end(self) -> Bytes {
        match self.body {
            Body::Protobuf(body) => body.end(),
            Body::Json(body) => body.end().into(),
        }
    }
}

/// What the environment says of this process, and what we know of it.
fn resource(settings: &Traces) -> Vec<(String, String)> {
    let mut resource = settings.resource.clone();
    let ours = [
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", Uuid::now_v7().to_string()),
        ("telemetry.sdk.language", "rust".to_owned()),
        ("telemetry.sdk.name", "llmgw".to_owned()),
        (
            "telemetry.sdk.version",
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
    ];
    for (name, value) in ours {
        if resource.iter().all(|(known, _)| known != name) {
            resource.push((name.to_owned(), value));
        }
    }
    resource
}
