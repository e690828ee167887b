//! Who wants to know of finished requests, and how their records get there: off the requests' own way, many at once.
//!
//! A request leaves what is known of it in a list and goes on. A thread of its own makes records of the list a hundred
//! times a second, and hands them over: what is done with many in turn costs a fraction of the same done once in the midst
//! of each request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::record::Record;
use super::recorder::{Draft, Ended, Now};
use super::redact::Redactor;
use crate::gateway::journal::Says;
use crate::worker::Worker;

/// Records that come within this time of the first are handed over with it.
const GATHER: Duration = Duration::from_millis(10);

/// So many wait. Where the thread cannot keep up, whoever brings one more hands all of them over.
const MOST_WAITING: usize = 4096;

/// Room is kept for so many.
const USUAL_WAITING: usize = 512;

/// So many records are handed over at once: few enough that they are in the nearest cache from the first sink to the
/// last, enough that a sink's code is there for most of them.
const TOGETHER: usize = 24;

/// Somebody who wants to know of each finished request. It holds up all others, so it must not wait: what takes time
/// goes to a thread or task of the sink's, and what that cannot take is dropped and counted.
pub trait Sink: std::fmt::Debug + Send + Sync {
    /// Requests have ended, in this order.
    fn take(&self, records: &[Record]);
}

/// All who want to know. Without any, requests are not observed at all.
#[derive(Debug, Clone, Default)]
pub struct Sinks(Option<Arc<Desk>>);

/// Who wants to know what was said too: each takes it as its redactor leaves it.
#[derive(Debug, Clone, Default)]
pub struct ContentFor {
    /// The log.
    pub log: Option<Arc<Redactor>>,
    /// Spans.
    pub spans: Option<Arc<Redactor>>,
}

/// Where requests that have ended are left. The last who knows of it sees to it that all are handed over.
#[derive(Debug)]
pub(super) struct Desk {
    queue: Arc<Queue>,
    bell: SyncSender<()>,
    /// The gateway stops: what ends untold from now on was cut off by it.
    stopping: AtomicBool,
    /// Hands over. Where the system has no thread left, the list is handed over whenever it is full, and at the end.
    _thread: Option<Worker>,
}

/// What waits to be handed over.
#[derive(Debug)]
struct Queue {
    waiting: Mutex<Vec<Ended>>,
    /// Drafts that are filled again.
    blank: Mutex<Drafts>,
    content: ContentFor,
    /// Held while records are handed over, so that they keep their order.
    hands: Mutex<Hands>,
}

/// In boxes, since they are large and move from list to list.
type Drafts = Vec<Box<Draft>>;

/// Who gets records, and the room in which they are made.
#[derive(Debug)]
struct Hands {
    sinks: Vec<Arc<dyn Sink>>,
    taken: Vec<Ended>,
    records: Vec<Record>,
    drafts: Drafts,
}

impl Sinks {
    /// These.
    pub fn new(sinks: Vec<Arc<dyn Sink>>, content: ContentFor) -> Self {
        Self((!sinks.is_empty()).then(|| Desk::open(sinks, content)))
    }

    /// Where a request that has ended is left; `None` if nobody wants to know.
    pub(super) fn desk(&self) -> Option<&Arc<Desk>> {
        self.0.as_ref()
    }

    /// From now on, what ends untold was cut off by the end of the gateway, and not given up by its client.
    pub fn stop(&self) {
        if let Some(desk) = &self.0 {
            desk.stopping.store(true, Ordering::Relaxed);
        }
    }

    /// Hands over what waits, now: for whoever asks the sinks what they know, and for the end.
    pub fn hand_over(&self) {
        if let Some(desk) = &self.0 {
            desk.queue.hand_over();
        }
    }
}

impl ContentFor {
    /// Is the answer wanted in words?
    pub(super) fn says(&self) -> Says {
        match (&self.log, &self.spans) {
            (None, None) => Says::Nothing,
            (Some(_), _) | (_, Some(_)) => Says::Everything,
        }
    }
}

impl Desk {
    fn open(sinks: Vec<Arc<dyn Sink>>, content: ContentFor) -> Arc<Self> {
        let (bell, rung) = sync_channel(1);
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            content,
            hands: Mutex::new(Hands {
                sinks,
                taken: Vec::new(),
                records: Vec::new(),
                drafts: Vec::new(),
            }),
            blank: Mutex::default(),
        });
        let served = queue.clone();
        let thread = Worker::begin("records", move || served.serve(&rung));
        Arc::new(Self {
            queue,
            bell,
            stopping: AtomicBool::new(false),
            _thread: thread.ok(),
        })
    }

    /// A draft to be filled.
    pub(super) fn blank(&self) -> Box<Draft> {
        let blank = &self.queue.blank;
        let kept = blank.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Draft::new(self.content().says()))
    }

    pub(super) fn content(&self) -> &ContentFor {
        &self.queue.content
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// A request has ended.
    pub(super) fn put(&self, ended: Ended) {
        let waiting = &self.queue.waiting;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(ended);
        let now = waiting.len();
        drop(waiting);
        if now == 1 {
            // Rung already, or nobody there.
            let _rung_or_gone = self.bell.try_send(());
        } else if now > MOST_WAITING {
            self.queue.hand_over();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.queue.hand_over();
    }
}

impl Queue {
    /// Until nobody is left who could ring.
    fn serve(&self, rung: &Receiver<()>) {
        while rung.recv().is_ok() {
            thread::sleep(GATHER);
            self.hand_over();
        }
    }

    fn hand_over(&self) {
        let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        let Hands {
            sinks,
            taken,
            records,
            drafts,
        } = &mut *hands;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *waiting, taken);
        drop(waiting);
        let mut ended = taken.drain(..);
        loop {
            // Left over only where a sink has panicked.
            records.clear();
            drafts.clear();
            let next = ended.by_ref().take(TOGETHER);
            let now = Now::read();
            for (record, draft) in next.map(|ended| ended.into_record(&self.content, now)) {
                records.push(record);
                drafts.push(draft);
            }
            if records.is_empty() {
                break;
            }
            for sink in &*sinks {
                sink.take(records);
            }
            let used = drafts.drain(..).zip(records.drain(..));
            let again = used.filter_map(|(draft, record)| draft.again(record));
            self.keep(again.collect());
        }
        drop(ended);
        taken.shrink_to(USUAL_WAITING);
    }

    /// Drafts that can be filled again, as far as there is use for them.
    fn keep(&self, drafts: Drafts) {
        let mut blank = self.blank.lock().unwrap_or_else(PoisonError::into_inner);
        let room = USUAL_WAITING.saturating_sub(blank.len());
        blank.extend(drafts.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests;
