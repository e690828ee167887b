//! The line that each ended request has in the log.
//!
//! It is written by hand and not through `tracing`'s formatter: it has many fields, and there is one for every request.
//! Names and numbers only. What was said stands in it only where the configuration asks for that, without keys; the
//! words of a provider's error, which may repeat a prompt, count as said.

use std::fmt::Write as _;
use std::time::Duration;

use tracing::Level;

use super::record::{Mend, Outcome, Record, estimated};
use super::sinks::Sink;
use super::writer::Writer;
use crate::canonical::request::Delivery;
use crate::catalog::usd::Usd;
use crate::gateway::journal::Attempt;

mod clock;
mod object;

use clock::Clock;
use object::{Object, key};

/// A model's name is what a client makes of it: so much of it is logged.
const MOST_NAME: usize = 128;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people, with colours.
    Coloured,
    /// For people.
    Plain,
    /// For machines: one object a line.
    Json,
}

/// Writes a line for each request.
#[derive(Debug)]
pub struct Lines {
    writer: Writer,
    form: Form,
}

impl Lines {
    /// Lines of that form.
    pub fn new(writer: Writer, form: Form) -> Self {
        Self { writer, form }
    }
}

impl Sink for Lines {
    fn take(&self, records: &[Record]) {
        let mut clock = Clock::default();
        for record in records {
            let level = level(record);
            if is_wanted(level) {
                self.writer.put(|lines| {
                    match self.form {
                        Form::Json => json(lines, &mut clock, record, level),
                        Form::Coloured | Form::Plain => {
                            let line = text(&mut clock, record, level, self.form);
                            lines.extend_from_slice(line.as_bytes());
                        }
                    }
                    lines.push(b'\n');
                });
            }
        }
    }
}

/// Does the log's filter let such a line pass?
fn is_wanted(level: Level) -> bool {
    // The levels are part of the call sites, so each has one of its own.
    if level == Level::WARN {
        tracing::enabled!(target: "llmgw::request", Level::WARN)
    } else {
        tracing::enabled!(target: "llmgw::request", Level::INFO)
    }
}

/// What the client did wrong is no warning.
fn level(record: &Record) -> Level {
    match record.outcome {
        Outcome::Failed if record.status >= 500 || record.status == 200 => Level::WARN,
        Outcome::Completed
        | Outcome::Incomplete
        | Outcome::Refused
        | Outcome::Failed
        | Outcome::HungUp
        | Outcome::Cancelled => Level::INFO,
    }
}

fn message(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "request completed",
        Outcome::Incomplete => "request completed, up to a limit",
        Outcome::Refused => "request refused",
        Outcome::Failed => "request failed",
        Outcome::HungUp => "the client hung up",
        Outcome::Cancelled => "request cancelled",
    }
}

fn json(line: &mut Vec<u8>, clock: &mut Clock, record: &Record, level: Level) {
    Object::write(line, |it| {
        it.word(key!("timestamp"), clock.show(record.began + record.total));
        it.word(key!("level"), level.as_str());
        it.word(key!("message"), message(record.outcome));
        it.text(key!("request_id"), &record.request_id);
        it.word(key!("door"), record.door.as_str());
        it.word(key!("transport"), record.transport.as_str());
        it.value(key!("stream"), record.delivery == Delivery::Streamed);
        it.text_if(key!("key"), record.key.as_deref());
        it.text(key!("model"), name(&record.asked));
        it.text_if(key!("alias"), record.alias.as_deref());
        match &record.served {
            Some(target) => it.texts(key!("served"), target.pieces()),
            None => it.value(key!("served"), ()),
        }
        it.value(key!("status"), record.status);
        it.word(key!("outcome"), record.outcome.as_str());
        it.text_if(key!("code"), record.code.as_deref());
        it.text_if(key!("error"), record.message.as_deref());
        it.objects(key!("attempts"), &record.attempts, attempt);
        it.object(key!("tokens"), record.tokens, |it, tokens| {
            it.value(key!("input"), tokens.input);
            it.value(key!("cached"), tokens.cached);
            it.value(key!("cache_write"), tokens.write_5m + tokens.write_1h);
            it.value(key!("cache_write_1h"), tokens.write_1h);
            it.value(key!("output"), tokens.output);
            it.value(key!("reasoning"), tokens.reasoning);
        });
        it.value(key!("cost_usd"), record.cost.map(Usd::dollars));
        if let Some(guess) = estimated(&record.attempts) {
            it.object(key!("estimated"), Some(guess), |it, guess| {
                it.value(key!("input"), guess.input);
                it.value(key!("output"), guess.output);
                it.value(key!("cost_usd"), guess.cost.map(Usd::dollars));
            });
        }
        match record.to_first {
            Some(time) => it.millis(key!("ttft_ms"), time),
            None => it.value(key!("ttft_ms"), ()),
        }
        it.millis(key!("total_ms"), record.total);
        it.millis(key!("overhead_ms"), record.overhead);
        if !record.losses.is_empty() {
            it.value(key!("losses"), &record.losses);
        }
        it.text_if(key!("mend"), mend(record.mend));
        if let Some(content) = &record.content {
            it.text(key!("request"), &content.request);
            it.text(key!("response"), &content.response);
        }
    });
}

