//! The pure codecs: what one request and one stream of 200 deltas cost, without any I/O.
//!
//! `cargo bench --bench codecs`. Compare as ratios within one run.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run is to stop")]

use std::fmt::Write as _;

use bytes::BytesMut;
use divan::{Bencher, black_box};
use llmgw::canonical::compose::{Composer, Setup};
use llmgw::canonical::request::{Delivery, Request};
use llmgw::canonical::settings::Echo;
use llmgw::doors::chat::Chat;
use llmgw::doors::messages::Messages;
use llmgw::doors::responses::Responses;
use llmgw::doors::{Door, Encoder};
use llmgw::providers::{self, Api, Ask, Kind, Remedies, Settings};
use llmgw::wire::sse::Reader;

const REQUEST: &str = r#"{"model":"claude-sonnet-5-5","stream":true,"max_output_tokens":512,"input":[
    {"role":"system","content":"You are a concise storyteller."},
    {"role":"user","content":"Tell me, in one short paragraph, about a lighthouse keeper who counts ships at dusk."}]}"#;

fn main() {
    divan::main();
}

/// A stream of the Messages API with 200 deltas of text.
fn stream() -> Vec<u8> {
    let mut text = String::from(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-5-5\",\"content\":[],\"usage\":{\"input_tokens\":20,\"output_tokens\":1}}}\n\n\
         event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    );
    for n in 0..200 {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\" ship {n}\"}}}}\n\n"
        );
    }
    text.push_str(
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
         event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":200}}\n\n\
         event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    text.into_bytes()
}

fn anthropic() -> Box<dyn providers::Provider> {
    providers::build(
        Kind::Anthropic,
        &Settings {
            name: "anthropic".into(),
            base_url: "https://api.anthropic.com".to_owned(),
            api: Api::Auto,
            vendor: None,
        },
    )
}

/// The Responses door reads a request.
#[divan::bench]
fn decode_request(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Responses::decode(None, black_box(REQUEST.as_bytes())).unwrap());
}

/// A request is written for Anthropic.
#[divan::bench]
fn encode_request(bencher: Bencher<'_, '_>) {
    let (request, _) = Responses::decode(None, REQUEST.as_bytes()).unwrap();
    let provider = anthropic();
    bencher.bench(|| {
        let ask = Ask::Respond(black_box(&request));
        provider
            .encode(ask, &"claude-sonnet-5-5".into(), &Remedies::default())
            .unwrap()
    });
}

/// 200 deltas of Anthropic's through each door: frames, decoder, composer, encoder.
#[divan::bench(types = [Responses, Chat, Messages])]
fn stream_of_200<D: Door>(bencher: Bencher<'_, '_>) {
    let bytes = stream();
    let (request, _) = Responses::decode(None, REQUEST.as_bytes()).unwrap();
    let provider = anthropic();
    let chat = r#"{"model":"m","stream":true,"max_tokens":50,"messages":[{"role":"user","content":"hi"}]}"#;
    let own = if D::PATH == Responses::PATH {
        REQUEST
    } else {
        chat
    };
    bencher.bench(|| {
        let (_, mut encoder) = D::decode(None, own.as_bytes()).unwrap();
        translate(provider.as_ref(), &request, &mut encoder, &bytes)
    });
}

fn translate(
    provider: &dyn providers::Provider,
    request: &Request,
    encoder: &mut impl Encoder,
    bytes: &[u8],
) -> BytesMut {
    let ask = Ask::Respond(request);
    let mut decoder = provider
        .encode(ask, &"claude-sonnet-5-5".into(), &Remedies::default())
        .unwrap()
        .decoder;
    let mut composer = Composer::new(Setup {
        echo: Echo::of(request),
        delivery: Delivery::Streamed,
        seed: "bench".to_owned(),
        ..Setup::default()
    });
    let mut reader = Reader::default();
    let mut out = BytesMut::new();
    reader.push(bytes);
    while let Some(frame) = reader.frame().unwrap() {
        decoder.frame(&frame, &mut composer).unwrap();
        for emitted in composer.take() {
            encoder.event(&emitted, &mut out);
        }
    }
    encoder.end(&mut out);
    out
}
