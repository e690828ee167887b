//! An answer on its way: upstream bytes to frames, frames to verbs, verbs to events.

use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::alarm::{Alarm, Limit};
use super::bill::Bill;
use super::gate::Place;
use super::journal::{Leg, Tokens};
use super::tariff::Tariff;
use super::ticket::Watch;
use super::upstream::{Chunks, Incoming};
use super::wait::late;
use super::{Clock, EventStream};
use crate::canonical::compose::Composer;
use crate::canonical::event::{Batch, Emitted};
use crate::canonical::open::Open;
use crate::canonical::request::Delivery;
use crate::canonical::usage::Usage;
use crate::catalog::usd::Usd;
use crate::config::alias::Timeouts;
use crate::error::{Error, Kind};
use crate::providers::{Decoder, Loss};
use crate::target::Target;
use crate::wire::sse;

/// A whole reply may be this large.
pub(super) const MOST_REPLY_BYTES: usize = 64 * 1024 * 1024;

/// How long the end of a body is waited for once its answer is whole.
const LINGER: Duration = Duration::from_millis(50);

/// What an answer needs to know of its request.
pub(super) struct Start {
    pub(super) delivery: Delivery,
    pub(super) first_token: Instant,
    pub(super) timeouts: Timeouts,
    pub(super) clock: Clock,
    /// The place at the provider, for as long as the answer takes.
    pub(super) place: Option<Place>,
}

/// How the upstream frames its reply.
enum Framing {
    Events(sse::Reader),
    Document(BytesMut),
}

/// An answer broke off.
pub(super) struct Broken {
    /// What came before.
    pub(super) seen: Batch,
    /// Why.
    pub(super) error: Error,
}

/// Reads one upstream reply.
pub(super) struct Running {
    chunks: Option<Chunks>,
    framing: Framing,
    decoder: Box<dyn Decoder>,
    composer: Composer,
    start: Start,
    content: bool,
    alarm: Alarm,
    note: Value,
    watch: Option<Watch>,
    leg: Leg,
    tariff: Tariff,
    /// What the same answer has cost before.
    paid: Bill,
    #[cfg(debug_assertions)]
    grammar: crate::canonical::grammar::Grammar,
}

