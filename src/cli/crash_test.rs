//! `crash-test`: what the user's own routes do when their providers misbehave. In this process, on a simulated clock,
//! without keys and without a network.

use std::fmt::Write as _;

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::args::{CrashTest, Global};
use super::failure::{Code, Failure, Outcome, Stop};
use super::render::{Style, dressed};
use super::setup::broken;
use super::streams::{Kind, Streams, say};
use crate::canonical::request::Delivery;
use crate::config::load::{self, Env};
use crate::crash::{self, Fault, Row, Run, Spread, Verdict};

/// Rehearses.
pub(crate) fn run(crash_test: &CrashTest, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    let config = load::load(global.config.as_deref(), &Env::of_process())
        .map_err(|faults| broken(&faults))?;
    let config = crash::rehearsed(config);
    let routes = if crash_test.routes.is_empty() {
        crash::routes(&config)
    } else {
        crash_test.routes.clone()
    };
    if routes.is_empty() {
        let hint = "name aliases under `models`, or a model: llmgw crash-test openai/gpt-6-luna";
        return Err(Failure::new(
            Code::Config,
            "the configuration has no route that could be tried",
        )
        .with_hint(hint)
        .into());
    }
    for route in &routes {
        crash::check(&config, route)?;
    }
    let faults = crash_test.faults()?;
    let rehearsal = async {
        let mut rows = Vec::new();
        for route in &routes {
            for fault in &faults {
                rows.push(crash::rehearse(&config, route, *fault).await);
            }
        }
        rows
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let rows = runtime
        .map_err(|error| Failure::new(Code::Bug, format!("cannot start: {error}")))?
        .block_on(rehearsal);
    let text = if crash_test.json {
        let list: Vec<Value> = rows.iter().map(shown).collect();
        format!("{}\n", Value::Array(list))
    } else if streams.stdout == Kind::Terminal {
        table(&rows, streams)
    } else {
        rows.iter().map(tsv).collect()
    };
    say(&text)?;
    let worst = rows.iter().map(Row::verdict).max();
    match worst {
        Some(Verdict::Failed) => Err(Stop::Told(Code::Bug)),
        Some(Verdict::Error) if crash_test.strict => Err(Stop::Told(Code::Bug)),
        Some(Verdict::Error | Verdict::Answered) | None => Ok(()),
    }
}

impl CrashTest {
    /// The faults that were named, or all.
    fn faults(&self) -> Outcome<Vec<Fault>> {
        if self.fault.is_empty() {
            return Ok(Fault::ALL.to_vec());
        }
        let named = |name: &String| {
            let found = Fault::ALL.into_iter().find(|fault| fault.as_str() == name);
            found.ok_or_else(|| {
                let known = Fault::ALL.map(Fault::as_str).join(", ");
                Failure::new(Code::Usage, format!("`{name}` is no fault"))
                    .with_hint(format!("known are {known}"))
                    .into()
            })
        };
        self.fault.iter().map(named).collect()
    }
}

/// One line a trial: route, fault, who had it, delivery, verdict, target, status, code, requests, seconds, note.
fn tsv(row: &Row) -> String {
    let mut text = String::new();
    for run in &row.runs {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{:.1}\t{}",
            row.route,
            row.fault.as_str(),
            run.spread.as_str(),
            delivery(run),
            run.verdict.as_str().to_lowercase(),
            run.answered_by.as_deref().unwrap_or_default(),
            run.status,
            run.code.as_deref().unwrap_or_default(),
            run.attempts,
            run.seconds,
            run.note
                .as_deref()
                .unwrap_or_default()
                .replace(['\t', '\n'], " "),
        );
    }
    text
}

fn shown(row: &Row) -> Value {
    let runs = row.runs.iter().map(|run| {
        json!({
            "at": run.spread.as_str(),
            "delivery": delivery(run),
            "verdict": run.verdict.as_str().to_lowercase(),
            "answered_by": run.answered_by,
            "status": run.status,
            "code": run.code,
            "attempts": run.attempts,
            "seconds": run.seconds,
            "note": run.note,
        })
    });
    json!({
        "route": row.route,
        "fault": row.fault.as_str(),
        "verdict": row.verdict().as_str().to_lowercase(),
        "runs": runs.collect::<Vec<_>>(),
    })
}

