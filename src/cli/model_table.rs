//! The list of models as text: a table for people, tab-separated rows for programs. The same rows in both.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::fold;
use super::models::{Ready, Row};
use super::render::{Colour, Style, dressed};
use super::streams::Streams;
use crate::catalog::models::Capability;

/// What a model takes besides text, and the word for it.
pub(crate) const INPUTS: [(Capability, &str); 4] = [
    (Capability::Vision, "image"),
    (Capability::Pdf, "pdf"),
    (Capability::Audio, "audio"),
    (Capability::Video, "video"),
];

/// The columns `id`, `context`, `input`, `output`, `can`, `target`, separated by tabs; empty where unknown.
pub(crate) fn tsv(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let number = |value: Option<String>| value.unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}",
            row.id,
            number(row.context.map(|tokens| tokens.to_string())),
            number(row.input_price.map(|price| price.to_string())),
            number(row.output_price.map(|price| price.to_string())),
            can(row).join(" "),
            row.leads_to.as_deref().unwrap_or_default(),
        );
    }
    text
}

/// Where what a model can do has fewer columns than this, each model has lines of its own.
const NARROWEST: usize = 12;

/// What the numbers under `IN` and `OUT` are.
const UNIT: &str = "($ per 1M tokens)";

/// The table, in so many columns; 0 if nobody knows.
pub(crate) fn table(rows: &[Row], streams: Streams, columns: usize) -> String {
    let labels: Vec<String> = rows.iter().map(label).collect();
    let longest = labels.iter().map(|label| label.width()).max();
    let widest = longest.unwrap_or(0).clamp(5, 60);
    let room = match columns {
        0 => usize::MAX,
        columns => columns.saturating_sub(numbers("", "", "").len() + widest + 4),
    };
    if room < NARROWEST {
        return list(rows, &labels, streams, columns);
    }
    let mut text = String::new();
    let head = format!(
        "{:widest$}  {}  CAN",
        "MODEL",
        numbers("CONTEXT", "IN", "OUT")
    );
    let unit = dressed(UNIT, Style::DIM, streams.colour);
    let has_unit = room >= "CAN  ".len() + UNIT.len();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{}{}",
        dressed(&head, Style::BOLD, streams.colour),
        if has_unit {
            format!("  {unit}")
        } else {
            String::new()
        }
    );
    for (row, label) in rows.iter().zip(&labels) {
        let pad = " ".repeat(widest.saturating_sub(label.width()));
        let context = row.context.map_or_else(|| "–".to_owned(), tokens);
        let first = format!(
            "{label}{pad}  {}  ",
            numbers(&context, &price(row.input_price), &price(row.output_price))
        );
        let more = format!("\n{}", " ".repeat(first.width()));
        let line = first + &fold::rows(&words(row), " ", room).join(&more);
        let style = style(row, streams.colour);
        text.push_str(&dressed(line.trim_end(), style, streams.colour));
        text.push('\n');
    }
    if !has_unit {
        let _ = writeln!(text, "{unit}");
    }
    text
}

fn numbers(context: &str, input: &str, output: &str) -> String {
    format!("{context:>7} {input:>7} {output:>7}")
}

/// The same for a narrow terminal: what is known of a model stands under its name.
fn list(rows: &[Row], labels: &[String], streams: Streams, columns: usize) -> String {
    let mut text = String::new();
    for (row, label) in rows.iter().zip(labels) {
        let known = [
            row.context.map(tokens),
            row.input_price
                .map(|cost| format!("${} in", price(Some(cost)))),
            row.output_price
                .map(|cost| format!("${} out", price(Some(cost)))),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        let room = columns.saturating_sub(2);
        let mut lines = vec![label.clone()];
        let below = fold::rows(&known, " · ", room).into_iter();
        let below = below.chain(fold::rows(&words(row), " ", room));
        lines.extend(below.map(|line| format!("  {line}")));
        let style = style(row, streams.colour);
        text.push_str(&dressed(&lines.join("\n"), style, streams.colour));
        text.push('\n');
    }
    let unit = fold::folded(UNIT, columns);
    text.push_str(&dressed(&unit, Style::DIM, streams.colour));
    text.push('\n');
    text
}

/// What it can do, and what else there is to say of it.
fn words(row: &Row) -> Vec<&'static str> {
    let mut words = can(row);
    words.extend(row.remarks.iter().copied());
    if row.ready == Ready::No {
        words.push("(no key)");
    }
    words
}

fn style(row: &Row, colour: Colour) -> Style {
    match (row.ready, colour) {
        (Ready::No, Colour::On) => Style::DIM,
        (Ready::Yes, Colour::On) | (_, Colour::Off) => Style::PLAIN,
    }
}

fn label(row: &Row) -> String {
    match &row.leads_to {
        Some(target) => format!("* {} → {target}", row.id),
        None if row.source == "alias" => format!("* {}", row.id),
        None => row.id.clone(),
    }
}

fn can(row: &Row) -> Vec<&'static str> {
    let inputs = INPUTS.into_iter();
    let others = [
        (Capability::Tools, "tools"),
        (Capability::Reasoning, "reasoning"),
        (Capability::Embeddings, "embeddings"),
    ];
    inputs
        .chain(others)
        .filter(|(capability, _)| row.capabilities.contains(capability))
        .map(|(_, word)| word)
        .collect()
}

fn price(price: Option<f64>) -> String {
    match price {
        None => "–".to_owned(),
        Some(price) => {
            let text = format!("{price:.6}");
            let exact = text.trim_end_matches('0');
            let cents = text.len() - 4;
            text[..exact.len().max(cents)].to_owned()
        }
    }
}

/// 400k, 1.05M.
pub(crate) fn tokens(count: u64) -> String {
    let (whole, part) = (count / 1_000_000, count % 1_000_000 / 10_000);
    match (whole, part) {
        (0, _) if count < 1000 => count.to_string(),
        (0, _) => format!("{}k", count / 1000),
        (_, 0) => format!("{whole}M"),
        (_, part) if part % 10 == 0 => format!("{whole}.{}M", part / 10),
        (_, part) => format!("{whole}.{part:02}M"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_has_cents_and_what_more_it_takes() {
        let check = |value, expect: &str| assert_eq!(price(value), expect);
        check(Some(2.0), "2.00");
        check(Some(12.5), "12.50");
        check(Some(0.075), "0.075");
        check(Some(0.0025), "0.0025");
        check(Some(0.0), "0.00");
        check(None, "–");
    }

    #[test]
    fn sizes_are_short() {
        let check = |count, expect: &str| assert_eq!(tokens(count), expect);
        check(512, "512");
        check(200_000, "200k");
        check(1_000_000, "1M");
        check(1_050_000, "1.05M");
        check(1_500_000, "1.5M");
        check(2_000_000, "2M");
    }
}
