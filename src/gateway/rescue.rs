//! A stream that breaks goes on (`on_cut: continue`): whoever can is asked for the rest, until the answer is whole.
//!
//! The same target is asked first if it looks alive, then the rest of the plan, then those that answered before. Each is
//! asked by one means after another ([`Means`]). What came of all of them is one answer ([`Graft`]), or it ends in the
//! error that broke it. Silence is bounded: all time in which the client waits and nothing comes is taken from the
//! route's `total`; and each target goes on with an answer at most `retry.attempts` times.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::Reply;
use super::asked::Asked;
use super::bill::Bill;
use super::course::Course;
use super::opened::Opened;
use super::running::{Broken, Running};
use super::wait::late;
use crate::canonical::event::Batch;
use crate::canonical::request::Delivery;
use crate::canonical::rescue::graft::Graft;
use crate::canonical::rescue::{Diverged, Means, continued};
use crate::error::{Error, Kind, Remedy};
use crate::routing::health::Admission;
use crate::target::Target;

mod hosts;
mod scene;
mod verdict;

pub(super) use scene::Scene;

use hosts::Hosts;

/// An answer that is gone on with if it breaks.
pub(super) struct Rescue {
    scene: Scene,
    course: Course,
    asked: Asked,
    graft: Graft,
    reply: Reply,
    running: Option<Box<Running>>,
    /// Who answers now, and by which means.
    now: (Target, Option<Means>),
    hosts: Hosts,
    /// Why the answer broke off last.
    cause: Option<Error>,
    /// How long the client may still wait in silence, and since when it does.
    patience: Duration,
    silent_since: Option<Instant>,
    failure: Option<Error>,
    /// What the attempts that are over have cost.
    paid: Bill,
}

/// What became of asking one target.
enum Turn {
    /// It goes on.
    GoesOn,
    /// Somebody else may.
    Next,
    /// Nobody is to be asked any more.
    Stop,
}

impl Rescue {
    /// Takes an answer over that has begun.
    pub(super) fn new(scene: Scene, course: Course, asked: Asked, mut opened: Opened) -> Self {
        let mut setup = scene.gateway.setup(&scene.request, &scene.caller);
        setup.delivery = scene.delivery;
        let mut graft = Graft::new(setup);
        let first = std::mem::take(&mut opened.first);
        let running = opened.running.take();
        if let Some(running) = &running {
            graft.note(running.told());
        }
        // Only a further attempt can diverge.
        let _: Result<(), Diverged> = graft.take_in(first);
        let target = opened.target.clone();
        let left = scene.deadline.saturating_duration_since(Instant::now());
        Self {
            scene,
            course,
            asked,
            graft,
            reply: opened.into_reply(),
            running,
            hosts: Hosts::begin(&target),
            now: (target, None),
            cause: None,
            patience: left,
            silent_since: None,
            failure: None,
            paid: Bill::default(),
        }
    }

    /// The reply: at once for a stream, and when the answer is whole for a client that wants it whole.
    pub(super) async fn reply(mut self) -> Result<Reply, Error> {
        if self.scene.delivery == Delivery::Streamed {
            let mut reply = self.take_reply();
            reply.events = unfold(Box::new(self), |mut rescue| async move {
                let batch = rescue.next().await?;
                Some((batch, rescue))
            })
            .boxed();
            return Ok(reply);
        }
        let (deadline, total) = (self.scene.deadline, self.scene.route.rules.timeouts.total);
        let target = self.now.0.clone();
        let last = timeout_at(deadline, async {
            let mut last = Batch::new();
            while let Some(batch) = self.next().await {
                last = batch;
            }
            last
        });
        let last = last.await.map_err(|_| late("total", total).at(&target))?;
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut reply = self.take_reply();
        reply.rescues = self.graft.breaks();
        reply.attempts = self.asked.count();
        reply.events = futures_util::stream::iter([last]).boxed();
        Ok(reply)
    }

    fn take_reply(&mut self) -> Reply {
        let empty = Opened::empty(&self.now.0).into_reply();
        std::mem::replace(&mut self.reply, empty)
    }