impl Running {
    /// On the heap: it is large, and handed on through every future around it.
    pub(super) fn new(
        incoming: Incoming,
        decoder: Box<dyn Decoder>,
        composer: Composer,
        start: Start,
    ) -> Box<Self> {
        let is_events = incoming
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                value
                    .trim_start()
                    .to_ascii_lowercase()
                    .starts_with("text/event-stream")
            });
        let framing = if is_events {
            Framing::Events(sse::Reader::default())
        } else {
            Framing::Document(BytesMut::new())
        };
        Box::new(Self {
            chunks: Some(incoming.body),
            framing,
            decoder,
            composer,
            start,
            content: false,
            alarm: Alarm::default(),
            note: Value::Null,
            watch: None,
            leg: Leg::default(),
            tariff: Tariff::default(),
            paid: Bill::default(),
            #[cfg(debug_assertions)]
            grammar: crate::canonical::grammar::Grammar::default(),
        })
    }

    /// What the terminal response says of how it came about, under `llmgw`.
    pub(super) fn note(
        &mut self,
        alias: Option<&str>,
        target: &Target,
        attempts: u32,
        losses: &[Loss],
    ) {
        let losses: Vec<&str> = losses.iter().map(|loss| loss.field.as_str()).collect();
        self.note = json!({
            "model": target.joined(), "route": alias, "attempts": attempts, "losses": losses,
        });
    }

    /// Reads on until the model has said something. Until then a failure is an error, and nobody has seen anything.
    pub(super) async fn first_content(&mut self, total: Instant) -> Result<Batch, Error> {
        let mut held = Batch::new();
        while !self.content && !self.composer.is_ended() {
            self.read(self.first_limit(total)).await?;
            if let Some(failure) = self.composer.failure() {
                return Err(failure.clone());
            }
            let batch = self.composer.take();
            self.content = batch.iter().any(is_content);
            held.extend(batch);
        }
        Ok(held)
    }

    /// A stream must begin by its first-token limit, anything by the total. Of a whole reply only the total counts.
    fn first_limit(&self, total: Instant) -> (Limit, &'static str) {
        match self.framing {
            Framing::Events(_) if self.start.first_token < total => {
                (Limit::At(self.start.first_token), "first_token")
            }
            _ => (Limit::At(total), "total"),
        }
    }

    /// From here on the target's health hears of a break.
    pub(super) fn watched_by(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// What the upstream has counted so far, and what that costs.
    pub(super) fn counted(&self, tariff: &Tariff) -> Option<(Tokens, Option<Usd>)> {
        let usage = self.composer.usage_so_far()?;
        let cost = tariff.charge(usage, self.composer.head());
        Some((Tokens::from(usage), cost))
    }

    /// From here on the journal hears of the end. `paid` is what the same answer has cost before.
    pub(super) fn noted_by(&mut self, leg: Leg, tariff: Tariff, paid: Bill) {
        (self.leg, self.tariff, self.paid) = (leg, tariff, paid);
    }

    /// Finishes the batch that was held back. Is the answer whole already? Then the target's health hears of it.
    pub(super) fn is_over(&mut self, first: &mut Batch) -> bool {
        self.finish_batch(first);
        if let (true, Some(watch)) = (self.composer.is_ended(), &self.watch) {
            watch.ended(None);
        }
        self.composer.is_ended()
    }

    /// The rest of the answer, after the batch that was held back.
    pub(super) fn into_events(self: Box<Self>, first: Batch) -> EventStream {
        let held = futures_util::stream::iter([first]);
        held.chain(unfold(self, |mut running| async move {
            let batch = running.next().await?;
            Some((batch, running))
        }))
        .boxed()
    }

    /// What the terminal response says of how it came about.
    pub(super) fn told(&self) -> Value {
        self.note.clone()
    }

    /// The counts as far as they are known, and what they cost.
    pub(super) fn spent(&self) -> (Option<&Usage>, Option<Usd>) {
        let usage = self.composer.usage_so_far();
        let cost = usage.and_then(|usage| self.tariff.charge(usage, self.composer.head()));
        (usage, cost)
    }

    /// The next events of an answer that somebody goes on with if it breaks.
    pub(super) async fn next_or_break(&mut self) -> Result<Batch, Broken> {
        let mut batch = Batch::new();
        while batch.is_empty() && !self.composer.is_ended() {
            let idle = Limit::After(self.start.timeouts.idle);
            let read = self.read((idle, "idle")).await;
            batch = self.composer.take();
            if let Err(error) = read {
                self.chunks = None;
                self.start.place = None;
                if let Some(watch) = &self.watch {
                    watch.ended(Some(&error));
                }
                self.finish_batch(&mut batch);
                let counted = self.counted(&self.tariff);
                self.leg.breaks(&self.composer, &self.tariff);
                self.leg.cut(&error, counted);
                return Err(Broken { seen: batch, error });
            }
        }
        if self.composer.is_ended() {
            self.start.place = None;
            if let Some(watch) = &self.watch {
                watch.ended(None);
            }
        }
        self.finish_batch(&mut batch);
        Ok(batch)
    }

    /// The next events; after content nothing is an error any more, it is an answer that failed.
    async fn next(&mut self) -> Option<Batch> {
        if self.composer.is_ended() {
            self.read_out().await;
            return None;
        }
        let mut batch = Batch::new();
        while batch.is_empty() {
            let idle = Limit::After(self.start.timeouts.idle);
            if let Err(error) = self.read((idle, "idle")).await {
                self.chunks = None;
                self.composer.give_up(&error);
            }
            batch = self.composer.take();
            if self.composer.is_ended() {
                // The place is free for another as soon as the upstream has nothing more to say.
                self.start.place = None;
                if let Some(watch) = &self.watch {
                    watch.ended(self.composer.failure());
                }
                break;
            }
        }
        self.finish_batch(&mut batch);
        Some(batch)
    }

    /// One read from the upstream, decoded.
    async fn read(&mut self, (limit, which): (Limit, &'static str)) -> Result<(), Error> {
        let Some(chunks) = &mut self.chunks else {
            self.composer.end();
            return Ok(());
        };
        let chunk = match self.alarm.within(limit, chunks.next()).await {
            Some(chunk) => chunk?,
            None => return Err(self.silence(which)),
        };
        self.composer.at((self.start.clock)());
        match (&mut self.framing, chunk) {
            (Framing::Events(reader), Some(chunk)) => {
                reader.push(&chunk);
                while let Some(frame) = reader.frame().map_err(|_| frame_too_large())? {
                    self.decoder.frame(&frame, &mut self.composer)?;
                    if self.composer.is_ended() || self.composer.fault().is_some() {
                        break;
                    }
                }
            }
            (Framing::Events(reader), None) => {
                self.chunks = None;
                if let Some(frame) = reader.rest() {
                    self.decoder.frame(&frame, &mut self.composer)?;
                }
                self.decoder.finish(&mut self.composer)?;
            }
            (Framing::Document(body), Some(chunk)) => {
                if body.len() + chunk.len() > MOST_REPLY_BYTES {
                    let message = format!("the reply is larger than {MOST_REPLY_BYTES} bytes");
                    return Err(Error::new(Kind::UpstreamTooLarge, message));
                }
                body.extend_from_slice(&chunk);
            }
            (Framing::Document(body), None) => {
                self.chunks = None;
                let body = std::mem::take(body);
                self.decoder.body(&body, &mut self.composer)?;
                self.composer.end();
            }
        }
        if let Some(fault) = self.composer.take_skipped() {
            // No message: a reader's complaint quotes what it read.
            tracing::warn!(code = fault.code(), "an event without content was skipped");
        }
        match self.composer.fault() {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }
    }

    /// Nothing follows a terminal event but the end of the body, and a connection that was read to its end serves the
    /// next request. One that lingers is let go.
    pub(super) async fn read_out(&mut self) {
        let Some(mut chunks) = self.chunks.take() else {
            return;
        };
        let rest = async { while let Ok(Some(_)) = chunks.next().await {} };
        // Whether it ended or was let go makes no difference to the answer, which is whole.
        let _ = tokio::time::timeout(LINGER, rest).await;
    }

    fn silence(&self, which: &'static str) -> Error {
        let timeouts = &self.start.timeouts;
        match which {
            "first_token" => late(which, timeouts.first_token),
            "total" => late(which, timeouts.total),
            _ => late(which, timeouts.idle),
        }
    }

    /// Notes in the terminal response how it came about; in debug builds the sequence laws are checked.
    fn finish_batch(&mut self, batch: &mut Batch) {
        for emitted in batch {
            if let Open::Known(event) = &mut emitted.event
                && let Some(response) = event.terminal_mut()
            {
                let cost = self.tariff.cost(response);
                self.leg.ended(response, cost, &self.tariff);
                let mut note = self.note.take();
                if let Some(note) = note.as_object_mut() {
                    let all = self.paid.and(Bill::of(response.usage.as_ref(), cost));
                    note.insert("cost_usd".to_owned(), json!(all.dollars()));
                }
                response.extra.insert("llmgw".to_owned(), note);
            }
            #[cfg(debug_assertions)]
            if self.start.delivery == Delivery::Streamed
                && let Err(violation) = self.grammar.check(&emitted.event)
            {
                tracing::error!(violation, "the events of an answer break the sequence laws");
            }
        }
        debug_assert!(
            self.start.delivery == Delivery::Streamed
                || !self.note.is_null()
                || self.composer.is_ended()
        );
    }
}

/// Given up before its end: the client had gone, or another was faster. What was counted until then is paid for.
impl Drop for Running {
    fn drop(&mut self) {
        if self.leg.is_open() {
            let counted = self.counted(&self.tariff);
            self.leg.breaks(&self.composer, &self.tariff);
            self.leg.abandoned(counted);
        }
    }
}

fn is_content(emitted: &Emitted) -> bool {
    match &emitted.event {
        Open::Known(event) => event.is_content(),
        // What we do not know may be content; better to commit than to say it twice.
        Open::Unknown(_) => true,
    }
}

fn frame_too_large() -> Error {
    Error::new(
        Kind::UpstreamTooLarge,
        format!(
            "a frame of the reply is larger than {} bytes",
            sse::MOST_BYTES
        ),
    )
}
