//! An answer that has begun: a reply for whoever takes it as it comes, or the beginning of one that is gone on with if
//! it breaks.

use std::time::Duration;

use futures_util::StreamExt as _;

use super::Reply;
use super::running::Running;
use super::ticket::Watch;
use crate::canonical::event::Batch;
use crate::providers::Loss;
use crate::target::Target;

/// An answer that has begun, and its events so far.
pub(super) struct Opened {
    pub(super) target: Target,
    pub(super) attempts: u32,
    pub(super) losses: Vec<Loss>,
    pub(super) upstream_request_id: Option<String>,
    /// How long its upstream took to the first content.
    pub(super) first_content: Duration,
    /// The same from the first upstream request on, over all attempts and the waits between them.
    pub(super) upstream: Duration,
    pub(super) first: Batch,
    /// What reads the rest, if there is more. On the heap, since it outlives the attempt and is large.
    pub(super) running: Option<Box<Running>>,
}

impl Opened {
    /// Nothing yet.
    pub(super) fn empty(target: &Target) -> Self {
        Self {
            target: target.clone(),
            attempts: 0,
            losses: Vec::new(),
            upstream_request_id: None,
            first_content: Duration::ZERO,
            upstream: Duration::ZERO,
            first: Batch::new(),
            running: None,
        }
    }

    /// With what reads its rest. The target's health hears of the end.
    pub(super) fn with(mut self, mut running: Box<Running>, watch: Watch) -> Self {
        running.watched_by(watch);
        let is_over = running.is_over(&mut self.first);
        self.running = (!is_over).then_some(running);
        self
    }

    /// The answer goes on by itself.
    pub(super) fn into_reply(self) -> Reply {
        let events = match self.running {
            Some(running) => running.into_events(self.first),
            None => futures_util::stream::iter([self.first]).boxed(),
        };
        Reply {
            target: self.target,
            alias: None,
            attempts: self.attempts,
            losses: self.losses,
            upstream_request_id: self.upstream_request_id,
            upstream: self.upstream,
            rescues: 0,
            events,
        }
    }
}
