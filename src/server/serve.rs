//! The one handler: any door, whole or streamed.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::{Instant, timeout};

use super::body::{Frames, InFlight, Source};
use super::constraints::constraints;
use super::{App, reply};
use crate::canonical::open::Open;
use crate::canonical::request::{Delivery, Request};
use crate::doors::responses::Responses;
use crate::doors::{Door, Encoder};
use crate::error::{Error, Kind};
use crate::gateway::{Caller, EventStream, Reply};

/// `POST /v1/responses`.
pub(super) async fn responses(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    answer::<Responses>(app, request, |_| Ok(())).await
}

/// `POST /v1/chat/completions`: a body with `input` is an Open Responses request.
pub(super) async fn chat_completions(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Response {
    answer::<Responses>(app, request, |body| {
        #[derive(Deserialize)]
        struct Which {
            #[serde(default)]
            input: Option<IgnoredAny>,
            #[serde(default)]
            messages: Option<IgnoredAny>,
        }
        match serde_json::from_slice::<Which>(body) {
            Ok(Which { input: None, messages: Some(_) }) => Err(Error::invalid(
                "messages",
                "this gateway does not take Chat Completions bodies yet: send `input` in place of `messages`",
            )
            .with_code("unsupported_parameter")
            .with_hint("POST the request to /v1/responses, or use `input` as Open Responses defines it")),
            // Anything else is for the door to read, or to find fault with.
            Ok(_) | Err(_) => Ok(()),
        }
    })
    .await
}

/// No such path.
pub(super) async fn not_found(request: HttpRequest) -> Response {
    let message = format!(
        "there is nothing at {} {}",
        request.method(),
        request.uri().path()
    );
    let error = Error::new(Kind::NotFound, message);
    reply::error::<Responses>(&error, &reply::request_id(request.headers()))
}

/// The path exists, the method does not.
pub(super) async fn method_not_allowed(request: HttpRequest) -> Response {
    let message = format!(
        "{} does not take {}",
        request.uri().path(),
        request.method()
    );
    let error = Error::new(Kind::MethodNotAllowed, message);
    reply::error::<Responses>(&error, &reply::request_id(request.headers()))
}

async fn answer<D>(
    app: Arc<App>,
    request: HttpRequest,
    check: fn(&[u8]) -> Result<(), Error>,
) -> Response
where
    D: Door,
    D::Encoder: Unpin + 'static,
{
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let request_id = reply::request_id(&parts.headers);
    let in_flight = match app.place().await {
        Ok(place) => InFlight::enter(&app.in_flight, place),
        Err(error) => return refused::<D>(&error, &request_id),
    };
    let taken = take::<D>(&app, &parts, body, &request_id, check).await;
    let (request, encoder, caller) = match taken {
        Ok(taken) => taken,
        Err(error) => return refused::<D>(&error, &request_id),
    };
    match request.delivery {
        Delivery::Whole => whole::<D>(&app, request, encoder, caller, started).await,
        Delivery::Streamed => {
            streamed::<D>(app, request, encoder, caller, (started, in_flight)).await
        }
    }
}

/// Everything that is checked before anybody is asked.
async fn take<D: Door>(
    app: &App,
    parts: &Parts,
    body: Body,
    request_id: &str,
    check: fn(&[u8]) -> Result<(), Error>,
) -> Result<(Request, D::Encoder, Caller), Error> {
    let admitted = app.access.admit(&parts.method, &parts.headers)?;
    if app.gateway.snapshot().is_own(&parts.headers) {
        return Err(
            Error::new(Kind::Loop, "this request came from this gateway itself")
                .with_hint("a provider's `base_url` leads back here"),
        );
    }
    let body = read(body, app.body_limit).await?;
    check(&body)?;
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let (request, encoder) = D::decode(header("x-llmgw-profile"), &body)?;
    let route = header("x-llmgw-route").map(str::to_owned);
    admitted.may_use(route.as_deref().unwrap_or(&request.model))?;
    let caller = Caller {
        key: admitted.name(),
        request_id: request_id.to_owned(),
        route,
        constraints: constraints(&parts.headers)?,
    };
    Ok((request, encoder, caller))
}

/// A body up to that size.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Error> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        if cause.to_string().contains("length limit") {
            return Error::new(
                Kind::TooLarge,
                format!("the body is larger than {limit} bytes"),
            )
            .with_hint("`server.body_limit` sets the limit");
        }
        Error::new(
            Kind::InvalidRequest,
            format!("the body could not be read: {cause}"),
        )
    })
}

