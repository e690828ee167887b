//! One finished request, as logs, metrics, traces and the ledger see it: filled once, when it ends, in whatever way.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::canonical::request::{Delivery, Request};
use crate::catalog::usd::Usd;
use crate::gateway::estimate::Estimate;
use crate::gateway::finish::Finish;
use crate::gateway::journal::{Attempt, Fate, Tokens};
use crate::gateway::trace::Trace;
use crate::target::Target;
use crate::telemetry::messages::Messages;

/// A finished request.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The id that the client got.
    pub request_id: String,
    /// When it arrived.
    pub began: SystemTime,
    /// The same on the clock of the attempts.
    pub started: Instant,
    /// The protocol that was spoken.
    pub door: Door,
    /// How it came.
    pub transport: Transport,
    /// The name of the client's key.
    pub key: Option<Arc<str>>,
    /// The model's name in the request: free text of the client's, empty if the body was not understood.
    pub asked: String,
    /// The configured alias that the name led to.
    pub alias: Option<String>,
    /// Who answered; `None` if nobody did.
    pub served: Option<Target>,
    /// Upstream requests, in the order in which they were sent.
    pub attempts: Vec<Attempt>,
    /// Whole or streamed.
    pub delivery: Delivery,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status that the client saw, or would have seen.
    pub status: u16,
    /// The code of the error, or why the answer is incomplete.
    pub code: Option<String>,
    /// The error's message, for people. A provider's own words, which may repeat a prompt, only with the content.
    pub message: Option<String>,
    /// The id of the response.
    pub response_id: Option<String>,
    /// The model that answered, as its provider names it.
    pub response_model: Option<String>,
    /// Why the model stopped.
    pub finish: Option<Finish>,
    /// What the request asked of the model.
    pub parameters: Parameters,
    /// Where the request stands in a trace.
    pub trace: Option<Arc<Trace>>,
    /// All attempts together; `None` if no upstream counted anything.
    pub tokens: Option<Tokens>,
    /// What all attempts cost; `None` if the counts or a price of one that counted are unknown.
    pub cost: Option<Usd>,
    /// From arrival to the first content.
    pub to_first: Option<Duration>,
    /// From arrival to the end.
    pub total: Duration,
    /// The part of it that is the gateway's own: before the first upstream request and after the last.
    pub overhead: Duration,
    /// What could not be carried over.
    pub losses: Vec<String>,
    /// What became of an answer that broke off.
    pub mend: Mend,
    /// What was said, without keys; only where the configuration asks for it.
    pub content: Option<Content>,
    /// The same for spans, where the environment asks for it.
    pub messages: Option<Messages>,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The request's body.
    pub request: String,
    /// The items of the answer, as JSON.
    pub response: String,
}

/// What a request asks of the model, besides what it says.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Parameters {
    /// The most tokens.
    pub max_output_tokens: Option<u64>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// −2 to 2.
    pub presence_penalty: Option<f64>,
    /// −2 to 2.
    pub frequency_penalty: Option<f64>,
}

impl From<&Request> for Parameters {
    fn from(request: &Request) -> Self {
        Self {
            max_output_tokens: request.max_output_tokens,
            temperature: request.temperature,
            top_p: request.top_p,
            presence_penalty: request.presence_penalty,
            frequency_penalty: request.frequency_penalty,
        }
    }
}

/// The protocol that a client speaks, and what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// `/v1/responses`.
    Responses,
    /// `/v1/responses/compact`.
    Compact,
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/messages`.
    Messages,
    /// `/v1/embeddings`.
    Embeddings,
    /// How many tokens a request has.
    Count,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A request of HTTP.
    Http,
    /// A turn on a WebSocket.
    WebSocket,
    /// Over HTTP, and answered after it (`background`).
    Background,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered in full.
    Completed,
    /// Answered, up to a limit.
    Incomplete,
    /// Not let in, or not understood: nobody was asked.
    Refused,
    /// The client got an error, or an answer that says that it failed.
    Failed,
    /// The client went before the end.
    HungUp,
    /// Somebody called it off (`background`).
    Cancelled,
}

/// What became of an answer that broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mend {
    /// It did not break off.
    Unbroken,
    /// It ended there.
    Cut,
    /// Another attempt went on with it, to the end.
    Rescued,
}

impl Door {
    /// The word for logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Responses => "responses",
            Self::Compact => "compact",
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Embeddings => "embeddings",
            Self::Count => "count",
        }
    }
}

impl Transport {
    /// The word for logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::Background => "background",
        }
    }
}

impl Outcome {
    /// The word for logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::HungUp => "hung_up",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Mend {
    /// The word for logs and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unbroken => "unbroken",
            Self::Cut => "cut",
            Self::Rescued => "rescued",
        }
    }

    /// By how the attempts went.
    pub(super) fn of(attempts: &[Attempt], outcome: Outcome) -> Self {
        let is_cut = attempts.iter().any(|attempt| attempt.fate == Fate::Cut);
        match (is_cut, outcome) {
            (false, _) => Self::Unbroken,
            (true, Outcome::Completed | Outcome::Incomplete) => Self::Rescued,
            (true, _) => Self::Cut,
        }
    }
}

/// What all attempts used; `None` if none was counted.
pub(super) fn tokens(attempts: &[Attempt]) -> Option<Tokens> {
    let counted = attempts.iter().filter_map(|attempt| attempt.tokens);
    counted.reduce(Tokens::plus)
}

/// The sum, unless an attempt that counted has no known price.
pub(super) fn cost(attempts: &[Attempt]) -> Option<Usd> {
    let mut counted = attempts.iter().filter(|it| it.tokens.is_some()).peekable();
    counted.peek()?;
    counted.map(|attempt| attempt.cost).sum()
}

/// What all attempts used beyond what was counted, by estimate; `None` where there is nothing to estimate.
pub(super) fn estimated(attempts: &[Attempt]) -> Option<Estimate> {
    let known = attempts.iter().filter_map(|attempt| attempt.estimated);
    known.reduce(Estimate::plus)
}

/// Before the first upstream request, and after the last: what lies between is asking and waiting.
pub(super) fn overhead(total: Duration, attempts: &[Attempt]) -> Duration {
    let Some(first) = attempts.iter().map(|attempt| attempt.started).min() else {
        return total;
    };
    let last = attempts.iter().map(|it| it.started + it.duration).max();
    let last = last.unwrap_or(first);
    total.saturating_sub(last.saturating_duration_since(first))
}
