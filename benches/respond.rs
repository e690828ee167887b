//! What the gateway itself costs: one whole answer of a stand-in that answers at once, by the kind of its route.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot begin measures nothing"
)]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use llmgw::canonical::request::Request;
use llmgw::config::load::{Env, parse};
use llmgw::gateway::upstream::Peer;
use llmgw::gateway::{Caller, Gateway, Peers};
use llmgw::providers::demo::peer::Step;
use tokio::runtime::{Builder, Runtime};

const CONFIG: &str = "
providers:
  a: { type: openai-compatible, base_url: 'http://a.test/v1' }
  b: { type: openai-compatible, base_url: 'http://b.test/v1' }
models:
  failover: { targets: [a/x, b/y] }
  weighted: { policy: weighted, targets: [{ model: a/x, weight: 9 }, b/y] }
  cheapest: { policy: cheapest, targets: [a/x, b/y] }
  fastest: { policy: fastest, targets: [a/x, b/y] }
";

const BODY: &str = r#"{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello world"},"finish_reason":"stop"}]}"#;

fn main() {
    divan::main();
}

fn gateway() -> (Gateway, Runtime) {
    let config = parse(CONFIG, None, &Env::default()).expect("a configuration");
    let answer = |_: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        vec![
            Step::Head(StatusCode::OK, headers),
            Step::Bytes(Bytes::from_static(BODY.as_bytes())),
        ]
    };
    let peers = ["a", "b"].map(|name| (name.into(), Peer::new(answer)));
    let gateway = Gateway::with_peers(config, || 1_800_000_000, Peers::from(peers));
    let runtime = Builder::new_current_thread().enable_all().build();
    (gateway, runtime.expect("a runtime"))
}

#[divan::bench(args = ["demo", "a/x", "failover", "weighted", "cheapest", "fastest"])]
fn respond(bencher: divan::Bencher<'_, '_>, model: &str) {
    let (gateway, runtime) = gateway();
    bencher
        .with_inputs(|| Request::ask(model, "hi"))
        .bench_values(|request| {
            let asked = gateway.respond(request, Caller::default());
            runtime.block_on(asked).expect("an answer").attempts
        });
}