async fn whole<D: Door>(
    app: &App,
    request: Request,
    mut encoder: D::Encoder,
    caller: Caller,
    started: Instant,
) -> Response {
    let request_id = caller.request_id.clone();
    let mut answer = match app.respond(request, caller).await {
        Ok(answer) => answer,
        Err(error) => return refused::<D>(&error, &request_id),
    };
    while let Some(batch) = answer.events.next().await {
        for emitted in batch {
            if let Open::Known(event) = &emitted.event
                && let Some(response) = event.terminal()
            {
                let body = encoder.response(response);
                let mut headers = reply::head(&request_id);
                reply::describe(&mut headers, &answer, encoder.withheld(), started);
                return reply::whole(StatusCode::OK, body, headers);
            }
        }
    }
    refused::<D>(
        &Error::new(Kind::Internal, "the answer had no end"),
        &request_id,
    )
}

/// Waits for the first content, but not for ever: then the head goes out, and the rest is in the stream.
async fn streamed<D>(
    app: Arc<App>,
    request: Request,
    encoder: D::Encoder,
    caller: Caller,
    (started, in_flight): (Instant, InFlight),
) -> Response
where
    D: Door,
    D::Encoder: Unpin + 'static,
{
    let request_id = caller.request_id.clone();
    let (keep_alive, commit_after) = (app.keep_alive, app.commit_after);
    let request = Arc::new(request);
    let asked = request.clone();
    let mut pending = Box::pin(async move {
        let answer = app.respond(request, caller.clone()).await;
        (app, caller, answer)
    });
    let mut headers = reply::head(&request_id);
    let source = match timeout(commit_after, &mut pending).await {
        Ok((_, _, Ok(answer))) => {
            reply::describe(&mut headers, &answer, encoder.withheld(), started);
            Source::Events(answer.events)
        }
        Ok((_, _, Err(error))) => return refused::<D>(&error, &request_id),
        Err(_) => Source::Pending(Box::pin(async move {
            let (app, caller, answer) = pending.await;
            begun(&app, &asked, &caller, answer)
        })),
    };
    reply::streamed(
        Body::from_stream(Frames::new(source, encoder, keep_alive, in_flight)),
        headers,
    )
}

/// The events of an answer for a client that has its status already.
fn begun(app: &App, asked: &Request, caller: &Caller, answer: Result<Reply, Error>) -> EventStream {
    match answer {
        Ok(answer) => answer.events,
        Err(error) => {
            report(&error, &caller.request_id);
            futures_util::stream::iter([app.gateway.failed(asked, caller, &error)]).boxed()
        }
    }
}

fn refused<D: Door>(error: &Error, request_id: &str) -> Response {
    report(error, request_id);
    reply::error::<D>(error, request_id)
}

/// A failure is logged once, here. What the client did wrong is no warning.
fn report(error: &Error, request_id: &str) {
    let target = error.target().map(ToString::to_string);
    let (status, code) = (error.status(), error.code());
    if status < 500 {
        tracing::info!(
            request_id,
            status,
            code,
            target,
            param = error.param(),
            "request refused: {}",
            error.message()
        );
    } else {
        tracing::warn!(
            request_id,
            status,
            code,
            target,
            "request failed: {}",
            error.message()
        );
    }
}
