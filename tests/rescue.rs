//! Streams that break go on: the client gets the whole answer once, on a paused clock.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that breaks off has failed"
)]

use std::time::Duration;

use futures_util::StreamExt as _;
use llmgw::canonical::event::{Batch, Event};
use llmgw::canonical::fold::Fold;
use llmgw::canonical::grammar::Grammar;
use llmgw::canonical::request::{Delivery, Request};
use llmgw::canonical::rescue::{Means, Said, continued};
use llmgw::canonical::response::Response;
use llmgw::config::load::{Env, parse};
use llmgw::error::Error;
use llmgw::gateway::journal::{Journal, Says};
use llmgw::gateway::{Caller, Gateway, Peers};
use llmgw::providers::{Api, Ask, Kind, Remedies, Settings, build};
use serde_json::Value;
use tokio::time::Instant;

#[path = "support/speaker.rs"]
mod speaker;

use speaker::{Break, Manner, Speaker, TEXT, pieces};

const BREAKS: [Break; 5] = [
    Break::Reset,
    Break::End,
    Break::Stall,
    Break::Garbage,
    Break::Error,
];

/// A gateway whose route has these targets; the type of the first letter: `v` takes a prefill, any other none.
fn gateway(speakers: &[(&str, &Speaker)], rules: &str) -> Gateway {
    let mut peers = Peers::new();
    let mut lines = vec!["providers:".to_owned()];
    for (name, speaker) in speakers {
        let kind = if name.starts_with('v') {
            "vllm"
        } else {
            "openai-compatible"
        };
        lines.push(format!(
            "  {name}: {{ type: {kind}, base_url: 'http://h.test/v1' }}"
        ));
        peers.insert((*name).into(), speaker.peer());
    }
    let targets: Vec<String> = speakers
        .iter()
        .map(|(name, _)| format!("{name}/m"))
        .collect();
    let targets = targets.join(", ");
    lines.push("models:".to_owned());
    lines.push(format!(
        "  r: {{ targets: [{targets}], on_cut: continue{rules} }}"
    ));
    let text = lines.join("\n");
    let config = parse(&text, None, &Env::default()).unwrap_or_else(|faults| panic!("{faults}"));
    Gateway::with_peers(config, || 1_800_000_000, peers)
}

struct Heard {
    response: Response,
    events: Batch,
    attempts: u32,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::to_value(&self.response).unwrap()
    }

    fn text(&self) -> String {
        texts(&self.json()["output"]).concat()
    }

    fn status(&self) -> String {
        self.json()["status"].as_str().unwrap().to_owned()
    }
}

fn texts(output: &Value) -> Vec<String> {
    let items = output.as_array().unwrap().iter();
    let parts = items
        .filter_map(|item| item["content"].as_array())
        .flatten();
    parts
        .filter_map(|part| part["text"].as_str().map(str::to_owned))
        .collect()
}

fn ask(delivery: Delivery) -> Request {
    Request {
        delivery,
        ..Request::ask("r", "hi")
    }
}

/// Asks, and judges what comes by the laws of streams.
async fn hear(gateway: &Gateway, request: Request) -> Result<Heard, Error> {
    let streamed = request.delivery == Delivery::Streamed;
    let mut reply = gateway.respond(request, Caller::default()).await?;
    let mut events = Batch::new();
    while let Some(batch) = reply.events.next().await {
        events.extend(batch);
    }
    if streamed {
        Grammar::check_all(&events).unwrap_or_else(|breach| panic!("{breach}"));
    } else {
        assert_eq!(events.len(), 1, "a whole reply is its terminal event");
    }
    let known: Vec<Event> = events
        .iter()
        .filter_map(|e| e.event.known().cloned())
        .collect();
    let response = known
        .last()
        .and_then(Event::terminal)
        .expect("a terminal event")
        .clone();
    if streamed {
        assert_eq!(Fold::of(&known[..known.len() - 1]).output, response.output);
    }
    Ok(Heard {
        response,
        events,
        attempts: reply.attempts,
    })
}

