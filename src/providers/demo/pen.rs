//! Writes the verbs of an answer, word by word, and stops at the limit of tokens.

use super::count::{CHARS_PER_TOKEN, chars, tokens};
use super::faults::Ending;
use super::stream::{Reason, Verb};
use crate::canonical::part::Json;
use crate::canonical::request::Request;

/// Where words go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// A summary of the reasoning.
    Reasoning,
    /// Thought, counted, and not shown.
    Silence,
    /// The answer.
    Text,
    /// A refusal in its place.
    Refusal,
    /// The arguments of the call that was begun last.
    Arguments,
}

/// One delta has at most so many characters, where no space comes sooner.
const LONGEST_DELTA: usize = 16;

/// Writes verbs until the limit is reached; what comes after it is not said.
#[derive(Debug)]
pub(super) struct Pen {
    verbs: Vec<Verb<'static>>,
    block: u64,
    /// How many characters may still be written.
    left: usize,
    cut: Cut,
    written: usize,
    reasoned: usize,
}

/// Was anything left unsaid?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Nothing,
    Something,
}

impl Pen {
    /// A pen that obeys the request's limit.
    pub(super) fn new(request: &Request) -> Self {
        let most = request.max_output_tokens.unwrap_or(u64::MAX);
        Self {
            verbs: Vec::new(),
            block: 0,
            left: usize::try_from(most)
                .unwrap_or(usize::MAX)
                .saturating_mul(CHARS_PER_TOKEN),
            cut: Cut::Nothing,
            written: 0,
            reasoned: 0,
        }
    }

    /// Adds a verb that costs nothing.
    pub(super) fn push(&mut self, verb: Verb<'static>) {
        self.verbs.push(verb);
    }

    /// Writes a block of its own.
    pub(super) fn write(&mut self, channel: Channel, text: &str) {
        self.block += 1;
        self.go_on(channel, text);
    }

    /// Puts the opaque state on the reasoning that was just written.
    pub(super) fn seal(&mut self, state: String) {
        self.verbs.push(Verb::Seal {
            block: self.block,
            state: state.into(),
        });
    }

    /// Writes a call.
    pub(super) fn call(&mut self, call_id: &str, name: &str, arguments: &str) {
        if self.cut == Cut::Something || self.left == 0 {
            self.cut = Cut::Something;
            return;
        }
        self.block += 1;
        self.verbs.push(Verb::Call {
            block: self.block,
            call_id: call_id.to_owned().into(),
            name: name.to_owned().into(),
        });
        self.go_on(Channel::Arguments, arguments);
        self.verbs.push(Verb::Close { block: self.block });
    }

    /// Adds an item in one piece.
    pub(super) fn item(&mut self, item: Json) {
        let size = chars(item.get());
        if self.cut == Cut::Something || size > self.left {
            self.cut = Cut::Something;
            return;
        }
        self.left -= size;
        self.written += size;
        self.verbs.push(Verb::Item(item));
    }

    /// The counts and the end.
    pub(super) fn end(mut self, input: u64, ending: Option<Ending>) -> Vec<Verb<'static>> {
        let reason = match (ending, self.cut) {
            (Some(Ending::ContentFilter), _) => Reason::ContentFilter,
            (Some(Ending::Refusal) | None, Cut::Something) => Reason::MaxTokens,
            (Some(Ending::Refusal) | None, Cut::Nothing) => Reason::Complete,
        };
        self.verbs.push(Verb::Usage {
            input,
            output: tokens(self.written),
            reasoning: tokens(self.reasoned),
        });
        self.verbs.push(Verb::Stop(reason));
        self.verbs
    }

    fn go_on(&mut self, channel: Channel, text: &str) {
        for delta in deltas(text) {
            let whole = chars(&delta);
            let delta: String = delta.chars().take(self.left).collect();
            let size = chars(&delta);
            if size < whole {
                self.cut = Cut::Something;
            }
            self.left -= size;
            self.written += size;
            if matches!(channel, Channel::Reasoning | Channel::Silence) {
                self.reasoned += size;
            }
            if size > 0 {
                self.delta(channel, delta);
            }
        }
    }

    fn delta(&mut self, channel: Channel, delta: String) {
        let (block, delta) = (self.block, delta.into());
        self.verbs.push(match channel {
            Channel::Reasoning => Verb::Reasoning { block, delta },
            Channel::Text => Verb::Text { block, delta },
            Channel::Refusal => Verb::Refusal { block, delta },
            Channel::Arguments => Verb::Arguments { block, delta },
            Channel::Silence => return,
        });
    }
}

/// Words with the space after them; long ones in pieces.
fn deltas(text: &str) -> impl Iterator<Item = String> {
    text.split_inclusive(char::is_whitespace).flat_map(|word| {
        let chars: Vec<char> = word.chars().collect();
        let pieces = chars
            .chunks(LONGEST_DELTA)
            .map(|piece| piece.iter().collect());
        pieces.collect::<Vec<String>>()
    })
}
