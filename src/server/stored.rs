//! Stored responses: fetched, resumed, listed, cancelled, deleted. Each client key sees its own alone.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response as HttpResponse;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;

use super::body::{Frames, InFlight, Source};
use super::recording::{Patience, Recording};
use super::{App, reply, serve};
use crate::canonical::event::Emitted;
use crate::canonical::request::Request;
use crate::canonical::response::Response;
use crate::doors::Encoder;
use crate::doors::responses::{Responses, ResponsesEncoder};
use crate::error::{Error, Kind};
use crate::store::record::{Owner, id_of};
use crate::telemetry::recorder::Recorder;

type Parameters = HashMap<String, String>;

/// How many items a page has, and may have.
const PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

/// `GET /v1/responses/{id}`, also as a stream that is resumed: `?stream=true&starting_after=N`.
pub(super) async fn fetch(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    parts: Parts,
) -> HttpResponse {
    let request_id = reply::request_id(&parts.headers);
    let fetched = async {
        let owner = admit(&app, &Method::GET, &parts)?;
        let parameters = parameters(&parts);
        match parameters.get("stream").map(String::as_str) {
            Some("true") => resume(&app, &owner, &id, &parameters, &request_id),
            None | Some("false") => {
                let (asked, response) = find(&app, &owner, &id).await?;
                let body = ResponsesEncoder::of(&asked).response(&response);
                Ok(json_reply(body, &request_id))
            }
            Some(_) => Err(Error::invalid("stream", "`stream` is `true` or `false`")),
        }
    };
    fetched
        .await
        .unwrap_or_else(|error| serve::refused::<Responses>(&error, &request_id))
}

/// `DELETE /v1/responses/{id}`; one that is still being made is called off.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    parts: Parts,
) -> HttpResponse {
    let request_id = reply::request_id(&parts.headers);
    let deleted = async {
        let owner = admit(&app, &Method::DELETE, &parts)?;
        let recording = app.conversations.recordings.get(&owner, &id);
        if let Some(recording) = &recording {
            recording.forget();
            app.conversations.recordings.remove(recording);
        }
        let stored = app.conversations.archive.delete(&owner, &id).await;
        if recording.is_none() && !stored {
            return Err(not_found(&id));
        }
        let body = json!({"id": id, "object": "response", "deleted": true});
        Ok(json_reply(body.to_string().into(), &request_id))
    };
    deleted
        .await
        .unwrap_or_else(|error| serve::refused::<Responses>(&error, &request_id))
}

/// `GET /v1/responses/{id}/input_items`: the effective input, the latest first unless `order=asc`.
pub(super) async fn input_items(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    parts: Parts,
) -> HttpResponse {
    let request_id = reply::request_id(&parts.headers);
    let listed = async {
        let owner = admit(&app, &Method::GET, &parts)?;
        let body = list(&app, &owner, &id, &parameters(&parts)).await?;
        Ok(json_reply(body.into(), &request_id))
    };
    listed
        .await
        .unwrap_or_else(|error: Error| serve::refused::<Responses>(&error, &request_id))
}

/// `POST /v1/responses/{id}/cancel`: a background response ends where it is. Cancelling twice is no fault.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    parts: Parts,
) -> HttpResponse {
    let request_id = reply::request_id(&parts.headers);
    let cancelled = async {
        // There is no body whose type could be declared. A web page's request is told by its origin, which goes with
        // every POST.
        let owner = admit(&app, &Method::GET, &parts)?;
        if let Some(recording) = running(&app, &owner, &id) {
            recording.call_off();
            recording.ended().await;
        }
        let (asked, response) = find(&app, &owner, &id).await?;
        if !is_background(&response) {
            return Err(Error::invalid(
                "id",
                "only a background response can be cancelled",
            ));
        }
        let body = ResponsesEncoder::of(&asked).response(&response);
        Ok(json_reply(body, &request_id))
    };
    cancelled
        .await
        .unwrap_or_else(|error| serve::refused::<Responses>(&error, &request_id))
}

fn admit(app: &App, method: &Method, parts: &Parts) -> Result<Owner, Error> {
    let admitted = app.access.admit(method, &parts.headers)?;
    Ok(Owner::of(admitted.name().as_ref()))
}

