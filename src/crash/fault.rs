//! The faults, and what an upstream that has one sends.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::dialect::{Complaint, Frames, Question};
use crate::providers::demo::peer::Step;

/// What every sound answer says, piece by piece.
pub(super) const PIECES: [&str; 12] = [
    "Seven ", "wise ", "owls ", "sat ", "in ", "one ", "old ", "oak ", "and ", "counted ",
    "falling ", "stars.",
];

/// A first token as slow as this tries anybody's patience.
const SLOW: Duration = Duration::from_secs(20);

/// The time that a rate limit names, in seconds.
const COME_BACK: &str = "2";

/// How long a flapping upstream is up, and then down.
const FLAP: Duration = Duration::from_secs(10);

/// How long a dead upstream is dead.
pub(super) const DEAD: Duration = Duration::from_mins(1);

/// What an upstream does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// 429 with `retry-after: 2`, each time.
    RateLimitedWithTime,
    /// 429 without a time.
    RateLimited,
    /// 500.
    ServerErrors,
    /// 529.
    Overloaded,
    /// Nobody listens.
    Refused,
    /// The connection is reset before the reply.
    Reset,
    /// The request is accepted, and nothing ever comes.
    Silence,
    /// The first token takes twenty seconds.
    SlowFirstToken,
    /// The connection breaks in the middle of the answer.
    Cut,
    /// The answer stops in the middle, and the connection stays.
    Stall,
    /// One piece in the middle is no JSON.
    BadChunk,
    /// The answer ends properly, but without its end.
    NoTerminalEvent,
    /// In the middle of the answer it says that it failed.
    ErrorInStream,
    /// 400: the prompt is too long.
    ContextOverflow,
    /// 400: the policy refuses the prompt.
    ContentRefusal,
    /// Ten seconds up, ten seconds down, over two minutes of requests.
    Flapping,
    /// Dead for a minute of requests, then well for another.
    DeadPrimary,
}

impl Fault {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 17] = [
        Self::RateLimitedWithTime,
        Self::RateLimited,
        Self::ServerErrors,
        Self::Overloaded,
        Self::Refused,
        Self::Reset,
        Self::Silence,
        Self::SlowFirstToken,
        Self::Cut,
        Self::Stall,
        Self::BadChunk,
        Self::NoTerminalEvent,
        Self::ErrorInStream,
        Self::ContextOverflow,
        Self::ContentRefusal,
        Self::Flapping,
        Self::DeadPrimary,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimitedWithTime => "429-retry-after",
            Self::RateLimited => "429",
            Self::ServerErrors => "500s",
            Self::Overloaded => "529",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Silence => "silence",
            Self::SlowFirstToken => "slow-first-token",
            Self::Cut => "cut",
            Self::Stall => "stall",
            Self::BadChunk => "bad-chunk",
            Self::NoTerminalEvent => "no-terminal-event",
            Self::ErrorInStream => "error-in-stream",
            Self::ContextOverflow => "context-overflow",
            Self::ContentRefusal => "content-refusal",
            Self::Flapping => "flapping",
            Self::DeadPrimary => "dead-primary",
        }
    }

    /// Does it show only over many requests?
    pub(super) fn takes_time(self) -> bool {
        matches!(self, Self::Flapping | Self::DeadPrimary)
    }

    /// Does it strike in the middle of an answer?
    pub(super) fn strikes_midway(self) -> bool {
        matches!(
            self,
            Self::Cut | Self::Stall | Self::BadChunk | Self::NoTerminalEvent | Self::ErrorInStream
        )
    }

    /// Does an upstream with this fault refuse everybody at this time?
    pub(super) fn is_down(self, since: Duration) -> bool {
        match self {
            Self::Flapping => !(since.as_secs() / FLAP.as_secs()).is_multiple_of(2),
            Self::DeadPrimary => since < DEAD,
            _ => false,
        }
    }

    /// What an upstream with this fault sends, so long after the trial has begun.
    pub(super) fn answer(self, asked: &Question, pieces: &[&str], since: Duration) -> Vec<Step> {
        let refuse = |status: u16, complaint| refusal(asked, status, complaint, None);
        match self {
            Self::RateLimitedWithTime => refusal(asked, 429, Complaint::RateLimit, Some(COME_BACK)),
            Self::RateLimited => refuse(429, Complaint::RateLimit),
            Self::ServerErrors => refuse(500, Complaint::Server),
            Self::Overloaded => refuse(529, Complaint::Overload),
            Self::Refused => vec![Step::Refuse],
            Self::Reset => vec![Step::Reset],
            Self::Silence => vec![Step::Hang],
            Self::SlowFirstToken => slow(asked, pieces),
            Self::Cut => broken(asked, pieces, Break::Reset),
            Self::Stall => broken(asked, pieces, Break::Hang),
            Self::BadChunk => broken(asked, pieces, Break::Garble),
            Self::NoTerminalEvent => broken(asked, pieces, Break::End),
            Self::ErrorInStream => broken(asked, pieces, Break::Error),
            Self::ContextOverflow => refuse(400, Complaint::Context),
            Self::ContentRefusal => refuse(400, Complaint::Policy),
            Self::Flapping if self.is_down(since) => refuse(503, Complaint::Overload),
            Self::DeadPrimary if self.is_down(since) => vec![Step::Refuse],
            Self::Flapping | Self::DeadPrimary => sound(asked, pieces),
        }
    }
}

