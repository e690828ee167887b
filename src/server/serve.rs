//! The one handler: any door, whole or streamed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::timeout;

use super::access::Admitted;
use super::body::{Frames, InFlight, Source};
use super::constraints::constraints;
use super::dialect::{Dialect, lend_headers};
use super::encoding::{decoded, read};
use super::turn::{self, Turn};
use super::{App, reply};
use crate::canonical::open::Open;
use crate::canonical::request::{Delivery, Request};
use crate::doors::chat::Chat;
use crate::doors::messages::Messages;
use crate::doors::{Door, Encoder};
use crate::error::{Error, Kind};
use crate::gateway::{Caller, EventStream, Reply};
use crate::telemetry::record::{self as door, Transport};
use crate::telemetry::recorder::Recorder;

/// `POST /v1/responses`.
pub(super) async fn responses(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    match take(&app, request).await {
        Ok(taken) => turn::answer(&app, taken).await,
        Err(refused) => refused,
    }
}

/// `POST /v1/chat/completions`: a body with `input` is an Open Responses request.
pub(super) async fn chat_completions(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Response {
    #[derive(Deserialize)]
    struct Which {
        #[serde(default)]
        input: Option<IgnoredAny>,
        #[serde(default)]
        messages: Option<IgnoredAny>,
    }
    let taken = match take(&app, request).await {
        Ok(taken) => taken,
        Err(refused) => return refused,
    };
    match serde_json::from_slice(&taken.body) {
        Ok(Which {
            input: Some(_),
            messages: None,
        }) => {
            taken.recorder.door(door::Door::Responses);
            turn::answer(&app, taken).await
        }
        // What is neither is for the door of the path to find fault with.
        Ok(_) | Err(_) => answer::<Chat>(&app, taken).await,
    }
}

/// `POST /v1/messages`.
pub(super) async fn messages(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    match take(&app, request).await {
        Ok(taken) => answer::<Messages>(&app, taken).await,
        Err(refused) => refused,
    }
}

/// A request that was let in: its body is read, but not understood yet.
pub(super) struct Taken {
    pub(super) admitted: Admitted,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) request_id: String,
    pub(super) dialect: Dialect,
    pub(super) recorder: Recorder,
    pub(super) in_flight: InFlight,
}

/// Everything that is checked before a door is opened; a refusal speaks the dialect of the path.
pub(super) async fn take(app: &App, request: HttpRequest) -> Result<Taken, Response> {
    let (parts, body) = request.into_parts();
    let request_id = reply::request_id(&parts.headers);
    let door = door(parts.uri.path());
    let recorder = door.map_or_else(Recorder::unobserved, |door| {
        Recorder::begin(&app.observers.sinks, door, Transport::Http, &request_id)
            .traced(app.observers.trace(&parts.headers))
    });
    let dialect = Dialect::of(parts.uri.path(), &parts.headers);
    let refused = |error: &Error| {
        if door.is_none() {
            reply::report(error, &request_id);
        }
        let reply = dialect.error(error, &request_id);
        recorder.failed(error, reply.status().as_u16());
        reply
    };
    let in_flight = match app.place().await {
        Ok(place) => InFlight::holding(&app.in_flight, place),
        Err(error) => return Err(refused(&error)),
    };
    let checked = async {
        let mut admitted = app.access.admit(&parts.method, &parts.headers)?;
        recorder.key(admitted.name());
        let snapshot = app.gateway.snapshot();
        admitted.marks = snapshot.marks(&parts.headers);
        if snapshot.is_own(&parts.headers) {
            return Err(
                Error::new(Kind::Loop, "this request came from this gateway itself")
                    .with_hint("a provider's `base_url` leads back here"),
            );
        }
        let body = read(body, app.body_limit).await?;
        let body = decoded(&parts.headers, body, app.body_limit).await?;
        Ok((admitted, body))
    };
    match checked.await {
        Ok((admitted, body)) => Ok(Taken {
            admitted,
            headers: parts.headers,
            body,
            request_id,
            dialect,
            recorder,
            in_flight,
        }),
        Err(error) => Err(refused(&error)),
    }
}

/// Where a path leads; lists of models are no requests to any of them.
fn door(path: &str) -> Option<door::Door> {
    Some(match path {
        "/v1/responses/compact" => door::Door::Compact,
        "/v1/responses/input_tokens" | "/v1/messages/count_tokens" => door::Door::Count,
        "/v1/chat/completions" => door::Door::Chat,
        "/v1/messages" => door::Door::Messages,
        "/v1/embeddings" => door::Door::Embeddings,
        _ if path.starts_with("/v1/models") => return None,
        _ => door::Door::Responses,
    })
}

async fn answer<D>(app: &Arc<App>, taken: Taken) -> Response
where
    D: Door,
    D::Encoder: Unpin + 'static,
{
    let (request, encoder, caller) = match understand::<D>(&taken) {
        Ok(understood) => understood,
        Err(error) => return failed::<D>(&error, &taken.request_id, &taken.recorder),
    };
    let (recorder, in_flight) = (taken.recorder, taken.in_flight);
    match request.delivery {
        Delivery::Whole => whole::<D>(app, request, encoder, caller, recorder, Turn::Plain).await,
        Delivery::Streamed => {
            let app = app.clone();
            let since = (recorder, in_flight);
            streamed::<D>(app, request, encoder, caller, since, Turn::Plain).await
        }
    }
}

