//! Reasoning on its way back: shown as it comes, and sealed where the server wants it again.

use super::details::{self, Details};
use super::quirks::Replay;
use crate::canonical::compose::{Block, Composer};
use crate::canonical::sealed::{Block as Sealed, Place};
use crate::wire::chat::reply::Message;
use crate::wire::chat::{Content, ToolCall};

/// The block of all reasoning.
pub(super) const REASONING: Block = 2;

/// The reasoning of one reply.
#[derive(Debug)]
pub(super) struct Thoughts {
    provider: String,
    model: String,
    replay: Replay,
    details: Details,
    /// What must come back as text, until it is sealed.
    text: String,
}

impl Thoughts {
    /// Seals for this provider and model.
    pub(super) fn new(provider: String, model: String, replay: Replay) -> Self {
        Self {
            provider,
            model,
            replay,
            details: Details::default(),
            text: String::new(),
        }
    }

    /// Reasoning by whichever name. Several names at once say the same.
    pub(super) fn message(&mut self, message: &Message<'_>, out: &mut Composer) {
        let fields = [
            &message.reasoning_content,
            &message.reasoning,
            &message.thinking,
        ];
        let mut said = false;
        if let Some(content) = fields.into_iter().flatten().find(|c| !is_empty(c)) {
            said = true;
            self.part(content, out);
        }
        for raw in message.reasoning_details.iter().flatten() {
            let text = self.details.push(raw);
            if let Some(text) = text.filter(|_| !said) {
                self.think(&text, out);
            }
        }
    }

    /// Reasoning in any form.
    pub(super) fn part(&mut self, content: &Content<'_>, out: &mut Composer) {
        match content {
            Content::Null => {}
            Content::Text(text) => self.think(text, out),
            Content::Parts(parts) => {
                for part in parts {
                    if let Some(text) = &part.text {
                        self.think(text.as_str(), out);
                    }
                    if let Some(deeper) = &part.thinking {
                        self.part(deeper, out);
                    }
                }
            }
        }
    }

    fn think(&mut self, text: &str, out: &mut Composer) {
        if text.is_empty() {
            return;
        }
        out.reasoning(REASONING, text);
        if self.replay == Replay::ReasoningContent {
            self.text.push_str(text);
        }
    }

    /// Google puts a signature on the call that it belongs to: it rides on reasoning of its own before the call.
    pub(super) fn sign(&self, call: &ToolCall<'_>, out: &mut Composer) {
        let google = call
            .extra_content
            .as_ref()
            .and_then(|extra| extra.google.as_ref());
        if let Some(signature) = google.and_then(|google| google.thought_signature.as_ref()) {
            let block = Sealed::Signature {
                place: Place::NextCall,
                signature: signature.as_str().to_owned(),
            };
            self.envelope(vec![block], out);
        }
    }

    /// Puts what must come back on the reasoning, before anything else begins.
    pub(super) fn seal(&mut self, out: &mut Composer) {
        let mut blocks = Vec::new();
        if !self.text.is_empty() {
            blocks.push(Sealed::Thinking {
                text: std::mem::take(&mut self.text),
                signature: String::new(),
            });
        }
        if let Some(details) = self.details.take() {
            blocks.push(Sealed::Details { details });
        }
        if !blocks.is_empty() {
            self.envelope(blocks, out);
        }
    }

    fn envelope(&self, blocks: Vec<Sealed>, out: &mut Composer) {
        let sealed = details::seal(&self.provider, &self.model, blocks);
        out.seal(REASONING, sealed);
    }
}

fn is_empty(content: &Content<'_>) -> bool {
    match content {
        Content::Null => true,
        Content::Text(text) => text.is_empty(),
        Content::Parts(parts) => parts.is_empty(),
    }
}
