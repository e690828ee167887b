//! Metrics in Prometheus' text format: the histograms of OpenTelemetry's conventions for generative AI under their
//! Prometheus names, and a small set of our own.
//!
//! Each ended request adds to some counters; nothing is counted that nobody can read, so without the listener for
//! administration there is none of this. Labels are bounded: see [`vocabulary`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::record::{Door, Outcome, Record};
use super::sinks::Sink;
use crate::config::Config;
use crate::gateway::journal::{Attempt, Fate, Tokens};

mod exposition;
pub mod gauges;
mod rendering;
mod series;
pub mod vocabulary;

use series::{Buckets, Family, Histogram, Last};
use vocabulary::{NOBODY, NONE, Scribe, Vocabulary, Whom};

/// OpenTelemetry's boundaries for the duration of operations, in microseconds.
const DURATIONS: Buckets = &[
    10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000, 5_120_000,
    10_240_000, 20_480_000, 40_960_000, 81_920_000,
];

/// For the time to the first token; models that think first may take longer than the convention's last boundary.
const FIRST_TOKENS: Buckets = &[
    1_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 250_000, 500_000, 750_000,
    1_000_000, 2_500_000, 5_000_000, 7_500_000, 10_000_000, 20_000_000, 40_000_000, 80_000_000,
];

/// For the time of each token after the first.
const TOKEN_TIMES: Buckets = &[
    10_000, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000, 750_000,
    1_000_000, 2_500_000,
];

/// For counts of tokens.
const TOKENS: Buckets = &[
    1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
    67_108_864,
];

/// For our own time.
const OVERHEADS: Buckets = &[
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000,
];

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    vocabulary: ArcSwap<Vocabulary>,
    /// Held while records are counted or a page is written. Requests leave their records elsewhere meanwhile.
    counts: Mutex<Counts>,
}

/// The series.
#[derive(Debug, Default)]
struct Counts {
    requests: Family<3, u64>,
    /// By operation, provider, model asked for, model that answered, error; the next, too.
    served: Family<5, Served>,
    asked: Family<5, Asked>,
    attempts: Family<4, u64>,
    failovers: Family<3, u64>,
    costs: Family<3, u64>,
    unpriced: Family<3, u64>,
    losses: Family<1, u64>,
    overheads: Overheads,
}

/// What each of the families that every request adds to was last asked for.
#[derive(Debug, Default)]
struct Lasts<'a> {
    requests: Last<'a, 3>,
    served: Last<'a, 5>,
    asked: Last<'a, 5>,
    attempts: Last<'a, 4>,
    costs: Last<'a, 3>,
}

/// Records as they are counted, one after another.
#[derive(Debug)]
struct Turn<'a> {
    scribe: Scribe<'a>,
    lasts: Lasts<'a>,
}

/// A request as its client saw it.
#[derive(Debug)]
struct Served {
    duration: Histogram,
    first_token: Histogram,
    token_time: Histogram,
}

/// An attempt at a provider.
#[derive(Debug)]
struct Asked {
    duration: Histogram,
    first_chunk: Histogram,
    /// Input, output, and the parts of both.
    tokens: [Histogram; 5],
}

/// Our own time.
#[derive(Debug)]
struct Overheads {
    /// Up to the first upstream request.
    request: Histogram,
    /// From the end of the last.
    reply: Histogram,
}

/// The kinds of tokens, in the order of [`Asked::tokens`].
const KINDS: [&str; 5] = [
    "input",
    "output",
    "cached_input",
    "cache_creation_input",
    "reasoning",
];

impl Default for Served {
    fn default() -> Self {
        Self {
            duration: Histogram::of(DURATIONS),
            first_token: Histogram::of(FIRST_TOKENS),
            token_time: Histogram::of(TOKEN_TIMES),
        }
    }
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            duration: Histogram::of(DURATIONS),
            first_chunk: Histogram::of(FIRST_TOKENS),
            tokens: std::array::from_fn(|_| Histogram::of(TOKENS)),
        }
    }
}

