//! Turns: items grouped by who speaks, in the order and the shape that the API insists on.
//!
//! The same items always make the same turns, since prompt caches and thinking signatures hang on every byte before
//! them. Tool results stand first in a user's turn, system messages after it, and thinking goes back whole or not at
//! all.

use std::borrow::Cow;

use crate::error::Error;
use crate::providers::Loss;
use crate::wire::anthropic::request::{Block, Role, Turn};

/// Who speaks, as the API alternates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    User,
    Assistant,
}

/// Whether the thinking of a turn can go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    Whole,
    /// A part is missing or another model's, so none goes back.
    Lost,
}

/// One turn being gathered.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    side: Side,
    /// The place of its first item in the input.
    at: usize,
    pub(super) results: Vec<Block<'a>>,
    pub(super) blocks: Vec<Block<'a>>,
    /// System messages that were said in this turn, and where they stood.
    system: Vec<Block<'a>>,
    system_at: Vec<usize>,
    pub(super) replay: Replay,
}

/// A conversation being gathered.
#[derive(Debug, Default)]
pub(super) struct Drafts<'a> {
    pub(super) system: Vec<Block<'a>>,
    turns: Vec<Draft<'a>>,
}

/// What stands at the end of a conversation that the model has begun to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// The model goes on from there.
    GoesOn,
    /// The model refuses that.
    Refused,
}

/// Stands in for a user who has not spoken first.
const OPENING: &str = "(The conversation begins.)";

/// Asks a model that cannot go on from its own beginning to do so.
const GO_ON: &str = "Continue.";

impl<'a> Drafts<'a> {
    /// Has anybody but the operator spoken?
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The turn of this side that an item belongs to.
    pub(super) fn turn(&mut self, side: Side, at: usize) -> &mut Draft<'a> {
        let new = self.turns.last().is_none_or(|last| last.side != side);
        if new {
            self.turns.push(Draft::new(side, at));
        }
        let last = self.turns.len() - 1;
        &mut self.turns[last]
    }

    /// Adds what the user says. A system message of the same turn then stands behind it, not before it.
    pub(super) fn user(&mut self, at: usize, blocks: Vec<Block<'a>>, losses: &mut Vec<Loss>) {
        let turn = self.turn(Side::User, at);
        if !blocks.is_empty() {
            for system in turn.system_at.drain(..) {
                losses.push(Loss::new(
                    format!("input[{system}]"),
                    "the system message moved behind the user's message that follows it",
                ));
            }
        }
        turn.blocks.extend(blocks);
    }

    /// Adds a system message in the middle of the conversation, for a model that takes them.
    pub(super) fn system_turn(&mut self, at: usize, blocks: Vec<Block<'a>>) {
        let turn = self.turn(Side::User, at);
        turn.system.extend(blocks);
        turn.system_at.push(at);
    }

    /// Is the model in the middle of a tool loop whose thinking is gone? Models with a budget then refuse to think.
    pub(super) fn lacks_thinking(&self) -> bool {
        match self.turns.as_slice() {
            [.., calls, results] if !results.results.is_empty() => {
                let first = calls.blocks.first().filter(|_| calls.replays());
                calls.calls().next().is_some() && !first.is_some_and(|block| is_thinking(block))
            }
            _ => false,
        }
    }

    /// Is the model's own beginning at the end?
    pub(super) fn ends_with_model(&self) -> bool {
        self.turns
            .last()
            .is_some_and(|last| last.side == Side::Assistant)
    }

    /// The system blocks and the messages.
    pub(super) fn finish(
        mut self,
        beginning: Beginning,
        losses: &mut Vec<Loss>,
    ) -> Result<(Vec<Block<'a>>, Vec<Turn<'a>>), Error> {
        for turn in &mut self.turns {
            turn.settle();
        }
        self.merge(losses)?;
        self.open(losses)?;
        check_pairs(&self.turns)?;
        if self.ends_with_model() {
            self.continue_model(beginning, losses);
        }
        let mut messages = Vec::with_capacity(self.turns.len());
        for turn in self.turns {
            let role = match turn.side {
                Side::User => Role::User,
                Side::Assistant => Role::Assistant,
            };
            let mut content = turn.results;
            content.extend(turn.blocks);
            messages.push(Turn { role, content });
            if !turn.system.is_empty() {
                let (role, content) = (Role::System, turn.system);
                messages.push(Turn { role, content });
            }
        }
        Ok((self.system, messages))
    }

    /// Leaves out turns without content and joins neighbours of one side.
    fn merge(&mut self, losses: &mut Vec<Loss>) -> Result<(), Error> {
        let mut merged: Vec<Draft<'a>> = Vec::with_capacity(self.turns.len());
        for turn in std::mem::take(&mut self.turns) {
            if turn.is_silent() {
                match turn.side {
                    Side::Assistant => continue,
                    Side::User if turn.system.is_empty() => return Err(says_nothing(turn.at)),
                    Side::User => {}
                }
            }
            match merged.last_mut() {
                Some(last) if last.side == turn.side => last.join(turn),
                _ => merged.push(turn),
            }
        }
        // A system message needs a user's turn before it; without one it can only stand at the top.
        for turn in merged {
            if turn.is_silent() {
                for at in &turn.system_at {
                    losses.push(Loss::new(
                        format!("input[{at}]"),
                        "the system message moved to the top of the conversation",
                    ));
                }
                self.system.extend(turn.system);
                continue;
            }
            match self.turns.last_mut() {
                Some(last) if last.side == turn.side => last.join(turn),
                _ => self.turns.push(turn),
            }
        }
        Ok(())
    }

    /// Sees to it that a user speaks first.
    fn open(&mut self, losses: &mut Vec<Loss>) -> Result<(), Error> {
        match self.turns.first() {
            Some(first) if first.side == Side::User => {}
            Some(first) => {
                losses.push(Loss::new(
                    format!("input[{}]", first.at),
                    "a user's message was put before it, since the model may not speak first",
                ));
                let mut opening = Draft::new(Side::User, 0);
                opening.blocks.push(text(OPENING));
                self.turns.insert(0, opening);
            }
            None => {
                let Some(last) = self.system.pop() else {
                    return Err(Error::unsupported(
                        "input",
                        "there is nothing to answer: the provider takes no empty conversation",
                    )
                    .with_code("empty_array"));
                };
                losses.push(Loss::new(
                    "input",
                    "the last instruction was sent as the user's, since somebody must ask",
                ));
                let mut only = Draft::new(Side::User, 0);
                only.blocks.push(last);
                self.turns.push(only);
            }
        }
        Ok(())
    }

    /// The model's own beginning stands at the end: without white space where it may go on, answered where it may not.
    fn continue_model(&mut self, beginning: Beginning, losses: &mut Vec<Loss>) {
        let Some(last) = self.turns.last_mut() else {
            return;
        };
        if beginning == Beginning::GoesOn
            && let Some(Block::Text { text, .. }) = last.blocks.last_mut()
        {
            let kept = text.trim_end().len();
            if kept < text.len() {
                text.to_mut().truncate(kept);
            }
            return;
        }
        losses.push(Loss::new(
            format!("input[{}]", last.at),
            "the model cannot go on from its own words, so it is asked to",
        ));
        let at = last.at;
        let mut more = Draft::new(Side::User, at);
        more.blocks.push(text(GO_ON));
        self.turns.push(more);
    }
}

