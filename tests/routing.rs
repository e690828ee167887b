//! Providers fail, answers arrive: the gateway over stand-ins, on a paused clock.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that breaks off has failed"
)]

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use llmgw::canonical::embedding::{Embedding, Piece};
use llmgw::canonical::request::{Delivery, Request};
use llmgw::canonical::response::Status;
use llmgw::gateway::Caller;
use llmgw::providers::demo::peer::Step;
use llmgw::routing::plan::Constraints;
use tokio::time::Instant;

#[path = "support/peers.rs"]
mod peers;

use peers::{Act, Rig, begun, delta, fails, good, head, wait};

const PAIR: &str = "models:\n  m: { targets: [a/x, b/y] }\n";

/// A primary that does this, a good backup: who answers, and how often each is asked.
async fn check(primary: Act, expect: (&str, u32, u32)) {
    for delivery in [Delivery::Streamed, Delivery::Whole] {
        let rig = Rig::new(&[("a", primary), ("b", good)], PAIR);
        let mut request = Request::ask("m", "hi");
        request.delivery = delivery;
        let began = Instant::now();
        let heard = rig
            .send(request, Caller::default())
            .await
            .expect("an answer");
        assert_eq!(
            (heard.target.as_str(), rig.asked("a"), rig.asked("b")),
            expect,
            "{delivery:?}"
        );
        assert_eq!(
            (heard.text.as_str(), heard.status),
            ("hello world", Status::Completed)
        );
        assert_eq!(heard.attempts, rig.asked("a") + rig.asked("b"));
        assert!(
            began.elapsed() <= Duration::from_mins(5),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_before_content_fails_over_at_once() {
    let moved = ("b/y", 1, 1);
    check(|_| fails(500, "server_error", &[]), moved).await;
    check(|_| fails(503, "overloaded", &[]), moved).await;
    check(|_| fails(529, "overloaded", &[]), moved).await;
    check(
        |_| fails(429, "rate_limit_exceeded", &[("retry-after", "2")]),
        moved,
    )
    .await;
    check(|_| fails(429, "rate_limit_exceeded", &[]), moved).await;
    check(|_| fails(401, "invalid_api_key", &[]), moved).await;
    check(|_| fails(404, "model_not_found", &[]), moved).await;
    check(|_| vec![Step::Reset], moved).await;
    check(|_| vec![Step::Hang], moved).await;
    check(
        |_| vec![head(200, "text/event-stream", &[]), Step::Reset],
        moved,
    )
    .await;
    check(
        |_| vec![head(200, "text/event-stream", &[]), Step::Hang],
        moved,
    )
    .await;
    check(|_| vec![head(200, "text/event-stream", &[])], moved).await;
    check(good, ("a/x", 1, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_target_is_waited_for_and_tried_again() {
    let rest = "models:\n  m: { targets: [a/x] }\n";
    let rig = Rig::new(
        &[("a", |n| {
            if n == 0 {
                fails(429, "rate_limit_exceeded", &[("retry-after", "2")])
            } else {
                good(n)
            }
        })],
        rest,
    );
    let began = Instant::now();
    assert_eq!(rig.ask("m").await.expect("an answer").attempts, 2);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    let rig = Rig::new(&[("a", |_| fails(500, "server_error", &[]))], rest);
    let error = rig.ask("m").await.expect_err("all fail");
    assert_eq!((error.status(), rig.asked("a")), (502, 3));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_not_waited_for() {
    let rig = Rig::new(
        &[("a", |_| {
            fails(429, "rate_limit_exceeded", &[("retry-after", "3600")])
        })],
        "",
    );
    let began = Instant::now();
    let error = rig.ask("a/x").await.expect_err("a refusal");
    assert_eq!((error.status(), rig.asked("a")), (429, 1));
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
    assert!(began.elapsed() < Duration::from_secs(1));
    // The next one is not even sent.
    let error = rig.ask("a/x").await.expect_err("a refusal");
    assert_eq!((error.status(), rig.asked("a")), (429, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_retryable_is_not_retried() {
    for (status, code) in [
        (400, "invalid_request_error"),
        (400, "content_filter"),
        (422, "invalid"),
    ] {
        let act: Act = match code {
            "content_filter" => |_| fails(400, "content_filter", &[]),
            "invalid" => |_| fails(422, "invalid", &[]),
            _ => |_| fails(400, "invalid_request_error", &[]),
        };
        let rig = Rig::new(&[("a", act), ("b", good)], PAIR);
        let error = rig.ask("m").await.expect_err("a refusal");
        assert_eq!(
            (error.status(), rig.asked("a"), rig.asked("b")),
            (400, 1, 0),
            "{status} {code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_prompt_goes_where_the_route_says_and_nowhere_else() {
    let rest = "models:\n  m: { targets: [a/x, b/y], when_refused: [c/z] }\n";
    let rig = Rig::new(
        &[
            ("a", |_| fails(400, "content_filter", &[])),
            ("b", good),
            ("c", good),
        ],
        rest,
    );
    assert_eq!(rig.ask("m").await.expect("an answer").target, "c/z");
    assert_eq!((rig.asked("a"), rig.asked("b"), rig.asked("c")), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_too_long_goes_to_the_list_for_it_or_to_an_unknown_window() {
    let long: Act = |_| fails(400, "context_length_exceeded", &[]);
    let rest = "models:\n  m: { targets: [a/x, b/y], when_context_over: { tokens: 1M, targets: [c/z] } }\n";
    let rig = Rig::new(&[("a", long), ("b", good), ("c", good)], rest);
    assert_eq!(rig.ask("m").await.expect("an answer").target, "c/z");
    let rig = Rig::new(&[("a", long), ("b", good)], PAIR);
    assert_eq!(rig.ask("m").await.expect("an answer").target, "b/y");
    let rig = Rig::new(&[("a", long), ("b", long)], PAIR);
    let error = rig.ask("m").await.expect_err("nobody has room");
    assert_eq!(
        (error.code(), rig.asked("a"), rig.asked("b")),
        ("context_length_exceeded", 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_primary_is_left_alone_and_used_again_after_it_recovers() {
    let rig = Rig::new(
        &[
            ("a", |n| {
                if n < 8 {
                    fails(500, "server_error", &[])
                } else {
                    good(n)
                }
            }),
            ("b", good),
        ],
        PAIR,
    );
    let mut while_dead = 0;
    for second in 0..90 {
        let heard = rig.ask("m").await.expect("an answer");
        if heard.target == "b/y" {
            while_dead += 1;
        } else {
            assert!(second < 90);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Three failures open it; probes after 5, 10, 20, 30 … seconds: in a minute and a half no more than seven.
    assert!(rig.asked("a") <= 7, "{}", rig.asked("a"));
    assert!(while_dead >= 80);
    let rig = Rig::new(
        &[
            ("a", |n| {
                if n < 3 {
                    fails(500, "server_error", &[])
                } else {
                    good(n)
                }
            }),
            ("b", good),
        ],
        PAIR,
    );
    for _ in 0..3 {
        assert_eq!(rig.ask("m").await.expect("an answer").target, "b/y");
    }
    assert_eq!(
        rig.ask("m").await.expect("an answer").target,
        "b/y",
        "left alone"
    );
    assert_eq!(rig.asked("a"), 3);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(
        rig.ask("m").await.expect("an answer").target,
        "a/x",
        "half a minute later it is used again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_breaks_its_target_does_not_close_it_by_itself() {
    let rig = Rig::new(
        &[("a", |n| {
            if n < 3 {
                fails(500, "server_error", &[])
            } else {
                good(n)
            }
        })],
        "",
    );
    assert_eq!(rig.ask("a/x").await.expect_err("broken").status(), 502);
    assert_eq!(rig.asked("a"), 3);
    assert_eq!(rig.ask("a/x").await.expect("an answer").text, "hello world");
}

#[tokio::test(start_paused = true)]
async fn when_all_are_left_alone_the_answer_is_503_with_a_time() {
    let dead: Act = |_| fails(500, "server_error", &[]);
    let rig = Rig::new(&[("a", dead)], "defaults: { retry: { attempts: 1 } }");
    for _ in 0..3 {
        assert_eq!(rig.ask("a/x").await.expect_err("dead").status(), 502);
    }
    let error = rig.ask("a/x").await.expect_err("left alone");
    assert_eq!((error.status(), rig.asked("a")), (503, 3));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_after_content_fails_honestly_and_counts() {
    let cut: Act = |_| {
        let mut script = begun();
        script.push(Step::Reset);
        script
    };
    let rig = Rig::new(&[("a", cut), ("b", good)], PAIR);
    for _ in 0..3 {
        let heard = rig.ask("m").await.expect("it begins");
        assert_eq!(
            (heard.target.as_str(), heard.status, heard.text.as_str()),
            ("a/x", Status::Failed, "hello")
        );
    }
    assert_eq!(
        rig.ask("m").await.expect("an answer").target,
        "b/y",
        "three cuts in a row open the breaker"
    );
    let stall: Act = |_| {
        let mut script = begun();
        script.push(Step::Hang);
        script
    };
    let rig = Rig::new(&[("a", stall), ("b", good)], PAIR);
    let began = Instant::now();
    assert_eq!(
        rig.ask("m").await.expect("it begins").status,
        Status::Failed
    );
    assert_eq!(began.elapsed(), Duration::from_mins(1), "the idle limit");
}

#[tokio::test(start_paused = true)]
async fn attempts_and_time_are_bounded_whatever_happens() {
    let acts: [Act; 6] = [
        |_| fails(500, "server_error", &[]),
        |_| vec![Step::Hang],
        |_| vec![Step::Reset],
        |_| fails(429, "rate_limit_exceeded", &[("retry-after", "50")]),
        |_| {
            let mut script = vec![wait(400)];
            script.extend(good(0));
            script
        },
        |n| {
            if n % 2 == 0 {
                fails(503, "overloaded", &[])
            } else {
                vec![head(200, "text/event-stream", &[]), Step::Reset]
            }
        },
    ];
    let mut seed = 7_u64;
    for round in 0..60 {
        let mut pick = || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            acts[usize::try_from(seed >> 33).unwrap() % acts.len()]
        };
        let peers = [("a", pick()), ("b", pick()), ("c", pick())];
        let rig = Rig::new(
            &peers,
            "models:\n  m: { targets: [a/x, b/y], then: [c/z] }\n",
        );
        let began = Instant::now();
        for delivery in [Delivery::Streamed, Delivery::Whole] {
            let mut request = Request::ask("m", "hi");
            request.delivery = delivery;
            // Whatever comes of it: it has to come in time, with few attempts.
            let _ = rig.send(request, Caller::default()).await;
        }
        assert!(
            began.elapsed() <= Duration::from_mins(20),
            "round {round}: {:?}",
            began.elapsed()
        );
        for name in ["a", "b", "c"] {
            assert!(
                rig.asked(name) <= 6,
                "round {round}: {name} was asked {} times",
                rig.asked(name)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_rotate_by_what_is_wrong_with_them() {
    let rig = Rig::with_keys(
        &[("a", |n| {
            if n == 0 {
                fails(401, "invalid_api_key", &[])
            } else {
                good(n)
            }
        })],
        ", api_keys: [k1, k2, k3]",
        "",
    );
    assert_eq!(rig.ask("a/x").await.expect("the next key").attempts, 2);
    let limited: Act = |n| {
        if n < 2 {
            fails(429, "rate_limit_exceeded", &[("retry-after", "9")])
        } else {
            good(n)
        }
    };
    let rig = Rig::with_keys(&[("a", limited)], ", api_keys: [k1, k2, k3]", "");
    let began = Instant::now();
    assert_eq!(rig.ask("a/x").await.expect("the third key").attempts, 3);
    assert!(began.elapsed() < Duration::from_secs(1), "no wait");
}

#[tokio::test(start_paused = true)]
async fn a_provider_takes_no_more_than_its_bound_and_the_rest_goes_on() {
    let slow: Act = |_| {
        let mut script = begun();
        script.extend([
            wait(30),
            delta(" world"),
            peers::finish(),
            peers::frame("[DONE]"),
        ]);
        script
    };
    let rig = Rig::with_keys(&[("a", slow), ("b", slow)], ", max_in_flight: 2", PAIR);
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut request = Request::ask("m", "hi");
        request.delivery = Delivery::Streamed;
        held.push(
            rig.gateway
                .respond(request, Caller::default())
                .await
                .expect("it begins"),
        );
    }
    let targets: Vec<String> = held.iter().map(|reply| reply.target.to_string()).collect();
    assert_eq!(targets, ["a/x", "a/x", "b/y", "b/y"]);
    let began = Instant::now();
    let error = rig.ask("m").await.expect_err("all places are taken");
    assert_eq!(
        (error.status(), error.retry_after()),
        (503, Some(Duration::from_secs(1)))
    );
    assert!(
        began.elapsed() <= Duration::from_secs(4),
        "the queue is short"
    );
    // Questions that are no response take places too.
    let texts = Embedding {
        model: "a/x".to_owned(),
        input: vec![Piece::Text("hi".to_owned())],
        ..Embedding::default()
    };
    let refused = rig.gateway.embed(&texts, &Caller::default()).await;
    let error = refused.expect_err("there is no place for it");
    assert_eq!((error.status(), error.code()), (503, "provider_busy"));
    held.remove(0);
    assert_eq!(rig.ask("m").await.expect("a place is free").target, "a/x");
}

#[tokio::test(start_paused = true)]
async fn the_first_token_limit_of_the_client_leaves_a_slow_target_for_the_next() {
    let slow: Act = |_| {
        let mut script = vec![wait(20)];
        script.extend(good(0));
        script
    };
    let rig = Rig::new(&[("a", slow), ("b", good)], PAIR);
    let mut request = Request::ask("m", "hi");
    request.delivery = Delivery::Streamed;
    let limit = Some(Duration::from_secs(3));
    let caller = Caller {
        constraints: Constraints {
            first_content_within: limit,
            ..Constraints::default()
        },
        ..Caller::default()
    };
    let began = Instant::now();
    assert_eq!(
        rig.send(request, caller).await.expect("an answer").target,
        "b/y"
    );
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn weights_converge_over_requests_and_a_user_stays() {
    let rest = "models:\n  m: { policy: weighted, sticky: user, targets: [{ model: a/x, weight: 80 }, { model: b/y, weight: 20 }] }\n";
    let rig = Rig::new(&[("a", good), ("b", good)], rest);
    for _ in 0..1000 {
        rig.ask("m").await.expect("an answer");
    }
    // Four standard deviations of a binomial of 1,000 are 51.
    assert!((750..=850).contains(&rig.asked("a")), "{}", rig.asked("a"));
    for n in 0..20 {
        let mut targets = Vec::new();
        for _ in 0..10 {
            let mut request = Request::ask("m", "hi");
            request.safety_identifier = Some(format!("user-{n}"));
            targets.push(
                rig.send(request, Caller::default())
                    .await
                    .expect("an answer")
                    .target,
            );
        }
        targets.dedup();
        assert_eq!(targets.len(), 1, "user-{n} moved");
    }
}

#[tokio::test(start_paused = true)]
async fn turns_are_taken_by_each_alias_for_itself() {
    let rest = "models:\n  m: { policy: round_robin, targets: [a/x, b/y] }\n  n: { policy: round_robin, targets: [a/x, b/y] }\n";
    let rig = Rig::new(&[("a", good), ("b", good)], rest);
    let mut targets = Vec::new();
    for model in ["m", "n", "m", "n"] {
        targets.push(rig.ask(model).await.expect("an answer").target);
    }
    assert_eq!(targets, ["a/x", "a/x", "b/y", "b/y"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_holds_for_the_next_request_and_not_for_one_in_flight() {
    let slow: Act = |_| {
        let mut script = begun();
        script.extend([
            wait(5),
            delta(" world"),
            peers::finish(),
            peers::frame("[DONE]"),
        ]);
        script
    };
    let rig = Rig::new(&[("a", slow), ("b", good)], PAIR);
    let mut request = Request::ask("m", "hi");
    request.delivery = Delivery::Streamed;
    let running = rig
        .gateway
        .respond(request, Caller::default())
        .await
        .expect("it begins");
    for _ in 0..1000 {
        rig.gateway.reload(peers::config(
            &["a", "b"],
            "",
            "models:\n  m: { targets: [b/y] }\n",
        ));
    }
    assert_eq!(rig.ask("m").await.expect("an answer").target, "b/y");
    let heard = peers::hear(running).await;
    assert_eq!(
        (heard.text.as_str(), heard.status),
        ("hello world", Status::Completed)
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_gets_company_and_the_first_content_wins() {
    let slow: Act = |_| {
        let mut script = vec![wait(20)];
        script.extend(good(0));
        script
    };
    let rest = "models:\n  m: { targets: [a/x, b/y], hedge: { after: 2s, max_extra: 50% } }\n";
    let rig = Rig::new(&[("a", slow), ("b", good)], rest);
    let mut targets = Vec::new();
    for _ in 0..10 {
        let began = Instant::now();
        let heard = rig.ask("m").await.expect("an answer");
        let seconds = began.elapsed().as_secs();
        assert!(
            (heard.target.as_str(), seconds) == ("b/y", 2)
                || (heard.target.as_str(), seconds) == ("a/x", 20)
        );
        targets.push(heard.target);
    }
    assert_eq!(
        targets.iter().filter(|target| *target == "b/y").count(),
        5,
        "half of them may be hedged"
    );
    // A first target that fails at once is left at once, without a race.
    let rig = Rig::new(
        &[("a", |_| fails(500, "server_error", &[])), ("b", good)],
        rest,
    );
    let began = Instant::now();
    assert_eq!(rig.ask("m").await.expect("an answer").target, "b/y");
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!((rig.asked("a"), rig.asked("b")), (1, 1));
    // A rival that fails does not spoil the first.
    let rig = Rig::new(
        &[("a", slow), ("b", |_| fails(500, "server_error", &[]))],
        "models:\n  m: { targets: [a/x, b/y], hedge: { after: 2s, max_extra: 100% } }\n",
    );
    assert_eq!(rig.ask("m").await.expect("an answer").target, "a/x");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_over_flapping_upstreams_are_all_accounted_for() {
    // Each is up for a while and down for a while; now and then both are down.
    thread_local!(static BEGAN: Instant = Instant::now());
    fn flaps(n: u32, period: u64) -> Vec<Step> {
        let second = BEGAN.with(Instant::elapsed).as_secs();
        if second > 600 || (second / period).is_multiple_of(2) {
            let mut script = vec![Step::Wait(Duration::from_millis(20))];
            script.extend(good(n));
            script
        } else {
            fails(503, "overloaded", &[])
        }
    }
    BEGAN.with(|_| {});
    let rig = Rig::new(&[("a", |n| flaps(n, 10)), ("b", |n| flaps(n, 35))], PAIR);
    let rig = &rig;
    let answers: Vec<_> = stream::iter(0..10_000)
        .map(|n| async move {
            tokio::time::sleep(Duration::from_millis(n % 97 * 80)).await;
            rig.ask("m").await
        })
        .buffer_unordered(64)
        .collect()
        .await;
    let mut attempts = 0;
    let mut answered = 0;
    for answer in &answers {
        match answer {
            Ok(heard) => {
                assert_eq!(
                    (heard.text.as_str(), heard.status),
                    ("hello world", Status::Completed)
                );
                answered += 1;
                attempts += heard.attempts;
            }
            Err(error) => {
                assert_eq!(error.status(), 503, "{error}");
                assert!(error.retry_after().is_some() || error.upstream_status() == Some(503));
            }
        }
    }
    assert_eq!(answers.len(), 10_000);
    // Both are down for a quarter of the time, and a breaker that has just learnt it waits for its next probe.
    assert!(answered > 5_000, "{answered} were answered");
    // Both are up again, and the breakers agree.
    tokio::time::sleep(Duration::from_mins(10)).await;
    for _ in 0..100 {
        let heard = rig.ask("m").await.expect("an answer");
        assert_eq!((heard.target.as_str(), heard.attempts), ("a/x", 1));
    }
    assert!(rig.asked("a") + rig.asked("b") >= attempts + 100);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_failures_is_ridden_out_by_the_backup_without_a_single_error() {
    let burst: Act = |n| {
        if (20..60).contains(&n) {
            fails(500, "server_error", &[])
        } else {
            good(n)
        }
    };
    let rig = Rig::new(&[("a", burst), ("b", good)], PAIR);
    for _ in 0..600 {
        assert_eq!(rig.ask("m").await.expect("an answer").text, "hello world");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // Twenty before, and three until the breaker opens; then one probe each half a minute at most.
    assert!(rig.asked("a") < 40, "{}", rig.asked("a"));
}
