//! A streamed answer as an HTTP body: encoded batches, and comments while the upstream is silent.
//!
//! Batches that are ready together leave in one write: a write for each delta would cost more than all translation. Dropping the body drops the events and so the upstream request.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep};

use crate::canonical::event::Batch;
use crate::doors::Encoder;
use crate::gateway::EventStream;
use crate::gateway::gate::Place;
use crate::telemetry::recorder::Recorder;

/// No write is made larger than this on purpose: a client should see the first text before the last is encoded.
const FULL: usize = 64 * 1024;

/// The upstream's connection is a task that hands its bytes over piece by piece, so this one lets it run before it
/// writes: what is there already leaves in the same write, and what is not is not waited for. A server's connection
/// polls its body twice before it yields, hence two turns.
const PATIENCE: u8 = 4;

/// Where the events come from.
pub(super) enum Source {
    /// The answer has begun.
    Events(EventStream),
    /// It has not: headers went out before the model said anything.
    Pending(Pin<Box<dyn Future<Output = EventStream> + Send>>),
}

/// Counts a request as long as it lives, and holds its place among those at once.
#[derive(Debug)]
pub(super) struct InFlight {
    counter: Arc<AtomicUsize>,
    place: Option<Place>,
    /// The count of streams, if it is one.
    streams: Option<Arc<AtomicUsize>>,
}

impl InFlight {
    /// Counts work that goes on for a request that has its place, or needs none.
    pub(super) fn enter(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self {
            counter: counter.clone(),
            place: None,
            streams: None,
        }
    }

    /// Counts a request, and holds its place.
    pub(super) fn holding(counter: &Arc<AtomicUsize>, place: Place) -> Self {
        let mut entered = Self::enter(counter);
        entered.place = Some(place);
        entered
    }
}

impl InFlight {
    /// Its answer is a stream.
    pub(super) fn streaming(mut self, streams: &Arc<AtomicUsize>) -> Self {
        streams.fetch_add(1, Ordering::Relaxed);
        self.streams = Some(streams.clone());
        self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(streams) = &self.streams {
            streams.fetch_sub(1, Ordering::Relaxed);
        }
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of a streamed reply.
pub(super) struct Frames<E> {
    source: Option<Source>,
    encoder: E,
    keep_alive: Duration,
    timer: Pin<Box<Sleep>>,
    last: Instant,
    /// Encoded, and waiting for what may be ready along with it.
    held: BytesMut,
    /// How often in a row there was nothing more to add to it.
    idle: u8,
    recorder: Recorder,
    _in_flight: InFlight,
}

impl<E: Encoder + Unpin> Frames<E> {
    pub(super) fn new(
        source: Source,
        encoder: E,
        keep_alive: Duration,
        (recorder, in_flight): (Recorder, InFlight),
    ) -> Self {
        Self {
            source: Some(source),
            encoder,
            keep_alive,
            timer: Box::pin(sleep(keep_alive)),
            last: Instant::now(),
            held: BytesMut::new(),
            idle: 0,
            recorder,
            _in_flight: in_flight,
        }
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        loop {
            match &mut self.source {
                None => return Poll::Ready(None),
                Some(Source::Events(events)) => return events.poll_next_unpin(cx),
                Some(Source::Pending(pending)) => match pending.poll_unpin(cx) {
                    Poll::Ready(events) => self.source = Some(Source::Events(events)),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// A comment if nothing was sent for so long. The timer is set anew only when it fires, not at each write.
    fn poll_silence(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let mut due = self.last + self.keep_alive;
            if due <= now {
                self.encoder.keep_alive(out);
                self.last = now;
                due = now + self.keep_alive;
            }
            self.timer.as_mut().reset(due);
        }
    }
}

impl<E: Encoder + Unpin> Stream for Frames<E> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut out = std::mem::take(&mut this.held);
        while this.source.is_some() && out.len() < FULL {
            match this.poll_batch(cx) {
                Poll::Ready(Some(batch)) => {
                    this.idle = 0;
                    for emitted in &batch {
                        this.encoder.event(emitted, &mut out);
                    }
                }
                Poll::Ready(None) => {
                    this.encoder.end(&mut out);
                    this.source = None;
                    this.recorder.withheld(this.encoder.withheld());
                    this.recorder.delivered();
                }
                Poll::Pending if !out.is_empty() && this.idle < PATIENCE => {
                    this.idle += 1;
                    this.held = out;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => {
                    if out.is_empty() {
                        this.poll_silence(cx, &mut out);
                    }
                    break;
                }
            }
        }
        this.idle = 0;
        if out.is_empty() {
            return if this.source.is_none() {
                Poll::Ready(None)
            } else {
                Poll::Pending
            };
        }
        this.last = Instant::now();
        Poll::Ready(Some(Ok(out.freeze())))
    }
}