impl Draft<'_> {
    fn new(side: Side, at: usize) -> Self {
        Self {
            side,
            at,
            results: Vec::new(),
            blocks: Vec::new(),
            system: Vec::new(),
            system_at: Vec::new(),
            replay: Replay::Whole,
        }
    }

    fn is_silent(&self) -> bool {
        self.results.is_empty() && self.blocks.is_empty()
    }

    fn join(&mut self, more: Self) {
        self.results.extend(more.results);
        self.blocks.extend(more.blocks);
        self.system.extend(more.system);
        self.system_at.extend(more.system_at);
    }

    fn calls(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().filter_map(|block| match block {
            Block::ToolUse { id, .. } => Some(id.as_ref()),
            _ => None,
        })
    }

    /// Does the thinking of this turn go back? It cannot be the last thing that the model said.
    fn replays(&self) -> bool {
        self.replay == Replay::Whole && !self.blocks.last().is_some_and(is_thinking)
    }

    /// Leaves thinking out that may not go back, and puts calls behind the words between two thoughts, since results
    /// must follow calls at once.
    fn settle(&mut self) {
        if self.side == Side::User {
            return;
        }
        if !self.replays() {
            self.blocks.retain(|block| !is_thinking(block));
        }
        for segment in self
            .blocks
            .chunk_by_mut(|a, b| !is_thinking(a) && !is_thinking(b))
        {
            segment.sort_by_key(|block| matches!(block, Block::ToolUse { .. }));
        }
    }
}

fn is_thinking(block: &Block<'_>) -> bool {
    matches!(
        block,
        Block::Thinking { .. } | Block::RedactedThinking { .. }
    )
}

fn text(text: &'static str) -> Block<'static> {
    Block::Text {
        text: Cow::Borrowed(text),
        cache_control: None,
    }
}

fn says_nothing(at: usize) -> Error {
    Error::unsupported(
        format!("input[{at}]"),
        "the provider takes no message without text or media",
    )
    .with_code("invalid_value")
}

/// Each call must be answered in the very next message.
fn check_pairs(turns: &[Draft<'_>]) -> Result<(), Error> {
    for (at, turn) in turns.iter().enumerate() {
        for call in turn.calls() {
            let answered = turns.get(at + 1).is_some_and(|next| {
                next.results.iter().any(
                    |block| matches!(block, Block::ToolResult { tool_use_id, .. } if tool_use_id == call),
                )
            });
            if !answered {
                return Err(Error::unsupported(
                    format!("input[{}]", turn.at),
                    format!("the tool call `{call}` has no output right after it"),
                )
                .with_code("missing_function_call_output"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