    /// The next events for the client.
    async fn next(&mut self) -> Option<Batch> {
        loop {
            let batch = self.graft.take();
            if !batch.is_empty() {
                let last = batch.last().and_then(|emitted| emitted.event.known());
                if let Some(response) = last.and_then(|event| event.terminal()) {
                    self.scene.caller.journal.ended(response);
                }
                return Some(batch);
            }
            if self.graft.is_ended() {
                if let Some(running) = &mut self.running {
                    running.read_out().await;
                }
                return None;
            }
            self.step().await;
        }
    }

    /// Hears what comes next of whoever answers.
    async fn step(&mut self) {
        let Some(running) = &mut self.running else {
            let error = Error::new(Kind::StreamCut, "the answer ended before it was whole");
            return self.broke(error).await;
        };
        let heard = match self.silent_since {
            None => running.next_or_break().await,
            Some(since) => {
                let total = self.scene.route.rules.timeouts.total;
                let heard = timeout_at(since + self.patience, running.next_or_break()).await;
                heard.unwrap_or_else(|_| {
                    Err(Broken {
                        seen: Batch::new(),
                        error: late("total", total),
                    })
                })
            }
        };
        let (batch, broken) = match heard {
            Ok(batch) => (batch, None),
            Err(Broken { seen, error }) => (seen, Some(error)),
        };
        self.graft.at(self.scene.gateway.now());
        match (self.take_in(batch), broken) {
            (Err(Diverged), _) => self.diverged().await,
            (Ok(()), Some(error)) => self.broke(error).await,
            (Ok(()), None) => {}
        }
    }

    fn take_in(&mut self, batch: Batch) -> Result<(), Diverged> {
        let had = self.graft.is_silent();
        self.graft.take_in(batch)?;
        if had && !self.graft.is_silent() {
            self.is_heard();
        }
        Ok(())
    }

    /// Something comes again.
    fn is_heard(&mut self) {
        if let Some(since) = self.silent_since.take() {
            self.patience = self.patience.saturating_sub(since.elapsed());
        }
    }

    /// The answer broke off.
    async fn broke(&mut self, error: Error) {
        let target = self.now.0.clone();
        let error = error.at(&target);
        self.leave();
        let said = self.graft.said();
        // No message: a provider's own words may repeat the prompt.
        tracing::warn!(
            request_id = %self.scene.caller.request_id, %target, code = error.code(),
            after_characters = said.text.chars().count(), "an answer broke off"
        );
        let same = self.may_go_on(&target, &error);
        let may = verdict::is_mendable(&error);
        self.cause = Some(error);
        if may {
            self.seek(same.then_some(target)).await;
        } else {
            self.give_up(None);
        }
    }

    /// What came does not fit: another means, at the same target.
    async fn diverged(&mut self) {
        let (target, means) = self.now.clone();
        if self.silent_since.is_some() {
            self.graft.fell_through();
        }
        self.leave();
        if let Some(means) = means {
            self.hosts.get(&target).closed.push(means);
        }
        self.seek(Some(target)).await;
    }

    /// Nobody is heard any more. What was counted counts.
    fn leave(&mut self) {
        let running = self.running.take();
        let (usage, cost) = running.as_ref().map_or((None, None), |r| r.spent());
        self.paid = self.paid.and(Bill::of(usage, cost));
        self.graft.broke(usage);
        self.silent_since.get_or_insert_with(Instant::now);
    }

    /// Is the target that broke off asked first? Not if it was silent or failed, nor if it is to be left alone.
    fn may_go_on(&mut self, target: &Target, error: &Error) -> bool {
        let health = self.scene.gateway.health.glance(target, Instant::now());
        verdict::looks_alive(error)
            && health.admission == Admission::Open
            && self.has_rounds(target)
    }

    fn has_rounds(&mut self, target: &Target) -> bool {
        let most = self.scene.route.rules.retry.attempts;
        self.hosts.get(target).rounds < most
    }

    /// Finds somebody who goes on: each is asked once.
    async fn seek(&mut self, first: Option<Target>) {
        let mut first = first;
        let mut tried = Vec::new();
        let mut last = None;
        while let Some(target) = first.take().or_else(|| self.other(&tried)) {
            if self.deadline() <= Instant::now() {
                break;
            }
            match self.ask(&target, &mut last).await {
                Turn::GoesOn => return,
                Turn::Next => tried.push(target),
                Turn::Stop => break,
            }
        }
        self.give_up(last.as_ref());
    }

