//! The composer under scripts of verbs: the laws hold, and the whole form equals the streamed one.

use super::*;
use crate::canonical::fold::Fold;
use crate::canonical::grammar::Grammar;
use crate::canonical::item::Item;
use crate::canonical::part::{Annotation, OutputText, Part, UrlCitation};

fn composer(delivery: Delivery) -> Composer {
    Composer::new(Setup {
        delivery,
        seed: "seed".into(),
        created_at: 7,
        ..Setup::default()
    })
}

/// Plays a script both ways, checks the laws, and gives the tags of the events and the response.
fn play(script: impl Fn(&mut Composer)) -> (Vec<&'static str>, Response) {
    let run = |delivery| {
        let mut composer = composer(delivery);
        composer.begin("up_1", "model-x");
        script(&mut composer);
        composer.end();
        composer.take()
    };
    let streamed = run(Delivery::Streamed);
    Grammar::check_all(&streamed).unwrap();
    let events: Vec<&Event> = streamed
        .iter()
        .filter_map(|emitted| emitted.event.known())
        .collect();
    let terminal = events
        .last()
        .and_then(|event| event.terminal())
        .unwrap()
        .clone();
    assert_eq!(
        Fold::of(events.iter().copied()),
        terminal,
        "the fold of the stream is its terminal response"
    );
    let whole = run(Delivery::Whole);
    let whole_response = whole
        .iter()
        .find_map(|emitted| emitted.event.known()?.terminal())
        .unwrap();
    assert_eq!(
        whole_response, &terminal,
        "whole and streamed forms are the same"
    );
    let tags = events
        .iter()
        .map(|event| event.tag().trim_start_matches("response."))
        .collect();
    (tags, terminal)
}