async fn check(speakers: &[(&str, &Speaker)], what: &str) -> Heard {
    let mut last = None;
    for delivery in [Delivery::Whole, Delivery::Streamed] {
        for (_, speaker) in speakers {
            speaker.asked.store(0, std::sync::atomic::Ordering::Relaxed);
        }
        let heard = hear(&gateway(speakers, ""), ask(delivery)).await;
        let heard = heard.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            (heard.text().as_str(), heard.status().as_str()),
            (TEXT, "completed"),
            "{what}"
        );
        assert_eq!(heard.response.output.len(), 1, "{what}: one message");
        last = Some(heard);
    }
    last.unwrap()
}

#[tokio::test(start_paused = true)]
async fn wherever_and_however_an_answer_breaks_the_client_gets_it_whole_and_once() {
    let others = [
        ("a", Manner::Same),
        ("a", Manner::Other),
        ("a", Manner::Repeats),
        ("v", Manner::Other),
    ];
    for after in 1..=pieces(TEXT).len() {
        for (at, by) in BREAKS.into_iter().enumerate() {
            let (name, manner) = others[(at + after) % others.len()];
            let first = Speaker::new(Manner::Same).breaks(after, by, 9);
            let what = format!("{by:?} after {after} pieces, {name} {manner:?}");
            let heard = check(&[("p", &first), (name, &Speaker::new(manner))], &what).await;
            let rescues = heard.json()["llmgw"]["rescues"].clone();
            assert!(!rescues.as_array().unwrap().is_empty(), "{what}: {rescues}");
        }
    }
}

/// A primary that breaks off in the middle, and somebody to go on: by which means it was done.
async fn means(primary: (&str, Speaker), second: (&str, Speaker)) -> Vec<String> {
    let (one, other) = (&primary, &second);
    let heard = check(&[(one.0, &one.1), (other.0, &other.1)], "means").await;
    let note = heard.json()["llmgw"].clone();
    assert_eq!(note["model"], format!("{}/m", one.0));
    let rescues = note["rescues"].as_array().unwrap().iter();
    let told = |rescue: &Value| {
        format!(
            "{} {} {}",
            rescue["cause"].as_str().unwrap(),
            rescue["model"].as_str().unwrap(),
            rescue["means"].as_str().unwrap()
        )
    };
    rescues.map(told).collect()
}

