use serde_json::Value;

use super::*;
use crate::canonical::compose::{Composer, Setup, Stop};
use crate::canonical::event::ErrorPayload;
use crate::canonical::request::Delivery;

fn said(speak: impl FnOnce(&mut Composer)) -> (Vec<Value>, Option<ErrorPayload>) {
    let mut composer = Composer::new(Setup {
        delivery: Delivery::Streamed,
        ..Setup::default()
    });
    composer.begin("resp_1", "m");
    composer.text(0, "a\n\ndata: b");
    speak(&mut composer);
    let mut error = None;
    let mut encoder = ResponsesEncoder::of(&Request::ask("m", "hi"));
    let messages = messages(&composer.take(), &mut encoder, &mut error);
    let read = |message: &Message| serde_json::from_str(message.to_text().unwrap()).unwrap();
    (messages.iter().map(read).collect(), error)
}

#[test]
fn events_are_bare_json_and_numbered() {
    let (events, error) = said(|composer| {
        composer.stop(Stop::Complete);
        composer.end();
    });
    assert_eq!(error, None);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    assert_eq!(events[4]["delta"], "a\n\ndata: b");
    assert_eq!(events[events.len() - 1]["type"], "response.completed");
}

#[test]
fn a_failure_is_held_back_for_the_envelope() {
    let (events, error) = said(|composer| {
        composer.fail(&Error::new(Kind::RateLimited, "slow down").with_code("slow"));
    });
    assert_eq!(
        events[events.len() - 1]["type"],
        "response.output_item.done"
    );
    let error = error.unwrap();
    let Message::Text(text) = envelope(status_of(&error), &error) else {
        panic!("an envelope is text");
    };
    assert_eq!(
        text.as_str(),
        r#"{"type":"error","status":429,"error":{"type":"too_many_requests","code":"slow","message":"slow down","param":null}}"#
    );
}
