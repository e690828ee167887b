//! How a command ends other than well, and with which exit code.
//!
//! The rule that scripts rely on: 5 and 6 may be retried, nothing else.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;

use super::fold::folded;
use super::render::clean;
use super::streams::{error_columns, tell};
use crate::error::{self, Error, Retry};

/// The code of an error that says that only a key is missing.
pub(crate) const NO_KEY: &str = "no_api_key";

/// The exit codes, one meaning each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// A bug, or local I/O.
    Bug = 1,
    /// Flags, no prompt, an unreadable file, a bad schema.
    Usage = 2,
    /// The configuration, an unknown model or alias.
    Config = 3,
    /// No key, or one that is refused; a quota that is used up.
    Key = 4,
    /// A rate limit.
    RateLimit = 5,
    /// The upstream or the network.
    Upstream = 6,
    /// The provider refused the request.
    Refused = 7,
    /// The answer does not fit the schema.
    Unfit = 8,
}

/// Why a command ended early.
#[derive(Debug)]
pub enum Stop {
    /// It failed; somebody must be told.
    Failed(Box<Failure>),
    /// It failed, and said so already.
    Told(Code),
    /// Whoever read the output has gone: nothing is wrong and nobody is there to be told.
    PipeClosed,
    /// A signal, to be raised again.
    Signal(i32),
}

/// What a command returns.
pub type Outcome<T = ()> = Result<T, Stop>;

/// A failure as people and `--json` see it.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What failed, after `error: `.
    pub message: String,
    /// What to do, as a paragraph of its own.
    pub hint: Option<String>,
    /// The error behind it, if it came from the gateway.
    pub source: Option<Error>,
}

/// The `error` object of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    kind: &'a str,
    status: Option<u16>,
    provider: Option<&'a str>,
    message: &'a str,
    retryable: bool,
    request_id: Option<&'a str>,
}

impl Failure {
    /// A failure of ours.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says it on standard error.
    pub(crate) fn tell(&self) {
        tell(&folded(&self.text(), error_columns()));
    }