fn delivery(run: &Run) -> &'static str {
    match run.delivery {
        Delivery::Streamed => "streamed",
        Delivery::Whole => "whole",
    }
}

/// One line a fault, under the name of its route: what the client sees if the first target has it, streamed and whole,
/// and if all have it.
fn table(rows: &[Row], streams: Streams) -> String {
    let mut text = String::new();
    for route in rows.chunk_by(|one, other| one.route == other.route) {
        let name = route.first().map(|row| row.route.as_str());
        let _ = writeln!(
            text,
            "{}",
            dressed(name.unwrap_or_default(), Style::BOLD, streams.colour)
        );
        let stories: Vec<Story> = route.iter().map(Story::of).collect();
        let widest = |cell: fn(&Story) -> &str| {
            let widths = stories.iter().map(|story| cell(story).width());
            widths.max().unwrap_or_default()
        };
        let (first, second) = (
            widest(|story| &story.streamed),
            widest(|story| &story.whole),
        );
        let head = format!(
            "  {:<17}  {:<8}  {:first$}  {:second$}  {}",
            "FAULT", "VERDICT", "STREAMED", "WHOLE", "AT ALL TARGETS"
        );
        let head = dressed(head.trim_end(), Style::DIM, streams.colour);
        let _ = writeln!(text, "{head}");
        for (row, story) in route.iter().zip(&stories) {
            let verdict = format!("{:<8}", row.verdict().as_str());
            let verdict = dressed(&verdict, style(row.verdict()), streams.colour);
            let cells = match &story.failure {
                Some(failure) => failure.clone(),
                None if story.whole.is_empty() => story.streamed.clone(),
                None => format!(
                    "{:first$}  {:second$}  {}",
                    story.streamed, story.whole, story.everybody
                ),
            };
            let _ = writeln!(text, "  {:<17}  {verdict}  {cells}", row.fault.as_str());
        }
        text.push('\n');
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict() == verdict).count();
    let _ = writeln!(
        text,
        "{} answered, {} ended in an honest error, {} failed",
        count(Verdict::Answered),
        count(Verdict::Error),
        count(Verdict::Failed)
    );
    text
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Answered => Style::PLAIN,
        Verdict::Error => Style::DIM,
        Verdict::Failed => Style::BOLD,
    }
}

/// A row as the table tells it.
struct Story {
    streamed: String,
    whole: String,
    everybody: String,
    failure: Option<String>,
}

impl Story {
    fn of(row: &Row) -> Self {
        let brief = |spread, delivery| {
            let run = row
                .runs
                .iter()
                .find(|run| run.spread == spread && run.delivery == delivery);
            run.map(brief).unwrap_or_default()
        };
        let failed = row.runs.iter().find(|run| run.verdict == Verdict::Failed);
        Self {
            streamed: match row.runs.as_slice() {
                // What takes two minutes has a summary of its own.
                [only] => only.note.clone().unwrap_or_default(),
                _ => brief(Spread::First, Delivery::Streamed),
            },
            whole: brief(Spread::First, Delivery::Whole),
            everybody: brief(Spread::Everybody, Delivery::Streamed),
            failure: failed.map(|run| {
                let note = run.note.as_deref().unwrap_or_default();
                format!("{}: {note}", delivery(run))
            }),
        }
    }
}

fn brief(run: &Run) -> String {
    let what = match (&run.answered_by, &run.code) {
        (Some(target), _) => target.clone(),
        // After content the status is sent, and the stream says the rest.
        (None, Some(code)) if run.status == 200 => code.clone(),
        (None, Some(code)) => format!("{} {code}", run.status),
        (None, None) => run.status.to_string(),
    };
    format!("{what}, {:.0} s, {}×", run.seconds, run.attempts)
}
