//! The matrix: every answer through every door, whole and streamed, and every provider's wire through every door.
//!
//! Answers and doors do not know each other, so this is a loop and nothing more. Each cell holds the laws of its
//! protocol, and what a stream says must be what the whole reply says. The snapshots show both sides.

#![expect(
    clippy::unwrap_used,
    reason = "what does not unwrap here is a failed test"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use llmgw::canonical::compose::{Composer, Setup};
use llmgw::canonical::event::Batch;
use llmgw::canonical::grammar::Grammar;
use llmgw::canonical::request::{Delivery, Request};
use llmgw::canonical::response::Response;
use llmgw::canonical::settings::Echo;
use llmgw::doors::chat::Chat;
use llmgw::doors::messages::Messages;
use llmgw::doors::responses::Responses;
use llmgw::doors::{Door, Encoder};
use llmgw::providers::{self, Api, Ask, Kind, Remedies, Settings};
use llmgw::target::ModelId;
use serde_json::{Value, json};

mod answers;
mod cells;
#[path = "../support/drive.rs"]
#[expect(
    dead_code,
    reason = "shared with programs that read more of an outcome"
)]
mod drive;

use cells::Cell;

/// What a client of each door asks; the two deliveries differ in `stream` alone.
fn asked(door: &str) -> Value {
    match door {
        "responses" => {
            json!({"model": "m", "input": "hi", "include": ["message.output_text.logprobs"]})
        }
        "chat" => json!({
            "model": "m", "messages": [{"role": "user", "content": "hi"}],
            "stream_options": {"include_usage": true},
        }),
        _ => {
            json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]})
        }
    }
}

fn setup(request: &Request) -> Setup {
    Setup {
        echo: Echo::of(request),
        delivery: request.delivery,
        profile: request.profile,
        seed: "matrix".to_owned(),
        created_at: 1_790_000_000,
        ..Setup::default()
    }
}

/// Where events come from: a script or a recorded wire.
type Source<'a> = &'a dyn Fn(&Request) -> Batch;

/// One door with one source: both deliveries, the laws of each, and what they must share.
fn cell<D: Door>(name: &str, source: Source<'_>, check: fn(&Cell)) -> Cell {
    let ask = |stream: bool| {
        let mut body = asked(name);
        body["stream"] = stream.into();
        D::decode(None, body.to_string().as_bytes()).unwrap()
    };
    let (request, mut encoder) = ask(false);
    let whole = terminal(&source(&request)).map(|response| encoder.response(&response));
    let (request, mut encoder) = ask(true);
    let batch = source(&request);
    Grammar::check_all(&batch).unwrap();
    let mut out = BytesMut::new();
    for emitted in &batch {
        encoder.event(emitted, &mut out);
    }
    encoder.end(&mut out);
    let cell = Cell {
        answer: terminal(&batch),
        whole: whole.map(|body| serde_json::from_slice(&body).unwrap()),
        stream: String::from_utf8(out.to_vec()).unwrap(),
    };
    check(&cell);
    cell
}

fn terminal(batch: &Batch) -> Option<Response> {
    batch
        .iter()
        .rev()
        .find_map(|emitted| emitted.event.known()?.terminal().cloned())
}

/// Every door with this source, and what all of it looks like.
fn row(source: Source<'_>) -> String {
    let cells = [
        (
            "responses",
            cell::<Responses>("responses", source, cells::responses),
        ),
        ("chat", cell::<Chat>("chat", source, cells::chat)),
        (
            "messages",
            cell::<Messages>("messages", source, cells::messages),
        ),
    ];
    let mut shown = String::new();
    for (door, cell) in cells {
        if door == "responses" {
            let output = cell.answer.map(|answer| {
                json!({
                    "status": answer.status, "incomplete_details": answer.incomplete_details,
                    "error": answer.error, "output": answer.output, "usage": answer.usage,
                })
            });
            let output = serde_json::to_string_pretty(&output).unwrap();
            writeln!(shown, "== the answer\n{output}\n").unwrap();
            continue;
        }
        let whole = serde_json::to_string_pretty(&cell.whole).unwrap();
        writeln!(shown, "== {door}, whole\n{whole}\n").unwrap();
        writeln!(shown, "== {door}, streamed\n{}", cell.stream).unwrap();
    }
    shown
}

fn snapshot(name: &str, shown: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../snapshots" }, {
        insta::assert_snapshot!(name, shown);
    });
}

#[test]
fn every_answer_through_every_door() {
    for (name, script) in answers::ALL {
        let source = |request: &Request| {
            let mut composer = Composer::new(setup(request));
            script(&mut composer);
            composer.take()
        };
        snapshot(&format!("answer_{name}"), &row(&source));
    }
}

#[test]
fn every_wire_through_every_door() {
    for (folder, kind, api, model) in [
        ("openai", Kind::OpenAi, Api::Responses, "gpt-6-luna"),
        ("anthropic", Kind::Anthropic, Api::Auto, "claude-sonnet-5-5"),
        ("google", Kind::Google, Api::Auto, "gemini-3.8-flash"),
        ("compatible", Kind::Compatible, Api::Chat, "lab-1"),
    ] {
        let cases = cases(folder);
        assert!(!cases.is_empty(), "no fixtures for {folder}");
        for case in cases {
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            let source = |request: &Request| wire(kind, api, model, &case, request);
            snapshot(&format!("wire_{folder}_{name}"), &row(&source));
        }
    }
}

fn cases(provider: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(provider);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

/// The events of a recorded reply, decoded as the gateway does.
fn wire(kind: Kind, api: Api, model: &str, case: &Path, request: &Request) -> Batch {
    let settings = Settings {
        name: "p".into(),
        base_url: "http://p/v1".to_owned(),
        api,
        vendor: None,
    };
    let call = providers::build(kind, &settings)
        .encode(
            Ask::Respond(request),
            &ModelId::from(model),
            &Remedies::default(),
        )
        .unwrap();
    let mut decoder = call.decoder;
    let outcome = match request.delivery {
        Delivery::Whole => {
            let body = fs::read(case.join("whole.json")).unwrap();
            drive::whole(decoder.as_mut(), setup(request), &body)
        }
        Delivery::Streamed => {
            let body = fs::read(case.join("stream.sse")).unwrap();
            // Seven bytes at a time: the laws hold at any split.
            drive::stream(decoder.as_mut(), setup(request), body.chunks(7))
        }
    };
    assert!(
        outcome.error.is_none(),
        "{}: {:?}",
        case.display(),
        outcome.error
    );
    outcome.events
}