fn parameters(parts: &Parts) -> Parameters {
    let query = parts.uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn running(app: &App, owner: &Owner, id: &str) -> Option<Arc<Recording>> {
    let recording = app.conversations.recordings.get(owner, id)?;
    let background = recording.patience == Patience::Background;
    (background && !recording.is_ended()).then_some(recording)
}

/// The response, and the request as far as its encoder must know it.
async fn find(app: &App, owner: &Owner, id: &str) -> Result<(Arc<Request>, Response), Error> {
    if let Some(recording) = running(app, owner, id) {
        return Ok((recording.request.clone(), recording.snapshot()));
    }
    let record = app.conversations.archive.get(owner, id).await;
    let record = record.ok_or_else(|| not_found(id))?;
    Ok((record.request.clone(), (*record.response).clone()))
}

fn is_background(response: &Response) -> bool {
    response
        .echo
        .get("background")
        .is_some_and(|json| json == "true")
}

/// The recorded stream from its beginning, without the events that the client has.
fn resume(
    app: &Arc<App>,
    owner: &Owner,
    id: &str,
    parameters: &Parameters,
    request_id: &str,
) -> Result<HttpResponse, Error> {
    let after = match parameters.get("starting_after") {
        Some(text) => Some(text.parse().map_err(|_| {
            Error::invalid(
                "starting_after",
                "`starting_after` is the number of the last event that came",
            )
        })?),
        None => None,
    };
    let recording = app.conversations.recordings.get(owner, id);
    let recording = recording.ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("there is no stream of response `{id}` to resume"),
        )
        .with_hint(
            "streams are kept for `background` and for the header `x-llmgw-resumable`, for a while",
        )
    })?;
    let encoder = Resumed {
        inner: ResponsesEncoder::of(&recording.request),
        after,
        aside: BytesMut::new(),
    };
    let source = Source::Events(recording.read());
    let in_flight = InFlight::enter(&app.in_flight);
    let around = (Recorder::unobserved(), in_flight);
    let frames = Frames::new(source, encoder, app.keep_alive, around);
    Ok(reply::streamed(
        Body::from_stream(frames),
        reply::head(request_id),
    ))
}

async fn list(
    app: &App,
    owner: &Owner,
    id: &str,
    parameters: &Parameters,
) -> Result<String, Error> {
    let limit = match parameters.get("limit").map(|text| text.parse::<usize>()) {
        None => PAGE,
        Some(Ok(limit)) if (1..=LARGEST_PAGE).contains(&limit) => limit,
        Some(_) => {
            let message = format!("`limit` is 1 to {LARGEST_PAGE}");
            return Err(Error::invalid("limit", message));
        }
    };
    let record = if let Some(recording) = running(app, owner, id) {
        Arc::new(recording.record())
    } else {
        let record = app.conversations.archive.get(owner, id).await;
        record.ok_or_else(|| not_found(id))?
    };
    app.conversations.archive.reveal(&record);
    let mut items: Vec<_> = match parameters.get("order").map(String::as_str) {
        None | Some("desc") => record.input_items().rev().collect(),
        Some("asc") => record.input_items().collect(),
        Some(_) => return Err(Error::invalid("order", "`order` is `asc` or `desc`")),
    };
    if let Some(after) = parameters.get("after") {
        let at = items.iter().position(|item| id_of(item) == Some(after));
        let at = at.ok_or_else(|| {
            Error::invalid("after", format!("the input has no item `{after}`"))
                .with_code("item_not_found")
        })?;
        items.drain(..=at);
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    let body = json!({
        "object": "list",
        "data": items,
        "first_id": items.first().and_then(id_of),
        "last_id": items.last().and_then(id_of),
        "has_more": has_more,
    });
    Ok(body.to_string())
}

fn not_found(id: &str) -> Error {
    Error::new(Kind::NotFound, format!("response `{id}` not found")).with_param("id")
}

fn json_reply(body: Bytes, request_id: &str) -> HttpResponse {
    reply::whole(StatusCode::OK, body, reply::head(request_id))
}

/// Writes what comes after an event's number. The events before it are written aside, because numbers are given in
/// writing, and what is withheld has none.
struct Resumed {
    inner: ResponsesEncoder,
    after: Option<u64>,
    aside: BytesMut,
}

impl Encoder for Resumed {
    fn event(&mut self, emitted: &Emitted, out: &mut BytesMut) {
        if self
            .after
            .is_some_and(|after| self.inner.sequence() <= after)
        {
            self.aside.clear();
            self.inner.event(emitted, &mut self.aside);
        } else {
            self.inner.event(emitted, out);
        }
    }

    fn response(&mut self, response: &Response) -> Bytes {
        self.inner.response(response)
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.inner.end(out);
    }

    fn keep_alive(&mut self, out: &mut BytesMut) {
        self.inner.keep_alive(out);
    }

    fn withheld(&self) -> &[String] {
        self.inner.withheld()
    }
}