/// A sound answer.
pub(super) fn sound(asked: &Question, pieces: &[&str]) -> Vec<Step> {
    let mut steps = vec![head(asked, StatusCode::OK, None)];
    if asked.streamed {
        let Frames {
            opening,
            deltas,
            ending,
        } = asked.dialect.frames(&asked.model, pieces);
        steps.extend(bytes([opening, deltas, ending].concat()));
    } else {
        steps.extend(bytes([whole(asked, pieces)]));
    }
    steps
}

fn slow(asked: &Question, pieces: &[&str]) -> Vec<Step> {
    let mut steps = sound(asked, pieces);
    // A stream has its head at once, a whole reply comes as one.
    steps.insert(usize::from(asked.streamed), Step::Wait(SLOW));
    steps
}

/// How an answer breaks in its middle.
#[derive(Clone, Copy)]
enum Break {
    Reset,
    Hang,
    Garble,
    End,
    Error,
}

fn broken(asked: &Question, pieces: &[&str], how: Break) -> Vec<Step> {
    let mut steps = vec![head(asked, StatusCode::OK, None)];
    if !asked.streamed {
        let text = whole(asked, pieces);
        let half = text.get(..text.len() / 2).unwrap_or_default().to_owned();
        match how {
            Break::Error => {
                let error = asked.dialect.error(StatusCode::OK, Complaint::Server);
                steps.extend(bytes([error.to_string()]));
            }
            Break::Reset | Break::Hang | Break::Garble | Break::End => {
                steps.extend(bytes([half]));
            }
        }
        steps.extend(last(how));
        return steps;
    }
    let mut frames = asked.dialect.frames(&asked.model, pieces);
    let middle = frames.deltas.len() / 2;
    steps.extend(bytes(frames.opening));
    match how {
        Break::Reset | Break::Hang => frames.deltas.truncate(middle),
        Break::Error => {
            frames.deltas.truncate(middle);
            frames.deltas.push(asked.dialect.error_frame());
        }
        Break::Garble => {
            if let Some(frame) = frames.deltas.get_mut(middle) {
                *frame = frame.replacen('}', "", 1);
            }
            frames.deltas.append(&mut frames.ending);
        }
        Break::End => {}
    }
    steps.extend(bytes(frames.deltas));
    steps.extend(last(how));
    steps
}

fn last(how: Break) -> Option<Step> {
    match how {
        Break::Reset => Some(Step::Reset),
        Break::Hang => Some(Step::Hang),
        Break::Garble | Break::End | Break::Error => None,
    }
}

fn whole(asked: &Question, pieces: &[&str]) -> String {
    asked
        .dialect
        .whole(&asked.model, &pieces.concat())
        .to_string()
}

fn refusal(
    asked: &Question,
    status: u16,
    complaint: Complaint,
    retry_after: Option<&'static str>,
) -> Vec<Step> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = asked.dialect.error(status, complaint).to_string();
    let mut steps = vec![head(asked, status, retry_after)];
    steps.extend(bytes([body]));
    steps
}

fn head(asked: &Question, status: StatusCode, retry_after: Option<&'static str>) -> Step {
    let media = if asked.streamed && status.is_success() {
        "text/event-stream"
    } else {
        "application/json"
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    if let Some(wait) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(wait));
    }
    Step::Head(status, headers)
}

fn bytes(texts: impl IntoIterator<Item = String>) -> impl Iterator<Item = Step> {
    texts.into_iter().map(|text| Step::Bytes(Bytes::from(text)))
}
