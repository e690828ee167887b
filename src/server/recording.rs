//! Answers that are recorded while they are made, so that several readers, at different places, may follow one.
//!
//! A recording is the batches of canonical events as they came, bounded in bytes. A reader has a place in it and writes
//! with an encoder of its own from the beginning; so a resumed stream has the same numbers as the first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};

use super::conversation::Filing;
use crate::canonical::event::{Batch, Emitted, Event};
use crate::canonical::fold::Fold;
use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::canonical::response::Response;
use crate::error::{Error, Kind};
use crate::gateway::EventStream;
use crate::store::record::{Owner, Record};

/// One recording may be this large.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// All recordings together.
const MOST_BYTES_IN_ALL: usize = 512 * 1024 * 1024;

/// So many recordings at once, the finished ones that may still be resumed included.
const MOST_RECORDINGS: usize = 4096;

/// Who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Nobody need: it runs to its end, and can be resumed for a while after it (`background`).
    Background,
    /// A client that may come back in this time (`x-llmgw-resumable`).
    Resumable(Duration),
}

impl Patience {
    /// How long a finished recording can be read.
    pub(super) fn afterwards(self) -> Duration {
        match self {
            Self::Background => Duration::from_mins(5),
            Self::Resumable(time) => time,
        }
    }
}

/// One answer, as far as it has come.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) id: String,
    pub(super) request: Arc<Request>,
    pub(super) filing: Filing,
    pub(super) patience: Patience,
    /// What is said of it before it begins.
    queued: Option<Response>,
    tape: Mutex<Tape>,
    grown: watch::Sender<()>,
    called_off: Notify,
    forgotten: AtomicBool,
}

#[derive(Debug, Default)]
struct Tape {
    batches: Vec<Arc<Batch>>,
    bytes: usize,
    ended: Option<Instant>,
}