fn attempt(it: &mut Object<'_>, attempt: &Attempt) {
    it.texts(key!("target"), attempt.target.pieces());
    it.word(key!("fate"), attempt.fate.as_str());
    it.text_if(key!("cause"), attempt.cause.as_deref());
    if let Some(status) = attempt.upstream_status {
        it.value(key!("status"), status);
    }
    it.millis(key!("wait_ms"), attempt.wait);
    it.millis(key!("ms"), attempt.duration);
}

fn text(clock: &mut Clock, record: &Record, level: Level, form: Form) -> String {
    let when = clock.show(record.began + record.total);
    let mut line = String::with_capacity(512);
    let word = message(record.outcome);
    // Writing to a string cannot fail, here and below.
    let _ = match (form, level == Level::WARN) {
        (Form::Coloured, true) => write!(line, "\x1b[2m{when}\x1b[0m \x1b[33m WARN\x1b[0m {word}"),
        (Form::Coloured, false) => write!(line, "\x1b[2m{when}\x1b[0m \x1b[32m INFO\x1b[0m {word}"),
        (Form::Plain | Form::Json, _) => write!(line, "{when} {level:>5} {word}"),
    };
    let _ = write!(
        line,
        " request_id={} door={} model={:?} status={}",
        record.request_id,
        record.door.as_str(),
        name(&record.asked),
        record.status
    );
    let mut more = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(line, " {key}={value}");
        }
    };
    more("key", record.key.as_deref().map(|key| format!("{key:?}")));
    more("alias", record.alias.clone());
    more("served", record.served.as_ref().map(ToString::to_string));
    more("code", record.code.clone());
    more("error", record.message.as_ref().map(|it| format!("{it:?}")));
    let tries: Vec<String> = record.attempts.iter().map(shown).collect();
    more("attempts", (!tries.is_empty()).then(|| tries.join(",")));
    more("mend", mend(record.mend).map(str::to_owned));
    if let Some(tokens) = record.tokens {
        more("in", Some(tokens.input.to_string()));
        more("cached", some(tokens.cached));
        more("written", some(tokens.write_5m + tokens.write_1h));
        more("out", Some(tokens.output.to_string()));
        more("reasoning", some(tokens.reasoning));
    }
    more("cost", record.cost.map(|cost| format!("${cost}")));
    if let Some(it) = estimated(&record.attempts) {
        let cost = it
            .cost
            .map_or(String::new(), |cost| format!(",cost=${cost}"));
        let shown = format!("in={},out={}{cost}", it.input, it.output);
        more("estimated", Some(shown));
    }
    more("ttft", record.to_first.map(duration));
    more("total", Some(duration(record.total)));
    more("overhead", Some(duration(record.overhead)));
    let losses = (!record.losses.is_empty()).then(|| format!("{:?}", record.losses.join(",")));
    more("losses", losses);
    if let Some(content) = &record.content {
        more("request", Some(format!("{:?}", content.request)));
        more("response", Some(format!("{:?}", content.response)));
    }
    line
}

/// `openai/gpt-6:failed:upstream_error:812ms`, after `+250ms` if it was waited for.
fn shown(attempt: &Attempt) -> String {
    let mut text = String::new();
    if !attempt.wait.is_zero() {
        let _ = write!(text, "+{}:", duration(attempt.wait));
    }
    let _ = write!(text, "{}:{}", attempt.target, attempt.fate.as_str());
    if let Some(cause) = &attempt.cause {
        let _ = write!(text, ":{cause}");
    }
    let _ = write!(text, ":{}", duration(attempt.duration));
    text
}

fn some(count: u64) -> Option<String> {
    (count > 0).then(|| count.to_string())
}

/// An answer that did not break off needs no word.
fn mend(mend: Mend) -> Option<&'static str> {
    (mend != Mend::Unbroken).then(|| mend.as_str())
}

fn name(asked: &str) -> &str {
    if asked.len() <= MOST_NAME {
        return asked;
    }
    let end = asked.char_indices().nth(MOST_NAME);
    end.map_or(asked, |(at, _)| asked.get(..at).unwrap_or_default())
}

fn duration(time: Duration) -> String {
    if time >= Duration::from_secs(10) {
        return format!("{:.1}s", time.as_secs_f64());
    }
    format!("{}ms", millis(time))
}

/// Milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests;
