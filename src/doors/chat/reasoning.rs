//! Opaque state in a protocol that has no place for it of its own.
//!
//! It rides where clients of routers keep it: in `reasoning_details`, one entry for each sealed value, its `id` that of
//! the call it stands before. A Gemini signature rides on its call besides, where Google's own clients keep it.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::canonical::item::{Item, Reasoning};
use crate::canonical::open::Open;
use crate::canonical::sealed::{self, Block, Envelope, PREFIX, Place};

/// The kind of our entries; the name is OpenRouter's.
const KIND: &str = "reasoning.encrypted";

/// What a message brings back.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Brought {
    /// What stands before all else.
    pub(super) before: Vec<String>,
    /// What stands after the text.
    pub(super) after: Vec<String>,
    /// What stands before a call, by its id.
    pub(super) calls: Vec<(String, String)>,
    /// Is there state of somebody else's?
    pub(super) foreign: bool,
}

/// Reads `reasoning_details`.
pub(super) fn brought(details: Option<&RawValue>) -> Brought {
    #[derive(Deserialize)]
    struct Detail {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        data: Option<String>,
    }
    let mut brought = Brought::default();
    let Some(details) = details.filter(|raw| raw.get() != "null") else {
        return brought;
    };
    let Ok(list) = serde_json::from_str::<Vec<Detail>>(details.get()) else {
        brought.foreign = true;
        return brought;
    };
    for detail in list {
        let data = detail.data.filter(|data| data.starts_with(PREFIX));
        match (data, detail.id) {
            (Some(data), Some(id)) if detail.kind == KIND => brought.calls.push((id, data)),
            (Some(data), None) if detail.kind == KIND => {
                if stands_after(&data) {
                    brought.after.push(data);
                } else {
                    brought.before.push(data);
                }
            }
            _ => brought.foreign = true,
        }
    }
    brought
}

/// A signature of the text before it.
fn stands_after(state: &str) -> bool {
    let envelope = Envelope::open(state);
    envelope.is_some_and(|envelope| {
        let of_text = |block: &Block| {
            matches!(
                block,
                Block::Signature {
                    place: Place::PrevText,
                    ..
                }
            )
        };
        envelope.blocks.iter().any(of_text)
    })
}

/// A bare Gemini signature of a call, whose model nobody names.
pub(super) fn signed(signature: String) -> String {
    let block = Block::Signature {
        place: Place::NextCall,
        signature,
    };
    let envelope = Envelope {
        vendor: "google".to_owned(),
        model: String::new(),
        blocks: vec![block],
    };
    envelope.seal()
}

/// State that waits for what it stands before, and the entries that were written.
#[derive(Debug, Default)]
pub(super) struct Carried {
    waiting: Vec<Reasoning>,
    entries: usize,
}

impl Carried {
    /// A reasoning item is whole.
    pub(super) fn item(&mut self, item: &Item) {
        if let Item::Reasoning(reasoning) = item
            && reasoning.encrypted_content.is_some()
        {
            self.waiting.push(reasoning.clone());
        }
    }

    /// The signature of the call that begins, in Google's own form.
    pub(super) fn signature(&self) -> Option<Value> {
        let signature = self.waiting.iter().find_map(|reasoning| {
            let envelope = Envelope::open(reasoning.encrypted_content.as_deref()?)?;
            envelope.blocks.into_iter().find_map(|block| match block {
                Block::Signature {
                    place: Place::NextCall,
                    signature,
                } => Some(signature),
                _ => None,
            })
        })?;
        Some(json!({ "google": { "thought_signature": signature } }))
    }

    /// The entries for what waits, of the call that begins if there is one.
    pub(super) fn take(&mut self, call_id: Option<&str>, model: &str) -> Vec<Value> {
        let mut entries = Vec::with_capacity(self.waiting.len());
        for reasoning in self.waiting.drain(..) {
            let state = sealed::portable(&reasoning, model);
            entries.push(json!({
                "type": KIND, "id": call_id, "format": "llmgw", "index": self.entries, "data": state,
            }));
            self.entries += 1;
        }
        entries
    }
}

/// Does the last item carry state for what follows?
pub(super) fn is_signed(last: Option<&Open<Item>>) -> bool {
    matches!(last, Some(Open::Known(Item::Reasoning(reasoning))) if reasoning.encrypted_content.is_some())
}
