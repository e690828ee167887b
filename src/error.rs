//! The one error of the library: what failed, at which target, and what may be done about it.
//!
//! Every failure, ours or an upstream's, becomes an [`Error`] where it is first understood. From there on nobody
//! looks at messages again: the gateway asks [`Error::retry`] and [`Error::next`], a door asks [`Error::status`],
//! [`Error::kind`] and [`Error::code`], the terminal asks [`Error::hint`].

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::target::Target;

mod http;

/// What went wrong, as one of the classes that somebody treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The request is malformed, whoever answers it.
    InvalidRequest,
    /// The request is sound, but this target cannot carry it; said before anything was sent.
    Unsupported,
    /// No such path or stored object.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body is not of a type that is read here.
    UnsupportedMediaType,
    /// The client has no valid key.
    Unauthorized,
    /// The client's key may not do this.
    Forbidden,
    /// The body is larger than somebody takes.
    TooLarge,
    /// No configured target answers to this model's name, or the provider does not know it.
    ModelNotFound,
    /// The provider knows the model but not for this account or region.
    ModelUnavailable,
    /// The prompt does not fit the model's context window.
    ContextLength,
    /// The provider found fault with the request.
    UpstreamInvalid,
    /// The provider's policy refuses the prompt.
    ContentPolicy,
    /// Too many requests just now.
    RateLimited,
    /// A quota that does not come back soon: no use in waiting.
    QuotaExhausted,
    /// The provider account has no credit left.
    UpstreamBilling,
    /// The provider refuses the gateway's key.
    UpstreamAuth,
    /// No connection, or it broke before the reply began.
    Unreachable,
    /// Nothing came in time.
    Timeout,
    /// The provider is overloaded.
    Overloaded,
    /// The provider failed.
    UpstreamFailed,
    /// The reply is not what the protocol allows.
    UpstreamGarbled,
    /// The stream ended before its end.
    StreamCut,
    /// The reply is larger than the caps allow.
    UpstreamTooLarge,
    /// The model produced output that cannot be used.
    ModelFailed,
    /// The request came from this gateway itself.
    Loop,
    /// This gateway takes no more requests just now.
    Busy,
    /// A fault of our own.
    Internal,
}

/// May the same target be asked again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    No,
    /// One more try may help.
    Once,
    /// Wait, then try again; the time is the provider's own word where it gave one.
    Backoff(Option<Duration>),
}

/// May another target be asked?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Yes: the fault lies with this target.
    Target,
    /// No: the fault lies with the request.
    Stop,
}

/// A change to the encoding that makes a refused request acceptable. Applied once each, and remembered per target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// The model's own maximum of output tokens.
    MaxTokens(u64),
    /// The server does not know `stream_options`.
    NoStreamUsage,
    /// Replay no reasoning of earlier turns.
    DropReasoning,
    /// Ask for no reasoning at all.
    NoReasoning,
    /// The server wants the older `max_tokens`, or the newer `max_completion_tokens`.
    OtherMaxTokensField,
    /// The model does not go on from its own words.
    NoPrefill,
    /// The server does not know this top-level parameter.
    DropParameter(String),
}

/// A failure with everything that its handlers need. Cheap to pass on: the details are boxed.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Kind,
    message: String,
    details: Box<Details>,
}

#[derive(Debug, Clone, Default)]
struct Details {
    code: Option<Cow<'static, str>>,
    param: Option<String>,
    target: Option<Target>,
    upstream_status: Option<u16>,
    upstream_request_id: Option<String>,
    retry_after: Option<Duration>,
    retry: Option<Retry>,
    remedy: Option<Remedy>,
    hint: Option<String>,
    earlier: Vec<Error>,
    attempts: u32,
}