impl Recording {
    pub(super) fn new(
        id: String,
        request: Arc<Request>,
        filing: Filing,
        patience: Patience,
        queued: Option<Response>,
    ) -> Self {
        Self {
            id,
            request,
            filing,
            patience,
            queued,
            tape: Mutex::default(),
            grown: watch::Sender::new(()),
            called_off: Notify::new(),
            forgotten: AtomicBool::new(false),
        }
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what came. False if there is no room: then the answer must be broken off.
    pub(super) fn push(&self, batch: Batch) -> bool {
        let bytes: usize = batch.iter().map(weight).sum();
        let mut tape = self.tape();
        tape.bytes += bytes;
        let fits = tape.bytes <= MOST_BYTES;
        tape.batches.push(Arc::new(batch));
        drop(tape);
        self.grown.send_replace(());
        fits
    }

    /// Nothing follows.
    pub(super) fn end(&self) {
        self.tape().ended = Some(Instant::now());
        self.grown.send_replace(());
    }

    /// Has its last event come?
    pub(super) fn is_ended(&self) -> bool {
        self.tape().ended.is_some()
    }

    /// Reads from the beginning, and on as it grows.
    pub(super) fn read(self: &Arc<Self>) -> EventStream {
        let start = (self.clone(), self.grown.subscribe(), 0);
        unfold(start, |(recording, mut grown, at)| async move {
            loop {
                grown.borrow_and_update();
                let (next, ended) = {
                    let tape = recording.tape();
                    (tape.batches.get(at).cloned(), tape.ended.is_some())
                };
                match next {
                    Some(batch) => {
                        let batch = batch.as_ref().clone();
                        return Some((batch, (recording, grown, at + 1)));
                    }
                    None if ended => return None,
                    // The sender lives in the recording, which this reader holds.
                    None => grown.changed().await.ok()?,
                }
            }
        })
        .boxed()
    }

    /// All events so far.
    pub(super) fn events(&self) -> Vec<Emitted> {
        let batches = self.tape().batches.clone();
        batches
            .iter()
            .flat_map(|batch| batch.iter().cloned())
            .collect()
    }

    /// The response as far as it has come.
    pub(super) fn snapshot(&self) -> Response {
        let batches = self.tape().batches.clone();
        let events: Vec<&Event> = batches
            .iter()
            .flat_map(|batch| batch.iter().filter_map(|emitted| emitted.event.known()))
            .collect();
        match (&self.queued, events.is_empty()) {
            (Some(queued), true) => queued.clone(),
            (Some(_) | None, _) => Fold::of(events),
        }
    }

    /// The record of it as far as it has come.
    pub(super) fn record(&self) -> Record {
        Record::new(
            self.filing.owner.clone(),
            self.request.clone(),
            self.filing.inherited,
            self.snapshot(),
        )
    }

    /// Returns when the last event has come.
    pub(super) async fn ended(&self) {
        let mut grown = self.grown.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        while !self.is_ended() && grown.changed().await.is_ok() {}
    }

    /// Gives the answer up, and keeps nothing of it.
    pub(super) fn forget(&self) {
        self.forgotten.store(true, Ordering::Relaxed);
        self.call_off();
    }

    /// Shall nothing of it be kept?
    pub(super) fn is_forgotten(&self) -> bool {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Asks that the answer be given up.
    pub(super) fn call_off(&self) {
        self.called_off.notify_one();
    }

    /// Returns when somebody has called the answer off.
    pub(super) async fn called_off(&self) {
        self.called_off.notified().await;
    }

    /// Returns when nobody has read for as long as a client may stay away.
    pub(super) async fn abandoned(&self) {
        let Patience::Resumable(time) = self.patience else {
            return std::future::pending().await;
        };
        loop {
            self.grown.closed().await;
            sleep(time).await;
            if self.grown.receiver_count() == 0 {
                return;
            }
        }
    }
}

/// About how much room an event takes: its text, and its frame around it.
fn weight(emitted: &Emitted) -> usize {
    let raw = emitted.raw.as_ref().map_or(0, bytes::Bytes::len);
    let text = match &emitted.event {
        Open::Known(Event::TextDelta(e)) => e.delta.len(),
        Open::Known(Event::ArgumentsDelta(e) | Event::InputDelta(e)) => e.delta.len(),
        Open::Known(Event::ReasoningDelta(e) | Event::RefusalDelta(e)) => e.delta.len(),
        Open::Known(Event::SummaryDelta(e)) => e.delta.len(),
        other => serde_json::to_vec(other).map_or(0, |json| json.len()),
    };
    256 + raw + text
}

/// The recordings that can be read.
#[derive(Debug, Default)]
pub(super) struct Recordings(Mutex<HashMap<(Owner, String), Arc<Recording>>>);

impl Recordings {
    /// Adds one, if there is room.
    pub(super) fn add(&self, recording: &Arc<Recording>) -> Result<(), Error> {
        let mut all = self.all();
        all.retain(|_, known| !known.is_over());
        let bytes: usize = all.values().map(|known| known.tape().bytes).sum();
        if all.len() >= MOST_RECORDINGS || bytes > MOST_BYTES_IN_ALL {
            return Err(
                Error::new(Kind::Busy, "too many answers are being recorded just now")
                    .with_retry_after(Some(Duration::from_secs(5))),
            );
        }
        let key = (recording.filing.owner.clone(), recording.id.clone());
        all.insert(key, recording.clone());
        Ok(())
    }

    /// The recording of this response.
    pub(super) fn get(&self, owner: &Owner, id: &str) -> Option<Arc<Recording>> {
        let found = self.all().get(&(owner.clone(), id.to_owned())).cloned()?;
        (!found.is_over()).then_some(found)
    }

    /// Forgets one, unless another has taken its place.
    pub(super) fn remove(&self, recording: &Arc<Recording>) {
        let key = (recording.filing.owner.clone(), recording.id.clone());
        let mut all = self.all();
        if all
            .get(&key)
            .is_some_and(|known| Arc::ptr_eq(known, recording))
        {
            all.remove(&key);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(Owner, String), Arc<Recording>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    fn is_over(&self) -> bool {
        let ended = self.tape().ended;
        ended.is_some_and(|at| at.elapsed() > self.patience.afterwards())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::compose::{Composer, Setup, Stop};
    use crate::canonical::request::Delivery;
    use crate::canonical::response::Status;
    use crate::store::Keep;

    fn filing() -> Filing {
        Filing {
            owner: Owner::default(),
            inherited: 0,
            keep: Keep::Briefly,
        }
    }

    fn recording(patience: Patience) -> Arc<Recording> {
        let request = Arc::new(Request::ask("m", "hi"));
        Arc::new(Recording::new(
            "resp_1".to_owned(),
            request,
            filing(),
            patience,
            None,
        ))
    }

    fn composer() -> Composer {
        let mut composer = Composer::new(Setup {
            delivery: Delivery::Streamed,
            ..Setup::default()
        });
        composer.begin("resp_1", "m");
        composer
    }

    #[tokio::test]
    async fn readers_at_different_places_see_the_same_events() {
        let recording = recording(Patience::Background);
        let mut composer = composer();
        let early = recording.read();
        assert!(recording.push(composer.take()));
        composer.text(0, "to the end");
        assert!(recording.push(composer.take()));
        assert_eq!(recording.snapshot().output_text(), "to the end");
        assert_eq!(recording.snapshot().status, Status::InProgress);
        composer.stop(Stop::Complete);
        composer.end();
        assert!(recording.push(composer.take()));
        recording.end();
        let early: Vec<Batch> = early.collect().await;
        let late: Vec<Batch> = recording.read().collect().await;
        assert_eq!(early, late);
        assert_eq!(early.len(), 3);
        assert_eq!(recording.snapshot().status, Status::Completed);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_reader_that_stays_away_is_waited_for_in_vain() {
        let recording = recording(Patience::Resumable(Duration::from_secs(30)));
        let reader = recording.read();
        let started = Instant::now();
        let abandoned = recording.abandoned();
        let coming_and_going = async {
            sleep(Duration::from_mins(1)).await;
            drop(reader);
            sleep(Duration::from_secs(20)).await;
            let back = recording.read();
            sleep(Duration::from_mins(1)).await;
            drop(back);
        };
        tokio::join!(abandoned, coming_and_going);
        assert_eq!(started.elapsed().as_secs(), 60 + 20 + 60 + 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_finished_recording_can_be_read_for_a_while() {
        let recordings = Recordings::default();
        let recording = recording(Patience::Background);
        recordings.add(&recording).unwrap();
        recording.end();
        let owner = Owner::default();
        sleep(Duration::from_secs(299)).await;
        assert!(recordings.get(&owner, "resp_1").is_some());
        assert!(
            recordings
                .get(&Owner::of(Some(&"a".into())), "resp_1")
                .is_none()
        );
        sleep(Duration::from_secs(2)).await;
        assert!(recordings.get(&owner, "resp_1").is_none());
    }

    #[test]
    fn a_recording_is_bounded() {
        let recording = recording(Patience::Background);
        let mut composer = composer();
        composer.text(0, &"x".repeat(MOST_BYTES));
        assert!(!recording.push(composer.take()));
    }
}
