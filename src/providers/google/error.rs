//! Google's failures, understood once (ai.google.dev, "Troubleshooting guide"; `google.rpc.Status`).
//!
//! A wrong key is a 400 here, the time to wait stands in the body, and a body may be a list or a proxy's HTML.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

use crate::error::{Error, Kind, Remedy};
use crate::providers::clean;
use crate::providers::retry_after::retry_after;
use crate::wire::gemini::response::{ErrorBody, Status};

/// A reply whose status is no success.
pub(super) fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let failure = parse(body);
    let wait = retry_after(headers);
    let failure = failure.unwrap_or_else(|| Status {
        message: clean::message(&String::from_utf8_lossy(body)),
        ..Status::default()
    });
    build(status.as_u16(), &failure, wait)
}

/// A failure inside a stream whose status was a success.
pub(super) fn inline(failure: &RawValue) -> Error {
    // A failure that does not parse is one all the same.
    let failure: Status = serde_json::from_str(failure.get()).unwrap_or_default();
    build(failure.code.unwrap_or(500), &failure, None)
}

fn parse(body: &[u8]) -> Option<Status> {
    // What is no error body is handled as text by the caller.
    if body.trim_ascii_start().starts_with(b"[") {
        let list: Vec<ErrorBody> = serde_json::from_slice(body).ok()?;
        return list.into_iter().next().map(|body| body.error);
    }
    let body: ErrorBody = serde_json::from_slice(body).ok()?;
    Some(body.error)
}

fn build(code: u16, failure: &Status, wait: Option<Duration>) -> Error {
    let kind = kind(code, failure);
    let message = clean::message(&failure.message);
    let message = match message.as_str() {
        "" => format!("Google answered with status {code}"),
        _ => message,
    };
    let mut error = Error::new(kind, message).with_upstream_status(code);
    if matches!(
        kind,
        Kind::RateLimited | Kind::Overloaded | Kind::UpstreamFailed
    ) {
        error = error.with_retry_after(delay(failure).or(wait));
    }
    match remedy(code, failure) {
        Some(remedy) => error.with_remedy(remedy),
        None => error,
    }
}

fn kind(code: u16, failure: &Status) -> Kind {
    let message = failure.message.to_ascii_lowercase();
    let says = |words: &str| message.contains(words);
    let reason = |name: &str| {
        let mut reasons = failure.details.iter().filter_map(|d| d.reason.as_deref());
        reasons.any(|reason| reason.starts_with(name))
    };
    if reason("API_KEY") || says("api key not valid") || says("api key expired") {
        return Kind::UpstreamAuth;
    }
    match code {
        400 if says("token count") && says("exceed") => Kind::ContextLength,
        400 if says("location is not supported") => Kind::ModelUnavailable,
        400 if failure.status == "FAILED_PRECONDITION" => Kind::UpstreamBilling,
        402 => Kind::UpstreamBilling,
        403 if says("model") && says("access") => Kind::ModelUnavailable,
        401 | 403 => Kind::UpstreamAuth,
        404 if says("file") && !says("models/") => Kind::NotFound,
        404 => Kind::ModelNotFound,
        408 | 409 | 503 | 529 => Kind::Overloaded,
        413 => Kind::TooLarge,
        429 if is_exhausted(failure) => Kind::QuotaExhausted,
        429 => Kind::RateLimited,
        // What the service has not implemented, it will not have at the next try. 499 is a cancellation that nobody
        // here asked for.
        400..=498 | 501 => Kind::UpstreamInvalid,
        _ => Kind::UpstreamFailed,
    }
}

/// A daily quota, one of zero, or spent credit: no use in waiting.
fn is_exhausted(failure: &Status) -> bool {
    let message = failure.message.to_ascii_lowercase();
    if message.contains("credits are depleted") || message.contains("credits depleted") {
        return true;
    }
    let zero = |limit: Option<&str>| limit == Some("0");
    failure.details.iter().any(|detail| {
        let metadata = detail.metadata.as_ref();
        zero(metadata.and_then(|m| m.quota_limit_value.as_deref()))
            || detail.violations.iter().any(|violation| {
                violation.quota_id.contains("PerDay") || zero(violation.quota_value.as_deref())
            })
    }) || message.contains("limit: 0,")
}

