//! The other end of the wire: what the demo's upstream answers to a body, as a script that the transport plays.
//!
//! Pure: the waits are written down, not waited for, so a test reads the script and a gateway plays it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::count;
use super::faults::{Fail, Faults};
use super::reply::{self, Refused};
use super::request::Asked;
use super::stream::Verb;
use crate::canonical::ids;
use crate::canonical::request::{Delivery, Request};

/// One step of a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Status and headers; once, before any bytes.
    Head(StatusCode, HeaderMap),
    /// Part of the body, to be handed on as one read.
    Bytes(Bytes),
    /// Nothing happens for so long.
    Wait(Duration),
    /// The connection breaks here.
    Reset,
    /// Nobody listens: in place of everything else.
    Refuse,
    /// Nothing ever happens again.
    Hang,
}

/// The steps of a reply, in order. After the last the body has ended properly.
pub type Script = Vec<Step>;

/// What the demo answers to this body.
pub fn answer(body: &[u8]) -> Script {
    match serde_json::from_slice(body) {
        Ok(Asked::Respond(request)) => respond(&request),
        Ok(Asked::Count(request)) => {
            json_reply(&json!({ "tokens": count::input_tokens(&request) }))
        }
        Ok(Asked::Models) => json_reply(&json!({ "models": [super::MODEL] })),
        Err(error) => refuse(
            &Refused::new(format!("the demo cannot read this request: {error}")),
            HeaderMap::new(),
        ),
    }
}

fn respond(request: &Request) -> Script {
    let faults = match Faults::of(&request.extra) {
        Ok(faults) => faults.at(&request.model),
        Err(error) => return refuse(&Refused::new(error.message()), HeaderMap::new()),
    };
    let mut script = Script::new();
    wait(&mut script, faults.delay_ms);
    if let Some(fail) = faults.fail {
        script.extend(failure(fail, &faults));
        return script;
    }
    let verbs = match reply::verbs(request, &faults, &seed(request)) {
        Ok(verbs) => verbs,
        Err(refused) => return refuse(&refused, HeaderMap::new()),
    };
    let delivery = request.delivery;
    script.push(head(StatusCode::OK, delivery, HeaderMap::new()));
    body_of(&verbs, &faults, delivery, &mut script);
    script
}

/// What ids are derived from: the request, but not how its answer is delivered.
fn seed(request: &Request) -> String {
    let mut request = request.clone();
    request.delivery = Delivery::Whole;
    // A request that was read has a JSON form.
    let json = serde_json::to_string(&request).unwrap_or_default();
    ids::digest(&["demo", &json])
}

/// The frames of an answer, up to the point where it breaks.
fn body_of(verbs: &[Verb<'_>], faults: &Faults, delivery: Delivery, script: &mut Script) {
    for (at, verb) in verbs.iter().enumerate() {
        if faults.garbage_after == Some(at) {
            script.push(frame("{\"text\":{\"block\":1,\"del", at, delivery));
            continue;
        }
        if faults.error_after == Some(at) {
            script.push(frame(&error_verb(faults), at, delivery));
            break;
        }
        if faults.cut_after == Some(at) {
            script.push(Step::Reset);
            return;
        }
        if faults.stall_after == Some(at) {
            script.push(Step::Hang);
            return;
        }
        if faults.end_after == Some(at) {
            return;
        }
        wait(script, faults.gap_ms);
        // Verbs are plain data, which always has a JSON form.
        let json = serde_json::to_string(verb).unwrap_or_default();
        script.push(frame(&json, at, delivery));
    }
    if delivery == Delivery::Whole {
        script.push(Step::Bytes(Bytes::from_static(b"]")));
    }
}

fn error_verb(faults: &Faults) -> String {
    let verb = Verb::Error {
        status: 500,
        code: faults.code.as_deref().unwrap_or("server_error").into(),
        message: "the demo was asked to fail here".into(),
    };
    serde_json::to_string(&verb).unwrap_or_default()
}

fn frame(json: &str, at: usize, delivery: Delivery) -> Step {
    let text = match (delivery, at) {
        (Delivery::Streamed, _) => format!("data: {json}\n\n"),
        (Delivery::Whole, 0) => format!("[{json}"),
        (Delivery::Whole, _) => format!(",{json}"),
    };
    Step::Bytes(Bytes::from(text))
}

fn wait(script: &mut Script, millis: u64) {
    if millis > 0 {
        script.push(Step::Wait(Duration::from_millis(millis)));
    }
}

fn head(status: StatusCode, delivery: Delivery, mut headers: HeaderMap) -> Step {
    let media = match delivery {
        Delivery::Whole => "application/json",
        Delivery::Streamed => "text/event-stream",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert("x-request-id", HeaderValue::from_static("demo"));
    Step::Head(status, headers)
}

fn json_reply(value: &serde_json::Value) -> Script {
    vec![
        head(StatusCode::OK, Delivery::Whole, HeaderMap::new()),
        Step::Bytes(Bytes::from(value.to_string())),
    ]
}

fn failure(fail: Fail, faults: &Faults) -> Script {
    let mut headers = HeaderMap::new();
    let wait = faults
        .retry_after
        .and_then(|wait| HeaderValue::from_str(&wait.to_string()).ok());
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, wait);
    }
    match fail {
        Fail::Reset => vec![Step::Reset],
        Fail::Hang => vec![Step::Hang],
        Fail::Html => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            let page = "<html><head><title>502 Bad Gateway</title></head><body>oops</body></html>";
            vec![
                Step::Head(StatusCode::BAD_GATEWAY, headers),
                Step::Bytes(Bytes::from_static(page.as_bytes())),
            ]
        }
        Fail::Status(status) => {
            let refused = Refused {
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                code: faults.code.clone().unwrap_or_default(),
                param: None,
                message: format!("the demo was asked to answer {status}"),
            };
            refuse(&refused, headers)
        }
    }
}

fn refuse(refused: &Refused, headers: HeaderMap) -> Script {
    let body = json!({
        "error": {
            "message": refused.message,
            "code": refused.code,
            "param": refused.param,
        }
    });
    vec![
        head(refused.status, Delivery::Whole, headers),
        Step::Bytes(Bytes::from(body.to_string())),
    ]
}
