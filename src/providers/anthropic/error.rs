//! Failures: what a reply without success means, and who may do what about it.
//!
//! Messages are not stable at Anthropic; `error.type` and `details.error_code` are. Messages are looked at only where
//! nothing else tells two causes apart: an empty account, a full context window, a limit that the message names.

use http::{HeaderMap, StatusCode};

use crate::error::{Error, Kind, Remedy, Retry};
use crate::providers::{clean, retry_after::retry_after};
use crate::wire::anthropic::reply::{ErrorBody, ErrorDetail};

/// The error of a reply with this status.
pub(super) fn of_reply(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let read = read(body);
    let request_id = headers
        .get("request-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned)
        .or(read.request_id);
    let detail = read.error.unwrap_or_else(|| ErrorDetail {
        message: String::from_utf8_lossy(body).into_owned(),
        ..ErrorDetail::default()
    });
    let error = classify(status.as_u16(), &detail)
        .with_upstream_status(status.as_u16())
        .with_upstream_request_id(request_id)
        .with_retry_after(retry_after(headers));
    match headers
        .get("x-should-retry")
        .map(http::HeaderValue::as_bytes)
    {
        Some(b"false") => error.with_retry(Retry::No),
        _ => error,
    }
}

/// The error of an `error` event, or of an error body that came with a status of success.
pub(super) fn in_reply(body: &[u8]) -> Error {
    let read = read(body);
    let detail = read.error.unwrap_or_default();
    let status = match detail.kind.as_str() {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        // `api_error`, and kinds of a newer version.
        _ => 500,
    };
    classify(status, &detail).with_upstream_request_id(read.request_id)
}

/// A body that is no JSON (a proxy's page) has nothing to read.
fn read(body: &[u8]) -> ErrorBody {
    serde_json::from_slice(body).unwrap_or_default()
}

fn classify(status: u16, detail: &ErrorDetail) -> Error {
    let code = detail
        .details
        .as_ref()
        .and_then(|details| details.error_code.as_deref())
        .unwrap_or_default();
    let text = detail.message.as_str();
    let kind = match status {
        400 => bad_request(code, text),
        402 => Kind::UpstreamBilling,
        403 if mentions(text, &["model", "region", "country", "territory"]) => {
            Kind::ModelUnavailable
        }
        401 | 403 => Kind::UpstreamAuth,
        // Without a body of the API's own the path is wrong, which is the target's fault too.
        404 if detail.kind.is_empty() || text.starts_with("model") => Kind::ModelNotFound,
        404 => Kind::NotFound,
        408 | 409 | 503 | 529 => Kind::Overloaded,
        413 => Kind::TooLarge,
        429 if is_spent(code) => Kind::QuotaExhausted,
        429 => Kind::RateLimited,
        401..=499 => Kind::UpstreamInvalid,
        _ => Kind::UpstreamFailed,
    };
    let message = match clean::message(text) {
        empty if empty.is_empty() => format!("the upstream failed (status {status})"),
        message => message,
    };
    let error = Error::new(kind, message);
    let error = match remedy(kind, text) {
        Some(remedy) => error.with_remedy(remedy),
        None => error,
    };
    match kind {
        Kind::UpstreamInvalid if text.starts_with("max_tokens") => {
            error.with_param("max_output_tokens")
        }
        Kind::ModelNotFound if detail.kind.is_empty() => {
            error.with_hint("the reply is not the Messages API's: check `base_url`")
        }
        _ => error,
    }
}

fn bad_request(code: &str, text: &str) -> Kind {
    if is_spent(code)
        || code.starts_with("organization_on_hold")
        || mentions(text, &["credit balance", "spend limit", "usage limits"])
    {
        Kind::UpstreamBilling
    } else if mentions(text, &["prompt is too long", "exceed context limit"]) {
        Kind::ContextLength
    } else if mentions(text, &["content filtering policy"]) {
        Kind::ContentPolicy
    } else {
        Kind::UpstreamInvalid
    }
}

fn is_spent(code: &str) -> bool {
    matches!(
        code,
        "enforced_spend_limit_reached" | "contract_spend_limit_reached"
    )
}

fn mentions(text: &str, any: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    any.iter().any(|words| text.contains(words))
}

/// The change after which the same model would take the request.
fn remedy(kind: Kind, text: &str) -> Option<Remedy> {
    match kind {
        Kind::UpstreamInvalid => most_tokens(text)
            .map(Remedy::MaxTokens)
            .or_else(|| thinking_remedy(text))
            .or_else(|| beta_remedy(text)),
        Kind::ContextLength => left_tokens(text).map(Remedy::MaxTokens),
        _ => None,
    }
}

/// A message that expected thinking and found a tool call wants thinking that is gone: it can only be turned off. All
/// other complaints about thinking blocks are about blocks that were sent, so they may be left out.
fn thinking_remedy(text: &str) -> Option<Remedy> {
    if !text.contains("thinking` block") && !text.contains("thinking`") {
        return None;
    }
    if text.contains("Expected `thinking`") {
        return Some(Remedy::NoReasoning);
    }
    let about_blocks = [
        "Invalid `signature`",
        "Invalid `data`",
        "cannot be modified",
        "bound to a different conversation",
        "different model",
    ];
    about_blocks
        .iter()
        .any(|words| text.contains(words))
        .then_some(Remedy::DropReasoning)
}

/// Coding clients send these fields of betas with everything, and do without: a server that has no betas names them so.
fn beta_remedy(text: &str) -> Option<Remedy> {
    let (field, _) = text.split_once(": Extra inputs are not permitted")?;
    ["context_management", "diagnostics", "speed"]
        .contains(&field)
        .then(|| Remedy::DropParameter(field.to_owned()))
}

/// `max_tokens: 99999 > 64000, which is the maximum allowed number of output tokens for M`.
fn most_tokens(text: &str) -> Option<u64> {
    let rest = text.strip_prefix("max_tokens: ")?;
    let (_, after) = rest.split_once(" > ")?;
    let most = number(after)?;
    rest.contains("maximum").then_some(most)
}

/// What the prompt leaves: `… exceed context limit: 190000 + 64000 > 200000, decrease …`.
fn left_tokens(text: &str) -> Option<u64> {
    let (_, sum) = text.split_once("exceed context limit: ")?;
    let (input, rest) = sum.split_once(" + ")?;
    let (_, limit) = rest.split_once(" > ")?;
    number(limit)?
        .checked_sub(number(input)?)
        .filter(|left| *left > 0)
}

fn number(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
