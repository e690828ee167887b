//! An error as a client sees it: status, type and code.

use super::{Error, Kind};

impl Error {
    /// The HTTP status that a client sees.
    pub fn status(&self) -> u16 {
        match self.kind {
            Kind::InvalidRequest
            | Kind::Unsupported
            | Kind::UpstreamInvalid
            | Kind::ContextLength
            | Kind::ContentPolicy => 400,
            Kind::Unauthorized => 401,
            Kind::Forbidden | Kind::ModelUnavailable => 403,
            Kind::NotFound | Kind::ModelNotFound => 404,
            Kind::MethodNotAllowed => 405,
            Kind::TooLarge => 413,
            Kind::UnsupportedMediaType => 415,
            Kind::RateLimited | Kind::QuotaExhausted => 429,
            Kind::ModelFailed | Kind::Internal => 500,
            Kind::UpstreamAuth
            | Kind::Unreachable
            | Kind::UpstreamFailed
            | Kind::UpstreamGarbled
            | Kind::StreamCut
            | Kind::UpstreamTooLarge => 502,
            Kind::UpstreamBilling | Kind::Overloaded | Kind::Busy => 503,
            Kind::Timeout => 504,
            Kind::Loop => 508,
        }
    }

    /// The `type` of an Open Responses error body (specification 2026-04-24, section "Errors"; 401 and 403 are not
    /// defined there and take OpenAI's names).
    pub fn error_type(&self) -> &'static str {
        match self.status() {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found",
            429 => "too_many_requests",
            400..=499 => "invalid_request",
            _ if self.kind == Kind::ModelFailed => "model_error",
            _ => "server_error",
        }
    }

    /// The machine-readable code.
    pub fn code(&self) -> &str {
        if let Some(code) = &self.details.code {
            return code;
        }
        match self.kind {
            Kind::InvalidRequest => "invalid_value",
            Kind::Unsupported => "unsupported_parameter",
            Kind::NotFound => "not_found",
            Kind::MethodNotAllowed => "method_not_allowed",
            Kind::UnsupportedMediaType => "unsupported_media_type",
            Kind::Unauthorized => "invalid_api_key",
            Kind::Forbidden => "forbidden",
            Kind::TooLarge => "request_too_large",
            Kind::ModelNotFound => "model_not_found",
            Kind::ModelUnavailable => "model_not_available",
            Kind::ContextLength => "context_length_exceeded",
            Kind::UpstreamInvalid => "upstream_invalid_request",
            Kind::ContentPolicy => "content_policy_violation",
            Kind::RateLimited => "rate_limit_exceeded",
            Kind::QuotaExhausted => "insufficient_quota",
            Kind::UpstreamBilling => "upstream_quota_exhausted",
            Kind::UpstreamAuth => "upstream_auth_failed",
            Kind::Unreachable => "upstream_unreachable",
            Kind::Timeout => "upstream_timeout",
            Kind::Overloaded => "overloaded",
            Kind::UpstreamFailed => "upstream_error",
            Kind::UpstreamGarbled => "upstream_malformed",
            Kind::StreamCut => "upstream_stream_interrupted",
            Kind::UpstreamTooLarge => "upstream_too_large",
            Kind::ModelFailed => "model_error",
            Kind::Loop => "loop_detected",
            Kind::Busy => "gateway_busy",
            Kind::Internal => "internal_error",
        }
    }
}
