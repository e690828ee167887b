//! The seeds of the fuzz targets, held to the same laws in an ordinary test run: replies well-formed, cut and strange,
//! in both profiles and in pieces of every small size.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be read fails the test"
)]

use std::fs;
use std::path::Path;

use llmgw::canonical::request::Request;
use llmgw::providers::{Api, Kind};

#[path = "support/laws.rs"]
mod laws;

/// Decodes every seed of a target, and every prefix of it, since any stream may be cut anywhere.
fn check(target: &str, kind: Kind, api: Api, model: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/seeds")
        .join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let mut data = fs::read(entry.unwrap().path()).unwrap();
        seeds += 1;
        for strict in [0, 4] {
            data[0] = (data[0] & !4) | strict;
            for piece in 1..=17 {
                data[1] = piece;
                laws::decode(kind, api, model, &data);
            }
            data[1] = 0;
            for end in 2..data.len() {
                laws::decode(kind, api, model, &data[..end]);
            }
        }
    }
    assert!(seeds > 0, "no seeds for {target}");
}

#[test]
fn the_messages_decoder_keeps_the_laws() {
    check("anthropic", Kind::Anthropic, Api::Auto, "claude-sonnet-5-5");
}

#[test]
fn the_google_decoder_keeps_the_laws() {
    check("google", Kind::Google, Api::Auto, "gemini-3.8-flash");
}

#[test]
fn the_chat_decoder_keeps_the_laws() {
    check("chat", Kind::Compatible, Api::Chat, "model");
}

#[test]
fn the_responses_decoder_keeps_the_laws() {
    check("responses", Kind::OpenAi, Api::Responses, "gpt-6-luna");
}

#[test]
fn a_request_that_was_read_is_written_as_the_same_request() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seeds/request");
    let mut read = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let data = fs::read(entry.unwrap().path()).unwrap();
        let Ok(request) = serde_json::from_slice::<Request>(&data) else {
            continue;
        };
        read += 1;
        let written = serde_json::to_string(&request).unwrap();
        let again: Request = serde_json::from_str(&written).unwrap();
        assert_eq!(written, serde_json::to_string(&again).unwrap());
    }
    assert!(read > 0, "no seed is a request");
}
