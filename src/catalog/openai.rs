//! What each family of OpenAI's models takes, as data.
//!
//! Sources: OpenAI's API documentation and its SDK 3.51.0, the `@ai-sdk/openai` 4.0.118 catalogue, and the API's own
//! refusals, as of November 2026. A model that no row matches is [`UNKNOWN`]: everything is passed to it as the client
//! said it, and its own answer decides.

use crate::canonical::request::Effort;
use Effort::{High, Low, Max, Medium, Minimal, None as Off, Xhigh};

/// Does a model reason?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reasons {
    /// It does; `reasoning` and `include: reasoning.encrypted_content` are understood.
    Yes,
    /// It does not, and refuses to be asked for it.
    No,
    /// Nobody here knows.
    Unknown,
}

/// May `temperature`, `top_p` and `top_logprobs` be set?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Always.
    Yes,
    /// Only while the effective effort is `none`.
    WithoutReasoning,
    /// Never.
    No,
}

/// May function tools be sent to Chat Completions?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatTools {
    /// Always.
    Yes,
    /// Only without an explicit effort other than `none`.
    WithoutEffort,
    /// Only with the explicit effort `none`.
    WithEffortNone,
    /// Never.
    No,
}

/// Which of `text.verbosity` is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// `low`, `medium` and `high`.
    Any,
    /// `medium` alone, which is the default.
    Medium,
}

/// May stop sequences be sent to Chat Completions? (The Responses API has none.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Up to four.
    Yes,
    /// They are refused.
    No,
}

/// Which APIs serve the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apis {
    /// Responses and Chat Completions.
    Both,
    /// Responses alone.
    Responses,
}

/// Does it see images?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vision {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// The rules of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// What its models' names begin with. A dot also stands for the hyphen that some resellers write.
    prefixes: &'static [&'static str],
    /// What their names must hold besides, if anything.
    infix: &'static str,
    /// Does it reason?
    pub reasons: Reasons,
    /// The levels of effort that it takes, weakest first.
    pub efforts: &'static [Effort],
    /// The effort that it works with unless told; `None` where it does not reason or nobody knows.
    pub default_effort: Option<Effort>,
    /// May sampling be set?
    pub sampling: Sampling,
    /// May it be given functions through Chat Completions?
    pub chat_tools: ChatTools,
    /// Which verbosity it takes.
    pub verbosity: Verbosity,
    /// May it be given stop sequences?
    pub stop: Stop,
    /// Which APIs serve it.
    pub apis: Apis,
    /// Does it see?
    pub vision: Vision,
}

impl Family {
    /// The level nearest to the one asked for: itself, else the next lower one that still thinks, else the next higher
    /// one. `None` where the family takes no effort at all.
    pub fn nearest(&self, effort: Effort) -> Option<Effort> {
        let thinks = |known: &&Effort| **known != Off || effort == Off;
        let mut known = self.efforts.iter().filter(thinks);
        if let Some(lower) = known.clone().rev().find(|known| **known <= effort) {
            return Some(*lower);
        }
        known.next().copied()
    }

    /// May sampling be set at this explicit effort?
    pub fn samples_at(&self, effort: Option<Effort>) -> bool {
        match self.sampling {
            Sampling::Yes => true,
            Sampling::No => false,
            Sampling::WithoutReasoning => effort.or(self.default_effort) == Some(Off),
        }
    }

    /// May functions be sent to Chat Completions at this explicit effort?
    pub fn chats_with_tools_at(&self, effort: Option<Effort>) -> bool {
        match self.chat_tools {
            ChatTools::Yes => true,
            ChatTools::WithoutEffort => matches!(effort, None | Some(Off)),
            ChatTools::WithEffortNone => effort == Some(Off),
            ChatTools::No => false,
        }
    }

    fn matches(&self, model: &str) -> bool {
        model.contains(self.infix) && self.prefixes.iter().any(|prefix| begins(model, prefix))
    }
}

/// The rules for a model. A fine-tuned model (`ft:gpt-4o:…`) has the rules of its base.
pub fn family(model: &str) -> &'static Family {
    let model = model.strip_prefix("ft:").unwrap_or(model);
    FAMILIES
        .iter()
        .find(|family| family.matches(model))
        .unwrap_or(&UNKNOWN)
}

/// Does the name begin with the prefix, as a whole word?
fn begins(model: &str, prefix: &str) -> bool {
    let same = |(a, b): (u8, u8)| a == b || (b == b'.' && a == b'-');
    model.len() >= prefix.len()
        && model.bytes().zip(prefix.bytes()).all(same)
        && model
            .as_bytes()
            .get(prefix.len())
            .is_none_or(|next| matches!(next, b'-' | b':' | b'@' | b'+'))
}

