//! `usage`: what requests used and cost, by the ledger that `serve` keeps. A table with bars for people, tab-separated
//! rows for programs; the same rows in both.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::args::Global;
use super::args::usage::Usage;
use super::failure::{Code, Failure, Outcome};
use super::fold;
use super::render::{Style, clean, dressed};
use super::setup::Setup;
use super::streams::{Kind, Streams, say, width};
use crate::catalog::day::Day;
use crate::catalog::usd::Usd;
use crate::gateway::unix_seconds;
use crate::store::ledger::{self, By, Line, Report};

/// The widest bar, in columns.
const WIDEST: usize = 24;

/// The columns of the numbers behind a name.
const NUMBERS: usize = 56;

/// The widest name; longer ones are shown whole, out of line.
const LONGEST: usize = 44;

/// Shows it.
pub(crate) fn run(usage: &Usage, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    let config = Setup::load(global, streams)?.config;
    let Some(path) = ledger::place(&config.store) else {
        let failure = Failure::new(Code::Config, "this configuration keeps no usage");
        return Err(failure
            .with_hint("it is kept with `store: { kind: sqlite }`")
            .into());
    };
    let since = unix_seconds().saturating_sub(usage.since.as_secs());
    let by = usage.by.into();
    let report = ledger::read(&path, since, by).map_err(|why| Failure::new(Code::Bug, why))?;
    let there_is_none = report.is_none();
    let report = report.unwrap_or_else(|| Report {
        by,
        since,
        ..Report::default()
    });
    if usage.json {
        let json = serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::new(Code::Bug, format!("cannot show it: {error}")))?;
        return say(&format!("{json}\n"));
    }
    if there_is_none {
        streams.note(&format!(
            "nothing was recorded yet: `llmgw serve` writes {}",
            path.display()
        ));
    } else if report.rows.is_empty() {
        streams.note(&format!("nothing was used since {}", day(since)));
    }
    match streams.stdout {
        _ if report.rows.is_empty() => Ok(()),
        Kind::Pipe => say(&tsv(&report)),
        Kind::Terminal => say(&table(&report, streams, width())),
    }
}

fn day(seconds: u64) -> Day {
    Day::of_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// The columns name, requests, failed, input, cached, cache writes, output, reasoning, US dollars, and how many requests
/// have no known price.
fn tsv(report: &Report) -> String {
    let mut text = String::new();
    for line in &report.rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            plain(&line.name),
            line.requests,
            line.failed,
            line.input,
            line.cached,
            line.cache_write,
            line.output,
            line.reasoning,
            Usd::from_pico(line.cost_pico),
            line.unpriced,
        );
    }
    text
}

/// The table, in so many columns; 0 if nobody knows.
fn table(report: &Report, streams: Streams, columns: usize) -> String {
    let names: Vec<String> = report
        .rows
        .iter()
        .map(|line| label(report.by, line))
        .collect();
    let head = match report.by {
        By::Model => "MODEL",
        By::Key => "KEY",
        By::Route => "ROUTE",
        By::Day => "DAY",
    };
    let widths = names.iter().map(|name| name.width());
    let widest = widths.max().unwrap_or(0).clamp(5, LONGEST);
    if columns > 0 && columns < widest + NUMBERS {
        return list(report, &names, streams, columns);
    }
    let bar_room = match columns {
        0 => WIDEST,
        columns => columns.saturating_sub(widest + NUMBERS + 2).min(WIDEST),
    };
    let most = report
        .rows
        .iter()
        .map(|line| weight(report, line))
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    let head = format!(
        "{head:widest$}  {:>8} {:>6} {:>8} {:>8} {:>8} {:>11}",
        "REQUESTS", "FAILED", "INPUT", "CACHED", "OUTPUT", "COST"
    );
    let head = dressed(&head, Style::BOLD, streams.colour);
    let since = format!("since {}", day(report.since));
    let is_narrow = columns > 0 && columns < widest + NUMBERS + 2 + since.len();
    let since = dressed(&since, Style::DIM, streams.colour);
    let _ = if is_narrow {
        writeln!(text, "{since}\n{head}")
    } else {
        writeln!(text, "{head}  {since}")
    };
    for (name, line) in names.iter().zip(&report.rows) {
        let bar = bar(weight(report, line), most, bar_room);
        let row = format!("{}  {bar}", cells(name, line, widest));
        let _ = writeln!(text, "{}", row.trim_end());
    }
    if report.rows.len() > 1 {
        let total = cells("total", &report.total, widest);
        let _ = writeln!(text, "{}", dressed(&total, Style::BOLD, streams.colour));
    }
    text.push_str(&unpriced(report, streams, columns));
    text
}

/// The same for a narrow terminal: what a name used stands under it.
fn list(report: &Report, names: &[String], streams: Streams, columns: usize) -> String {
    let since = format!("since {}", day(report.since));
    let mut text = format!("{}\n", dressed(&since, Style::DIM, streams.colour));
    let total = (report.rows.len() > 1).then_some(&report.total);
    let total = total.map(|line| ("total", line));
    let names = names.iter().map(String::as_str);
    for (name, line) in names.zip(&report.rows).chain(total) {
        let _ = writeln!(text, "{}", dressed(name, Style::BOLD, streams.colour));
        let used = [
            many(line.requests, "request"),
            format!("{} failed", line.failed),
            format!("{} in", short(line.input)),
            format!("{} cached", short(line.cached)),
            format!("{} out", short(line.output)),
            cost(line),
        ];
        for row in fold::rows(&used, " · ", columns.saturating_sub(2)) {
            let _ = writeln!(text, "  {row}");
        }
    }
    text.push_str(&unpriced(report, streams, columns));
    text
}

