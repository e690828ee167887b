//! Properties of plans and of walks along them, over random configurations, on a paused clock: whoever is excluded is
//! never asked, weights converge, a sticky caller never moves, attempts and time are bounded.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that breaks off has failed"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use http::HeaderName;
use llmgw::canonical::request::{Delivery, Request};
use llmgw::config::load::{Env, parse};
use llmgw::gateway::explain::{Detail, Explanation};
use llmgw::gateway::upstream::Peer;
use llmgw::gateway::{Caller, Gateway, Peers};
use llmgw::providers::demo::peer::Step;
use llmgw::routing::plan::Constraints;
use tokio::time::Instant;

#[path = "support/peers.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod peers;

use peers::{begun, fails, good, wait};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }
}

/// Which targets were asked, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// What a stand-in does when it is asked; drawn anew each time.
fn act(roll: u64) -> Vec<Step> {
    match roll {
        0 => fails(500, "server_error", &[]),
        1 => fails(429, "rate_limit_exceeded", &[("retry-after", "3")]),
        2 => fails(429, "rate_limit_exceeded", &[]),
        3 => fails(400, "context_length_exceeded", &[]),
        4 => fails(400, "content_filter", &[]),
        5 => vec![Step::Hang],
        6 => vec![Step::Refuse],
        7 => {
            let mut script = begun();
            script.push(Step::Reset);
            script
        }
        8 => {
            let mut script = vec![wait(7)];
            script.extend(good(0));
            script
        }
        9 => fails(401, "invalid_api_key", &[]),
        _ => good(0),
    }
}

/// A gateway whose every provider is a stand-in that behaves at random.
fn gateway(config: &str, env: &Env, seed: u64) -> (Gateway, Asked) {
    let config = parse(config, None, env).unwrap_or_else(|faults| panic!("{faults}\n{config}"));
    let asked = Asked::default();
    let dice = Arc::new(Mutex::new(Dice(seed)));
    let peer = |provider: &str| {
        let (asked, dice, provider) = (asked.clone(), dice.clone(), provider.to_owned());
        Peer::new(move |body| {
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let model = body["model"].as_str().unwrap_or_default();
            asked.lock().unwrap().push(format!("{provider}/{model}"));
            act(dice.lock().unwrap().roll(14))
        })
    };
    let names = config.providers.iter().map(|provider| provider.name());
    let peers: Peers = names
        .map(|name| (name.clone(), peer(name.as_str())))
        .collect();
    (Gateway::with_peers(config, || 1_800_000_000, peers), asked)
}

const PROVIDERS: &str = "
providers:
  a: { type: openai-compatible, base_url: 'http://a.test/v1' }
  b: { type: openai-compatible, base_url: 'http://b.test/v1' }
  c: { type: openai-compatible, base_url: 'http://c.test/v1', api_keys: [k1, k2] }
";

/// Targets of every kind: unknown models, known ones with prices and abilities, and providers without a key.
const TARGETS: [&str; 8] = [
    "a/x",
    "b/y",
    "c/z",
    "groq/asleep",
    "openai/gpt-6-luna",
    "openai/gpt-4",
    "mistral/asleep",
    "a/second",
];

fn alias(dice: &mut Dice) -> String {
    let policies = ["failover", "weighted", "cheapest", "fastest", "round_robin"];
    let list = |dice: &mut Dice| {
        let count = 1 + dice.roll(4);
        let names: Vec<&str> = (0..count).map(|_| dice.pick(&TARGETS)).collect();
        format!("[{}]", names.join(", "))
    };
    let mut text = format!(
        "models:\n  m: {{ policy: {}, targets: {}",
        dice.pick(&policies),
        list(dice)
    );
    for (key, odds) in [("then", 2), ("when_refused", 3)] {
        if dice.roll(odds) == 0 {
            text += &format!(", {key}: {}", list(dice));
        }
    }
    if dice.roll(3) == 0 {
        text += &format!(
            ", when_context_over: {{ tokens: 1M, targets: {} }}",
            list(dice)
        );
    }
    if dice.roll(4) == 0 {
        text += ", requires: [vision]";
    }
    let (attempts, total) = (1 + dice.roll(4), 5 + dice.roll(60));
    text + &format!(
        ", retry: {{ attempts: {attempts} }}, timeouts: {{ first_token: 4s, idle: 6s, total: {total}s }} }}\n"
    )
}

