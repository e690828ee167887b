//! Answers that go on when the client has left: `background`, and streams that may be resumed.
//!
//! Each is made by one task, which owns the upstream's events and writes them into a recording; it ends with the answer,
//! when somebody cancels it, or when a resumable stream's client has stayed away too long.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response as HttpResponse;
use futures_util::StreamExt as _;
use http::StatusCode;
use tokio::sync::oneshot;
use tokio::time::sleep;
use uuid::Uuid;

use super::body::{Frames, InFlight, Source};
use super::conversation::Filing;
use super::recording::{Patience, Recording};
use super::turn::terminal;
use super::{App, reply};
use crate::canonical::event::Batch;
use crate::canonical::ids;
use crate::canonical::open::Open;
use crate::canonical::request::{Delivery, Request};
use crate::canonical::response::{Response, Status};
use crate::doors::Encoder as _;
use crate::doors::responses::ResponsesEncoder;
use crate::error::{Error, Kind};
use crate::gateway::{Caller, EventStream, Reply};
use crate::telemetry::record::Transport;
use crate::telemetry::recorder::Recorder;

/// Why an answer was broken off before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// Somebody cancelled it.
    Cancelled,
    /// The client did not come back.
    Abandoned,
    /// It is longer than a recording may be.
    TooLong,
}

/// Starts an answer in the background.
pub(super) fn begin(
    app: &Arc<App>,
    mut request: Request,
    caller: &Caller,
    filing: Filing,
    recorder: &Recorder,
) -> Result<Arc<Recording>, Error> {
    // The id goes out before anybody has answered, so it is ours; nothing of the request makes it unique.
    let seed = Uuid::now_v7().to_string();
    let id = ids::response(&ids::digest(&["background", &seed]));
    let queued = app.gateway.queued(&request, caller, &id);
    let id = queued.id.clone();
    request.delivery = Delivery::Streamed;
    let patience = Patience::Background;
    let recording = Recording::new(id, Arc::new(request), filing, patience, Some(queued));
    let recording = Arc::new(recording);
    app.conversations.recordings.add(&recording)?;
    recorder.transport(Transport::Background);
    let (app, made, caller) = (app.clone(), recording.clone(), caller.clone());
    let recorder = recorder.clone();
    spawn(async move {
        work(&app, &made, &caller, recorder).await;
        linger(&app, &made).await;
    });
    Ok(recording)
}

/// What the client of a background response is told at once: the response as it waits, or its stream.
pub(super) fn reply(
    app: &Arc<App>,
    recording: &Arc<Recording>,
    mut encoder: ResponsesEncoder,
    delivery: Delivery,
    request_id: &str,
) -> HttpResponse {
    let headers = reply::head(request_id);
    match delivery {
        Delivery::Whole => {
            let body = encoder.response(&recording.snapshot());
            reply::whole(StatusCode::OK, body, headers)
        }
        Delivery::Streamed => {
            let source = Source::Events(recording.read());
            let in_flight = InFlight::enter(&app.in_flight);
            let around = (Recorder::unobserved(), in_flight);
            let frames = Frames::new(source, encoder, app.keep_alive, around);
            reply::streamed(Body::from_stream(frames), headers)
        }
    }
}

/// Asks the gateway in a task that outlives the client for a while.
pub(super) async fn recorded(
    app: Arc<App>,
    request: Arc<Request>,
    caller: Caller,
    kept: (Filing, Patience),
    recorder: Recorder,
) -> Result<Reply, Error> {
    let (begun, answer) = oneshot::channel();
    spawn(async move {
        let made = accompany(&app, request, &caller, kept, begun, recorder).await;
        if let Some(recording) = made {
            linger(&app, &recording).await;
        }
    });
    answer
        .await
        .map_err(|_| Error::new(Kind::Internal, "the answer's task broke off"))?
}

/// Until the first content the client must wait with us: it has no id to come back with.
async fn accompany(
    app: &Arc<App>,
    request: Arc<Request>,
    caller: &Caller,
    (filing, patience): (Filing, Patience),
    mut begun: oneshot::Sender<Result<Reply, Error>>,
    recorder: Recorder,
) -> Option<Arc<Recording>> {
    let _in_flight = InFlight::enter(&app.in_flight);
    let answer = tokio::select! {
        answer = app.respond(request.clone(), caller.clone()) => answer,
        () = begun.closed() => return None,
    };
    let mut reply = match answer {
        Ok(reply) => reply,
        Err(error) => {
            // A client that has left in this moment hears nothing, here and below.
            let _gone = begun.send(Err(error));
            return None;
        }
    };
    let first = reply.events.next().await?;
    let id = response_id(&first);
    let recording = Recording::new(id, request, filing, patience, None);
    let recording = Arc::new(recording);
    if let Err(error) = app.conversations.recordings.add(&recording) {
        let _gone = begun.send(Err(error));
        return None;
    }
    let events = std::mem::replace(&mut reply.events, recording.read());
    if begun.send(Ok(reply)).is_err() {
        app.conversations.recordings.remove(&recording);
        return None;
    }
    let held = futures_util::stream::iter([first]).chain(events);
    record(app, &recording, caller, held.boxed(), &recorder).await;
    Some(recording)
}

