//! The heads of replies: what a client learns of its request besides the answer.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;
use uuid::Builder;

use crate::canonical::response as canonical;
use crate::catalog::usd::Usd;
use crate::doors::Door;
use crate::error::Error;
use crate::gateway::Reply;
use crate::providers::Loss;
use crate::target::Target;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MODEL: HeaderName = HeaderName::from_static("x-llmgw-model");
const ROUTE: HeaderName = HeaderName::from_static("x-llmgw-route");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-llmgw-attempts");
const RESCUES: HeaderName = HeaderName::from_static("x-llmgw-rescues");
const LOSSY: HeaderName = HeaderName::from_static("x-llmgw-lossy");
const UPSTREAM_ID: HeaderName = HeaderName::from_static("x-llmgw-upstream-request-id");
const COST: HeaderName = HeaderName::from_static("x-llmgw-cost-usd");
const TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The header of losses is cut here, at a name's end.
const MOST_LOSSY: usize = 512;

/// The id of a request: the client's own, if it is 1 to 128 visible ASCII characters, or a new one.
pub(super) fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic()))
        .map_or_else(new_id, str::to_owned)
}

/// A new id: the time, and numbers that nobody can guess, without a call of the system's for each. The standard library
/// seeds its hasher anew and in secret.
fn new_id() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(0));
    let (high, low) = (
        RandomState::new().hash_one(millis),
        RandomState::new().hash_one(millis),
    );
    let mut bytes = [0; 10];
    let random = high.to_le_bytes().into_iter().chain(low.to_le_bytes());
    for (byte, random) in bytes.iter_mut().zip(random) {
        *byte = random;
    }
    let id = Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid();
    id.to_string()
}

/// A whole answer.
pub(super) fn whole(status: StatusCode, body: Bytes, headers: HeaderMap) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A streamed answer.
pub(super) fn streamed(body: Body, headers: HeaderMap) -> Response {
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Reverse proxies of nginx's kind would hold the stream back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// A refusal or failure, in the door's own dialect.
pub(super) fn error<D: Door>(error: &Error, request_id: &str) -> Response {
    let mut headers = HeaderMap::new();
    put(&mut headers, REQUEST_ID, request_id);
    if let Some(target) = error.target() {
        put(&mut headers, MODEL, &target.to_string());
    }
    if error.attempts() > 0 {
        headers.insert(ATTEMPTS, HeaderValue::from(error.attempts()));
    }
    if let Some(id) = error.upstream_request_id() {
        put(&mut headers, UPSTREAM_ID, id);
    }
    if let Some(wait) = error.retry_after() {
        // Rounded up: a client that comes back too early is refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        put(&mut headers, RETRY_AFTER, &seconds.to_string());
    }
    let status =
        StatusCode::from_u16(D::status(error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    whole(status, Bytes::from(D::error(error, request_id)), headers)
}

/// A failure that is in no record is logged once, here. What the client did wrong is no warning.
pub(super) fn report(error: &Error, request_id: &str) {
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

/// The head of a reply whose target is not known yet.
pub(super) fn head(request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    put(&mut headers, REQUEST_ID, request_id);
    headers
}

/// Adds what is known once a target answers.
pub(super) fn describe(
    headers: &mut HeaderMap,
    reply: &Reply,
    withheld: &[String],
    started: Instant,
) {
    put(headers, MODEL, &reply.target.joined());
    if let Some(alias) = &reply.alias {
        put(headers, ROUTE, alias);
    }
    headers.insert(ATTEMPTS, HeaderValue::from(reply.attempts));
    if reply.rescues > 0 {
        headers.insert(RESCUES, HeaderValue::from(reply.rescues));
    }
    if let Some(id) = &reply.upstream_request_id {
        put(headers, UPSTREAM_ID, id);
    }
    if !reply.losses.is_empty() || !withheld.is_empty() {
        put(headers, LOSSY, &lossy(&reply.losses, withheld));
    }
    put(headers, TIMING, &timing(reply.upstream, started.elapsed()));
}

/// Where the time went, in milliseconds: the difference is ours.
fn timing(upstream: Duration, total: Duration) -> String {
    let mut text = String::with_capacity(64);
    for (name, time) in [
        ("llmgw;dur=", total.saturating_sub(upstream)),
        (", upstream;dur=", upstream),
        (", ttft;dur=", total),
    ] {
        let hundredths = u64::try_from((time.as_nanos() + 5_000) / 10_000).unwrap_or(u64::MAX);
        text.push_str(name);
        // Whole numbers: those with a point take many times as long to write. Writing to a string cannot fail.
        let _ = write!(text, "{}.{:02}", hundredths / 100, hundredths % 100);
    }
    text
}

/// Adds what a whole answer cost, as its `llmgw` field has it; nothing where that is unknown.
pub(super) fn cost(headers: &mut HeaderMap, response: &canonical::Response) {
    let note = response.extra.get("llmgw");
    let cost = note.and_then(|note| note.get("cost_usd")?.as_f64());
    if let Some(cost) = cost {
        costs(headers, Usd::from_dollars(cost));
    }
}

/// Adds what an answer cost.
pub(super) fn costs(headers: &mut HeaderMap, cost: Usd) {
    put(headers, COST, &cost.to_string());
}

/// Who answered a question that is no response, and what is not exact in the answer.
pub(super) fn answered(headers: &mut HeaderMap, target: &Target, losses: &[Loss]) {
    put(headers, MODEL, &target.to_string());
    if !losses.is_empty() {
        put(headers, LOSSY, &lossy(losses, &[]));
    }
}

fn lossy(losses: &[Loss], withheld: &[String]) -> String {
    let mut names = String::new();
    for field in losses
        .iter()
        .map(|loss| loss.field.as_str())
        .chain(withheld.iter().map(String::as_str))
    {
        let plain = field
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.[]-".contains(&b));
        let name = if plain && !field.is_empty() {
            field
        } else {
            "unknown"
        };
        if names.split(',').any(|known| known == name) {
            continue;
        }
        if names.len() + name.len() + 1 > MOST_LOSSY {
            break;
        }
        if !names.is_empty() {
            names.push(',');
        }
        names.push_str(name);
    }
    names
}

/// Sets a header whose value may come from outside; one that no header can hold is left out.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_with_two_digits() {
        let shown = timing(
            Duration::from_nanos(1_994_999),
            Duration::from_micros(12_050),
        );
        assert_eq!(shown, "llmgw;dur=10.06, upstream;dur=1.99, ttft;dur=12.05");
    }

    #[test]
    fn odd_names_of_losses_are_unknown_and_the_list_is_bounded() {
        let losses: Vec<Loss> = [
            "reasoning.effort",
            "x y",
            "input[3].content[0]",
            "ü",
            "reasoning.effort",
        ]
        .iter()
        .map(|field| Loss::new(*field, ""))
        .collect();
        assert_eq!(
            lossy(&losses, &[]),
            "reasoning.effort,unknown,input[3].content[0]"
        );
        let many: Vec<Loss> = (0..200)
            .map(|n| Loss::new(format!("field_{n}"), ""))
            .collect();
        assert!(lossy(&many, &[]).len() <= MOST_LOSSY);
    }

    #[test]
    fn a_request_id_of_the_clients_is_taken_only_if_it_is_plain() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, "abc-1".parse().unwrap());
        assert_eq!(request_id(&headers), "abc-1");
        headers.insert(REQUEST_ID, "a b".parse().unwrap());
        assert_eq!(request_id(&headers).len(), 36);
        headers.insert(REQUEST_ID, "x".repeat(129).parse().unwrap());
        assert_eq!(request_id(&headers).len(), 36);
    }
}
