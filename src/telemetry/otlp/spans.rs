//! A finished request as spans: one for the request as its caller saw it, one for each attempt below it.
//!
//! Names are those of the HTTP conventions (`http.*`, `url.*`), those for generative AI (`gen_ai.*`) and ours (`llmgw.*`).
//! What a client or a provider can write at will (messages, the names of unknown fields) stays out, but for what was said
//! where the environment asks for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::attributes::{Attributes, Pairs, name};
use super::peers::Peers;
use crate::canonical::request::Delivery;
use crate::gateway::journal::{Attempt, Fate};
use crate::gateway::trace::{SpanId, Trace};
use crate::telemetry::record::{Door, Mend, Outcome, Record, Transport};

/// One span, as OTLP has it, in the words of its record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span<'a> {
    pub(super) trace: u128,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) state: &'a str,
    /// The trace's flags in the lower byte; above it, whether the parent is known to be elsewhere.
    pub(super) flags: u32,
    /// In two words.
    pub(super) name: (&'a str, &'a str),
    pub(super) kind: Kind,
    /// Unix time in nanoseconds.
    pub(super) start: u64,
    /// Unix time in nanoseconds.
    pub(super) end: u64,
    pub(super) attributes: Pairs<'a>,
    /// What went wrong, if something did.
    pub(super) failure: Option<&'a str>,
}

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Server = 2,
    Client = 3,
}

