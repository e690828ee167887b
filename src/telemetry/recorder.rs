//! From a request's arrival to its record: filled on the way, made once, however the request ends. A recorder is held by
//! whatever carries the request: a handler, a body, a task. Whoever knows the end tells it; if the last holder is dropped
//! before that, the client had gone. Where nobody observes, it holds nothing but the time.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

use super::messages::Messages;
use super::record::{Door, Parameters, Transport};
use super::sinks::{Desk, Sinks};
use crate::canonical::request::{Delivery, Request};
use crate::error::Error;
use crate::gateway::journal::Journal;
use crate::gateway::trace::{Sampled, Trace};

mod draft;
mod ended;
mod ending;

pub(super) use draft::Draft;
use ended::Told;
pub(super) use ended::{Ended, Now};

/// The record of one request as it is being filled. Clones fill the same.
#[derive(Debug, Clone)]
pub struct Recorder {
    started: Instant,
    trace: Option<Arc<Trace>>,
    sheet: Option<Arc<Sheet>>,
}

#[derive(Debug)]
struct Sheet {
    desk: Arc<Desk>,
    journal: Journal,
    /// In a box, since it moves on as a whole, and is filled again.
    draft: Mutex<Option<Box<Draft>>>,
}

impl Recorder {
    /// A request arrives.
    pub fn begin(sinks: &Sinks, door: Door, transport: Transport, request_id: &str) -> Self {
        let started = Instant::now();
        let sheet = |desk: &Arc<Desk>| {
            let mut draft = desk.blank();
            draft.begin(request_id, started, (door, transport));
            Arc::new(Sheet {
                desk: desk.clone(),
                journal: draft.journal.clone(),
                draft: Mutex::new(Some(draft)),
            })
        };
        Self {
            started,
            trace: None,
            sheet: sinks.desk().map(sheet),
        }
    }

    /// For what has no record.
    pub fn unobserved() -> Self {
        Self {
            started: Instant::now(),
            trace: None,
            sheet: None,
        }
    }

    /// With its place in a trace.
    #[must_use]
    pub fn traced(mut self, trace: Option<Arc<Trace>>) -> Self {
        self.with(|draft| draft.trace.clone_from(&trace));
        self.trace = trace;
        self
    }

    /// Where the request stands in a trace.
    pub fn trace(&self) -> Option<Arc<Trace>> {
        self.trace.clone()
    }

    /// When the request arrived.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Where the gateway takes its notes.
    pub fn journal(&self) -> Journal {
        let sheet = self.sheet.as_ref();
        sheet.map_or_else(Journal::default, |sheet| sheet.journal.clone())
    }

    /// Its body came to another protocol than its path, or to another use.
    pub fn door(&self, door: Door) {
        self.with(|draft| draft.door = door);
    }

    /// Its answer does not come with its reply.
    pub fn transport(&self, transport: Transport) {
        self.with(|draft| draft.transport = transport);
    }

    /// Whose key was shown.
    pub fn key(&self, key: Option<Arc<str>>) {
        self.with(|draft| draft.key = key);
    }

    /// Which model is asked for.
    pub fn asked(&self, model: &str) {
        self.with(|draft| model.clone_into(&mut draft.asked));
    }

    /// What is asked of which model, and how the answer is to come.
    pub fn understood(&self, request: &Request, delivery: Delivery) {
        self.with(|draft| {
            request.model.clone_into(&mut draft.asked);
            draft.delivery = delivery;
            draft.parameters = Parameters::from(request);
        });
        let sampled = self.trace.as_deref().map(Trace::sampled);
        if let Some(sheet) = &self.sheet
            && let Some(redactor) = &sheet.desk.content().spans
            && sampled == Some(Sampled::Yes)
        {
            let messages = Messages::asked(request, redactor);
            self.with(|draft| draft.messages = Some(messages));
        }
    }

    /// What was sent, if that is wanted.
    pub fn body(&self, body: &[u8]) {
        if let Some(sheet) = &self.sheet
            && let Some(redactor) = &sheet.desk.content().log
        {
            let text = redactor.redact(&String::from_utf8_lossy(body));
            self.with(|draft| draft.body = Some(text));
        }
    }

    /// What of the answer the door could not say.
    pub fn withheld(&self, fields: &[String]) {
        if !fields.is_empty() {
            self.with(|draft| draft.withheld = fields.to_vec());
        }
    }

    /// The client got its answer to the end; how that answer ended the gateway has noted.
    pub fn delivered(&self) {
        self.end(|| Told::Delivered);
    }

    /// The client gets this error, with this status.
    pub fn failed(&self, error: &Error, status: u16) {
        self.end(|| Told::Failed(Box::new(error.clone()), status));
    }

    /// Somebody called it off.
    pub fn cancelled(&self) {
        self.end(|| Told::Cancelled);
    }

    fn end(&self, told: impl FnOnce() -> Told) {
        if let Some(sheet) = &self.sheet {
            sheet.end(told);
        }
    }

    fn with(&self, fill: impl FnOnce(&mut Draft)) {
        if let Some(sheet) = &self.sheet
            && let Some(draft) = &mut *sheet.draft.lock().unwrap_or_else(PoisonError::into_inner)
        {
            fill(draft);
        }
    }
}

impl Sheet {
    /// The first end that is told is the end.
    fn end(&self, told: impl FnOnce() -> Told) {
        let draft = self
            .draft
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(draft) = draft {
            self.desk.put(Ended {
                total: draft.started.elapsed(),
                draft,
                told: told(),
            });
        }
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        self.end(|| {
            if std::thread::panicking() {
                Told::BrokeDown
            } else if self.desk.is_stopping() {
                Told::Stopped
            } else {
                Told::Dropped
            }
        });
    }
}

#[cfg(test)]
mod tests;
