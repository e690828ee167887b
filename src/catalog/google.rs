//! What Google's model families take: one row a family, in the order in which they are tried.
//!
//! From ai.google.dev ("Thinking", "Thought signatures", "Gemini 3 developer guide") and the types of google-genai
//! 3.3.0, November 2026. A Gemini model that no row names is taken for one newer than this table.

/// How a family's thinking is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// It does not think, or refuses to be asked about it.
    Fixed,
    /// By a budget of tokens (Gemini 2.5).
    Budget(Budget),
    /// By one of these levels, weakest first (Gemini 3 and later). It cannot be switched off.
    Levels(&'static [Level]),
}

/// A range of `thinkingBudget`, and what the levels of effort mean in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The smallest budget that is thinking at all.
    pub least: u32,
    /// The largest.
    pub most: u32,
    /// For the effort `minimal`.
    pub minimal: u32,
    /// Whether 0 switches it off.
    pub off: Off,
    /// Whether it thinks unasked. Thoughts may only be shown where there is thinking.
    pub unasked: Unasked,
}

/// Can thinking be switched off?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// By a budget of 0.
    Zero,
    /// Not at all.
    Never,
}

/// Does the family think without being asked to?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unasked {
    /// As much as it finds right.
    Thinks,
    /// Not at all.
    Rests,
}

/// A value of `thinkingLevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `minimal`.
    Minimal,
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `xhigh`.
    Xhigh,
}

impl Level {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
        }
    }
}

/// Whether a family takes something, where the answer is no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// It does.
    Yes,
    /// It does not: a refusal, or silently ignored.
    No,
}

impl Takes {
    /// Does it?
    pub fn yes(self) -> bool {
        self == Self::Yes
    }
}

/// What a family takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How thinking is set.
    pub thinking: Thinking,
    /// `temperature`, `topP`, `topK`: ignored from Gemini 3.6 on, and by 3.5 Flash-Lite.
    pub sampling: Takes,
    /// `presencePenalty`, `frequencyPenalty`: from Gemini 2.5 on even 0 is a 400.
    pub penalties: Takes,
    /// A conversation that ends with words of the model's.
    pub prefill: Takes,
    /// `systemInstruction`; Gemma wants it in the first text.
    pub system: Takes,
    /// Media inside a function response, and `mediaResolution` for each part: Gemini 3 and later.
    pub media_in_responses: Takes,
    /// A JSON answer beside function tools: Gemini 3 and later, if no call is forced.
    pub json_with_tools: Takes,
    /// Mode `VALIDATED`.
    pub validated: Takes,
    /// Calls of the current turn must bear their `thoughtSignature`: Gemini 3 and later.
    pub signed_calls: Takes,
    /// Long answers come only as a stream (Gemini 4: 32,768 tokens whole, 65,536 streamed).
    pub streamed_only: Takes,
    /// The largest `maxOutputTokens`.
    pub max_output: u64,
}

const BUDGET_FLASH: Thinking = Thinking::Budget(Budget {
    least: 1,
    most: 24_576,
    minimal: 512,
    off: Off::Zero,
    unasked: Unasked::Thinks,
});
const BUDGET_LITE: Thinking = Thinking::Budget(Budget {
    least: 512,
    most: 24_576,
    minimal: 512,
    off: Off::Zero,
    unasked: Unasked::Rests,
});
const BUDGET_PRO: Thinking = Thinking::Budget(Budget {
    least: 128,
    most: 32_768,
    minimal: 1_024,
    off: Off::Never,
    unasked: Unasked::Thinks,
});
const FROM_MINIMAL: Thinking =
    Thinking::Levels(&[Level::Minimal, Level::Low, Level::Medium, Level::High]);
const FROM_LOW: Thinking = Thinking::Levels(&[Level::Low, Level::Medium, Level::High]);
const LOW_OR_HIGH: Thinking = Thinking::Levels(&[Level::Low, Level::High]);
const UP_TO_XHIGH: Thinking =
    Thinking::Levels(&[Level::Low, Level::Medium, Level::High, Level::Xhigh]);

/// Gemini 2.0 and before.
const GEMINI_2: Rules = Rules {
    thinking: Thinking::Fixed,
    sampling: Takes::Yes,
    penalties: Takes::Yes,
    prefill: Takes::Yes,
    system: Takes::Yes,
    media_in_responses: Takes::No,
    json_with_tools: Takes::No,
    validated: Takes::No,
    signed_calls: Takes::No,
    streamed_only: Takes::No,
    max_output: 8_192,
};
const GEMINI_2_5: Rules = Rules {
    thinking: BUDGET_FLASH,
    penalties: Takes::No,
    validated: Takes::Yes,
    max_output: 65_536,
    ..GEMINI_2
};
const GEMINI_3: Rules = Rules {
    thinking: FROM_MINIMAL,
    media_in_responses: Takes::Yes,
    json_with_tools: Takes::Yes,
    signed_calls: Takes::Yes,
    ..GEMINI_2_5
};
/// From Gemini 3.6 and 3.5 Flash-Lite on.
const GEMINI_3_6: Rules = Rules {
    sampling: Takes::No,
    prefill: Takes::No,
    ..GEMINI_3
};
const GEMINI_3_7: Rules = Rules {
    thinking: FROM_LOW,
    ..GEMINI_3_6
};
const GEMINI_4: Rules = Rules {
    streamed_only: Takes::Yes,
    ..GEMINI_3_7
};
const GEMMA: Rules = Rules {
    system: Takes::No,
    penalties: Takes::No,
    ..GEMINI_2
};