/// A finished recording can be read for a while, and is let go then.
async fn linger(app: &App, recording: &Arc<Recording>) {
    sleep(recording.patience.afterwards()).await;
    app.conversations.recordings.remove(recording);
}

/// A background answer from the first question to its end.
async fn work(app: &Arc<App>, recording: &Arc<Recording>, caller: &Caller, recorder: Recorder) {
    let _in_flight = InFlight::enter(&app.in_flight);
    let asked = app.respond(recording.request.clone(), caller.clone());
    let answer = tokio::select! {
        answer = asked => answer,
        () = recording.called_off() => {
            return break_off(app, recording, caller, Break::Cancelled, &recorder);
        }
    };
    match answer {
        Ok(reply) => record(app, recording, caller, reply.events, &recorder).await,
        Err(error) => {
            recorder.failed(&error, StatusCode::OK.as_u16());
            let failed = app.gateway.failed(&recording.request, caller, &error);
            take(app, recording, failed);
            recording.end();
        }
    }
}

/// Writes the events into the recording until the last.
async fn record(
    app: &Arc<App>,
    recording: &Arc<Recording>,
    caller: &Caller,
    mut events: EventStream,
    recorder: &Recorder,
) {
    let mut abandoned = std::pin::pin!(recording.abandoned());
    loop {
        let batch = tokio::select! {
            batch = events.next() => batch,
            () = recording.called_off() => {
                drop(events);
                return break_off(app, recording, caller, Break::Cancelled, recorder);
            }
            () = &mut abandoned => {
                drop(events);
                return break_off(app, recording, caller, Break::Abandoned, recorder);
            }
        };
        let Some(batch) = batch else {
            recorder.delivered();
            return recording.end();
        };
        let last = terminal(&batch).is_some();
        if !take(app, recording, batch) && !last {
            drop(events);
            return break_off(app, recording, caller, Break::TooLong, recorder);
        }
    }
}

/// Takes a batch down; its last response, if it has one, goes to the archive. False if the recording is full.
fn take(app: &Arc<App>, recording: &Arc<Recording>, mut batch: Batch) -> bool {
    for emitted in &mut batch {
        if let Open::Known(event) = &mut emitted.event
            && let Some(response) = event.response_mut()
            && response.id != recording.id
        {
            response.id.clone_from(&recording.id);
            emitted.raw = None;
        }
    }
    if let Some(response) = terminal(&batch) {
        keep(app, recording, response.clone());
    }
    recording.push(batch)
}

fn keep(app: &App, recording: &Recording, response: impl Into<Arc<Response>>) {
    if !recording.is_forgotten() {
        let request = recording.request.clone();
        app.conversations.file(&recording.filing, request, response);
    }
}

/// Ends the stream for its readers as every stream ends that is broken off, and the stored response as what it is.
fn break_off(
    app: &Arc<App>,
    recording: &Arc<Recording>,
    caller: &Caller,
    why: Break,
    recorder: &Recorder,
) {
    let error = match why {
        Break::Cancelled => {
            Error::new(Kind::Internal, "the response was cancelled").with_code("cancelled")
        }
        Break::Abandoned => {
            Error::new(Kind::Internal, "the client did not come back").with_code("abandoned")
        }
        Break::TooLong => Error::new(
            Kind::UpstreamTooLarge,
            "the answer is longer than a recorded one may be",
        ),
    };
    match why {
        Break::Cancelled => recorder.cancelled(),
        // Nobody is left to tell: its last holder is dropped with the task.
        Break::Abandoned => {}
        Break::TooLong => recorder.failed(&error, StatusCode::OK.as_u16()),
    }
    let (request, seen) = (&recording.request, recording.events());
    let rest = app.gateway.broken_off(request, caller, seen, &error);
    take(app, recording, rest);
    if why == Break::Cancelled {
        let mut response = recording.snapshot();
        response.status = Status::Cancelled;
        response.error = None;
        keep(app, recording, response);
    }
    recording.end();
}

fn response_id(batch: &Batch) -> String {
    let mut lifecycles = batch.iter().filter_map(|emitted| emitted.event.known());
    lifecycles
        .find_map(|event| event.response().map(|response| response.id.clone()))
        .unwrap_or_default()
}

/// Starts a task that nobody waits for.
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the answer outlives its client on purpose; its recording bounds it, and the drain waits for it"
    )]
    let _task = tokio::spawn(task);
}
