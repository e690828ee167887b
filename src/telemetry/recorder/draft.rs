//! What is known of a request before its end. Drafts are filled again and again: what they hold has room then, and lies
//! where it lay a moment ago.

use std::sync::Arc;

use tokio::time::Instant;

use crate::canonical::request::Delivery;
use crate::gateway::journal::{self, Journal, Room, Says};
use crate::gateway::trace::Trace;
use crate::telemetry::messages::Messages;
use crate::telemetry::record::{Door, Parameters, Record, Transport};

/// What is known of a request.
#[derive(Debug)]
pub(in crate::telemetry) struct Draft {
    pub(super) request_id: String,
    pub(super) started: Instant,
    pub(super) door: Door,
    pub(super) transport: Transport,
    pub(super) key: Option<Arc<str>>,
    pub(super) asked: String,
    pub(super) delivery: Delivery,
    pub(super) parameters: Parameters,
    pub(super) trace: Option<Arc<Trace>>,
    pub(super) withheld: Vec<String>,
    pub(super) body: Option<String>,
    pub(super) messages: Option<Messages>,
    /// What the gateway notes of it.
    pub(super) journal: Journal,
}

impl Draft {
    /// Of no request yet, with that journal.
    fn of(journal: Journal) -> Self {
        Self {
            request_id: String::new(),
            started: Instant::now(),
            door: Door::Responses,
            transport: Transport::Http,
            key: None,
            asked: String::new(),
            delivery: Delivery::Whole,
            parameters: Parameters::default(),
            trace: None,
            withheld: Vec::new(),
            body: None,
            messages: None,
            journal,
        }
    }

    /// Of no request yet.
    pub(in crate::telemetry) fn new(says: Says) -> Box<Self> {
        Box::new(Self::of(Journal::open(says)))
    }

    /// Of a request that arrives now.
    pub(super) fn begin(
        &mut self,
        request_id: &str,
        started: Instant,
        (door, transport): (Door, Transport),
    ) {
        self.request_id.push_str(request_id);
        self.started = started;
        self.door = door;
        self.transport = transport;
    }

    /// Of no request any more, in the room of its record; `None` if somebody may still write in its journal.
    pub(in crate::telemetry) fn again(mut self: Box<Self>, record: Record) -> Option<Box<Self>> {
        let texts = [record.response_id, record.response_model];
        let room = Room {
            attempts: record.attempts,
            texts: texts.into_iter().flatten().collect(),
        };
        let journal = std::mem::take(&mut self.journal).blank(room)?;
        let (mut request_id, mut asked) = (record.request_id, record.asked);
        journal::clear(&mut request_id);
        journal::clear(&mut asked);
        *self = Self {
            request_id,
            asked,
            ..Self::of(journal)
        };
        Some(self)
    }
}
