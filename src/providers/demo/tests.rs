//! The demo through its own wire: script, frames, decoder, composer.

mod calling;
mod faulty;
mod fitting;

use serde_json::{Value, json};

use super::peer::{Script, Step};
use super::*;
use crate::canonical::compose::{Composer, Setup};
use crate::canonical::event::{Batch, Event};
use crate::canonical::fold::Fold;
use crate::canonical::grammar::Grammar;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::request::Delivery;
use crate::canonical::response::{Response, Status};
use crate::canonical::settings::Echo;
use crate::wire::sse;

fn request(body: &Value) -> Request {
    serde_json::from_str(&body.to_string()).unwrap()
}

fn model() -> ModelId {
    ModelId::from("demo")
}

fn encoded(body: &Value) -> Call {
    let request = request(body);
    Demo.encode(Ask::Respond(&request), &model(), &Remedies::default())
        .unwrap()
}

fn script(body: &Value) -> Script {
    peer::answer(&encoded(body).body)
}

/// Plays a script as the gateway does, without its waits. An error is what the gateway would fail over with.
fn play(body: &Value, delivery: Delivery) -> Result<Batch, Error> {
    let mut request = request(body);
    request.delivery = delivery;
    let call = Demo.encode(Ask::Respond(&request), &model(), &Remedies::default())?;
    let (mut decoder, steps) = (call.decoder, peer::answer(&call.body));
    let mut out = Composer::new(Setup {
        echo: Echo::of(&request),
        delivery,
        seed: "request".to_owned(),
        ..Setup::default()
    });
    let mut reader = sse::Reader::default();
    let mut whole = Vec::new();
    let mut head = (StatusCode::OK, HeaderMap::new());
    let broken = |what: &str| Err(Error::new(Kind::StreamCut, what));
    for step in steps {
        match step {
            Step::Head(status, headers) => head = (status, headers),
            Step::Bytes(bytes) if delivery == Delivery::Whole || head.0 != StatusCode::OK => {
                whole.extend_from_slice(&bytes);
            }
            Step::Bytes(bytes) => {
                reader.push(&bytes);
                while let Some(frame) = reader.frame().unwrap() {
                    decoder.frame(&frame, &mut out)?;
                }
            }
            Step::Wait(_) => {}
            Step::Reset | Step::Refuse => return broken("reset"),
            Step::Hang => return Err(Error::new(Kind::Timeout, "hung")),
        }
    }
    match (head.0, delivery) {
        (StatusCode::OK, Delivery::Streamed) => decoder.finish(&mut out)?,
        (StatusCode::OK, Delivery::Whole) => decoder.body(&whole, &mut out)?,
        (status, _) => return Err(Demo.error(status, &head.1, &whole)),
    }
    Ok(out.take())
}

fn folded(events: &Batch) -> Response {
    Fold::of(events.iter().filter_map(|emitted| emitted.event.known()))
}

/// The answer, after the laws have been checked on both deliveries.
fn answer(body: &Value) -> Response {
    let streamed = play(body, Delivery::Streamed).unwrap();
    Grammar::check_all(&streamed).unwrap();
    let whole = folded(&play(body, Delivery::Whole).unwrap());
    let streamed = folded(&streamed);
    assert_eq!(
        serde_json::to_value(&streamed).unwrap(),
        serde_json::to_value(&whole).unwrap(),
        "whole and streamed fold to the same"
    );
    whole
}

fn text(response: &Response) -> String {
    let items = response.output.iter().filter_map(Open::known);
    let parts = items.filter_map(|item| match item {
        Item::Message(message) => Some(&message.content),
        _ => None,
    });
    parts
        .flatten()
        .filter_map(|part| part.known()?.text())
        .collect()
}

