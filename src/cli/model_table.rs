//! The list of models as text: a table for people, tab-separated rows for programs. The same rows in both.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

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

/// The table.
pub(crate) fn table(rows: &[Row], streams: Streams) -> String {
    let labels: Vec<String> = rows.iter().map(label).collect();
    let widest = labels
        .iter()
        .map(|label| label.width())
        .max()
        .unwrap_or(0)
        .clamp(5, 60);
    let mut text = String::new();
    let head = format!(
        "{:widest$}  {:>7} {:>7} {:>7}  CAN",
        "MODEL", "CONTEXT", "IN", "OUT"
    );
    let _ = writeln!(
        text,
        "{}  {}",
        dressed(&head, Style::BOLD, streams.colour),
        dressed("($ per 1M tokens)", Style::DIM, streams.colour)
    );
    for (row, label) in rows.iter().zip(&labels) {
        let pad = " ".repeat(widest.saturating_sub(label.width()));
        let mut words = can(row);
        words.extend(row.remarks.iter().copied());
        if row.ready == Ready::No {
            words.push("(no key)");
        }
        let line = format!(
            "{label}{pad}  {:>7} {:>7} {:>7}  {}",
            row.context.map_or_else(|| "–".to_owned(), tokens),
            price(row.input_price),
            price(row.output_price),
            words.join(" ")
        );
        text.push_str(&dressed(
            line.trim_end(),
            style(row, streams.colour),
            streams.colour,
        ));
        text.push('\n');
    }
    text
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
        Some(price) if price > 0.0 && price < 0.01 => format!("{price:.4}"),
        Some(price) => format!("{price:.2}"),
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
