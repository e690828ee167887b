//! What an answer took: tokens, money, time, and what was lost on the way.

use serde_json::{Value, json};

use super::failure::{Code, Failure, Outcome};
use super::fold::listed;
use super::listen::{End, Heard};
use super::streams::Streams;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::canonical::usage::Usage;
use crate::catalog;
use crate::catalog::prices::{Terms, cost_of};
use crate::catalog::usd::Usd;
use crate::config::Config;
use crate::routing::resolve;

/// No tokenizer makes a token of more bytes than this on average over a long text: what is larger by this measure is
/// too large by any.
const BYTES_PER_TOKEN: u64 = 8;

/// The sums over one answer or a conversation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Account {
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// Of the answers whose price is known; `None` if there is none of them.
    pub(crate) cost: Option<Usd>,
    /// Answers whose price is unknown.
    unpriced: u64,
    counted: bool,
}

impl Account {
    /// What one answer took.
    pub(crate) fn of(heard: &Heard, config: &Config) -> Self {
        match usage(heard) {
            Some(usage) => {
                let cost = cost(heard, config);
                Self {
                    input: usage.input_tokens,
                    output: usage.output_tokens,
                    cost,
                    unpriced: u64::from(cost.is_none()),
                    counted: true,
                }
            }
            None => Self::default(),
        }
    }

    /// Adds another answer's.
    pub(crate) fn add(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cost = match (self.cost, other.cost) {
            (Some(a), Some(b)) => Some(a + b),
            (one, None) | (None, one) => one,
        };
        self.unpriced += other.unpriced;
        self.counted |= other.counted;
    }

    /// `9 in · 11 out · $0.00006 · 0.6 s · anthropic/claude-haiku`
    ///
    /// In so many columns; 0 if nobody knows.
    pub(crate) fn line(&self, heard: &Heard, columns: usize) -> String {
        let mut words = self.words();
        words.push(format!("{:.1} s", heard.total.as_secs_f64()));
        words.extend(heard.target.as_ref().map(ToString::to_string));
        listed(&words, columns)
    }

    /// The counts as words.
    pub(crate) fn words(&self) -> Vec<String> {
        if !self.counted {
            return vec!["no token counts".to_owned()];
        }
        let mut words = vec![format!("{} in", self.input), format!("{} out", self.output)];
        words.extend(self.cost.map(|cost| match self.unpriced {
            0 => dollars(cost),
            1 => format!("{} + 1 answer of unknown price", dollars(cost)),
            more => format!("{} + {more} answers of unknown price", dollars(cost)),
        }));
        words
    }
}

/// As many digits as it takes to show something.
pub(crate) fn dollars(cost: Usd) -> String {
    let cost = cost.dollars();
    if cost == 0.0 {
        return "$0".to_owned();
    }
    let digits = if cost >= 0.1 {
        2
    } else if cost >= 0.001 {
        4
    } else {
        6
    };
    let text = format!("{cost:.digits$}");
    let text = if digits > 2 {
        text.trim_end_matches('0')
    } else {
        &text
    };
    format!("${text}")
}

/// The object of `--json`.
pub(crate) fn object(heard: &Heard, output: &Value, config: &Config) -> Value {
    let usage = usage(heard).map(|usage| {
        json!({
            "input": usage.input_tokens,
            "cached": usage.input_tokens_details.cached_tokens,
            "output": usage.output_tokens,
            "reasoning": usage.output_tokens_details.reasoning_tokens,
        })
    });
    let finish = match &heard.end {
        End::Whole => "stop",
        End::Short(reason) if reason == "max_output_tokens" => "length",
        End::Short(reason) => reason,
        End::Failed(_) => "error",
        End::Signal(_) => "interrupted",
    };
    let losses: Vec<Value> = heard
        .losses
        .iter()
        .map(|loss| json!({ "field": loss.field, "what": loss.what }))
        .collect();
    let mut object = json!({
        "model": heard.target.as_ref().map(ToString::to_string),
        "output": output,
        "finish_reason": finish,
        "usage": usage,
        "cost_usd": cost(heard, config).map(Usd::dollars),
        "ttft_ms": heard.to_first.map(millis),
        "total_ms": millis(heard.total),
        "attempts": heard.attempts,
        "request_id": heard.request_id,
    });
    if !losses.is_empty() {
        object["losses"] = Value::Array(losses);
    }
    object
}