impl Default for Overheads {
    fn default() -> Self {
        Self {
            request: Histogram::of(OVERHEADS),
            reply: Histogram::of(OVERHEADS),
        }
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new(config: &Config) -> Self {
        Self {
            vocabulary: ArcSwap::from_pointee(Vocabulary::of(config)),
            counts: Mutex::default(),
        }
    }

    /// Takes the names of a new configuration; what was counted stays.
    pub fn reload(&self, config: &Config) {
        self.vocabulary.store(Arc::new(Vocabulary::of(config)));
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn count<'a>(&mut self, turn: &mut Turn<'a>, record: &'a Record) {
        let words = turn.scribe.words;
        let model = turn.scribe.asked(record);
        let call = [record.door.as_str(), model, words.status(record.status)];
        self.requests.add(&mut turn.lasts.requests, call, 1);
        let operation = operation(record.door);
        if let Some(operation) = operation {
            self.count_served(turn, record, operation, model);
        }
        for attempt in &record.attempts {
            let whom = turn.scribe.whom(&attempt.target);
            if let Some(operation) = operation {
                self.count_asked(turn, attempt, [operation, whom.vendor, model, whom.model]);
            }
            self.count_attempt(turn, attempt, whom, record);
        }
        for (one, next) in record.attempts.iter().zip(record.attempts.iter().skip(1)) {
            // An attempt that goes on after one that was given up is a race and no failover.
            if one.target != next.target && one.fate != Fate::Abandoned {
                let whom = |attempt: &Attempt| words.whom(&attempt.target).to_string();
                let cause = words.error(one.cause.as_deref());
                let (one, next) = (whom(one), whom(next));
                self.failovers
                    .add(&mut Last::default(), [&one, &next, cause], 1);
            }
        }
        for field in &record.losses {
            self.losses
                .add(&mut Last::default(), [words.field(field)], 1);
        }
        let before = record.attempts.iter().map(|attempt| attempt.started).min();
        let before = before.map_or(record.overhead, |first| {
            first.saturating_duration_since(record.started)
        });
        let after = record.overhead.saturating_sub(before);
        self.overheads.request.time(before);
        self.overheads.reply.time(after);
    }

    fn count_served<'a>(
        &mut self,
        turn: &mut Turn<'a>,
        record: &'a Record,
        operation: &'static str,
        model: &'a str,
    ) {
        let error = match record.outcome {
            Outcome::Completed | Outcome::Incomplete => NONE,
            Outcome::Refused | Outcome::Failed => turn.scribe.words.error(record.code.as_deref()),
            Outcome::HungUp | Outcome::Cancelled => record.outcome.as_str(),
        };
        let served = record.served.as_ref();
        let whom = served.map_or(NOBODY, |target| turn.scribe.whom(target));
        let call = [operation, whom.vendor, model, whom.model, error];
        let series = self.served.of(&mut turn.lasts.served, call);
        series.duration.time(record.total);
        let Some(first) = record.to_first else {
            return;
        };
        series.first_token.time(first);
        let output = record.tokens.map_or(0, |tokens| tokens.output);
        if let Ok(more @ 1..) = u32::try_from(output.saturating_sub(1)) {
            let rest = record.total.saturating_sub(first);
            series.token_time.time(rest / more);
        }
    }

    fn count_asked<'a>(
        &mut self,
        turn: &mut Turn<'a>,
        attempt: &Attempt,
        [operation, vendor, asked, model]: [&'a str; 4],
    ) {
        let error = match attempt.fate {
            Fate::Answered => NONE,
            Fate::Failed | Fate::Cut => turn.scribe.words.error(attempt.cause.as_deref()),
            Fate::Abandoned => attempt.fate.as_str(),
        };
        let call = [operation, vendor, asked, model, error];
        let series = self.asked.of(&mut turn.lasts.asked, call);
        series.duration.time(attempt.duration);
        if let Some(first) = attempt.to_first {
            series.first_chunk.time(first);
        }
        if let Some(tokens) = attempt.tokens {
            for (histogram, count) in series.tokens.iter_mut().zip(kinds(tokens)) {
                histogram.add(count);
            }
        }
    }

    fn count_attempt<'a>(
        &mut self,
        turn: &mut Turn<'a>,
        attempt: &'a Attempt,
        whom: Whom<'a>,
        record: &'a Record,
    ) {
        let words = turn.scribe.words;
        let Whom {
            provider, model, ..
        } = whom;
        let fate = attempt.fate.as_str();
        let cause = attempt.cause.as_deref();
        let cause = cause.map_or(NONE, |cause| words.error(Some(cause)));
        let call = [provider, model, fate, cause];
        self.attempts.add(&mut turn.lasts.attempts, call, 1);
        if let Some(cost) = attempt.cost {
            let key = words.key(record.key.as_deref());
            let (last, whose) = (&mut turn.lasts.costs, [provider, model, key]);
            self.costs.add(last, whose, cost.pico());
        } else if let Some(reason) = unpriced(attempt, record.door) {
            self.unpriced
                .add(&mut Last::default(), [provider, model, reason], 1);
        }
    }
}

impl Sink for Metrics {
    fn take(&self, records: &[Record]) {
        let words = self.vocabulary.load();
        let mut turn = Turn {
            scribe: Scribe::new(&words),
            lasts: Lasts::default(),
        };
        let mut counts = self.counts();
        for record in records {
            counts.count(&mut turn, record);
        }
    }
}

/// The name of what a door does, by the conventions; counting tokens has none.
fn operation(door: Door) -> Option<&'static str> {
    match door {
        Door::Responses | Door::Compact | Door::Chat | Door::Messages => Some("chat"),
        Door::Embeddings => Some("embeddings"),
        Door::Count => None,
    }
}

fn kinds(tokens: Tokens) -> [u64; 5] {
    let written = tokens.write_5m + tokens.write_1h;
    [
        tokens.input,
        tokens.output,
        tokens.cached,
        written,
        tokens.reasoning,
    ]
}

/// Why an attempt that was answered has no cost.
fn unpriced(attempt: &Attempt, door: Door) -> Option<&'static str> {
    match (attempt.tokens, attempt.to_first) {
        _ if door == Door::Count => None,
        (Some(_), _) => Some("no_price"),
        (None, Some(_)) => Some("no_counts"),
        (None, None) => None,
    }
}

/// Microseconds.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
