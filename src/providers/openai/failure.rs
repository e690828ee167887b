//! What OpenAI's refusals mean.
//!
//! The same codes come as the body of a reply, as an `error` event and inside `response.failed`; all three become the
//! same [`Error`]. Sources: the SDK's error codes, and recorded replies.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::super::{clean, retry_after};
use super::request::is_droppable;
use crate::canonical::event::ErrorPayload;
use crate::canonical::response::ResponseError;
use crate::error::{Error, Kind, Remedy};

/// What a failure says of itself.
#[derive(Debug, Default)]
struct Said<'a> {
    kind: &'a str,
    code: &'a str,
    message: &'a str,
    param: Option<&'a str>,
}

/// The body of a reply that is no success, in any of the shapes that servers of this kind use.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    detail: Option<Value>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    code: Option<Value>,
}

/// A reply whose status is no success.
pub(super) fn of_reply(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let text = String::from_utf8_lossy(body);
    // What does not parse is a proxy's page: its status says what there is to say, and its text is cleaned.
    let parsed: Option<Body> = serde_json::from_slice(body).ok();
    let nested = parsed.as_ref().and_then(|body| body.error.as_ref());
    let field = |name: &str| {
        nested
            .and_then(|error| error.get(name))
            .and_then(Value::as_str)
    };
    let outer = parsed.as_ref().and_then(|body| {
        let detail = body.detail.as_ref().and_then(Value::as_str);
        body.message.as_deref().or(detail)
    });
    let code = parsed.as_ref().and_then(|body| body.code.as_ref());
    let said = Said {
        kind: field("type").unwrap_or_default(),
        code: field("code")
            .or(code.and_then(Value::as_str))
            .unwrap_or_default(),
        message: field("message")
            .or_else(|| nested.and_then(Value::as_str))
            .or(outer)
            .unwrap_or_else(|| if parsed.is_some() { "" } else { &text }),
        param: field("param"),
    };
    let request_id = headers
        .get("x-request-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned);
    said.into_error(Some(status.as_u16()))
        .with_retry_after(retry_after::retry_after(headers))
        .with_upstream_status(status.as_u16())
        .with_upstream_request_id(request_id)
}

/// An `error` event.
pub(super) fn of_event(error: &ErrorPayload) -> Error {
    Said {
        kind: &error.kind,
        code: error.code.as_deref().unwrap_or_default(),
        message: &error.message,
        param: error.param.as_deref(),
    }
    .into_error(None)
}

/// `response.error` of a response that failed.
pub(super) fn of_response(error: Option<&ResponseError>) -> Error {
    let Some(error) = error else {
        return Error::new(
            Kind::UpstreamFailed,
            "the upstream failed and does not say why",
        );
    };
    Said {
        kind: "",
        code: &error.code,
        message: &error.message,
        param: None,
    }
    .into_error(None)
}

impl Said<'_> {
    fn into_error(self, status: Option<u16>) -> Error {
        let kind = self.class(status);
        let message = match clean::message(self.message) {
            empty if empty.is_empty() => match status {
                Some(status) => format!("the upstream answered with status {status}"),
                None => "the upstream failed and does not say why".to_owned(),
            },
            message => message,
        };
        let mut error = Error::new(kind, message);
        if kind == Kind::UpstreamInvalid {
            if let Some(param) = self.param {
                error = error.with_param(param);
            }
            if let Some(remedy) = self.remedy() {
                error = error.with_remedy(remedy);
            }
        }
        error
    }

    /// By the code, which means the same everywhere, else by the status, else by what the words say.
    fn class(&self, status: Option<u16>) -> Kind {
        match (self.code, self.kind) {
            ("insufficient_quota", _) | (_, "insufficient_quota") => Kind::QuotaExhausted,
            ("billing_hard_limit_reached" | "billing_not_active", _) => Kind::UpstreamBilling,
            ("model_not_found", _) => Kind::ModelNotFound,
            ("context_length_exceeded", _) => Kind::ContextLength,
            ("invalid_api_key" | "invalid_organization" | "account_deactivated", _) => {
                Kind::UpstreamAuth
            }
            ("unsupported_country_region_territory", _) => Kind::ModelUnavailable,
            (
                "content_policy_violation"
                | "invalid_prompt"
                | "bio_policy"
                | "misalignment_policy_violation"
                | "image_content_policy_violation",
                _,
            ) => Kind::ContentPolicy,
            ("rate_limit_exceeded" | "requests" | "tokens", _) => match status {
                // A server may answer 503 with this code; it is asking for patience either way.
                Some(400) => Kind::UpstreamInvalid,
                _ => Kind::RateLimited,
            },
            ("slow_down" | "overloaded" | "server_is_overloaded", _)
            | (_, "overloaded_error" | "service_unavailable_error") => Kind::Overloaded,
            _ => match status {
                Some(status) => self.by_status(status),
                None => self.by_words(),
            },
        }
    }

    fn by_status(&self, status: u16) -> Kind {
        match status {
            401 => Kind::UpstreamAuth,
            402 => Kind::UpstreamBilling,
            403 => Kind::ModelUnavailable,
            404 if self.speaks_of("model") => Kind::ModelNotFound,
            404 if self.message.is_empty() || self.kind.is_empty() => Kind::ModelNotFound,
            404 => Kind::UpstreamInvalid,
            408 | 504 | 524 => Kind::Timeout,
            409 | 503 | 529 => Kind::Overloaded,
            413 => Kind::TooLarge,
            429 => Kind::RateLimited,
            400..=499 if self.overflows() => Kind::ContextLength,
            400..=499 => Kind::UpstreamInvalid,
            _ => Kind::UpstreamFailed,
        }
    }

    /// Failures inside a stream have no status: the words of the code stand for it.
    fn by_words(&self) -> Kind {
        let says = |word: &str| self.code.contains(word) || self.kind.contains(word);
        match () {
            () if says("rate_limit") => Kind::RateLimited,
            () if says("authentication") => Kind::UpstreamAuth,
            () if says("permission") => Kind::ModelUnavailable,
            () if says("not_found") => Kind::UpstreamInvalid,
            () if self.overflows() => Kind::ContextLength,
            () if says("invalid") || says("bad_request") || says("unsupported") => {
                Kind::UpstreamInvalid
            }
            () if says("image") => Kind::UpstreamInvalid,
            () if says("overload") => Kind::Overloaded,
            () if says("timeout") => Kind::Timeout,
            () => Kind::UpstreamFailed,
        }
    }

    fn speaks_of(&self, word: &str) -> bool {
        self.param == Some(word) || self.message.contains(word)
    }

    /// The prompt does not fit, in the words of several servers.
    fn overflows(&self) -> bool {
        self.message.contains("context window") || self.message.contains("maximum context length")
    }

    /// The change after which the same request would pass.
    fn remedy(&self) -> Option<Remedy> {
        let about_reasoning = self.code == "invalid_encrypted_content"
            || (self.message.contains("encrypted content") && self.message.contains("verified"))
            || self
                .message
                .contains("of type 'reasoning' was provided without")
            || self
                .message
                .contains("without its required 'reasoning' item")
            || (self.message.contains("Item with id 'rs_") && self.message.contains("not found"));
        if about_reasoning {
            return Some(Remedy::DropReasoning);
        }
        if self
            .message
            .starts_with("Encrypted content is not supported")
        {
            return Some(Remedy::DropParameter("include".to_owned()));
        }
        let refused = matches!(self.code, "unsupported_parameter" | "unknown_parameter");
        match self.param {
            Some("reasoning" | "reasoning.effort") if refused => Some(Remedy::NoReasoning),
            Some(param) if refused && is_droppable(param) => {
                Some(Remedy::DropParameter(param.to_owned()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, kind: Kind, remedy: impl Into<Option<Remedy>>) {
        let status = StatusCode::from_u16(status).unwrap();
        let error = of_reply(status, &HeaderMap::new(), body.as_bytes());
        assert_eq!(error.kind(), kind, "{body}");
        assert_eq!(error.remedy().cloned(), remedy.into(), "{body}");
        assert!(!error.message().is_empty());
    }

    fn body(kind: &str, code: &str, message: &str, param: &str) -> String {
        serde_json::json!({"error": {"type": kind, "code": code, "message": message, "param": param}})
            .to_string()
    }

    #[test]
    fn codes_decide_the_class() {
        use Kind::*;
        let invalid = "invalid_request_error";
        let cases = [
            (429, "insufficient_quota", QuotaExhausted),
            (429, "rate_limit_exceeded", RateLimited),
            (400, "model_not_found", ModelNotFound),
            (404, "model_not_found", ModelNotFound),
            (400, "context_length_exceeded", ContextLength),
            (401, "invalid_api_key", UpstreamAuth),
            (
                403,
                "unsupported_country_region_territory",
                ModelUnavailable,
            ),
            (400, "content_policy_violation", ContentPolicy),
            (400, "invalid_value", UpstreamInvalid),
            (503, "slow_down", Overloaded),
        ];
        for (status, code, kind) in cases {
            check(status, &body(invalid, code, "no", ""), kind, None);
        }
    }

    #[test]
    fn without_a_code_the_status_decides() {
        use Kind::*;
        let cases = [
            (401, UpstreamAuth),
            (402, UpstreamBilling),
            (408, Timeout),
            (413, TooLarge),
            (422, UpstreamInvalid),
            (429, RateLimited),
            (500, UpstreamFailed),
            (502, UpstreamFailed),
            (503, Overloaded),
        ];
        for (status, kind) in cases {
            check(status, "<html><body>no</body></html>", kind, None);
            check(status, r#"{"detail":"no"}"#, kind, None);
            check(status, "", kind, None);
        }
    }

    #[test]
    fn refusals_that_can_be_mended_name_their_remedy() {
        let drop = |name: &str| Some(Remedy::DropParameter(name.to_owned()));
        let cases = [
            ("unsupported_parameter", "top_p", drop("top_p")),
            (
                "unknown_parameter",
                "client_metadata",
                drop("client_metadata"),
            ),
            ("unsupported_parameter", "tools", None),
            ("unknown_parameter", "input[0].phase", None),
            (
                "unsupported_parameter",
                "reasoning.effort",
                Some(Remedy::NoReasoning),
            ),
            ("invalid_encrypted_content", "", Some(Remedy::DropReasoning)),
        ];
        for (code, param, remedy) in cases {
            let body = body("invalid_request_error", code, "no", param);
            check(400, &body, Kind::UpstreamInvalid, remedy);
        }
    }

    #[test]
    fn the_field_at_fault_and_the_time_to_wait_are_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        headers.insert("x-request-id", "req_1".parse().unwrap());
        let json = body("requests", "rate_limit_exceeded", "slow", "");
        let error = of_reply(StatusCode::TOO_MANY_REQUESTS, &headers, json.as_bytes());
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), Some(7));
        assert_eq!(error.upstream_request_id(), Some("req_1"));
        let json = body(
            "invalid_request_error",
            "invalid_value",
            "no",
            "input[2].content",
        );
        let error = of_reply(StatusCode::BAD_REQUEST, &headers, json.as_bytes());
        assert_eq!(error.param(), Some("input[2].content"));
    }

    #[test]
    fn a_failure_inside_a_stream_is_understood_by_its_words() {
        let failed = |code: &str| {
            of_response(Some(&ResponseError {
                code: code.to_owned(),
                message: "no".to_owned(),
                ..ResponseError::default()
            }))
            .kind()
        };
        assert_eq!(failed("rate_limit_exceeded"), Kind::RateLimited);
        assert_eq!(failed("server_error"), Kind::UpstreamFailed);
        assert_eq!(failed("image_parse_error"), Kind::UpstreamInvalid);
        assert_eq!(failed("invalid_prompt"), Kind::ContentPolicy);
        assert_eq!(failed("server_overloaded"), Kind::Overloaded);
    }
}
