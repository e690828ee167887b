//! The breaker and the averages, on a paused clock.

use super::*;

fn target() -> Target {
    Target::new("p", "m")
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_a_probe_closes_it() {
    let (health, rules) = (Health::default(), Breaker::default());
    let start = Instant::now();
    for n in 0..3 {
        assert_eq!(
            health.admit(&target(), start),
            Admission::Open,
            "after {n} failures"
        );
        health.record(&target(), Outcome::Failed, &rules, start);
    }
    assert_eq!(
        health.admit(&target(), start + seconds(1)),
        Admission::Closed(seconds(4))
    );
    assert_eq!(
        health.admit(&target(), start + seconds(5)),
        Admission::Probe
    );
    assert!(
        matches!(
            health.admit(&target(), start + seconds(5)),
            Admission::Closed(_)
        ),
        "one probe at a time"
    );
    let change = health.record(
        &target(),
        Outcome::Answered(seconds(1)),
        &rules,
        start + seconds(6),
    );
    assert_eq!(change, Change::Recovered);
    assert_eq!(health.admit(&target(), start + seconds(6)), Admission::Open);
}

#[tokio::test(start_paused = true)]
async fn failed_probes_wait_longer_but_never_beyond_half_a_minute() {
    let (health, rules) = (Health::default(), Breaker::default());
    let mut now = Instant::now();
    for _ in 0..3 {
        health.record(&target(), Outcome::Failed, &rules, now);
    }
    let mut pauses = Vec::new();
    for _ in 0..4 {
        now += seconds(30);
        assert_eq!(health.admit(&target(), now), Admission::Probe);
        if let Change::Opened(pause) = health.record(&target(), Outcome::Failed, &rules, now) {
            pauses.push(pause.as_secs());
        }
    }
    assert_eq!(pauses, [10, 20, 30, 30]);
}

#[tokio::test(start_paused = true)]
async fn the_share_of_failures_opens_it_only_with_enough_requests() {
    let (health, rules) = (
        Health::default(),
        Breaker {
            consecutive: 100,
            ..Breaker::default()
        },
    );
    let now = Instant::now();
    for n in 0..9 {
        let outcome = if n % 2 == 0 {
            Outcome::Failed
        } else {
            Outcome::Answered(seconds(1))
        };
        assert_eq!(health.record(&target(), outcome, &rules, now), Change::None);
    }
    assert_eq!(
        health.record(&target(), Outcome::Failed, &rules, now),
        Change::Opened(seconds(5))
    );
}

#[tokio::test(start_paused = true)]
async fn a_named_wait_is_kept_exactly() {
    let (health, rules) = (Health::default(), Breaker::default());
    let now = Instant::now();
    health.record(&target(), Outcome::Throttled(seconds(17)), &rules, now);
    assert_eq!(
        health.glance(&target(), now + seconds(16)).admission,
        Admission::Throttled(seconds(1))
    );
    assert_eq!(
        health.glance(&target(), now + seconds(17)).admission,
        Admission::Open
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_lets_the_next_one_through() {
    let (health, rules) = (Health::default(), Breaker::default());
    let now = Instant::now();
    for _ in 0..3 {
        health.record(&target(), Outcome::Failed, &rules, now);
    }
    assert_eq!(health.admit(&target(), now + seconds(5)), Admission::Probe);
    health.record(&target(), Outcome::Nothing, &rules, now + seconds(6));
    assert_eq!(health.admit(&target(), now + seconds(6)), Admission::Probe);
}

#[tokio::test(start_paused = true)]
async fn siblings_do_not_suffer() {
    let (health, rules) = (Health::default(), Breaker::default());
    let now = Instant::now();
    for _ in 0..3 {
        health.record(&target(), Outcome::Failed, &rules, now);
    }
    assert_eq!(
        health.admit(&Target::new("p", "other"), now),
        Admission::Open
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded() {
    let (health, rules) = (Health::default(), Breaker::default());
    let now = Instant::now();
    for n in 0..(MOST_TARGETS + 100) {
        let model = format!("m{n}");
        health.record(
            &Target::new("p", model.as_str()),
            Outcome::Failed,
            &rules,
            now,
        );
    }
    assert!(health.with(|circuits| circuits.len()) <= MOST_TARGETS);
}