    /// The lines for standard error.
    pub fn text(&self) -> String {
        let mut text = format!("error: {}\n", clean(&self.message));
        if let Some(error) = &self.source {
            for earlier in error.earlier() {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  before that: {}", clean(&earlier.to_string()));
            }
        }
        if let Some(hint) = &self.hint {
            text.push('\n');
            for line in clean(hint).lines() {
                text.push_str(if line.is_empty() { "" } else { "  " });
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    /// The object for `--json`.
    pub(crate) fn report(&self) -> Report<'_> {
        let source = self.source.as_ref();
        Report {
            kind: kind_name(self.code, source),
            status: source.and_then(Error::upstream_status),
            provider: source
                .and_then(Error::target)
                .map(|target| target.provider.as_str()),
            message: &self.message,
            retryable: matches!(self.code, Code::RateLimit | Code::Upstream)
                && source.is_none_or(|error| error.retry() != Retry::No),
            request_id: source.and_then(Error::upstream_request_id),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            code: code_of(&error),
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            source: Some(error),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

/// For writing to standard output: a reader that went away is no failure.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::PipeClosed;
        }
        Failure::new(Code::Bug, format!("cannot write: {error}")).into()
    }
}

fn kind_name(code: Code, source: Option<&Error>) -> &'static str {
    use error::Kind;
    match (code, source.map(Error::kind)) {
        (_, Some(Kind::ContextLength)) => "context_length",
        (_, Some(Kind::ContentPolicy)) => "content_policy",
        (_, Some(Kind::QuotaExhausted | Kind::UpstreamBilling)) => "quota",
        (_, Some(Kind::Timeout)) => "timeout",
        (_, Some(Kind::StreamCut)) => "stream_cut",
        (Code::Bug, _) => "internal",
        (Code::Usage, _) => "usage",
        (Code::Config, _) => "config",
        (Code::Key, _) => "auth",
        (Code::RateLimit, _) => "rate_limit",
        (Code::Upstream, _) => "upstream",
        (Code::Refused, _) => "refused",
        (Code::Unfit, _) => "unfit",
    }
}

/// The one table from what went wrong to the exit code.
pub fn code_of(error: &Error) -> Code {
    use error::Kind;
    match error.kind() {
        Kind::Internal | Kind::MethodNotAllowed | Kind::UnsupportedMediaType => Code::Bug,
        Kind::InvalidRequest => Code::Usage,
        Kind::ModelNotFound if error.code() == NO_KEY => Code::Key,
        // Ours if nobody was asked yet; the provider's word otherwise.
        Kind::ModelNotFound if error.upstream_status().is_none() => Code::Config,
        Kind::Loop => Code::Config,
        Kind::Unauthorized
        | Kind::Forbidden
        | Kind::ModelUnavailable
        | Kind::QuotaExhausted
        | Kind::UpstreamBilling
        | Kind::UpstreamAuth => Code::Key,
        Kind::RateLimited => Code::RateLimit,
        Kind::Unreachable
        | Kind::Timeout
        | Kind::Overloaded
        | Kind::UpstreamFailed
        | Kind::UpstreamGarbled
        | Kind::StreamCut
        | Kind::UpstreamTooLarge
        | Kind::ModelFailed
        | Kind::Busy => Code::Upstream,
        Kind::Unsupported
        | Kind::NotFound
        | Kind::TooLarge
        | Kind::ModelNotFound
        | Kind::ContextLength
        | Kind::UpstreamInvalid
        | Kind::ContentPolicy => Code::Refused,
    }
}

/// The kind behind the code of an answer that failed in the middle: the same words as [`Error::code`].
pub(crate) fn kind_of(code: &str) -> error::Kind {
    use error::Kind;
    match code {
        "rate_limit_exceeded" => Kind::RateLimited,
        "insufficient_quota" => Kind::QuotaExhausted,
        "upstream_quota_exhausted" => Kind::UpstreamBilling,
        "upstream_auth_failed" => Kind::UpstreamAuth,
        "context_length_exceeded" => Kind::ContextLength,
        "content_policy_violation" => Kind::ContentPolicy,
        "upstream_invalid_request" => Kind::UpstreamInvalid,
        "upstream_unreachable" => Kind::Unreachable,
        "upstream_timeout" => Kind::Timeout,
        "overloaded" => Kind::Overloaded,
        "upstream_malformed" => Kind::UpstreamGarbled,
        "upstream_stream_interrupted" => Kind::StreamCut,
        "upstream_too_large" => Kind::UpstreamTooLarge,
        "model_error" => Kind::ModelFailed,
        "internal_error" => Kind::Internal,
        // A provider's own word for its own failure.
        _ => Kind::UpstreamFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn only_rate_limits_and_upstream_failures_may_be_retried() {
        let check = |kind, code| assert_eq!(code_of(&Error::new(kind, "x")), code, "{kind:?}");
        check(Kind::RateLimited, Code::RateLimit);
        check(Kind::QuotaExhausted, Code::Key);
        check(Kind::UpstreamBilling, Code::Key);
        check(Kind::UpstreamAuth, Code::Key);
        check(Kind::Timeout, Code::Upstream);
        check(Kind::StreamCut, Code::Upstream);
        check(Kind::ContextLength, Code::Refused);
        check(Kind::ContentPolicy, Code::Refused);
        check(Kind::ModelNotFound, Code::Config);
        check(Kind::Internal, Code::Bug);
    }

    #[test]
    fn a_model_that_the_provider_does_not_know_is_a_refusal() {
        let error = Error::new(Kind::ModelNotFound, "x").with_upstream_status(404);
        assert_eq!(code_of(&error), Code::Refused);
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert!(matches!(
            Stop::from(io::Error::from(io::ErrorKind::BrokenPipe)),
            Stop::PipeClosed
        ));
    }

    #[test]
    fn an_upstream_text_cannot_reach_the_cursor() {
        let failure = Failure::new(Code::Upstream, "bad \u{1b}[2J").with_hint("do\nthat");
        assert_eq!(failure.text(), "error: bad [2J\n\n  do\n  that\n");
    }
}