const GEMMA_4: Rules = Rules {
    max_output: 32_768,
    ..GEMMA
};

/// A family: what its names begin with and, if anything, contain; then what it takes.
type Row = (&'static str, &'static str, Rules);

/// Tried in order; the first row that fits holds.
const FAMILIES: &[Row] = &[
    ("gemma-4", "", GEMMA_4),
    ("gemma", "", GEMMA),
    ("learnlm", "", GEMINI_2),
    ("gemini-1", "", GEMINI_2),
    ("gemini-2.0", "", GEMINI_2),
    ("gemini-2.5", "-image", fixed(GEMINI_2_5, 32_768)),
    ("gemini-2.5", "-tts", fixed(GEMINI_2_5, 32_768)),
    ("gemini-2.5-pro", "", thinks(GEMINI_2_5, BUDGET_PRO)),
    ("gemini-2.5-flash-lite", "", thinks(GEMINI_2_5, BUDGET_LITE)),
    ("gemini-2.5", "", GEMINI_2_5),
    ("gemini-3", "-image", fixed(GEMINI_3, 32_768)),
    ("gemini", "-tts", fixed(GEMINI_3, 32_768)),
    ("gemini-nano-banana", "", fixed(GEMINI_3, 32_768)),
    ("gemini-3-pro", "", thinks(GEMINI_3, LOW_OR_HIGH)),
    ("gemini-3.1-pro", "", thinks(GEMINI_3, FROM_LOW)),
    ("gemini-pro-latest", "", thinks(GEMINI_3, FROM_LOW)),
    ("gemini-3.5-flash-lite", "", GEMINI_3_6),
    ("gemini-flash-lite-latest", "", GEMINI_3_6),
    ("gemini-3.6", "", GEMINI_3_6),
    ("gemini-3.7", "", GEMINI_3_7),
    ("gemini-3.8", "", GEMINI_3_7),
    ("gemini-3.9", "", GEMINI_3_7),
    ("gemini-flash-latest", "", GEMINI_3_7),
    ("gemini-3", "", GEMINI_3),
    ("gemini-4-hydrogen", "", thinks(GEMINI_4, UP_TO_XHIGH)),
    ("gemini-omni", "", GEMINI_3_7),
    ("", "", GEMINI_4),
];

const fn thinks(rules: Rules, thinking: Thinking) -> Rules {
    Rules { thinking, ..rules }
}

/// A model that makes media: it refuses to be asked about its thinking.
const fn fixed(rules: Rules, max_output: u64) -> Rules {
    Rules {
        thinking: Thinking::Fixed,
        max_output,
        ..rules
    }
}

/// What this model takes. `models/` before the name is ignored.
pub fn rules(model: &str) -> Rules {
    let name = model.strip_prefix("models/").unwrap_or(model);
    FAMILIES
        .iter()
        .find(|(prefix, part, _)| name.starts_with(prefix) && name.contains(part))
        .map_or(GEMINI_4, |(_, _, rules)| *rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_is_found_by_its_name() {
        for (model, thinking) in [
            ("gemini-2.0-flash", Thinking::Fixed),
            ("gemini-2.5-pro", BUDGET_PRO),
            ("gemini-2.5-flash", BUDGET_FLASH),
            ("gemini-2.5-flash-lite", BUDGET_LITE),
            ("gemini-2.5-flash-image", Thinking::Fixed),
            ("gemini-3-pro-preview", LOW_OR_HIGH),
            ("gemini-3-pro-image-preview", Thinking::Fixed),
            ("gemini-3-flash-preview", FROM_MINIMAL),
            ("gemini-3.1-pro-preview", FROM_LOW),
            ("gemini-3.1-flash-lite", FROM_MINIMAL),
            ("gemini-3.5-flash", FROM_MINIMAL),
            ("gemini-3.6-flash", FROM_MINIMAL),
            ("models/gemini-3.8-flash", FROM_LOW),
            ("gemini-4-argon", FROM_LOW),
            ("gemini-4-hydrogen", UP_TO_XHIGH),
            ("gemini-5-something", FROM_LOW),
        ] {
            assert_eq!(rules(model).thinking, thinking, "{model}");
        }
    }

    #[test]
    fn sampling_and_prefill_end_with_3_5_flash_lite_and_3_6() {
        for (model, takes) in [
            ("gemini-3.5-flash", Takes::Yes),
            ("gemini-3.5-flash-lite", Takes::No),
            ("gemini-3.6-flash", Takes::No),
            ("gemini-4-carbon", Takes::No),
        ] {
            assert_eq!(rules(model).sampling, takes, "{model}");
            assert_eq!(rules(model).prefill, takes, "{model}");
        }
    }
}
