//! The door from both sides.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::*;
use crate::canonical::compose::{Composer, Setup, Stop};
use crate::canonical::request::Delivery;

mod native;
mod replies;
mod requests;

fn body(fields: &Value) -> Value {
    let mut body =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    body
}

fn decode(fields: &Value) -> Result<Request, Error> {
    Messages::decode(None, body(fields).to_string().as_bytes()).map(|(request, _)| request)
}

/// What the model says in these tests.
type Script = fn(&mut Composer);

fn composer(delivery: Delivery, script: Script) -> Composer {
    let mut composer = Composer::new(Setup {
        delivery,
        ..Setup::default()
    });
    script(&mut composer);
    composer
}

fn whole(script: Script) -> Value {
    let batch = composer(Delivery::Whole, script).take();
    let response = batch
        .last()
        .unwrap()
        .event
        .known()
        .unwrap()
        .terminal()
        .unwrap()
        .clone();
    serde_json::from_slice(&MessagesEncoder::default().response(&response)).unwrap()
}

/// Event names and data.
fn streamed(script: Script) -> Vec<(String, Value)> {
    let (mut encoder, mut out) = (MessagesEncoder::default(), BytesMut::new());
    for emitted in composer(Delivery::Streamed, script).take() {
        encoder.event(&emitted, &mut out);
    }
    encoder.end(&mut out);
    std::str::from_utf8(&out)
        .unwrap()
        .split_terminator("\n\n")
        .map(|frame| {
            let (event, data) = frame.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            let event = event.strip_prefix("event: ").unwrap().to_owned();
            assert_eq!(data["type"], event.as_str());
            (event, data)
        })
        .collect()
}