fn arguments(response: &Response) -> Vec<(&str, &str, Option<ItemStatus>)> {
    response
        .output
        .iter()
        .filter_map(|item| match item.known()? {
            Item::FunctionCall(call) => {
                Some((call.name.as_str(), call.arguments.as_str(), call.status))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn text_is_opened_streamed_and_closed() {
    let (tags, response) = play(|c| {
        c.text(0, "Hel");
        c.text(0, "");
        c.text(0, "lo");
        c.usage(Usage::counted(5, 1, None, 2, 0));
        c.stop(Stop::Complete);
    });
    assert_eq!(
        tags,
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed"
        ]
    );
    assert_eq!(response.output_text(), "Hello");
    assert_eq!(response.status, Status::Completed);
    assert_eq!(response.completed_at, Some(7));
    assert_eq!(response.usage.unwrap().total_tokens, 7);
}

#[test]
fn blocks_of_text_are_parts_of_one_message_and_keep_their_citations() {
    let (_, response) = play(|c| {
        c.text(0, "a");
        c.close(0);
        c.text(1, "b");
        c.annotate(
            1,
            Open::Known(Annotation::UrlCitation(UrlCitation {
                url: "u".into(),
                title: "t".into(),
                start_index: 0,
                end_index: 1,
                extra: crate::canonical::extra::Extra::new(),
            })),
        );
        c.close(1);
        c.stop(Stop::Complete);
    });
    assert_eq!(response.output.len(), 1);
    let Open::Known(Item::Message(message)) = &response.output[0] else {
        panic!("a message")
    };
    assert_eq!(message.content.len(), 2);
    let Open::Known(Part::OutputText(OutputText { annotations, .. })) = &message.content[1] else {
        panic!("text")
    };
    assert_eq!(annotations.len(), 1);
}

#[test]
fn reasoning_is_sealed_also_without_text() {
    let (tags, response) = play(|c| {
        c.reasoning(0, "hm");
        c.seal(0, "sig0".into());
        c.close(0);
        c.seal(1, "sig1".into());
        c.close(1);
        c.text(2, "x");
        c.stop(Stop::Complete);
    });
    assert!(tags.contains(&"reasoning_summary_text.delta"));
    let sealed: Vec<_> = response
        .output
        .iter()
        .filter_map(|item| match item.known()? {
            Item::Reasoning(r) => Some((r.summary.len(), r.encrypted_content.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(sealed, [(1, Some("sig0")), (0, Some("sig1"))]);
}

#[test]
fn calls_follow_one_another_also_when_their_arguments_interleave() {
    let (_, response) = play(|c| {
        c.call(0, "c0", "f");
        c.arguments(0, "{\"a\":");
        c.call(1, "c1", "g");
        c.arguments(1, "{\"b\":");
        c.arguments(0, "1}");
        c.arguments(1, "2}");
        c.call(2, "c2", "h");
        c.stop(Stop::Complete);
    });
    let done = Some(ItemStatus::Completed);
    assert_eq!(
        arguments(&response),
        [
            ("f", "{\"a\":1}", done),
            ("g", "{\"b\":2}", done),
            ("h", "{}", done)
        ]
    );
}

#[test]
fn a_call_that_is_whole_is_closed_at_once() {
    let mut c = composer(Delivery::Streamed);
    c.begin("r", "m");
    c.call(0, "c0", "f");
    c.arguments(0, "{}");
    c.close(0);
    let done = c
        .take()
        .iter()
        .any(|e| matches!(e.event, Open::Known(Event::ItemDone(_))));
    assert!(done, "clients act on a call when its item is done");
}

#[test]
fn the_token_limit_leaves_the_last_item_incomplete() {
    let (_, response) = play(|c| {
        c.text(0, "so");
        c.close(0);
        c.call(1, "c", "f");
        c.arguments(1, "{\"a\": [1,");
        c.close(1);
        c.stop(Stop::MaxTokens);
    });
    assert_eq!(response.status, Status::Incomplete);
    assert_eq!(
        response.incomplete_details.as_ref().unwrap().reason,
        "max_output_tokens"
    );
    assert_eq!(
        arguments(&response),
        [("f", "{\"a\": [1,", Some(ItemStatus::Incomplete))]
    );
    let first = response.output[0].known().unwrap().status();
    assert_eq!(first, Some(ItemStatus::Completed));
}

#[test]
fn an_end_without_a_stop_is_a_failure() {
    let (tags, response) = play(|c| c.text(0, "half an ans"));
    assert_eq!(tags[tags.len() - 2..], ["error", "failed"]);
    assert_eq!(response.status, Status::Failed);
    assert_eq!(response.error.unwrap().code, "upstream_stream_interrupted");
    assert_eq!(
        response.output[0].known().unwrap().status(),
        Some(ItemStatus::Incomplete)
    );
}

#[test]
fn arguments_that_are_no_json_never_end_as_completed() {
    let (_, response) = play(|c| {
        c.call(0, "c", "f");
        c.arguments(0, "{\"a\": oops}");
        c.stop(Stop::Complete);
    });
    assert_eq!(response.status, Status::Failed);
    assert_eq!(response.error.unwrap().code, "invalid_tool_arguments");
}

#[test]
fn a_filter_that_says_why_is_a_refusal() {
    let (_, response) = play(|c| c.stop(Stop::ContentFilter(Some("not that".into()))));
    assert_eq!(response.status, Status::Incomplete);
    let Open::Known(Item::Message(message)) = &response.output[0] else {
        panic!("a message")
    };
    assert_eq!(message.content[0].known().unwrap().text(), Some("not that"));
}

#[test]
fn arguments_for_a_call_that_is_closed_are_a_fault() {
    let mut c = composer(Delivery::Streamed);
    c.begin("r", "m");
    c.call(0, "c", "f");
    c.arguments(0, "{}");
    c.close(0);
    c.arguments(0, " \n");
    assert!(c.fault().is_none(), "white space is no content");
    c.arguments(0, "{\"again\":1}");
    assert!(c.fault().is_some());
    c.stop(Stop::Complete);
    c.end();
    assert!(c.failure().is_some());
}

#[test]
fn nothing_follows_the_end() {
    let mut c = composer(Delivery::Streamed);
    c.begin("r", "m");
    c.text(0, "x");
    c.stop(Stop::Complete);
    c.end();
    let before = c.take().len();
    c.end();
    c.fail(&Error::garbled("late"));
    assert!(before > 0 && c.take().is_empty());
}
