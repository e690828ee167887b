//! Prometheus' text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;

use super::series::Histogram;
use crate::catalog::usd::Usd;

/// A page as it is written.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// What stands before the samples of a name.
    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A name without samples is left out; its help would tell nothing.
    pub(super) fn counters<'a>(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        values: impl IntoIterator<Item = (impl AsRef<[&'a str]>, u64)>,
    ) {
        self.head(name, "counter", help);
        for (key, value) in values {
            self.sample(name, labels, key.as_ref(), &value.to_string());
        }
    }

    /// Counters of money.
    pub(super) fn costs<'a>(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        values: impl IntoIterator<Item = (impl AsRef<[&'a str]>, u64)>,
    ) {
        self.head(name, "counter", help);
        for (key, pico) in values {
            self.sample(
                name,
                labels,
                key.as_ref(),
                &Usd::from_pico(pico).to_string(),
            );
        }
    }

    /// One gauge for each key.
    pub(super) fn gauges<'a>(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        values: impl IntoIterator<Item = (impl AsRef<[&'a str]>, u64)>,
    ) {
        self.head(name, "gauge", help);
        for (key, value) in values {
            self.sample(name, labels, key.as_ref(), &value.to_string());
        }
    }

    /// Histograms of microseconds, shown as seconds.
    pub(super) fn histograms<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        all: impl Iterator<Item = (&'a [&'a str; N], &'a Histogram)>,
    ) {
        self.head(name, "histogram", help);
        for (key, histogram) in all {
            self.buckets(name, labels, key, None, histogram, seconds);
        }
    }

    /// A histogram of plain counts.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        labels: &[&str],
        key: &[&str],
        more: Option<(&str, &str)>,
        histogram: &Histogram,
    ) {
        self.buckets(name, labels, key, more, histogram, |value| {
            value.to_string()
        });
    }

    fn buckets(
        &mut self,
        name: &str,
        labels: &[&str],
        key: &[&str],
        more: Option<(&str, &str)>,
        histogram: &Histogram,
        shown: fn(u64) -> String,
    ) {
        let up_to = histogram.up_to();
        let all = up_to.last().copied().unwrap_or(0);
        // A series that has seen no value (no first content, say) is noise.
        if all == 0 {
            return;
        }
        let mut inner = pairs(labels, key);
        if let Some((label, value)) = more {
            let _ = write!(inner, ",{label}=\"{value}\"");
        }
        let bounds = histogram.bounds.iter().map(|bound| shown(*bound));
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(&up_to) {
            let _ = writeln!(self.0, "{name}_bucket{{{inner},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(self.0, "{name}_sum{{{inner}}} {}", shown(histogram.sum));
        let _ = writeln!(self.0, "{name}_count{{{inner}}} {all}");
    }

    fn sample(&mut self, name: &str, labels: &[&str], key: &[&str], value: &str) {
        if labels.is_empty() {
            let _ = writeln!(self.0, "{name} {value}");
        } else {
            let _ = writeln!(self.0, "{name}{{{}}} {value}", pairs(labels, key));
        }
    }
}

fn pairs(labels: &[&str], key: &[&str]) -> String {
    let mut text = String::new();
    for (label, value) in labels.iter().zip(key) {
        if !text.is_empty() {
            text.push(',');
        }
        let _ = write!(text, "{label}=\"");
        for character in value.chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}

/// Microseconds as seconds, with all their digits and no more.
fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = format!("{rest:06}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}