/// What is assumed of a model that no row matches: nothing is held back from it.
pub static UNKNOWN: Family = Family {
    prefixes: &[],
    infix: "",
    reasons: Reasons::Unknown,
    efforts: &Effort::ALL,
    default_effort: None,
    sampling: Sampling::Yes,
    chat_tools: ChatTools::Yes,
    verbosity: Verbosity::Any,
    stop: Stop::Yes,
    apis: Apis::Both,
    vision: Vision::Yes,
};

/// A reasoning model of the gpt-5 and gpt-6 lines, before its row says more.
const REASONING: Family = Family {
    reasons: Reasons::Yes,
    efforts: &[Off, Low, Medium, High, Xhigh],
    default_effort: Some(Medium),
    sampling: Sampling::No,
    stop: Stop::No,
    ..UNKNOWN
};

/// A model that answers at once, before its row says more.
const PLAIN: Family = Family {
    reasons: Reasons::No,
    efforts: &[],
    verbosity: Verbosity::Medium,
    ..UNKNOWN
};

/// First match wins, so the narrow rows come first.
static FAMILIES: [Family; 19] = [
    Family {
        prefixes: &[
            "gpt-5", "gpt-5.1", "gpt-5.2", "gpt-5.3", "gpt-5.4", "gpt-5.5",
        ],
        infix: "-chat",
        ..PLAIN
    },
    Family {
        prefixes: &["gpt-6-luna", "gpt-6-sol", "gpt-6.1-terra"],
        efforts: &[Off, Low, Medium, High, Xhigh, Max],
        chat_tools: ChatTools::WithEffortNone,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-6", "gpt-6.1"],
        efforts: &[Low, Medium, High, Xhigh, Max],
        chat_tools: ChatTools::No,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5.6"],
        efforts: &[Off, Low, Medium, High, Xhigh, Max],
        sampling: Sampling::WithoutReasoning,
        chat_tools: ChatTools::WithEffortNone,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5.2-pro", "gpt-5.4-pro", "gpt-5.5-pro"],
        efforts: &[Medium, High, Xhigh],
        apis: Apis::Responses,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5-pro"],
        efforts: &[High],
        default_effort: Some(High),
        apis: Apis::Responses,
        ..REASONING
    },
    Family {
        prefixes: &[
            "gpt-5.1-codex-max",
            "gpt-5.2-codex",
            "gpt-5.3-codex",
            "gpt-5.5-codex",
        ],
        efforts: &[Low, Medium, High, Xhigh],
        apis: Apis::Responses,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5-codex", "gpt-5.1-codex"],
        efforts: &[Low, Medium, High],
        apis: Apis::Responses,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5.5"],
        sampling: Sampling::WithoutReasoning,
        chat_tools: ChatTools::WithoutEffort,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5.4"],
        default_effort: Some(Off),
        sampling: Sampling::WithoutReasoning,
        chat_tools: ChatTools::WithoutEffort,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5.2", "gpt-5.3"],
        default_effort: Some(Off),
        sampling: Sampling::WithoutReasoning,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5.1"],
        efforts: &[Off, Low, Medium, High],
        default_effort: Some(Off),
        sampling: Sampling::WithoutReasoning,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-5"],
        efforts: &[Minimal, Low, Medium, High],
        ..REASONING
    },
    Family {
        prefixes: &["o1-mini", "o3-mini"],
        efforts: &[Low, Medium, High],
        verbosity: Verbosity::Medium,
        vision: Vision::No,
        ..REASONING
    },
    Family {
        prefixes: &[
            "o1-pro",
            "o3-pro",
            "o3-deep-research",
            "o4-mini-deep-research",
        ],
        efforts: &[Low, Medium, High],
        verbosity: Verbosity::Medium,
        apis: Apis::Responses,
        ..REASONING
    },
    Family {
        prefixes: &["o1", "o3", "o4-mini"],
        efforts: &[Low, Medium, High],
        verbosity: Verbosity::Medium,
        ..REASONING
    },
    Family {
        prefixes: &["gpt-4.1", "gpt-4o", "gpt-4-turbo", "chatgpt-4o"],
        ..PLAIN
    },
    Family {
        prefixes: &["gpt-4", "gpt-3.5-turbo"],
        vision: Vision::No,
        ..PLAIN
    },
    Family {
        prefixes: &["codex-mini"],
        efforts: &[Low, Medium, High],
        apis: Apis::Responses,
        ..REASONING
    },
];

#[cfg(test)]
#[path = "openai_tests.rs"]
mod tests;
