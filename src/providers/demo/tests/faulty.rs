//! Every misbehaviour, and what becomes of it.

use serde_json::{Value, json};

use super::*;

#[test]
fn failures_have_the_class_of_their_status() {
    let check = |fail: Value, expect: Kind| {
        for delivery in [Delivery::Whole, Delivery::Streamed] {
            let error = play(
                &json!({ "model": "demo", "input": "hi", "fail": fail }),
                delivery,
            )
            .unwrap_err();
            assert_eq!(error.kind(), expect, "{fail}");
        }
    };
    check(json!(400), Kind::UpstreamInvalid);
    check(json!(401), Kind::UpstreamAuth);
    check(json!(402), Kind::UpstreamBilling);
    check(json!(404), Kind::ModelNotFound);
    check(json!(413), Kind::TooLarge);
    check(json!(429), Kind::RateLimited);
    check(json!(500), Kind::UpstreamFailed);
    check(json!(503), Kind::Overloaded);
    check(json!(529), Kind::Overloaded);
    check(json!("html"), Kind::UpstreamFailed);
    check(json!("reset"), Kind::StreamCut);
    check(json!("hang"), Kind::Timeout);
}

#[test]
fn a_failure_may_say_how_long_to_wait_and_which_code_it_has() {
    let body = json!({ "model": "demo", "input": "hi", "demo": { "status": 429, "retry_after": 2, "code": "insufficient_quota" } });
    let error = play(&body, Delivery::Whole).unwrap_err();
    assert_eq!(error.kind(), Kind::QuotaExhausted);
    assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(2)));
    assert_eq!(error.upstream_status(), Some(429));
    assert_eq!(error.upstream_request_id(), Some("demo"));
}

#[test]
fn one_model_may_fail_while_its_sibling_answers() {
    let failing =
        json!({ "model": "demo", "input": "hi", "demo": { "fail": 503, "only": "demo" } });
    assert_eq!(
        play(&failing, Delivery::Whole).unwrap_err().kind(),
        Kind::Overloaded
    );
    let answering =
        json!({ "model": "demo", "input": "hi", "demo": { "fail": 503, "only": "other" } });
    assert_eq!(answer(&answering).status, Status::Completed);
}

#[test]
fn a_broken_answer_never_ends_as_completed() {
    let check = |fault: &str, after: usize, expect: Option<Kind>| {
        let body = json!({ "model": "demo", "input": "hi", "demo": { fault: after } });
        for delivery in [Delivery::Whole, Delivery::Streamed] {
            match play(&body, delivery) {
                Err(error) => {
                    let kind = match (expect, delivery) {
                        (None, _) => Kind::UpstreamGarbled,
                        (Some(kind), _) => kind,
                    };
                    assert_eq!(error.kind(), kind, "{fault} {after} {delivery:?}");
                }
                Ok(events) => {
                    assert_eq!(folded(&events).status, Status::Failed, "{fault} {after}");
                    assert_eq!(expect, None, "{fault} {after} {delivery:?}");
                }
            }
        }
    };
    for after in [0, 1, 3, 9] {
        check("cut_after", after, Some(Kind::StreamCut));
        check("stall_after", after, Some(Kind::Timeout));
        check("garbage_after", after, Some(Kind::UpstreamGarbled));
        check("error_after", after, Some(Kind::UpstreamFailed));
        // A clean end without a terminal verb: a cut stream, or JSON that breaks off.
        check("end_after", after, None);
    }
}

#[test]
fn refusals_and_filters_end_as_they_do_elsewhere() {
    let body = json!({ "model": "demo", "input": "hi", "demo": { "stop": "refusal" } });
    let refused = answer(&body);
    assert_eq!(refused.status, Status::Completed);
    assert_eq!(text(&refused), "I cannot help with that.");
    let body = json!({ "model": "demo", "input": "hi", "demo": { "stop": "content_filter" } });
    assert_eq!(answer(&body).status, Status::Incomplete);
}

#[test]
fn waits_are_written_into_the_script() {
    let waits = |body: Value| {
        let steps = script(&body);
        let waits = steps.iter().filter(|step| matches!(step, Step::Wait(_)));
        waits.count()
    };
    assert_eq!(waits(json!({ "input": "hi", "delay_ms": 0 })), 0);
    assert_eq!(waits(json!({ "input": "hi", "delay_ms": 5 })), 1);
    // Two words, and the verbs that begin, count and end.
    assert_eq!(
        waits(json!({ "input": "hi", "gap_ms": 5, "demo": { "text": "a b" } })),
        5
    );
}
