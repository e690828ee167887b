//! Attempts of all kinds, spliced, and held against the laws of streams.

use serde_json::json;

use super::*;
use crate::canonical::compose::{OnFailure, Stop};
use crate::canonical::fold::Fold;
use crate::canonical::grammar::Grammar;
use crate::canonical::part::{Annotation, Json, UrlCitation};
use crate::canonical::request::Delivery;
use crate::canonical::response::Status;
use crate::error::Kind;

fn setup(seed: &str) -> Setup {
    Setup {
        delivery: Delivery::Streamed,
        on_failure: OnFailure::Hold,
        seed: seed.to_owned(),
        created_at: 7,
        ..Setup::default()
    }
}

/// An attempt: what its decoder says, and the events of it.
fn attempt(script: impl FnOnce(&mut Composer)) -> Batch {
    let mut composer = Composer::new(setup("seed"));
    // All servers of this test use the same id for everything.
    composer.begin("same", "model");
    script(&mut composer);
    composer.take()
}

fn client() -> Graft {
    Graft::new(Setup {
        on_failure: OnFailure::End,
        ..setup("seed")
    })
}

/// An answer that broke off after this, and what the client has of it.
fn broken(script: impl FnOnce(&mut Composer)) -> (Graft, Batch) {
    let mut graft = client();
    graft.note(json!({"model": "a/m", "attempts": 1, "losses": []}));
    graft.take_in(attempt(script)).unwrap();
    let mut seen = graft.take();
    graft.broke(Some(&Usage::counted(10, 0, None, 3, 0)));
    seen.extend(graft.take());
    (graft, seen)
}

fn done(out: &mut Composer) {
    out.usage(Usage::counted(20, 0, None, 4, 0));
    out.stop(Stop::Complete);
    out.end();
}

/// Goes on by these means to the end: the response, as one word for each item.
fn goes_on(
    broken: (Graft, Batch),
    means: Means,
    script: impl FnOnce(&mut Composer),
) -> (Vec<String>, Response) {
    let (mut graft, mut seen) = broken;
    graft.goes_on("b/m", means, "cut");
    graft.take_in(attempt(script)).unwrap();
    seen.extend(graft.take());
    Grammar::check_all(&seen).unwrap_or_else(|breach| panic!("{breach}"));
    let known: Vec<Event> = seen
        .iter()
        .filter_map(|e| e.event.known().cloned())
        .collect();
    let response = known.last().and_then(Event::terminal).unwrap().clone();
    assert_eq!(Fold::of(&known[..known.len() - 1]).output, response.output);
    let items = response
        .output
        .iter()
        .map(|item| word(item.known().unwrap()));
    (items.collect(), response)
}

