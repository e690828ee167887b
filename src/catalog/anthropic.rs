//! The Claude families: what each model takes and refuses, as data.
//!
//! Sources: the model table of Anthropic's documentation (thinking, effort, forced tools, sampling, prefill, system
//! messages; autumn 2026) and the capabilities that `GET /v1/models` lists. A rule of the API lives in the provider;
//! only the answer to "does this model?" lives here.

use crate::canonical::request::Effort;

/// The rules of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// How its ids begin.
    pub prefix: &'static str,
    /// The values of `thinking.type` that it takes; empty where it does not think.
    pub thinking: &'static [Thinking],
    /// What it does where `thinking` is left out.
    pub unasked: Unasked,
    /// What it shows of its thinking where nothing is asked for.
    pub shows: Shows,
    /// The efforts that it takes, weakest first; empty where it knows no effort.
    pub efforts: &'static [Effort],
    /// The highest effort that goes with `disabled` and `between_tools`, where there is such a limit.
    pub still: Option<Effort>,
    /// Whether `temperature`, `top_p` and `top_k` are taken.
    pub sampling: Sampling,
    /// What else it can do.
    pub features: &'static [Feature],
    /// Tokens of one answer at most, thinking included.
    pub max_output: u64,
}

/// A value of `thinking.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// `adaptive`
    Adaptive,
    /// `enabled`, with a budget
    Enabled,
    /// `disabled`
    Disabled,
    /// `between_tools`
    BetweenTools,
}

/// What a model does unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unasked {
    /// It answers at once.
    Answers,
    /// It thinks.
    Thinks,
}

/// What a model shows of its thinking unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// A summary.
    Summary,
    /// Nothing but a signature.
    Nothing,
}

/// Which sampling parameters a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// All of them.
    All,
    /// `temperature` or `top_p`, not both.
    One,
    /// None: only the defaults pass.
    Gone,
}

/// What a model can do or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `tool_choice` `any` and `tool`.
    ForcedChoice,
    /// The last message may be the model's own beginning.
    Prefill,
    /// System messages in the middle of a conversation.
    SystemTurns,
    /// `output_config.format` and strict tools.
    StructuredOutput,
}

impl Family {
    /// Can it do this?
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Does it take this kind of thinking?
    pub fn takes(&self, thinking: Thinking) -> bool {
        self.thinking.contains(&thinking)
    }

    /// Is it in the table, so that its limits are known?
    pub fn is_listed(&self) -> bool {
        *self != FOREIGN && *self != UNKNOWN
    }

    /// Is it a model of Anthropic's, known or new, and not one of a vendor who speaks the same protocol?
    pub fn is_claude(&self) -> bool {
        *self != FOREIGN
    }
}

use Effort::{High, Low, Max, Medium, Xhigh};
use Feature::{ForcedChoice, Prefill, StructuredOutput, SystemTurns};
use Thinking::{Adaptive, BetweenTools, Disabled, Enabled};

/// Mythos and Fable from 5.1 on, and Opus 5.5: they always think and cannot be forced to call.
const ALWAYS: Family = Family {
    prefix: "claude-opus-5-5",
    thinking: &[Adaptive],
    unasked: Unasked::Thinks,
    shows: Shows::Nothing,
    efforts: &[Low, Medium, High, Xhigh, Max],
    still: None,
    sampling: Sampling::Gone,
    features: &[SystemTurns, StructuredOutput],
    max_output: 128_000,
};

const OPUS_5: Family = Family {
    prefix: "claude-opus-5",
    thinking: &[Adaptive, Disabled],
    still: Some(High),
    features: &[ForcedChoice, SystemTurns, StructuredOutput],
    ..ALWAYS
};

const OPUS_4_7: Family = Family {
    prefix: "claude-opus-4-7",
    unasked: Unasked::Answers,
    still: None,
    features: &[ForcedChoice, StructuredOutput],
    ..OPUS_5
};

const OPUS_4_6: Family = Family {
    prefix: "claude-opus-4-6",
    thinking: &[Adaptive, Enabled, Disabled],
    shows: Shows::Summary,
    efforts: &[Low, Medium, High, Max],
    sampling: Sampling::One,
    ..OPUS_4_7
};

const SONNET_4_5: Family = Family {
    prefix: "claude-sonnet-4-5",
    thinking: &[Enabled, Disabled],
    unasked: Unasked::Answers,
    shows: Shows::Summary,
    efforts: &[],
    still: None,
    sampling: Sampling::One,
    features: &[ForcedChoice, Prefill, StructuredOutput],
    max_output: 64_000,
};

const OPUS_4_1: Family = Family {
    prefix: "claude-opus-4-1",
    features: &[ForcedChoice, Prefill],
    max_output: 32_000,
    ..SONNET_4_5
};

const OPUS_4: Family = Family {
    prefix: "claude-opus-4",
    sampling: Sampling::All,
    ..OPUS_4_1
};

const CLAUDE_3_5: Family = Family {
    prefix: "claude-3-5",
    thinking: &[],
    max_output: 8192,
    ..OPUS_4
};

const FABLE_5: Family = Family {
    prefix: "claude-fable-5",
    features: &[ForcedChoice, SystemTurns, StructuredOutput],
    ..ALWAYS
};

