//! The table of failures, row by row.

use super::*;
use crate::error::Next;

fn body(kind: &str, message: &str, code: &str) -> String {
    let details = match code {
        "" => String::new(),
        code => format!(r#","details":{{"error_code":"{code}"}}"#),
    };
    let message = serde_json::to_string(message).unwrap();
    format!(
        r#"{{"type":"error","error":{{"type":"{kind}","message":{message}{details}}},"request_id":"req_1"}}"#
    )
}

fn error(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Error {
    let headers = headers
        .iter()
        .map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )
        })
        .collect();
    of_reply(
        StatusCode::from_u16(status).unwrap(),
        &headers,
        body.as_bytes(),
    )
}

#[test]
fn a_server_without_betas_is_asked_again_without_their_fields() {
    let check = |message: &str, expect: Option<&str>| {
        let body = format!(
            r#"{{"type":"error","error":{{"type":"invalid_request_error","message":"{message}"}}}}"#
        );
        let error = of_reply(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes());
        let expect = expect.map(|name| Remedy::DropParameter(name.to_owned()));
        assert_eq!(error.remedy(), expect.as_ref(), "{message}");
    };
    check(
        "context_management: Extra inputs are not permitted",
        Some("context_management"),
    );
    check("top_k: Extra inputs are not permitted", None);
}

#[test]
fn statuses_and_codes_become_classes() {
    let check = |status, kind, message, code, expect| {
        let error = error(status, &body(kind, message, code), &[]);
        assert_eq!(error.kind(), expect, "{status} {kind} {message} {code}");
        assert_eq!(error.upstream_request_id(), Some("req_1"));
        assert_eq!(error.upstream_status(), Some(status));
    };
    let invalid = "invalid_request_error";
    check(400, invalid, "tools.0: bad", "", Kind::UpstreamInvalid);
    check(
        400,
        invalid,
        "Your credit balance is too low to access the Anthropic API.",
        "",
        Kind::UpstreamBilling,
    );
    check(
        400,
        invalid,
        "held",
        "organization_on_hold",
        Kind::UpstreamBilling,
    );
    check(
        400,
        invalid,
        "prompt is too long: 210000 tokens > 200000 maximum",
        "",
        Kind::ContextLength,
    );
    check(
        400,
        invalid,
        "Output blocked by content filtering policy",
        "",
        Kind::ContentPolicy,
    );
}

#[test]
fn other_statuses_and_codes_become_classes() {
    let check = |status, kind, message, code, expect| {
        let error = error(status, &body(kind, message, code), &[]);
        assert_eq!(error.kind(), expect, "{status} {kind} {message} {code}");
        assert_eq!(error.upstream_request_id(), Some("req_1"));
        assert_eq!(error.upstream_status(), Some(status));
    };
    check(
        401,
        "authentication_error",
        "invalid x-api-key",
        "",
        Kind::UpstreamAuth,
    );
    check(402, "billing_error", "pay", "", Kind::UpstreamBilling);
    check(403, "permission_error", "no", "", Kind::UpstreamAuth);
    check(
        403,
        "permission_error",
        "no access to this model",
        "",
        Kind::ModelUnavailable,
    );
    check(
        404,
        "not_found_error",
        "model: claude-nope",
        "",
        Kind::ModelNotFound,
    );
    check(404, "not_found_error", "file", "", Kind::NotFound);
    check(413, "request_too_large", "big", "", Kind::TooLarge);
    check(
        429,
        "rate_limit_error",
        "slow",
        "ramp_limit_exceeded",
        Kind::RateLimited,
    );
    check(
        429,
        "rate_limit_error",
        "spent",
        "enforced_spend_limit_reached",
        Kind::QuotaExhausted,
    );
    check(500, "api_error", "oops", "", Kind::UpstreamFailed);
    check(
        503,
        "api_error",
        "key",
        "cmek_key_unreachable",
        Kind::Overloaded,
    );
    check(504, "timeout_error", "late", "", Kind::UpstreamFailed);
    check(529, "overloaded_error", "Overloaded", "", Kind::Overloaded);
}

#[test]
fn a_page_of_html_is_understood_by_its_status() {
    let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
    let broken = error(502, page, &[]);
    assert_eq!(broken.kind(), Kind::UpstreamFailed);
    assert_eq!(broken.message(), "502 Bad Gateway");
    assert_eq!(error(413, page, &[]).kind(), Kind::TooLarge);
    let lost = error(404, page, &[]);
    assert_eq!(
        (lost.kind(), lost.next()),
        (Kind::ModelNotFound, Next::Target)
    );
    assert_eq!(
        error(500, "", &[]).message(),
        "the upstream failed (status 500)"
    );
}

#[test]
fn the_providers_word_on_waiting_is_kept() {
    let slow = body("rate_limit_error", "slow", "");
    let waits = error(429, &slow, &[("retry-after", "7"), ("request-id", "req_2")]);
    let wait = Some(std::time::Duration::from_secs(7));
    assert_eq!(waits.retry(), Retry::Backoff(wait));
    assert_eq!(waits.upstream_request_id(), Some("req_2"));
    let final_word = error(529, &slow, &[("x-should-retry", "false")]);
    assert_eq!(final_word.retry(), Retry::No);
}

#[test]
fn a_refusal_that_names_its_cure_offers_it() {
    let check = |message, expect: Option<Remedy>| {
        let error = error(400, &body("invalid_request_error", message, ""), &[]);
        assert_eq!(error.remedy(), expect.as_ref(), "{message}");
    };
    check(
        "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-x",
        Some(Remedy::MaxTokens(64_000)),
    );
    check(
        "input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000, decrease input length or `max_tokens` and try again",
        Some(Remedy::MaxTokens(10_000)),
    );
    check(
        "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation",
        Some(Remedy::DropReasoning),
    );
    check(
        "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
        Some(Remedy::DropReasoning),
    );
    check(
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, …",
        Some(Remedy::NoReasoning),
    );
    check("prompt is too long: 210000 tokens > 200000 maximum", None);
    check("temperature: range: 0..1", None);
}