fn request(delivery: Delivery) -> Request {
    let mut request = Request::ask("m", "hi");
    request.delivery = delivery;
    request
}

fn verdicts(explanation: &Explanation) -> BTreeMap<&str, &str> {
    let candidates = explanation.candidates.iter();
    candidates
        .map(|candidate| (candidate.target.as_str(), candidate.verdict))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn nobody_excluded_is_asked_and_attempts_and_time_are_bounded() {
    let env = Env::from([("OPENAI_API_KEY", "k")]);
    let mut dice = Dice(20_261_122);
    let (mut excluded, mut answered, mut walked) = (0, 0, 0);
    for round in 0..250 {
        let text = format!("{PROVIDERS}{}", alias(&mut dice));
        let (gateway, asked) = gateway(&text, &env, dice.0);
        let rules = gateway.snapshot().config.alias("m").unwrap().rules.clone();
        for _ in 0..3 {
            let delivery = match dice.roll(2) {
                0 => Delivery::Streamed,
                _ => Delivery::Whole,
            };
            let constraints = Constraints {
                max_cost: (dice.roll(5) == 0).then_some(0.000_001),
                ..Constraints::default()
            };
            let caller = Caller {
                constraints,
                ..Caller::default()
            };
            let Ok(plan) = gateway.explain(request(delivery), &caller, Detail::Plan) else {
                // All of its targets are asleep.
                continue;
            };
            let verdicts = verdicts(&plan);
            let out = verdicts
                .values()
                .filter(|verdict| **verdict == "excluded")
                .count();
            excluded += out;
            asked.lock().unwrap().clear();
            let began = Instant::now();
            if let Ok(reply) = gateway.respond(request(delivery), caller).await {
                answered += 1;
                let mut events = reply.events;
                while events.next().await.is_some() {}
            }
            let asked = asked.lock().unwrap().clone();
            walked += asked.len();
            for target in &asked {
                let verdict = verdicts.get(target.as_str());
                assert!(
                    verdict.is_some_and(|verdict| *verdict != "excluded"),
                    "round {round}: {target} was asked, and is {verdict:?}\n{text}"
                );
            }
            for target in verdicts.keys() {
                let times = asked.iter().filter(|asked| asked == target).count();
                let keys = usize::from(target.starts_with("c/"));
                let most = usize::try_from(rules.retry.attempts).unwrap() + keys;
                assert!(
                    times <= most,
                    "round {round}: {target} was asked {times} times\n{text}"
                );
            }
            // Until content all attempts together; after it, a silence.
            let most = rules.timeouts.total + rules.timeouts.idle + Duration::from_millis(100);
            assert!(
                began.elapsed() <= most,
                "round {round}: {:?}\n{text}",
                began.elapsed()
            );
        }
    }
    // The rounds have seen all of it.
    assert!(
        excluded > 500 && answered > 100 && walked > 500,
        "{excluded} {answered} {walked}"
    );
}

fn first(gateway: &Gateway, caller: &Caller, user: Option<&str>) -> String {
    let mut request = request(Delivery::Streamed);
    request.safety_identifier = user.map(str::to_owned);
    let plan = gateway
        .explain(request, caller, Detail::Plan)
        .expect("a plan");
    plan.candidates[0].target.clone()
}

fn weighted(arms: &[(&str, u64)], more: &str) -> Gateway {
    let arms = arms.iter();
    let list: Vec<String> = arms
        .map(|(name, weight)| format!("{{ model: {name}, weight: {weight} }}"))
        .collect();
    let text = format!(
        "{PROVIDERS}models:\n  m: {{ policy: weighted, targets: [{}]{more} }}\n",
        list.join(", ")
    );
    gateway(&text, &Env::default(), 1).0
}

#[tokio::test(start_paused = true)]
async fn weights_converge_whatever_they_are() {
    let mut dice = Dice(7);
    for _ in 0..6 {
        let weights = [1 + dice.roll(100), dice.roll(100), 1 + dice.roll(10)];
        let names = ["a/x", "b/y", "c/z"];
        let arms: Vec<(&str, u64)> = names.into_iter().zip(weights).collect();
        let gateway = weighted(&arms, "");
        let draws = 2000_u32;
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..draws {
            let name = first(&gateway, &Caller::default(), None);
            *counts.entry(name).or_default() += 1;
        }
        let sum: u64 = weights.iter().sum();
        for (name, weight) in arms {
            #[expect(clippy::cast_precision_loss, reason = "weights are small")]
            let share = weight as f64 / sum as f64;
            let seen = f64::from(counts.get(name).copied().unwrap_or_default());
            let expect = share * f64::from(draws);
            // Five standard deviations of a binomial, and one for a share of nothing.
            let slack = 5.0 * (expect * (1.0 - share)).sqrt() + 1.0;
            assert!(
                (seen - expect).abs() <= slack,
                "{name}: {seen} of {draws}, {expect} expected; {weights:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_pinned_never_moves_but_to_a_new_arm() {
    let session = HeaderName::from_static("x-session");
    let by_user = |name: &str| (Caller::default(), Some(name.to_owned()));
    let by_key = |name: &str| {
        let caller = Caller {
            key: Some(name.into()),
            ..Caller::default()
        };
        (caller, None)
    };
    let by_header = |name: &str| {
        let caller = Caller {
            marks: vec![(session.clone(), name.to_owned())],
            ..Caller::default()
        };
        (caller, None)
    };
    let kinds: [(&str, &dyn Fn(&str) -> (Caller, Option<String>)); 3] = [
        (", sticky: user", &by_user),
        (", sticky: key", &by_key),
        (", sticky: header, sticky_header: X-Session", &by_header),
    ];
    for (more, who) in kinds {
        let two = weighted(&[("a/x", 60), ("b/y", 40)], more);
        let turned = weighted(&[("b/y", 40), ("a/x", 60)], more);
        let three = weighted(&[("c/z", 30), ("a/x", 60), ("b/y", 40)], more);
        let mut homes: BTreeMap<String, u32> = BTreeMap::new();
        for n in 0..200 {
            let (caller, user) = who(&format!("caller-{n}"));
            let user = user.as_deref();
            let home = first(&two, &caller, user);
            for _ in 0..4 {
                assert_eq!(first(&two, &caller, user), home, "{more} {n}");
            }
            assert_eq!(first(&turned, &caller, user), home, "{more} {n}");
            let now = first(&three, &caller, user);
            assert!(
                now == home || now == "c/z",
                "{more} {n}: {home} became {now}"
            );
            *homes.entry(home).or_default() += 1;
        }
        // 200 draws of 60 % have a standard deviation of 7.
        assert!((85..=155).contains(&homes["a/x"]), "{more} {homes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_what_pins_it_a_request_is_drawn_anew() {
    let gateway = weighted(
        &[("a/x", 50), ("b/y", 50)],
        ", sticky: header, sticky_header: x-session",
    );
    let other = Caller {
        marks: vec![(HeaderName::from_static("x-other"), "one".to_owned())],
        ..Caller::default()
    };
    let drawn = (0..200).filter(|_| first(&gateway, &other, Some("one")) == "a/x");
    // 200 draws of a half have a standard deviation of 7.
    assert!((65..=135).contains(&drawn.count()));
}