/// A Claude that is newer than this table: treated as the newest are, but for a hard limit that it may not have.
const UNKNOWN: Family = Family {
    prefix: "claude",
    max_output: 64_000,
    ..FABLE_5
};

/// Another vendor's model behind the same protocol: what the protocol has had from its beginning.
const FOREIGN: Family = Family {
    prefix: "",
    sampling: Sampling::All,
    features: &[ForcedChoice, Prefill],
    max_output: 32_000,
    ..SONNET_4_5
};

/// The families, in no order: the longest prefix that fits decides.
const FAMILIES: [Family; 27] = [
    ALWAYS,
    named("claude-fable-5-2", ALWAYS),
    named("claude-fable-5-1", ALWAYS),
    named("claude-mythos-5-2", ALWAYS),
    named("claude-mythos-5-1", ALWAYS),
    FABLE_5,
    named("claude-mythos-5", FABLE_5),
    Family {
        prefix: "claude-mythos-preview",
        thinking: &[Adaptive, Enabled],
        efforts: &[Low, Medium, High, Max],
        features: &[ForcedChoice, StructuredOutput],
        ..FABLE_5
    },
    Family {
        prefix: "claude-sonnet-5-5",
        thinking: &[Adaptive, BetweenTools],
        still: Some(High),
        ..ALWAYS
    },
    named("claude-haiku-5-5", OPUS_5),
    OPUS_5,
    Family {
        prefix: "claude-sonnet-5",
        still: None,
        features: &[ForcedChoice, StructuredOutput],
        ..OPUS_5
    },
    Family {
        prefix: "claude-opus-4-8",
        features: &[ForcedChoice, SystemTurns, StructuredOutput],
        ..OPUS_4_7
    },
    OPUS_4_7,
    OPUS_4_6,
    named("claude-sonnet-4-6", OPUS_4_6),
    Family {
        prefix: "claude-opus-4-5",
        efforts: &[Low, Medium, High],
        ..SONNET_4_5
    },
    SONNET_4_5,
    named("claude-haiku-4-5", SONNET_4_5),
    OPUS_4_1,
    OPUS_4,
    Family {
        prefix: "claude-sonnet-4",
        max_output: 64_000,
        ..OPUS_4
    },
    Family {
        prefix: "claude-3-7",
        max_output: 64_000,
        ..OPUS_4
    },
    CLAUDE_3_5,
    Family {
        prefix: "claude-3",
        max_output: 4096,
        ..CLAUDE_3_5
    },
    UNKNOWN,
    FOREIGN,
];

const fn named(prefix: &'static str, family: Family) -> Family {
    Family { prefix, ..family }
}

/// The family of a model, by its id: `claude-opus-4-5-20251101`, `claude-opus-4.5`, `anthropic/claude-opus-4.5`,
/// `claude-4-5-opus` and `claude-opus-4-5@20251101` are all the same.
pub fn family(model: &str) -> &'static Family {
    static TABLE: [Family; 27] = FAMILIES;
    static FALLBACK: Family = FOREIGN;
    let name = normal(model);
    TABLE
        .iter()
        .filter(|family| begins(&name, family.prefix))
        .max_by_key(|family| family.prefix.len())
        .unwrap_or(&FALLBACK)
}

/// A date or a word may follow a prefix, but no further number of a version: `claude-opus-5-7` is not `claude-opus-5`.
fn begins(name: &str, prefix: &str) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else {
        return false;
    };
    if prefix.is_empty() || rest.is_empty() {
        return true;
    }
    let Some(rest) = rest.strip_prefix('-') else {
        return false;
    };
    let next = rest.split('-').next().unwrap_or_default();
    let is_minor = next.len() <= 2 && next.bytes().all(|byte| byte.is_ascii_digit());
    prefix == UNKNOWN.prefix || !is_minor || next == "0"
}

/// The id from `claude` on, its version with dashes and after its line: `claude-4.5-opus` is `claude-opus-4-5`.
fn normal(model: &str) -> String {
    let lower = model.to_ascii_lowercase();
    let Some(at) = lower.find("claude") else {
        return lower;
    };
    let name = lower[at..].replace(['.', '@', ':', '_'], "-");
    let words: Vec<&str> = name.split('-').collect();
    match words.as_slice() {
        [
            "claude",
            major,
            minor,
            line @ ("opus" | "sonnet" | "haiku"),
            rest @ ..,
        ] if is_digit(major) && is_digit(minor) && *major != "3" => {
            join(&["claude", line, major, minor], rest)
        }
        [
            "claude",
            major,
            line @ ("opus" | "sonnet" | "haiku"),
            rest @ ..,
        ] if is_digit(major) && *major != "3" => join(&["claude", line, major], rest),
        ["claude", "opus" | "sonnet" | "haiku", "3", "7", ..] => "claude-3-7".to_owned(),
        _ => name,
    }
}

fn is_digit(word: &str) -> bool {
    word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn join(head: &[&str], rest: &[&str]) -> String {
    [head, rest].concat().join("-")
}

#[cfg(test)]
#[path = "anthropic_tests.rs"]
mod tests;