/// The door reads the body, and the caller's key must allow the model.
pub(super) fn understand<D: Door>(taken: &Taken) -> Result<(Request, D::Encoder, Caller), Error> {
    taken.recorder.body(&taken.body);
    let (mut request, encoder) = D::decode(taken.header("x-llmgw-profile"), &taken.body)?;
    lend_headers(&taken.headers, &mut request);
    taken.recorder.understood(&request, request.delivery);
    let caller = taken.caller(&request.model)?;
    Ok((request, encoder, caller))
}

impl Taken {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Who asks for this model, if their key allows it.
    pub(super) fn caller(&self, model: &str) -> Result<Caller, Error> {
        self.recorder.asked(model);
        let route = self.header("x-llmgw-route").map(str::to_owned);
        self.admitted.may_use(route.as_deref().unwrap_or(model))?;
        Ok(Caller {
            key: self.admitted.name(),
            request_id: self.request_id.clone(),
            route,
            constraints: constraints(&self.headers)?,
            marks: self.admitted.marks.clone(),
            journal: self.recorder.journal(),
            trace: self.recorder.trace(),
            ..Caller::default()
        })
    }
}

pub(super) async fn whole<D: Door>(
    app: &Arc<App>,
    request: Request,
    mut encoder: D::Encoder,
    caller: Caller,
    recorder: Recorder,
    turn: Turn,
) -> Response {
    let request_id = caller.request_id.clone();
    let mut answer = match turn.ask(app, Arc::new(request), caller, &recorder).await {
        Ok(answer) => answer,
        Err(error) => return failed::<D>(&error, &request_id, &recorder),
    };
    while let Some(batch) = answer.events.next().await {
        for emitted in batch {
            if let Open::Known(event) = &emitted.event
                && let Some(response) = event.terminal()
            {
                encoder.native(&emitted.native);
                let body = encoder.response(response);
                let mut headers = reply::head(&request_id);
                reply::describe(
                    &mut headers,
                    &answer,
                    encoder.withheld(),
                    recorder.started(),
                );
                reply::cost(&mut headers, response);
                recorder.withheld(encoder.withheld());
                recorder.delivered();
                return reply::whole(StatusCode::OK, body, headers);
            }
        }
    }
    failed::<D>(
        &Error::new(Kind::Internal, "the answer had no end"),
        &request_id,
        &recorder,
    )
}

/// Waits for the first content, but not for ever: then the head goes out, and the rest is in the stream.
pub(super) async fn streamed<D>(
    app: Arc<App>,
    request: Request,
    encoder: D::Encoder,
    caller: Caller,
    (recorder, in_flight): (Recorder, InFlight),
    turn: Turn,
) -> Response
where
    D: Door,
    D::Encoder: Unpin + 'static,
{
    let request_id = caller.request_id.clone();
    let (keep_alive, commit_after) = (app.keep_alive, app.commit_after);
    let in_flight = in_flight.streaming(&app.observers.streams);
    let request = Arc::new(request);
    let asked = request.clone();
    let observed = recorder.clone();
    let mut pending = Box::pin(async move {
        let answer = turn.ask(&app, request, caller.clone(), &observed).await;
        (app, caller, answer)
    });
    let mut headers = reply::head(&request_id);
    let source = match timeout(commit_after, &mut pending).await {
        Ok((_, _, Ok(answer))) => {
            reply::describe(
                &mut headers,
                &answer,
                encoder.withheld(),
                recorder.started(),
            );
            Source::Events(answer.events)
        }
        Ok((_, _, Err(error))) => return failed::<D>(&error, &request_id, &recorder),
        Err(_) => {
            let recorder = recorder.clone();
            Source::Pending(Box::pin(async move {
                let (app, caller, answer) = pending.await;
                begun(&app, &asked, &caller, answer, &recorder)
            }))
        }
    };
    reply::streamed(
        Body::from_stream(Frames::new(
            source,
            encoder,
            keep_alive,
            (recorder, in_flight),
        )),
        headers,
    )
}

/// The events of an answer for a client that has its status already.
fn begun(
    app: &App,
    asked: &Request,
    caller: &Caller,
    answer: Result<Reply, Error>,
    recorder: &Recorder,
) -> EventStream {
    match answer {
        Ok(answer) => answer.events,
        Err(error) => {
            recorder.failed(&error, StatusCode::OK.as_u16());
            futures_util::stream::iter([app.gateway.failed(asked, caller, &error)]).boxed()
        }
    }
}

/// The reply to a request that fails, which its record says.
pub(super) fn failed<D: Door>(error: &Error, request_id: &str, recorder: &Recorder) -> Response {
    let reply = reply::error::<D>(error, request_id);
    recorder.failed(error, reply.status().as_u16());
    reply
}

/// The reply to a request that fails and has no record.
pub(super) fn refused<D: Door>(error: &Error, request_id: &str) -> Response {
    reply::report(error, request_id);
    reply::error::<D>(error, request_id)
}