/// Says what could not be carried to the model.
pub(crate) fn report_losses(heard: &Heard, streams: Streams) {
    for loss in &heard.losses {
        streams.note(&format!("note: {} {}", loss.field, loss.what));
    }
}

/// Says why an answer is shorter than it would be.
pub(crate) fn warn_short(reason: &str, streams: Streams) {
    match reason {
        "max_output_tokens" => {
            streams.warn("the answer stopped at the token limit (raise --max-tokens)");
        }
        "content_filter" => {}
        other => {
            streams.warn(&format!("the answer stopped early: {other}"));
        }
    }
}

/// Refuses a prompt that cannot fit any target's context, before it costs anything. Never cuts one.
pub(crate) fn check_size(config: &Config, request: &Request) -> Outcome {
    let bytes: u64 = request
        .input
        .iter()
        .filter_map(Open::known)
        .map(text_bytes)
        .sum();
    let least = bytes / BYTES_PER_TOKEN;
    // The catalogue is looked at only where it could matter.
    if least < 1000 {
        return Ok(());
    }
    let Ok(plan) = resolve::resolve(config, request) else {
        // The gateway says better what is wrong.
        return Ok(());
    };
    let room = |target: &crate::target::Target| {
        let provider = config.provider(target.provider.as_str())?;
        catalog::models::find(provider.vendor(), target.model.as_str())?.context
    };
    let rooms: Option<Vec<u64>> = plan.targets.iter().map(room).collect();
    match rooms.and_then(|rooms| rooms.into_iter().max()) {
        Some(most) if least > most => Err(Failure::new(
            Code::Refused,
            format!(
                "the prompt is too long: at least {least} tokens, and {} takes {most}",
                request.model
            ),
        )
        .into()),
        Some(_) | None => Ok(()),
    }
}

fn text_bytes(item: &Item) -> u64 {
    match item {
        Item::Message(message) => message
            .content
            .iter()
            .filter_map(Open::known)
            .filter_map(Part::text)
            .map(|text| text.len() as u64)
            .sum(),
        Item::FunctionCall(_)
        | Item::FunctionCallOutput(_)
        | Item::Reasoning(_)
        | Item::Compaction(_)
        | Item::ItemReference(_)
        | Item::CustomToolCall(_)
        | Item::CustomToolCallOutput(_) => 0,
    }
}

fn usage(heard: &Heard) -> Option<&Usage> {
    heard.response.as_ref()?.usage.as_ref()
}

/// What the answer cost, by the configuration's prices and the catalogue's.
pub(crate) fn cost(heard: &Heard, config: &Config) -> Option<Usd> {
    let target = heard.target.as_ref()?;
    let provider = config.provider(target.provider.as_str())?;
    let model = catalog::models::find(provider.vendor(), target.model.as_str());
    let response = heard.response.as_ref()?;
    cost_of(
        &config.prices,
        &target.to_string(),
        model,
        usage(heard)?,
        Terms::of(response),
    )
    .map(Usd::from_dollars)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sums_are_shown_too() {
        let check = |cost, expect: &str| assert_eq!(dollars(Usd::from_dollars(cost)), expect);
        check(0.0, "$0");
        check(12.5, "$12.50");
        check(0.0021, "$0.0021");
        check(0.00006, "$0.00006");
    }

    #[test]
    fn an_answer_of_unknown_price_is_told_beside_the_sum() {
        let known = Account {
            input: 1,
            output: 1,
            cost: Some(Usd::from_dollars(0.5)),
            unpriced: 0,
            counted: true,
        };
        let unknown = Account {
            cost: None,
            unpriced: 1,
            ..known
        };
        let mut sum = Account::default();
        let mut add = |one, expect: &[&str]| {
            sum.add(one);
            assert_eq!(sum.words(), expect);
        };
        add(unknown, &["1 in", "1 out"]);
        add(
            known,
            &["2 in", "2 out", "$0.50 + 1 answer of unknown price"],
        );
        add(
            known,
            &["3 in", "3 out", "$1.00 + 1 answer of unknown price"],
        );
        add(
            unknown,
            &["4 in", "4 out", "$1.00 + 2 answers of unknown price"],
        );
    }
}
