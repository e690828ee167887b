//! A recording of a protocol that has a door here, there and back: the request through its door to its own provider, and
//! the reply through the provider's decoder to its own door, whole and streamed.

use bytes::BytesMut;
use llmgw::canonical::compose::Setup;
use llmgw::canonical::native::Protocol;
use llmgw::canonical::request::{Delivery, Profile, Request};
use llmgw::doors::chat::Chat;
use llmgw::doors::messages::Messages;
use llmgw::doors::{Door, Encoder};
use llmgw::error::Error;
use llmgw::providers::{Ask, Call, Remedies};
use llmgw::target::ModelId;
use llmgw::wire::sse::Reader;
use serde_json::{Value, json};

use crate::drive::{self, Outcome};
use crate::facts;
use crate::names;
use crate::recording::{Bytes, Recording};

/// Headers that belong to a request, as the server lends them to it.
const HEADERS: [&str; 2] = ["anthropic-version", "anthropic-beta"];

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Answer,
    Count,
}

/// The request as it would go on, and the reply as a client would get it.
pub(crate) fn of(recording: &Recording) -> Option<Value> {
    match recording.api.as_str() {
        "anthropic-messages" => Some(exchange::<Messages>(recording, Protocol::Messages)),
        "openai-chat" => Some(exchange::<Chat>(recording, Protocol::Chat)),
        "anthropic-count" => {
            let body = body(recording)?;
            let request = Messages::count(body.to_string().as_bytes());
            Some(json!({"request": sent(recording, request, Asked::Count)}))
        }
        _ => None,
    }
}

fn exchange<D: Door>(recording: &Recording, protocol: Protocol) -> Value {
    let recorded = body(recording);
    let request = recorded.as_ref().map(|body| {
        let request = D::decode(None, body.to_string().as_bytes()).map(|(request, _)| request);
        sent(recording, request, Asked::Answer)
    });
    let mut row = json!({"request": request});
    if recording.response.status >= 400 {
        return row;
    }
    let smallest = json!({
        "model": recording.model, "max_tokens": 1024, "messages": [{"role": "user", "content": "hi"}],
        "stream_options": {"include_usage": true},
    });
    let mut asked = recorded.unwrap_or_else(|| smallest.clone());
    if D::decode(None, asked.to_string().as_bytes()).is_err() {
        asked = smallest;
    }
    for (delivery, name) in [(Delivery::Streamed, "frames"), (Delivery::Whole, "whole")] {
        let streams = matches!(recording.bytes(), Bytes::Stream(_));
        if delivery == Delivery::Whole || streams {
            row[name] = reply::<D>(recording, protocol, &asked, delivery)
                .unwrap_or_else(|error| json!({"error": error.message()}));
        }
    }
    row
}

/// The recorded body. Some servers have the model in their address, so that it is put in.
fn body(recording: &Recording) -> Option<Value> {
    let body = recording.request.as_ref()?.body.as_ref()?;
    let mut body: Value = serde_json::from_str(body.get()).ok()?;
    let object = body.as_object_mut()?;
    let model = recording.model.as_deref().unwrap_or("model");
    object.entry("model").or_insert_with(|| model.into());
    Some(body)
}

/// What the provider would be sent, or why nothing would be.
fn sent(recording: &Recording, request: Result<Request, Error>, kind: Asked) -> Value {
    let told = |error: &Error| json!({"refused": error.message(), "param": error.param()});
    let mut request = match request {
        Ok(request) => request,
        Err(error) => return told(&error),
    };
    lend(recording, &mut request);
    match encoded(recording, &request, kind) {
        Ok(call) => {
            let header = |name: &str| {
                let value = call.headers.get(name)?.to_str().ok()?;
                Some((name.to_owned(), Value::from(value)))
            };
            let headers: serde_json::Map<String, Value> =
                HEADERS.into_iter().filter_map(header).collect();
            let losses: Vec<_> = call
                .losses
                .iter()
                .map(|loss| [&loss.field, &loss.what])
                .collect();
            let sent: Value = serde_json::from_slice(&call.body).unwrap_or_default();
            json!({"sent": sent, "losses": losses, "headers": headers})
        }
        Err(error) => told(&error),
    }
}

fn lend(recording: &Recording, request: &mut Request) {
    let recorded = recording
        .request
        .as_ref()
        .and_then(|sent| sent.headers.as_ref());
    let (Some(native), Some(recorded)) = (&mut request.native, recorded) else {
        return;
    };
    for name in HEADERS {
        let value = recorded
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        if let Some((_, Value::String(value))) = value {
            native.headers.push((name, value.clone()));
        }
    }
}

fn encoded(recording: &Recording, request: &Request, kind: Asked) -> Result<Call, Error> {
    let model = ModelId::from(request.model.as_str());
    let ask = match kind {
        Asked::Answer => Ask::Respond(request),
        Asked::Count => Ask::Count(request),
    };
    names::provider(recording).encode(ask, &model, &Remedies::default())
}

/// What a client reads: a document, or the data of its frames.
fn reply<D: Door>(
    recording: &Recording,
    protocol: Protocol,
    asked: &Value,
    delivery: Delivery,
) -> Result<Value, Error> {
    let (mut request, mut encoder) = D::decode(None, asked.to_string().as_bytes())?;
    request.delivery = delivery;
    let mut decoder = encoded(recording, &request, Asked::Answer)?.decoder;
    let setup = Setup {
        native: request.spoken(protocol).map(|_| protocol),
        ..facts::setup(delivery, Profile::Native)
    };
    let outcome = match recording.bytes() {
        Bytes::Stream(bytes) => drive::stream(decoder.as_mut(), setup, [bytes.as_slice()]),
        Bytes::Whole(body) => drive::whole(decoder.as_mut(), setup, &body),
    };
    Ok(match delivery {
        Delivery::Whole => whole(&outcome, &mut encoder),
        Delivery::Streamed => frames(&outcome, &mut encoder),
    })
}

fn whole(outcome: &Outcome, encoder: &mut impl Encoder) -> Value {
    let Some(response) = outcome.response() else {
        return Value::Null;
    };
    if let Some(error) = &response.error {
        return json!({"failed": error.message});
    }
    for emitted in &outcome.events {
        encoder.native(&emitted.native);
    }
    serde_json::from_slice(&encoder.response(response)).unwrap_or_default()
}

fn frames(outcome: &Outcome, encoder: &mut impl Encoder) -> Value {
    let mut bytes = BytesMut::new();
    for emitted in &outcome.events {
        encoder.event(emitted, &mut bytes);
    }
    encoder.end(&mut bytes);
    let mut reader = Reader::default();
    reader.push(&bytes);
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = reader.frame() {
        let text = String::from_utf8_lossy(&frame.data);
        let data = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_ref()));
        frames.push(json!({"event": String::from_utf8_lossy(&frame.event), "data": data}));
    }
    frames.into()
}
