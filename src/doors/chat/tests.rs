//! The door from both sides.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::*;
use crate::canonical::compose::{Composer, Setup, Stop};
use crate::canonical::request::Delivery;
use crate::canonical::usage::Usage;

mod replies;
mod requests;

fn decode(body: &Value) -> Result<(Request, ChatEncoder), Error> {
    Chat::decode(None, body.to_string().as_bytes())
}

/// The items that these messages become.
fn check_items(messages: &Value, expect: &Value) {
    let (request, _) = decode(&json!({"model": "m", "messages": messages})).unwrap();
    let items = serde_json::to_value(&request.input).unwrap();
    assert_eq!(&items, expect, "{messages}");
    assert_eq!(request.beyond.lost, Vec::<String>::new());
}

/// What the model says in these tests.
type Script = fn(&mut Composer);

fn hello(out: &mut Composer) {
    out.begin("up", "m-1");
    out.text(0, "Hel");
    out.text(0, "lo");
    out.usage(Usage::counted(10, 4, Some(1), 5, 2));
    out.stop(Stop::Complete);
    out.end();
}

fn called(out: &mut Composer) {
    out.begin("up", "m-1");
    out.call(0, "c1", "f");
    out.arguments(0, "{\"a\"");
    out.arguments(0, ":1}");
    out.close(0);
    out.stop(Stop::Complete);
    out.end();
}

fn composer(delivery: Delivery, script: Script) -> Composer {
    let mut composer = Composer::new(Setup {
        delivery,
        created_at: 7,
        ..Setup::default()
    });
    script(&mut composer);
    composer
}

fn whole(encoder: &mut ChatEncoder, script: Script) -> Value {
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
    serde_json::from_slice(&encoder.response(&response)).unwrap()
}

fn raw(encoder: &mut ChatEncoder, script: Script) -> String {
    let mut out = BytesMut::new();
    for emitted in composer(Delivery::Streamed, script).take() {
        encoder.event(&emitted, &mut out);
    }
    encoder.end(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// The chunks before `[DONE]`.
fn streamed(encoder: &mut ChatEncoder, script: Script) -> Vec<Value> {
    let text = raw(encoder, script);
    let body = text.strip_suffix("data: [DONE]\n\n").unwrap();
    body.split_terminator("\n\n")
        .map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

fn deltas(chunks: &[Value]) -> impl Iterator<Item = &Value> {
    chunks.iter().map(|chunk| &chunk["choices"][0]["delta"])
}

fn encoder(fields: &Value) -> ChatEncoder {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    decode(&body).unwrap().1
}