impl Error {
    /// An error of this class; the message says what failed, in lower case, without a final period.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            details: Box::default(),
        }
    }

    /// A malformed request: `param` is the path of the field at fault, such as `input[3].content[0].text`.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, message).with_param(param)
    }

    /// A request that one target cannot carry.
    pub fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, message).with_param(param)
    }

    /// A reply that is not what the protocol allows.
    pub fn garbled(message: impl Into<String>) -> Self {
        Self::new(Kind::UpstreamGarbled, message)
    }

    /// All targets failed: answers as the last upstream failure does (a refusal only where all refused), with the
    /// smallest time to wait. An empty list is a fault of ours.
    pub fn exhausted(mut failures: Vec<Self>) -> Self {
        let wait = failures.iter().filter_map(|e| e.details.retry_after).min();
        let at = failures
            .iter()
            .rposition(|e| e.kind != Kind::Unsupported)
            .unwrap_or(failures.len().saturating_sub(1));
        if failures.is_empty() {
            return Self::new(Kind::Internal, "no target was planned");
        }
        let mut last = failures.remove(at);
        last.details.retry_after = wait;
        last.details.earlier = failures;
        last
    }

    /// Names the field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.details.param = Some(param.into());
        self
    }

    /// Overrides the code of the class.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.details.code = Some(code.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.details.hint = Some(hint.into());
        self
    }

    /// Says how long the provider asks to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.details.retry_after = wait;
        self
    }

    /// Overrides whether the same target may be asked again: the provider's own word.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.details.retry = Some(retry);
        self
    }

    /// Says at which target it happened. The first to say so is right.
    #[must_use]
    pub fn at(mut self, target: &Target) -> Self {
        self.details.target.get_or_insert_with(|| target.clone());
        self
    }

    /// Says how many upstream requests were made in all before it came to this.
    #[must_use]
    pub fn after(mut self, attempts: u32) -> Self {
        self.details.attempts = attempts;
        self
    }

    /// Keeps the status that the provider answered with.
    #[must_use]
    pub fn with_upstream_status(mut self, status: u16) -> Self {
        self.details.upstream_status = Some(status);
        self
    }

    /// Keeps the provider's id of the request.
    #[must_use]
    pub fn with_upstream_request_id(mut self, id: Option<String>) -> Self {
        self.details.upstream_request_id = id;
        self
    }

    /// Offers a change to the encoding after which the same target would take the request.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.details.remedy = Some(remedy);
        self
    }

    /// The class.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What failed. Never holds a key; an upstream's text is cleaned before it comes here.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The path of the field at fault.
    pub fn param(&self) -> Option<&str> {
        self.details.param.as_deref()
    }

    /// The target at which it happened.
    pub fn target(&self) -> Option<&Target> {
        self.details.target.as_ref()
    }

    /// How many upstream requests were made in all.
    pub fn attempts(&self) -> u32 {
        self.details.attempts
    }

    /// The status that the provider answered with.
    pub fn upstream_status(&self) -> Option<u16> {
        self.details.upstream_status
    }

    /// The provider's id of the request.
    pub fn upstream_request_id(&self) -> Option<&str> {
        self.details.upstream_request_id.as_deref()
    }

    /// How long to wait, by the provider's own word.
    pub fn retry_after(&self) -> Option<Duration> {
        self.details.retry_after
    }

    /// The change after which the same target would take the request.
    pub fn remedy(&self) -> Option<&Remedy> {
        self.details.remedy.as_ref()
    }

    /// The failures of the targets that were asked before.
    pub fn earlier(&self) -> &[Error] {
        &self.details.earlier
    }

    /// May the same target be asked again?
    pub fn retry(&self) -> Retry {
        if let Some(retry) = self.details.retry {
            return retry;
        }
        match self.kind {
            Kind::RateLimited | Kind::Overloaded | Kind::UpstreamFailed | Kind::Unreachable => {
                Retry::Backoff(self.details.retry_after)
            }
            Kind::ModelFailed | Kind::Timeout | Kind::UpstreamGarbled | Kind::StreamCut => {
                Retry::Once
            }
            _ => Retry::No,
        }
    }

    /// May another target be asked?
    pub fn next(&self) -> Next {
        match self.kind {
            Kind::Unsupported
            | Kind::ModelNotFound
            | Kind::ModelUnavailable
            | Kind::ContextLength
            | Kind::RateLimited
            | Kind::QuotaExhausted
            | Kind::UpstreamBilling
            | Kind::UpstreamAuth
            | Kind::Unreachable
            | Kind::Timeout
            | Kind::Overloaded
            | Kind::UpstreamFailed
            | Kind::UpstreamGarbled
            | Kind::StreamCut
            | Kind::UpstreamTooLarge
            | Kind::ModelFailed => Next::Target,
            Kind::InvalidRequest
            | Kind::NotFound
            | Kind::MethodNotAllowed
            | Kind::UnsupportedMediaType
            | Kind::Unauthorized
            | Kind::Forbidden
            | Kind::TooLarge
            | Kind::UpstreamInvalid
            | Kind::ContentPolicy
            | Kind::Loop
            | Kind::Busy
            | Kind::Internal => Next::Stop,
        }
    }

    /// What to do about it, as a paragraph of its own.
    pub fn hint(&self) -> Option<&str> {
        self.details.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.details.target {
            Some(target) => write!(f, "{target}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}