    /// The next of the plan, then those that answered before.
    fn other(&mut self, tried: &[Target]) -> Option<Target> {
        if let Some(target) = self.course.next() {
            return Some(target);
        }
        let most = self.scene.route.rules.retry.attempts;
        self.hosts.spare(most, tried)
    }

    /// Asks one target by one means after another.
    async fn ask(&mut self, target: &Target, last: &mut Option<Error>) -> Turn {
        let said = self.graft.said();
        if self.refuses_prefill(target) {
            self.hosts.get(target).closed.push(Means::Prefill);
        }
        for means in Means::ALL {
            let closed = self.hosts.get(target).closed.contains(&means);
            if closed || !said.allows(means, &self.scene.request) {
                continue;
            }
            let deadline = self.deadline();
            let request = continued(&self.scene.request, &said, means);
            let paid = self.paid;
            let asking = self
                .scene
                .ask(target, &request, &self.course, (deadline, paid));
            // On the heap: most answers never need it.
            let error = match Box::pin(asking.run(&self.asked)).await {
                Ok(opened) => match self.begun(opened, means) {
                    Ok(()) => return Turn::GoesOn,
                    Err(Diverged) => continue,
                },
                Err(error) => error,
            };
            tracing::info!(
                request_id = %self.scene.caller.request_id, %target, means = means.as_str(),
                code = error.code(), "asked to go on, and failed"
            );
            let kind = error.kind();
            *last = Some(error);
            match (means, kind) {
                (Means::Prefill, Kind::Unsupported | Kind::UpstreamInvalid) => {
                    self.hosts.get(target).closed.push(means);
                    if kind == Kind::UpstreamInvalid {
                        self.scene.gateway.learn(target, Remedy::NoPrefill);
                    }
                }
                (_, Kind::ContentPolicy) => return Turn::Stop,
                _ => return Turn::Next,
            }
        }
        Turn::Next
    }

    /// Somebody goes on, if it fits.
    fn begun(&mut self, opened: Opened, means: Means) -> Result<(), Diverged> {
        let (target, first, running) = (opened.target, opened.first, opened.running);
        let cause = self.cause.as_ref().map_or("", Error::code).to_owned();
        if let Some(running) = &running {
            self.graft.note(running.told());
        }
        self.graft.goes_on(&target.to_string(), means, &cause);
        let host = self.hosts.get(&target);
        host.rounds += 1;
        host.has_answered = true;
        // Of an answer that came all at once, nothing but its last event tells the counts.
        let counted = running
            .is_none()
            .then(|| verdict::counted(&first))
            .flatten();
        self.running = running;
        self.now = (target.clone(), Some(means));
        let fits = self.take_in(first);
        if fits.is_err() {
            self.graft.fell_through();
            self.leave();
            if let Some((usage, cost)) = counted {
                self.graft.broke(Some(&usage));
                self.paid = cost;
            }
            self.hosts.get(&target).closed.push(means);
        } else {
            tracing::info!(
                request_id = %self.scene.caller.request_id, %target, means = means.as_str(),
                "an answer goes on"
            );
        }
        fits
    }

    fn refuses_prefill(&self, target: &Target) -> bool {
        let learnt = self.scene.gateway.remedies(target);
        learnt.has(&Remedy::NoPrefill)
    }

    fn deadline(&self) -> Instant {
        self.silent_since.unwrap_or_else(Instant::now) + self.patience
    }

    /// Nobody goes on: the client hears why the answer broke off, and why that is the end of it.
    fn give_up(&mut self, last: Option<&Error>) {
        let cause = self.cause.take();
        let cause = cause.unwrap_or_else(|| Error::new(Kind::StreamCut, "the answer broke off"));
        let error = verdict::honest(&cause, last).at(&self.now.0);
        tracing::warn!(
            request_id = %self.scene.caller.request_id, code = error.code(),
            "nobody went on with an answer"
        );
        self.graft.at(self.scene.gateway.now());
        let cost = self.paid.dollars();
        self.graft
            .note(json!({ "attempts": self.asked.count(), "cost_usd": cost }));
        self.graft.give_up(&error);
        self.failure = Some(error);
    }
}