/// That the costs are not the whole, if they are not.
fn unpriced(report: &Report, streams: Streams, columns: usize) -> String {
    if report.total.unpriced == 0 {
        return String::new();
    }
    let requests = many(report.total.unpriced, "request");
    let note = format!("+ {requests} used something whose price is unknown");
    let note = fold::folded(&note, columns);
    format!("{}\n", dressed(&note, Style::DIM, streams.colour))
}

/// 1 request, 2 requests.
fn many(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

fn cells(name: &str, line: &Line, widest: usize) -> String {
    let pad = " ".repeat(widest.saturating_sub(name.width()));
    format!(
        "{name}{pad}  {:>8} {:>6} {:>8} {:>8} {:>8} {:>11}",
        line.requests,
        line.failed,
        short(line.input),
        short(line.cached),
        short(line.output),
        cost(line)
    )
}

/// What a bar shows: money where there is any, tokens otherwise.
fn weight(report: &Report, line: &Line) -> u64 {
    match report.total.cost_pico {
        0 => line.input + line.output,
        _ => line.cost_pico,
    }
}

/// As many eighths of a column as the share says.
fn bar(weight: u64, most: u64, room: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if most == 0 {
        return String::new();
    }
    let eighths = u128::from(weight) * (room as u128 * 8) / u128::from(most);
    let eighths = usize::try_from(eighths).unwrap_or(0);
    let part = PARTS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{part}", "█".repeat(eighths / 8))
}

fn label(by: By, line: &Line) -> String {
    match (line.name.as_str(), by) {
        ("", By::Key) => "(no key)".to_owned(),
        ("", By::Model | By::Route | By::Day) => "(nobody asked)".to_owned(),
        (name, _) => plain(name),
    }
}

/// Names come from clients, and stay in their row.
fn plain(name: &str) -> String {
    clean(name).replace(['\t', '\n'], " ")
}

fn cost(line: &Line) -> String {
    let more = if line.unpriced > 0 { "+" } else { "" };
    match line.cost_pico {
        0 if line.unpriced > 0 => "?".to_owned(),
        0 => "–".to_owned(),
        pico => {
            let dollars = Usd::from_pico(pico).dollars();
            let digits = if dollars < 0.01 { 6 } else { 4 };
            format!("${dollars:.digits$}{more}")
        }
    }
}

/// 999, 1.2k, 34k, 1.2M.
fn short(count: u64) -> String {
    let scaled = |unit: u64, letter: char| {
        let tenths = count / (unit / 10);
        if tenths < 100 && !tenths.is_multiple_of(10) {
            format!("{}.{}{letter}", tenths / 10, tenths % 10)
        } else {
            format!("{}{letter}", tenths / 10)
        }
    };
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => scaled(1_000, 'k'),
        1_000_000..1_000_000_000 => scaled(1_000_000, 'M'),
        _ => scaled(1_000_000_000, 'G'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        let check = |count, expect: &str| assert_eq!(short(count), expect);
        check(999, "999");
        check(1_000, "1k");
        check(1_250, "1.2k");
        check(34_900, "34k");
        check(1_200_000, "1.2M");
        check(5_000_000_000, "5G");
    }

    #[test]
    fn bars_are_shares_of_the_longest() {
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(5, 10, 4), "██");
        assert_eq!(bar(1, 32, 4), "▏");
        assert_eq!(bar(0, 10, 4), "");
        assert_eq!(bar(0, 0, 4), "");
        assert_eq!(bar(u64::MAX, u64::MAX, 2), "██");
    }

    #[test]
    fn a_cost_that_is_not_whole_says_so() {
        let check = |cost_pico, unpriced, expect: &str| {
            let line = Line {
                cost_pico,
                unpriced,
                ..Line::default()
            };
            assert_eq!(cost(&line), expect);
        };
        check(1_234_500_000_000, 0, "$1.2345");
        check(60_000_000, 0, "$0.000060");
        check(1_000_000_000_000, 2, "$1.0000+");
        check(0, 2, "?");
        check(0, 0, "–");
    }

    #[test]
    fn on_a_narrow_terminal_each_name_has_lines_of_its_own() {
        let line = Line {
            name: "openai/gpt-5.6-luna".to_owned(),
            requests: 12,
            failed: 1,
            input: 34_000,
            cached: 10_000,
            output: 5_000,
            cost_pico: 1_234_500_000_000,
            ..Line::default()
        };
        let report = Report {
            rows: vec![line.clone()],
            total: line,
            ..Report::default()
        };
        let streams = Streams::plain();
        assert_eq!(
            table(&report, streams, 20),
            "since 1970-01-01\nopenai/gpt-5.6-luna\n  12 requests\n  1 failed · 34k in\n  10k cached\n  5k out · $1.2345\n"
        );
        let wide = table(&report, streams, 80);
        assert!(wide.starts_with("since 1970-01-01\nMODEL  "), "{wide}");
        assert!(wide.lines().all(|line| line.width() <= 80), "{wide}");
    }

    #[test]
    fn a_name_stays_in_its_row() {
        let line = Line {
            name: "a\tb\u{1b}[2J\nc".to_owned(),
            requests: 1,
            ..Line::default()
        };
        let report = Report {
            rows: vec![line],
            ..Report::default()
        };
        let rows = tsv(&report);
        assert_eq!(rows.lines().count(), 1);
        assert_eq!(rows.trim_end().split('\t').count(), 10);
        assert!(!rows.contains('\u{1b}'));
    }
}