/// The conventions' word for an error that has no name.
const OTHER_ERROR: &str = "_OTHER";

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`: it is known whether the parent is in another process.
const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: it is.
const IS_REMOTE: u32 = 0x200;

/// The spans of a request, one after another; none without a trace. Their attributes are gathered in that room.
pub(super) fn each<'a>(
    record: &'a Record,
    peers: &'a Peers,
    room: &mut Pairs<'a>,
    mut take: impl FnMut(&Span<'a>),
) {
    let Some(trace) = record.trace.as_deref() else {
        return;
    };
    let Some(id) = trace.span else {
        return;
    };
    let mut pass = |span: Span<'a>, room: &mut Pairs<'a>| {
        take(&span);
        *room = span.attributes;
    };
    pass(
        request(record, (trace, id), peers, Attributes::of(room)),
        room,
    );
    let last = record.attempts.iter().rposition(is_answer);
    // Where the answer stands, or where there could have been one.
    let tells = last.or_else(|| record.attempts.len().checked_sub(1));
    for (at, attempt) in record.attempts.iter().enumerate() {
        let answered = if Some(at) == last {
            Answered::Yes
        } else {
            Answered::No
        };
        let mut attributes = Attributes::of(room);
        if Some(at) == tells {
            attributes.content(record);
        }
        if let Some(span) = attempt.span {
            let place = (trace, id, span);
            pass(
                self::attempt(record, attempt, answered, place, peers, attributes),
                room,
            );
        }
    }
}

/// Did the response come from this attempt?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Yes,
    No,
}

fn is_answer(attempt: &Attempt) -> bool {
    matches!(attempt.fate, Fate::Answered | Fate::Cut)
}

fn request<'a>(
    record: &'a Record,
    (trace, id): (&'a Trace, SpanId),
    peers: &'a Peers,
    mut attributes: Attributes<'a>,
) -> Span<'a> {
    let (method, route) = match record.transport {
        Transport::WebSocket => ("GET", "/v1/responses"),
        Transport::Http | Transport::Background => ("POST", route(record.door)),
    };
    let failure = match record.outcome {
        Outcome::Failed => Some(record.code.as_deref().unwrap_or(OTHER_ERROR)),
        Outcome::Completed
        | Outcome::Incomplete
        | Outcome::Refused
        | Outcome::HungUp
        | Outcome::Cancelled => None,
    };
    attributes.text("http.request.method", method);
    attributes.text("http.route", route);
    attributes.text("url.path", route);
    attributes.text("url.scheme", "http");
    attributes.number("http.response.status_code", u64::from(record.status));
    let peer = record
        .served
        .as_ref()
        .map(|target| peers.get(&target.provider));
    let usual = peer.as_ref().map_or("chat", |peer| peer.operation);
    attributes.text("gen_ai.operation.name", operation(record.door, usual));
    if let Some(peer) = &peer {
        attributes.text("gen_ai.provider.name", peer.name);
    }
    attributes.name("gen_ai.request.model", &record.asked);
    attributes.parameters(record);
    attributes.answer(record);
    attributes.tokens(record.tokens);
    attributes.text("llmgw.request_id", &record.request_id);
    attributes.text("llmgw.door", record.door.as_str());
    attributes.text("llmgw.outcome", record.outcome.as_str());
    attributes.maybe("llmgw.key", record.key.as_deref());
    attributes.maybe("llmgw.alias", record.alias.as_deref());
    attributes.number("llmgw.attempts", record.attempts.len() as u64);
    attributes.number("llmgw.losses", record.losses.len() as u64);
    if record.mend != Mend::Unbroken {
        attributes.text("llmgw.mend", record.mend.as_str());
    }
    attributes.real(
        "llmgw.cost_usd",
        record.cost.map(crate::catalog::usd::Usd::dollars),
    );
    attributes.real(
        "llmgw.time_to_first_token",
        record.to_first.map(|time| time.as_secs_f64()),
    );
    attributes.real("llmgw.overhead", Some(record.overhead.as_secs_f64()));
    attributes.maybe("error.type", failure);
    let start = nanos(record.began);
    Span {
        parent: trace.parent,
        flags: u32::from(trace.flags)
            | HAS_IS_REMOTE
            | if trace.parent.is_some() { IS_REMOTE } else { 0 },
        name: (method, route),
        kind: Kind::Server,
        start,
        end: start.saturating_add(span_of(record.total)),
        attributes: attributes.0,
        failure,
        ..blank(trace, id)
    }
}

fn attempt<'a>(
    record: &'a Record,
    attempt: &'a Attempt,
    answered: Answered,
    (trace, parent, id): (&'a Trace, SpanId, SpanId),
    peers: &'a Peers,
    mut attributes: Attributes<'a>,
) -> Span<'a> {
    let peer = peers.get(&attempt.target.provider);
    let operation = operation(record.door, peer.operation);
    let model = name(attempt.target.model.as_str());
    attributes.text("gen_ai.operation.name", operation);
    attributes.text("gen_ai.provider.name", peer.name);
    attributes.text("gen_ai.request.model", model);
    attributes.server(peer);
    attributes.parameters(record);
    if answered == Answered::Yes {
        attributes.answer(record);
    }
    attributes.tokens(attempt.tokens);
    if record.delivery == Delivery::Streamed {
        let to_first = attempt.to_first.map(|time| time.as_secs_f64());
        attributes.real("gen_ai.response.time_to_first_chunk", to_first);
    }
    attributes.text("llmgw.provider", attempt.target.provider.as_str());
    attributes.text("llmgw.attempt.fate", attempt.fate.as_str());
    attributes.real("llmgw.attempt.wait", Some(attempt.wait.as_secs_f64()));
    attributes.real(
        "llmgw.cost_usd",
        attempt.cost.map(crate::catalog::usd::Usd::dollars),
    );
    attributes.maybe(
        "llmgw.upstream_request_id",
        attempt.upstream_request_id.as_deref(),
    );
    if let Some(status) = attempt.upstream_status {
        attributes.number("http.response.status_code", u64::from(status));
    }
    let failure = match attempt.fate {
        Fate::Failed | Fate::Cut => Some(attempt.cause.as_deref().unwrap_or(OTHER_ERROR)),
        Fate::Answered | Fate::Abandoned => None,
    };
    attributes.maybe("error.type", failure);
    let after = attempt.started.saturating_duration_since(record.started);
    let start = nanos(record.began).saturating_add(span_of(after));
    Span {
        parent: Some(parent),
        flags: u32::from(trace.flags) | HAS_IS_REMOTE,
        name: (operation, model),
        kind: Kind::Client,
        start,
        end: start.saturating_add(span_of(attempt.duration)),
        attributes: attributes.0,
        failure,
        ..blank(trace, id)
    }
}

fn blank(trace: &Trace, id: SpanId) -> Span<'_> {
    let state = trace.state.as_ref().and_then(|state| state.to_str().ok());
    Span {
        trace: trace.id,
        id,
        parent: None,
        state: state.unwrap_or_default(),
        flags: 0,
        name: ("", ""),
        kind: Kind::Server,
        start: 0,
        end: 0,
        attributes: Vec::new(),
        failure: None,
    }
}

fn route(door: Door) -> &'static str {
    match door {
        Door::Responses => "/v1/responses",
        Door::Compact => "/v1/responses/compact",
        Door::Chat => "/v1/chat/completions",
        Door::Messages => "/v1/messages",
        Door::Embeddings => "/v1/embeddings",
        Door::Count => "/v1/responses/input_tokens",
    }
}

/// What is asked for: embeddings have a word of their own; the usual one is the provider's.
fn operation(door: Door, usual: &'static str) -> &'static str {
    match door {
        Door::Embeddings => "embeddings",
        Door::Count => "count_tokens",
        Door::Responses | Door::Compact | Door::Chat | Door::Messages => usual,
    }
}

fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, span_of)
}

fn span_of(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