/// `RetryInfo.retryDelay`: seconds and `s`.
fn delay(failure: &Status) -> Option<Duration> {
    let seconds = failure.details.iter().find_map(|detail| {
        let seconds = detail.retry_delay.as_deref()?.strip_suffix('s')?;
        // What is no number is no delay.
        seconds.parse::<f64>().ok()
    })?;
    // A negative or absurd delay is no delay.
    Duration::try_from_secs_f64(seconds).ok()
}

/// What would make the request acceptable.
fn remedy(code: u16, failure: &Status) -> Option<Remedy> {
    if code != 400 {
        return None;
    }
    let message = failure.message.to_ascii_lowercase();
    if message.contains("thought signature") || message.contains("thought_signature") {
        return Some(Remedy::DropReasoning);
    }
    if message.contains("maxoutputtokens") || message.contains("max_output_tokens") {
        // "… the supported range is from 1 (inclusive) to 65537 (exclusive)."
        let (_, range) = message.split_once("(inclusive) to ")?;
        let end: String = range.chars().take_while(char::is_ascii_digit).collect();
        // Without a number there is no remedy.
        return end
            .parse::<u64>()
            .ok()?
            .checked_sub(1)
            .map(Remedy::MaxTokens);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).unwrap();
        of(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn each_failure_has_its_class() {
        for (status, body, kind) in [
            (
                400,
                r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
                Kind::UpstreamAuth,
            ),
            (
                400,
                r#"{"error":{"message":"The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."}}"#,
                Kind::ContextLength,
            ),
            (
                400,
                r#"{"error":{"status":"FAILED_PRECONDITION","message":"enable billing"}}"#,
                Kind::UpstreamBilling,
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"Invalid value","status":"INVALID_ARGUMENT"}}]"#,
                Kind::UpstreamInvalid,
            ),
            (
                404,
                r#"{"error":{"message":"models/x is not found for API version v1beta"}}"#,
                Kind::ModelNotFound,
            ),
            (
                429,
                r#"{"error":{"details":[{"violations":[{"quotaId":"RequestsPerDayPerProject","quotaValue":"50"}]}]}}"#,
                Kind::QuotaExhausted,
            ),
            (
                503,
                r#"{"error":{"message":"overloaded"}}"#,
                Kind::Overloaded,
            ),
            (
                502,
                "<html><h1>Bad gateway</h1></html>",
                Kind::UpstreamFailed,
            ),
        ] {
            assert_eq!(read(status, body).kind(), kind, "{body}");
        }
    }

    #[test]
    fn the_time_to_wait_is_in_the_body() {
        let error = read(
            429,
            r#"{"error":{"message":"slow down","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}}"#,
        );
        assert_eq!(error.kind(), Kind::RateLimited);
        assert_eq!(error.retry_after(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn refusals_that_can_be_mended_say_how() {
        let limit = read(
            400,
            r#"{"error":{"message":"Unable to submit request because it has a maxOutputTokens value of 99999 but the supported range is from 1 (inclusive) to 65537 (exclusive)."}}"#,
        );
        assert_eq!(limit.remedy(), Some(&Remedy::MaxTokens(65_536)));
        let signature = read(
            400,
            r#"{"error":{"message":"Corrupted thought signature."}}"#,
        );
        assert_eq!(signature.remedy(), Some(&Remedy::DropReasoning));
    }

    #[test]
    fn a_page_of_html_is_never_shown() {
        let error = read(502, "<html><body><h1>Bad gateway</h1></body></html>");
        assert!(!error.message().contains('<'), "{}", error.message());
    }
}