#[tokio::test(start_paused = true)]
async fn the_surest_means_come_first_and_the_same_target_if_it_looks_alive() {
    let broken = |manner, by, times| Speaker::new(manner).breaks(20, by, times);
    let cut = "upstream_stream_interrupted";
    let same = broken(Manner::Same, Break::End, 1);
    let other = Speaker::new(Manner::Other);
    let refuses = Speaker {
        refuses: true,
        ..Speaker::new(Manner::Same)
    };
    let (p, v) = (("p", same.clone()), ("v", same.clone()));
    let backup = || ("b", other.clone());
    assert_eq!(
        means(p.clone(), backup()).await,
        [format!("{cut} p/m anew")]
    );
    assert_eq!(means(v, backup()).await, [format!("{cut} v/m prefill")]);
    let stalled = ("p", broken(Manner::Same, Break::Stall, 1));
    assert_eq!(
        means(stalled.clone(), backup()).await,
        ["upstream_timeout b/m go_on"]
    );
    let to_prefill = means(stalled.clone(), ("v", other.clone())).await;
    assert_eq!(to_prefill, ["upstream_timeout v/m prefill"]);
    let to_refusal = means(stalled, ("v", refuses)).await;
    assert_eq!(to_refusal, ["upstream_timeout v/m anew"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_refuses_a_prefill_is_not_asked_for_one_again() {
    let first = Speaker::new(Manner::Same).breaks(9, Break::Stall, 9);
    let second = Speaker {
        refuses: true,
        ..Speaker::new(Manner::Same)
    };
    let gateway = gateway(&[("p", &first), ("v", &second)], "");
    for expect in [2, 3] {
        let heard = hear(&gateway, ask(Delivery::Streamed)).await.unwrap();
        assert_eq!((heard.text().as_str(), second.times()), (TEXT, expect));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_handed_out_whole_or_not_at_all() {
    let arguments = r#"{"city":"Köln"}"#;
    let speaker = |manner| Speaker {
        call: Some(arguments),
        ..Speaker::new(manner)
    };
    let most = pieces(TEXT).len() + pieces(arguments).len() + 1;
    for after in pieces(TEXT).len()..=most {
        for by in BREAKS {
            let first = speaker(Manner::Same).breaks(after, by, 1);
            let second = speaker(Manner::Other);
            let gateway = gateway(&[("p", &first), ("v", &second)], "");
            let heard = hear(&gateway, ask(Delivery::Streamed)).await.unwrap();
            let output = heard.json()["output"].clone();
            assert_eq!(heard.text(), TEXT, "{by:?} after {after}");
            assert_eq!(output.as_array().unwrap().len(), 2, "{output}");
            assert_eq!(output[1]["arguments"], arguments, "{by:?} after {after}");
            let deltas = heard.events.iter().filter_map(|e| match e.event.known() {
                Some(Event::ArgumentsDelta(e)) => Some(e.delta.as_str()),
                _ => None,
            });
            assert_eq!(deltas.collect::<String>(), arguments);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_of_content_has_the_whole_of_a_mended_answer() {
    for delivery in [Delivery::Whole, Delivery::Streamed] {
        let first = Speaker::new(Manner::Same).breaks(20, Break::End, 9);
        let second = Speaker::new(Manner::Other);
        let gateway = gateway(&[("p", &first), ("v", &second)], "");
        let caller = Caller {
            journal: Journal::open(Says::Everything),
            ..Caller::default()
        };
        let journal = caller.journal.clone();
        let reply = gateway.respond(ask(delivery), caller).await.unwrap();
        let _events: Vec<Batch> = reply.events.collect().await;
        let said = journal.take().said.unwrap();
        let output: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(texts(&output), [TEXT]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_all_attempts_cost_is_added_up() {
    let first = Speaker::new(Manner::Same).breaks(20, Break::Stall, 9);
    let second = Speaker::new(Manner::Other);
    for delivery in [Delivery::Whole, Delivery::Streamed] {
        let heard = hear(
            &gateway(&[("p", &first), ("b", &second)], ""),
            ask(delivery),
        )
        .await
        .unwrap();
        let json = heard.json();
        // The first said no counts before it fell silent, and the answer that began otherwise was left at once.
        assert_eq!(json["usage"]["total_tokens"], 12, "{json}");
        assert_eq!(json["model"], "m");
        assert_eq!(json["llmgw"]["attempts"], 3);
        let expect = if delivery == Delivery::Whole { 3 } else { 1 };
        assert_eq!(
            heard.attempts, expect,
            "what is known when the head goes out"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn if_nobody_goes_on_the_answer_ends_in_an_honest_error_in_time() {
    let cases = [
        (Manner::Lost, Break::Reset, "upstream_stream_interrupted"),
        (Manner::Lost, Break::Stall, "upstream_timeout"),
        (Manner::Lost, Break::Error, "upstream_error"),
    ];
    for (manner, by, code) in cases {
        let first = Speaker::new(Manner::Same).breaks(20, by, 99);
        let second = Speaker::new(manner);
        let rules = ", timeouts: { idle: 10s, total: 2m }";
        let gateway = gateway(&[("p", &first), ("b", &second)], rules);
        let began = Instant::now();
        let heard = hear(&gateway, ask(Delivery::Streamed)).await.unwrap();
        let json = heard.json();
        assert_eq!(
            (json["status"].as_str(), json["error"]["code"].as_str()),
            (Some("failed"), Some(code)),
            "{json}"
        );
        assert!(TEXT.starts_with(&heard.text()) && heard.text() != TEXT);
        // Nobody counted anything: that is not known, and not nothing.
        assert_eq!(json["llmgw"]["cost_usd"], Value::Null, "{json}");
        assert!(
            began.elapsed() <= Duration::from_mins(3),
            "{:?}",
            began.elapsed()
        );
        assert!(
            first.times() <= 10 && second.times() <= 9,
            "{} {}",
            first.times(),
            second.times()
        );
        let error = hear(&gateway, ask(Delivery::Whole)).await.err().unwrap();
        assert!(error.status() >= 500, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn under_error_a_break_stays_a_failure() {
    let first = Speaker::new(Manner::Same).breaks(20, Break::End, 1);
    let second = Speaker::new(Manner::Same);
    let text = "providers:\n  p: { type: vllm, base_url: 'http://h.test/v1' }\n  b: { type: vllm, base_url: 'http://h.test/v1' }\nmodels:\n  r: { targets: [p/m, b/m] }\n";
    let config = parse(text, None, &Env::default()).unwrap();
    let peers = Peers::from([("p".into(), first.peer()), ("b".into(), second.peer())]);
    let gateway = Gateway::with_peers(config, || 1, peers);
    let heard = hear(&gateway, ask(Delivery::Streamed)).await.unwrap();
    assert_eq!((heard.status().as_str(), second.times()), ("failed", 0));
    assert_eq!(heard.text(), pieces(TEXT)[..20].concat());
}

/// The body with which this target is asked to go on from its own words; `None` if it is not.
fn prefilled(kind: Kind, vendor: Option<&str>, model: &str) -> Option<Value> {
    let settings = Settings {
        name: "p".into(),
        base_url: "http://h.test/v1".to_owned(),
        api: Api::Auto,
        vendor: vendor.map(str::to_owned),
    };
    let said = Said {
        text: "Well, ".to_owned(),
        ..Said::default()
    };
    let request = continued(&Request::ask("r", "hi"), &said, Means::Prefill);
    let provider = build(kind, &settings);
    match provider.encode(Ask::Respond(&request), &model.into(), &Remedies::default()) {
        Ok(call) => Some(serde_json::from_slice(&call.body).unwrap()),
        Err(error) => {
            assert_eq!(error.code(), "unsupported_value", "{error}");
            None
        }
    }
}

#[test]
fn only_who_goes_on_from_its_own_words_is_given_them() {
    let none = [
        (Kind::OpenAi, None, "gpt-4o"),
        (Kind::Anthropic, None, "claude-sonnet-4-6"),
        (Kind::Anthropic, None, "claude-opus-5-5"),
        (Kind::Google, None, "gemini-3.6-flash"),
        (Kind::Compatible, None, "m"),
        (Kind::Compatible, Some("openai"), "gpt-4o"),
        (Kind::Compatible, Some("openrouter"), "m"),
        (Kind::Demo, None, "demo"),
    ];
    for (kind, vendor, model) in none {
        let body = prefilled(kind, vendor, model);
        assert!(body.is_none(), "{kind:?} {vendor:?} {model}: {body:?}");
    }
    let last = |body: &Value| body["messages"].as_array().unwrap().last().unwrap().clone();
    let claude = prefilled(Kind::Anthropic, None, "claude-haiku-4-5").unwrap();
    assert_eq!(last(&claude)["role"], "assistant");
    assert_eq!(last(&claude)["content"][0]["text"], "Well,");
    let gemini = prefilled(Kind::Google, None, "gemini-2.5-flash").unwrap();
    assert_eq!(gemini["contents"][1]["role"], "model");
    for (vendor, mark) in [
        ("mistral", "prefix"),
        ("moonshot", "partial"),
        ("qwen", "partial"),
    ] {
        let body = prefilled(Kind::Compatible, Some(vendor), "m").unwrap();
        assert_eq!(last(&body)[mark], true, "{vendor}");
        assert_eq!(last(&body)["content"], "Well,");
    }
    for vendor in ["vllm", "llamacpp"] {
        let body = prefilled(Kind::Compatible, Some(vendor), "m").unwrap();
        assert_eq!(body["continue_final_message"], true);
        assert_eq!(body["add_generation_prompt"], false);
    }
    let groq = prefilled(Kind::Compatible, Some("groq"), "m").unwrap();
    assert_eq!(last(&groq)["role"], "assistant");
}
