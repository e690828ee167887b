//! Stand-ins for upstreams, on a paused clock: each answers by a script that depends on how often it was asked.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use llmgw::canonical::open::Open;
use llmgw::canonical::request::{Delivery, Request};
use llmgw::canonical::response::{Response, Status};
use llmgw::config::Config;
use llmgw::config::load::{Env, parse};
use llmgw::error::Error;
use llmgw::gateway::upstream::Peer;
use llmgw::gateway::{Caller, Gateway, Reply};
use llmgw::providers::demo::peer::Step;

/// What a stand-in does when it is asked for the n-th time, from 0.
pub(crate) type Act = fn(u32) -> Vec<Step>;

/// A gateway whose providers are stand-ins.
pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    asked: HashMap<String, Arc<AtomicU32>>,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) target: String,
    pub(crate) attempts: u32,
    pub(crate) text: String,
    pub(crate) status: Status,
}

impl Rig {
    /// Providers of Chat Completions by these names, and the rest of the configuration.
    pub(crate) fn new(peers: &[(&str, Act)], rest: &str) -> Self {
        Self::with_keys(peers, "", rest)
    }

    /// The same; `more` is added to each provider, such as keys.
    pub(crate) fn with_keys(peers: &[(&str, Act)], more: &str, rest: &str) -> Self {
        let config = config(
            &peers.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            more,
            rest,
        );
        let mut asked = HashMap::new();
        let mut stand_ins = llmgw::gateway::Peers::new();
        for (name, act) in peers {
            let (counter, act) = (Arc::new(AtomicU32::new(0)), *act);
            asked.insert((*name).to_owned(), counter.clone());
            let peer = Peer::new(move |body| {
                let script = act(counter.fetch_add(1, Ordering::Relaxed));
                if String::from_utf8_lossy(body).contains("\"stream\":true") {
                    script
                } else {
                    whole(script)
                }
            });
            stand_ins.insert((*name).into(), peer);
        }
        Self {
            gateway: Gateway::with_peers(config, || 1_800_000_000, stand_ins),
            asked,
        }
    }

    /// How often this one was asked.
    pub(crate) fn asked(&self, name: &str) -> u32 {
        self.asked[name].load(Ordering::Relaxed)
    }

    /// Asks with a stream.
    pub(crate) async fn ask(&self, model: &str) -> Result<Heard, Error> {
        let mut request = Request::ask(model, "hi");
        request.delivery = Delivery::Streamed;
        self.send(request, Caller::default()).await
    }

    /// Asks, and hears the answer to its end.
    pub(crate) async fn send(&self, request: Request, caller: Caller) -> Result<Heard, Error> {
        let reply = self.gateway.respond(request, caller).await?;
        Ok(hear(reply).await)
    }
}

pub(crate) fn config(names: &[&str], more: &str, rest: &str) -> Config {
    let mut text = String::from("providers:\n");
    for name in names {
        text += "  ";
        text += name;
        text += ": { type: openai-compatible, base_url: 'http://h.test/v1'";
        text += more;
        text += " }\n";
    }
    text.push_str(rest);
    parse(&text, None, &Env::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) async fn hear(reply: Reply) -> Heard {
    let (target, attempts) = (reply.target.to_string(), reply.attempts);
    let mut last: Option<Response> = None;
    let mut events = reply.events;
    while let Some(batch) = events.next().await {
        for emitted in batch {
            if let Open::Known(event) = &emitted.event
                && let Some(response) = event.terminal()
            {
                assert!(last.is_none(), "two terminal events");
                last = Some(response.clone());
            }
        }
    }
    let response = last.expect("a terminal event");
    let text = serde_json::to_value(&response.output).unwrap();
    let text = text[0]["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Heard {
        target,
        attempts,
        text,
        status: response.status,
    }
}

/// A good answer, in two pieces.
pub(crate) fn good(_: u32) -> Vec<Step> {
    let mut script = begun();
    script.extend([delta(" world"), finish(), frame("[DONE]")]);
    script
}

/// The beginning of a good answer.
pub(crate) fn begun() -> Vec<Step> {
    vec![head(200, "text/event-stream", &[]), delta("hello")]
}

pub(crate) fn delta(text: &str) -> Step {
    frame(&format!(
        r#"{{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{{"index":0,"delta":{{"role":"assistant","content":"{text}"}}}}]}}"#
    ))
}

pub(crate) fn finish() -> Step {
    frame(
        r#"{"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    )
}

pub(crate) fn frame(data: &str) -> Step {
    Step::Bytes(Bytes::from(format!("data: {data}\n\n")))
}

pub(crate) fn head(status: u16, media: &'static str, headers: &[(&'static str, &str)]) -> Step {
    let mut map = HeaderMap::new();
    map.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    for (name, value) in headers {
        map.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    Step::Head(StatusCode::from_u16(status).unwrap(), map)
}

/// A failure with this status.
pub(crate) fn fails(status: u16, code: &str, headers: &[(&'static str, &str)]) -> Vec<Step> {
    let body = format!(r#"{{"error":{{"message":"{code}","code":"{code}","type":"{code}"}}}}"#);
    vec![
        head(status, "application/json", headers),
        Step::Bytes(Bytes::from(body)),
    ]
}

pub(crate) fn wait(seconds: u64) -> Step {
    Step::Wait(Duration::from_secs(seconds))
}

/// A good streamed script as a whole reply; any other as it is.
fn whole(script: Vec<Step>) -> Vec<Step> {
    let is_done = script.iter().any(|step| *step == frame("[DONE]"));
    if !is_done {
        return script;
    }
    let body = r#"{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello world"},"finish_reason":"stop"}]}"#;
    let waits = script
        .into_iter()
        .filter(|step| matches!(step, Step::Wait(_)));
    waits
        .chain([
            head(200, "application/json", &[]),
            Step::Bytes(Bytes::from(body)),
        ])
        .collect()
}
