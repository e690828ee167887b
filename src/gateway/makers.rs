//! Which model made a bare signature.
//!
//! A client of Anthropic's protocol brings thinking back with the signature that it was given, and a signature names no
//! model. But thinking goes back to no model but the one that made it, so the makers of those that went by are known here:
//! by hashes, bounded, in this process alone. One that is not known is left for the API to judge.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::canonical::item::{Item, Reasoning};
use crate::canonical::native::Protocol;
use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::canonical::sealed::{Block, Envelope};

/// So many signatures are known; beyond, all are forgotten.
const MOST: usize = 50_000;

/// The makers, by the hashes of what they made.
#[derive(Debug, Default)]
pub(super) struct Makers(Mutex<HashMap<[u8; 32], String>>);

impl Makers {
    /// Remembers who made this.
    pub(super) fn made(&self, thought: &Reasoning) {
        let state = thought.encrypted_content.as_deref();
        let Some(envelope) = state.and_then(Envelope::open) else {
            return;
        };
        let mut makers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if makers.len() >= MOST {
            makers.clear();
        }
        for state in envelope.blocks.iter().filter_map(bare) {
            makers.insert(Sha256::digest(state).into(), envelope.model.clone());
        }
    }

    /// Names the makers of what a client brings.
    pub(super) fn name(&self, request: &mut Arc<Request>) {
        if request.spoken(Protocol::Messages).is_none() {
            return;
        }
        let mut named = Vec::new();
        for (at, item) in request.input.iter().enumerate() {
            if let Open::Known(Item::Reasoning(reasoning)) = item
                && let Some(sealed) = self.named(reasoning)
            {
                named.push((at, sealed));
            }
        }
        for (at, sealed) in named {
            if let Some(Open::Known(Item::Reasoning(item))) =
                Arc::make_mut(request).input.get_mut(at)
            {
                item.encrypted_content = Some(sealed);
            }
        }
    }

    fn named(&self, reasoning: &Reasoning) -> Option<String> {
        let mut envelope = Envelope::open(reasoning.encrypted_content.as_deref()?)?;
        if !envelope.model.is_empty() {
            return None;
        }
        let state = envelope.blocks.first().and_then(bare)?;
        let makers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash: [u8; 32] = Sha256::digest(state).into();
        envelope.model.clone_from(makers.get(&hash)?);
        Some(envelope.seal())
    }
}

/// What such a client has in its hands.
fn bare(block: &Block) -> Option<&str> {
    match block {
        Block::Thinking { signature, .. } => Some(signature),
        Block::Redacted { data } => Some(data),
        Block::Signature { .. } | Block::Encrypted { .. } | Block::Details { .. } => None,
    }
}
