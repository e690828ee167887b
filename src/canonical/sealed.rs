//! The envelope for a vendor's opaque state.
//!
//! Thinking signatures and the like ride in `reasoning.encrypted_content` as `llmgw1.` and base64url of JSON with a
//! checksum. They come back exactly as issued, and only to the vendor that made them: an envelope that does not open,
//! or that another vendor made, is treated as foreign and left out by the provider that finds it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::item::Reasoning;

/// Begins every envelope; never sent to an upstream that issues its own opaque state.
pub const PREFIX: &str = "llmgw1.";

/// What a vendor wants back, verbatim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The vendor family: `anthropic`, `google`, `chat:NAME`.
    #[serde(rename = "p")]
    pub vendor: String,
    /// The model that made it.
    #[serde(rename = "m")]
    pub model: String,
    /// The pieces, in order.
    #[serde(rename = "b")]
    pub blocks: Vec<Block>,
}

/// One piece of opaque state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Block {
    /// An Anthropic `thinking` block.
    Thinking {
        /// Its text, which may be empty.
        #[serde(rename = "x")]
        text: String,
        /// Its signature.
        #[serde(rename = "s")]
        signature: String,
    },
    /// An Anthropic `redacted_thinking` block.
    Redacted {
        /// Its data.
        #[serde(rename = "d")]
        data: String,
    },
    /// A Gemini `thoughtSignature`.
    Signature {
        /// The part that it stands on.
        #[serde(rename = "for")]
        place: Place,
        /// Base64, as issued.
        #[serde(rename = "s")]
        signature: String,
    },
    /// OpenAI's `encrypted_content`, where a door's protocol has room for one opaque value only.
    Encrypted {
        /// The reasoning item's id.
        #[serde(rename = "i")]
        id: Option<String>,
        /// The value, as issued.
        #[serde(rename = "d")]
        data: String,
    },
    /// A Chat Completions server's `reasoning_details`.
    Details {
        /// The list as JSON text, byte for byte.
        #[serde(rename = "j")]
        details: String,
    },
}

/// The part that a Gemini signature stands on, seen from the reasoning item that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The function call that follows.
    NextCall,
    /// The text before it.
    PrevText,
    /// A thought part of its own.
    Thought,
}

impl Envelope {
    /// Seals the envelope into text for `encrypted_content`.
    pub fn seal(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut bytes = checksum(&json).to_vec();
        bytes.extend_from_slice(&json);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens what [`Self::seal`] made; `None` for anything else.
    pub fn open(text: &str) -> Option<Self> {
        // A foreign or damaged value is expected here and means "not ours", so the reason does not matter.
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (sum, json) = bytes.split_at_checked(4)?;
        if sum != checksum(json) {
            return None;
        }
        serde_json::from_slice(json).ok()
    }
}

/// A reasoning item's opaque state for a protocol whose clients give back one value and nothing beside it: an envelope of
/// ours as it is, and OpenAI's state, which must return with its item's id, in an envelope.
pub fn portable(item: &Reasoning, model: &str) -> Option<String> {
    let state = item.encrypted_content.as_ref()?;
    if state.starts_with(PREFIX) {
        return Some(state.clone());
    }
    let block = Block::Encrypted {
        id: item.id.clone(),
        data: state.clone(),
    };
    let envelope = Envelope {
        vendor: OPENAI.to_owned(),
        model: model.to_owned(),
        blocks: vec![block],
    };
    Some(envelope.seal())
}

/// What [`portable`] made, as the item that it was made of: its id, if that matters, and its state.
pub fn restored(state: String) -> (Option<String>, String) {
    let Some(envelope) = Envelope::open(&state).filter(|envelope| envelope.vendor == OPENAI) else {
        return (None, state);
    };
    match envelope.blocks.into_iter().next() {
        Some(Block::Encrypted { id, data }) => (id, data),
        _ => (None, state),
    }
}

/// OpenAI's name in envelopes.
const OPENAI: &str = "openai";

fn checksum(json: &[u8]) -> [u8; 4] {
    let hash = Sha256::digest(json);
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_opens_as_it_was_sealed() {
        let envelope = Envelope {
            vendor: "anthropic".into(),
            model: "claude-opus-5-5".into(),
            blocks: vec![
                Block::Thinking {
                    text: "a\u{2028}b".into(),
                    signature: "Eo+/=".into(),
                },
                Block::Redacted { data: "x".into() },
                Block::Details {
                    details: "[{\"b\": 1.0,  \"a\":2}]".into(),
                },
            ],
        };
        assert_eq!(Envelope::open(&envelope.seal()), Some(envelope));
    }

    #[test]
    fn state_of_openais_travels_in_an_envelope_with_its_id() {
        let item = Reasoning {
            id: Some("rs_1".into()),
            encrypted_content: Some("gAAAAABp".into()),
            ..Reasoning::default()
        };
        let state = portable(&item, "gpt-6-luna").unwrap();
        assert!(state.starts_with(PREFIX));
        assert_eq!(restored(state), (Some("rs_1".into()), "gAAAAABp".into()));
        let sealed = Envelope {
            vendor: "google".into(),
            model: "m".into(),
            blocks: Vec::new(),
        }
        .seal();
        let item = Reasoning {
            encrypted_content: Some(sealed.clone()),
            ..Reasoning::default()
        };
        assert_eq!(portable(&item, "m").as_ref(), Some(&sealed));
        assert_eq!(restored(sealed.clone()), (None, sealed));
        assert_eq!(portable(&Reasoning::default(), "m"), None);
    }

    #[test]
    fn a_changed_or_foreign_envelope_does_not_open() {
        let sealed = Envelope {
            vendor: "google".into(),
            model: "m".into(),
            blocks: Vec::new(),
        }
        .seal();
        let mut changed = sealed.clone().into_bytes();
        let last = changed.len() - 3;
        changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
        assert_eq!(Envelope::open(std::str::from_utf8(&changed).unwrap()), None);
        assert_eq!(Envelope::open("gAAAAABp"), None);
        assert_eq!(Envelope::open("llmgw1."), None);
    }
}