fn word(item: &Item) -> String {
    let text = |parts: &[Open<Part>]| -> String {
        let texts = parts.iter().filter_map(|part| part.known()?.text());
        texts.collect::<Vec<_>>().join("|")
    };
    match item {
        Item::Message(message) => format!("says {}", text(&message.content)),
        Item::Reasoning(thought) => {
            let seal = thought.encrypted_content.as_deref().unwrap_or("no seal");
            format!("thinks {} ({seal})", text(&thought.summary))
        }
        Item::FunctionCall(call) => format!("calls {}{}", call.name, call.arguments),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_events_of_an_answer_that_does_not_break_are_as_they_were() {
    let events = attempt(|out| {
        out.reasoning(0, "hm");
        out.seal(0, "state".to_owned());
        out.text(1, "one");
        out.text(1, " two");
        out.call(2, "c1", "f");
        out.arguments(2, "{}");
        out.close(2);
        done(out);
    });
    let mut graft = client();
    graft.take_in(events.clone()).unwrap();
    let ended = graft.take();
    assert_eq!(ended, events);
}

#[test]
fn text_goes_on_in_the_message_that_is_open() {
    let begun = || broken(|out| out.text(0, "one tw"));
    let (items, response) = goes_on(begun(), Means::Prefill, |out| {
        out.text(0, "o three");
        done(out);
    });
    assert_eq!(items, ["says one two three"]);
    assert_eq!(response.status, Status::Completed);
    assert_eq!(response.usage.unwrap().total_tokens, 37);
    let note = response.extra[NOTE].clone();
    let rescue = json!({"cause": "cut", "after_characters": 6, "model": "b/m", "means": "prefill"});
    assert_eq!(note["rescues"], json!([rescue]));
    assert_eq!(note["model"], "a/m");
    let (items, _) = goes_on(begun(), Means::Anew, |out| {
        out.text(0, "one ");
        out.text(0, "two three");
        done(out);
    });
    assert_eq!(items, ["says one two three"]);
    let (items, _) = goes_on(begun(), Means::GoOn, |out| {
        out.text(0, "two three");
        done(out);
    });
    assert_eq!(items, ["says one two three"]);
}

#[test]
fn the_end_of_a_message_waits_so_that_it_can_go_on() {
    let begun = broken(|out| {
        out.text(0, "one");
        out.close(0);
        out.call(1, "c1", "f");
        out.arguments(1, "{\"a\":");
    });
    let (items, _) = goes_on(begun, Means::Anew, |out| {
        out.text(0, "one, and more");
        out.call(1, "c1", "g");
        out.arguments(1, "{}");
        out.close(1);
        done(out);
    });
    assert_eq!(items, ["says one, and more", "calls g{}"]);
}

#[test]
fn thoughts_that_broke_off_are_closed_and_never_sealed() {
    let begun = broken(|out| out.reasoning(0, "let me"));
    assert!(begun.0.said().thought);
    let (items, _) = goes_on(begun, Means::Anew, |out| {
        out.reasoning(0, "let me see");
        out.seal(0, "state".to_owned());
        out.text(1, "one");
        done(out);
    });
    let expect = [
        "thinks let me (no seal)",
        "thinks let me see (state)",
        "says one",
    ];
    assert_eq!(items, expect);
}

#[test]
fn thoughts_before_what_was_said_are_left_out_unless_a_call_needs_their_state() {
    let begun = || {
        broken(|out| {
            out.reasoning(0, "first");
            out.seal(0, "state 1".to_owned());
            out.text(1, "one");
        })
    };
    let (items, _) = goes_on(begun(), Means::Anew, |out| {
        out.reasoning(0, "second");
        out.seal(0, "state 2".to_owned());
        out.text(1, "one two");
        done(out);
    });
    assert_eq!(items, ["thinks first (state 1)", "says one two"]);
    let (items, _) = goes_on(begun(), Means::Anew, |out| {
        out.reasoning(0, "second");
        out.seal(0, "state 2".to_owned());
        out.text(1, "one two");
        out.call(2, "c1", "f");
        out.arguments(2, "{}");
        done(out);
    });
    let expect = [
        "thinks first (state 1)",
        "says one two",
        "thinks second (state 2)",
        "calls f{}",
    ];
    assert_eq!(items, expect);
}

#[test]
fn what_does_not_fit_is_told() {
    let tries: [fn(&mut Composer); 4] = [
        |out| out.text(0, "other"),
        |out| out.refusal(0, "no"),
        |out| {
            out.call(0, "c1", "f");
            out.arguments(0, "{}");
        },
        |out| {
            out.text(0, "on");
            done(out);
        },
    ];
    for script in tries {
        let (mut graft, _) = broken(|out| out.text(0, "one"));
        graft.goes_on("b/m", Means::Anew, "cut");
        assert_eq!(graft.take_in(attempt(script)), Err(Diverged));
        assert_eq!(graft.said().text, "one");
    }
}

#[test]
fn a_note_keeps_its_range() {
    let (mut graft, _) = broken(|out| out.text(0, "one tw"));
    graft.goes_on("b/m", Means::GoOn, "cut");
    let citation = UrlCitation {
        url: "u".to_owned(),
        title: String::new(),
        start_index: 4,
        end_index: 9,
        extra: crate::canonical::extra::Extra::new(),
    };
    graft
        .take_in(attempt(|out| {
            out.text(0, "two three");
            out.annotate(0, Annotation::UrlCitation(citation).into());
        }))
        .unwrap();
    let seen = graft.take();
    let note = seen.iter().find_map(|e| match e.event.known() {
        Some(Event::AnnotationAdded(e)) => e.annotation.known(),
        _ => None,
    });
    let Some(Annotation::UrlCitation(note)) = note else {
        panic!("no note in {seen:?}");
    };
    // `three` in "one two three".
    assert_eq!((note.start_index, note.end_index), (8, 13));
}

#[test]
fn a_relayed_stream_goes_on_and_its_frames_stay_as_they_came() {
    let events = attempt(|out| out.text(0, "one"));
    let framed = events.into_iter().map(|emitted| Emitted {
        raw: Some("verbatim".into()),
        ..emitted
    });
    let mut graft = client();
    graft.take_in(framed.collect()).unwrap();
    let seen = graft.take();
    let delta = seen.last().unwrap();
    assert_eq!(delta.raw.as_deref(), Some(&b"verbatim"[..]));
    graft.broke(None);
    graft.goes_on("b/m", Means::Prefill, "cut");
    graft.take_in(attempt(|out| out.text(0, " two"))).unwrap();
    assert!(graft.take().iter().all(|emitted| emitted.raw.is_none()));
}

#[test]
fn nobody_goes_on_and_the_answer_ends_as_failed() {
    let (mut graft, mut seen) = broken(|out| {
        out.text(0, "one");
        out.call(1, "c1", "f");
    });
    graft.give_up(&Error::new(Kind::StreamCut, "it broke off"));
    seen.extend(graft.take());
    Grammar::check_all(&seen).unwrap_or_else(|breach| panic!("{breach}"));
    let response = seen
        .last()
        .and_then(|e| e.event.known()?.terminal())
        .unwrap();
    assert_eq!(response.status, Status::Failed);
    assert_eq!(response.output.len(), 1, "the call was never handed out");
    assert_eq!(response.usage.as_ref().unwrap().total_tokens, 13);
    assert_eq!(response.extra[NOTE]["model"], "a/m");
}

/// Log probabilities go with the text that they are of, or not at all.
#[test]
fn log_probabilities_of_what_is_skipped_are_dropped() {
    let (mut graft, _) = broken(|out| out.text(0, "one"));
    graft.goes_on("b/m", Means::Anew, "cut");
    let prob = || vec![Json::of(&json!({"token": "x"})).unwrap()];
    graft
        .take_in(attempt(|out| {
            out.text_with(0, "one t", prob());
            out.text_with(0, "wo", prob());
        }))
        .unwrap();
    let counts = graft.take().into_iter().filter_map(|e| match e.event {
        Open::Known(Event::TextDelta(e)) => Some((e.delta, e.logprobs.len())),
        _ => None,
    });
    let counts: Vec<_> = counts.collect();
    assert_eq!(counts, [(" t".to_owned(), 0), ("wo".to_owned(), 1)]);
}