fn calls(response: &Response) -> Vec<(String, Value)> {
    let items = response.output.iter().filter_map(Open::known);
    let calls = items.filter_map(|item| match item {
        Item::FunctionCall(call) => Some(call),
        _ => None,
    });
    calls
        .map(|call| {
            let arguments = serde_json::from_str(&call.arguments).unwrap();
            (call.name.clone(), arguments)
        })
        .collect()
}

fn tools() -> Value {
    json!([
        { "type": "function", "name": "weather", "parameters": {
            "type": "object", "required": ["city"], "properties": { "city": { "type": "string" } } } },
        { "type": "function", "name": "time", "parameters": { "type": "object" } },
    ])
}

// === answers ===

#[test]
fn the_page_quotes_the_prompt_and_has_one_of_everything() {
    let page = text(&answer(
        &json!({ "model": "demo", "input": "hello\nthere, wörld" }),
    ));
    for part in [
        "# You said\n",
        "> hello\n> there, wörld\n",
        "\n- ",
        "```sh\n",
        "|---|---:|",
    ] {
        assert!(page.contains(part), "{part:?} in {page}");
    }
}

#[test]
fn deltas_are_of_the_size_of_words() {
    let events = play(
        &json!({ "model": "demo", "input": "hi", "demo": { "text": "one two  three" } }),
        Delivery::Streamed,
    )
    .unwrap();
    let deltas: Vec<&str> = events
        .iter()
        .filter_map(|emitted| match emitted.event.known() {
            Some(Event::TextDelta(delta)) => Some(delta.delta.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(deltas, ["one ", "two ", " ", "three"]);
}

#[test]
fn tokens_are_four_characters() {
    let body = json!({ "model": "demo", "input": "12345678", "instructions": "1234",
        "demo": { "text": "123456789" } });
    let usage = answer(&body).usage.unwrap();
    assert_eq!(
        (
            usage.input_tokens,
            usage.output_tokens,
            usage.total_tokens,
            usage.input_tokens_details.cached_tokens
        ),
        (3, 3, 6, 0)
    );
}

#[test]
fn the_limit_of_tokens_makes_the_answer_incomplete() {
    let body = json!({ "model": "demo", "input": "hi", "max_output_tokens": 2, "demo": { "text": "123456789" } });
    let response = answer(&body);
    assert_eq!(response.status, Status::Incomplete);
    assert_eq!(
        response.incomplete_details.as_ref().unwrap().reason,
        "max_output_tokens"
    );
    assert_eq!(text(&response), "12345678");
    assert_eq!(response.usage.unwrap().output_tokens, 2);
}

#[test]
fn a_limit_that_just_suffices_leaves_the_answer_whole() {
    let body = json!({ "model": "demo", "input": "hi", "max_output_tokens": 2, "demo": { "text": "12345678" } });
    assert_eq!(answer(&body).status, Status::Completed);
}

#[test]
fn images_and_files_are_acknowledged() {
    let body = json!({ "model": "demo", "input": [{ "role": "user", "content": [
        { "type": "input_text", "text": "see" },
        { "type": "input_image", "image_url": "data:image/png;base64,AA==" },
        { "type": "input_image", "image_url": "data:image/png;base64,AA==" },
        { "type": "input_file", "filename": "a.pdf", "file_data": "AA==" }] }] });
    let page = text(&answer(&body));
    assert!(page.contains("I see 2 images."), "{page}");
    assert!(page.contains("I see 1 file."), "{page}");
}

#[test]
fn reasoning_is_shown_when_a_summary_is_asked_for_and_counted_always() {
    let check = |reasoning: Value, parts: Option<usize>| {
        let response = answer(&json!({ "model": "demo", "input": "hi", "reasoning": reasoning }));
        let shown = match response.output.first().and_then(Open::known) {
            Some(Item::Reasoning(item)) => {
                assert!(
                    item.encrypted_content
                        .as_ref()
                        .unwrap()
                        .starts_with("llmgw1.")
                );
                Some(item.summary.len())
            }
            _ => None,
        };
        assert_eq!(shown, parts);
        let counted = response
            .usage
            .unwrap()
            .output_tokens_details
            .reasoning_tokens
            > 0;
        assert_eq!(counted, parts.is_some());
    };
    check(json!({ "effort": "high", "summary": "auto" }), Some(1));
    check(json!({ "effort": "low" }), Some(0));
    check(json!({ "effort": "none", "summary": "auto" }), None);
    check(json!(null), None);
}

#[test]
fn opaque_state_comes_back_and_foreign_state_is_taken_out() {
    let first =
        answer(&json!({ "model": "demo", "input": "hi", "reasoning": { "effort": "low" } }));
    let mut input = vec![json!({ "role": "user", "content": "hi" })];
    input.extend(
        first
            .output
            .iter()
            .map(|item| serde_json::to_value(item).unwrap()),
    );
    input.push(json!({ "role": "user", "content": "more" }));
    let mut body = json!({ "model": "demo", "input": input });
    assert!(text(&answer(&body)).contains("> more"));
    // Another vendor's is taken out before it is sent, so it cannot offend.
    body["input"][1]["encrypted_content"] = json!("gAAAA");
    assert_eq!(answer(&body).status, Status::Completed);
    let sent: Value = serde_json::from_slice(&encoded(&body).body).unwrap();
    assert_eq!(sent["respond"]["input"][1].get("encrypted_content"), None);
}

#[test]
fn the_peer_refuses_opaque_state_that_it_did_not_issue() {
    let body = json!({ "respond": { "input": [{ "type": "reasoning", "summary": [], "encrypted_content": "gAAAA" }] } });
    let head = peer::answer(body.to_string().as_bytes()).into_iter().next();
    assert!(matches!(head, Some(Step::Head(StatusCode::BAD_REQUEST, _))));
}

// === refusals and losses ===

#[test]
fn what_cannot_be_honoured_is_refused_or_reported() {
    let refused = |body: Value| {
        let request = request(&body);
        let call = Demo.encode(Ask::Respond(&request), &model(), &Remedies::default());
        call.unwrap_err().param().unwrap_or_default().to_owned()
    };
    let choice = json!({ "type": "function", "name": "nope" });
    assert_eq!(
        refused(json!({ "input": "hi", "tools": tools(), "tool_choice": choice })),
        "tool_choice"
    );
    assert_eq!(
        refused(json!({ "input": "hi", "tool_choice": "required" })),
        "tool_choice"
    );
    assert_eq!(
        refused(json!({ "input": [{ "type": "item_reference", "id": "msg_1" }] })),
        "input[0]"
    );
    assert_eq!(
        refused(json!({ "input": "hi", "demo": { "fial": 429 } })),
        "demo"
    );
    assert_eq!(refused(json!({ "input": "hi", "fail": 200 })), "demo");
    let losses = encoded(
        &json!({ "input": "hi", "tools": [{ "type": "web_search" }], "top_a": 1, "delay_ms": 0 }),
    )
    .losses;
    let fields: Vec<&str> = losses.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(fields, ["tools[0]", "top_a"]);
}

#[test]
fn tokens_and_models_are_told() {
    let request = request(&json!({ "input": "12345678" }));
    let check = |ask: Ask<'_>, kind: AskKind| {
        let call = Demo.encode(ask, &model(), &Remedies::default()).unwrap();
        let body: Vec<u8> = peer::answer(&call.body)
            .into_iter()
            .filter_map(|step| match step {
                Step::Bytes(bytes) => Some(bytes.to_vec()),
                _ => None,
            })
            .flatten()
            .collect();
        Demo.read(kind, &body).unwrap()
    };
    assert_eq!(
        check(Ask::Count(&request), AskKind::Count),
        Answer::Tokens(2)
    );
    let Answer::Models(models, None) = check(Ask::Models(None), AskKind::Models) else {
        panic!("a page of models");
    };
    assert_eq!(models.len(), 1);
    assert_eq!(models[0].id, "demo");
}
