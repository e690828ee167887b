//! The thinking in a client's own messages: what we sealed is opened, what another model made goes.
//!
//! Blocks that stay are not touched: signatures and caches hang on every byte.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::block::VENDOR;
use super::turns::Replay;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::sealed::{Block, Envelope, PREFIX};
use crate::wire::fields::Fields;

/// Judges thinking: which of it the model made.
pub(super) struct Thoughts<'m> {
    model: &'m str,
    foreign: HashSet<String>,
    replay: Replay,
}

/// What becomes of a block.
enum Fate<'a> {
    Stays(&'a RawValue),
    Becomes(Vec<Value>),
    Goes,
}

impl<'m> Thoughts<'m> {
    pub(super) fn of(input: &[Open<Item>], model: &'m str, replay: Replay) -> Self {
        let foreign = foreign(input, model);
        Self {
            model,
            foreign,
            replay,
        }
    }

    /// Can all stay that nobody sealed?
    pub(super) fn may_stay(&self) -> bool {
        self.foreign.is_empty() && self.replay == Replay::Whole
    }

    /// A message with its thinking made good; `None` if nothing else was in it. Thinking goes back whole or not at all.
    pub(super) fn message<'a>(&self, raw: &'a RawValue) -> Option<Cow<'a, RawValue>> {
        let same = Some(Cow::Borrowed(raw));
        let Ok(mut message) = serde_json::from_str::<Fields<'a>>(raw.get()) else {
            return same;
        };
        let content = message.0.iter().find(|(key, _)| key == "content");
        let Some((_, Cow::Borrowed(content))) = content else {
            return same;
        };
        let Ok(blocks) = serde_json::from_str::<Vec<&'a RawValue>>(content.get()) else {
            return same;
        };
        let fates: Vec<(Kind, Fate<'a>)> =
            blocks.into_iter().map(|block| self.block(block)).collect();
        if fates.iter().all(|(_, fate)| matches!(fate, Fate::Stays(_))) {
            return same;
        }
        let lost = fates.iter().any(|(_, fate)| matches!(fate, Fate::Goes));
        let mut kept: Vec<Cow<'a, RawValue>> = Vec::with_capacity(fates.len());
        for (kind, fate) in fates {
            match fate {
                _ if lost && kind == Kind::Thinking => {}
                Fate::Goes => {}
                Fate::Stays(block) => kept.push(Cow::Borrowed(block)),
                Fate::Becomes(blocks) => kept.extend(
                    blocks
                        .iter()
                        .filter_map(|block| serde_json::value::to_raw_value(block).ok())
                        .map(Cow::Owned),
                ),
            }
        }
        if kept.is_empty() {
            return None;
        }
        message.set("content", &kept);
        serde_json::value::to_raw_value(&message)
            .ok()
            .map(Cow::Owned)
    }

    fn block<'a>(&self, raw: &'a RawValue) -> (Kind, Fate<'a>) {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(rename = "type", borrow, default)]
            kind: Cow<'a, str>,
            #[serde(borrow, default)]
            signature: Option<Cow<'a, str>>,
            #[serde(borrow, default)]
            data: Option<Cow<'a, str>>,
        }
        let head = match serde_json::from_str::<Head<'a>>(raw.get()) {
            Ok(head) if head.kind == "thinking" || head.kind == "redacted_thinking" => head,
            Ok(_) | Err(_) => return (Kind::Other, Fate::Stays(raw)),
        };
        let state = head.signature.or(head.data).unwrap_or_default();
        let fate = if self.replay == Replay::Lost || self.foreign.contains(state.as_ref()) {
            Fate::Goes
        } else if state.starts_with(PREFIX) {
            self.opened(&state).map_or(Fate::Goes, Fate::Becomes)
        } else {
            Fate::Stays(raw)
        };
        (Kind::Thinking, fate)
    }

    /// What we sealed of this model's.
    fn opened(&self, state: &str) -> Option<Vec<Value>> {
        let envelope = Envelope::open(state)?;
        let ours = envelope.model.is_empty() || envelope.model == self.model;
        if envelope.vendor != VENDOR || !ours || envelope.blocks.is_empty() {
            return None;
        }
        let blocks = envelope.blocks.into_iter().map(|block| match block {
            Block::Thinking { text, signature } => {
                Some(json!({ "type": "thinking", "thinking": text, "signature": signature }))
            }
            Block::Redacted { data } => Some(json!({ "type": "redacted_thinking", "data": data })),
            Block::Signature { .. } | Block::Encrypted { .. } | Block::Details { .. } => None,
        });
        blocks.collect()
    }
}

/// Is a block thinking?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Thinking,
    Other,
}

/// The state in this conversation that is known to be another model's.
fn foreign(input: &[Open<Item>], model: &str) -> HashSet<String> {
    let mut foreign = HashSet::new();
    for item in input {
        let Open::Known(Item::Reasoning(reasoning)) = item else {
            continue;
        };
        let state = reasoning.encrypted_content.as_deref();
        let Some(envelope) = state.and_then(Envelope::open) else {
            continue;
        };
        if envelope.vendor != VENDOR || envelope.model.is_empty() || envelope.model == model {
            continue;
        }
        foreign.extend(envelope.blocks.into_iter().filter_map(|block| match block {
            Block::Thinking { signature, .. } => Some(signature),
            Block::Redacted { data } => Some(data),
            Block::Signature { .. } | Block::Encrypted { .. } | Block::Details { .. } => None,
        }));
    }
    foreign
}
