//! The verbs of text, refusals and reasoning.

use super::{Block, Composer, Feed, OpenItem, PartKind, ReasoningChannel};
use crate::canonical::event::{
    AnnotationEvent, ContentDelta, Event, PartEvent, SummaryDelta, SummaryPart, TextDelta,
};
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::part::{Annotation, Json, Part, TextPart};

impl Composer {
    /// Text goes on. Empty text opens nothing.
    pub fn text(&mut self, block: Block, delta: &str) {
        self.text_with(block, delta, Vec::new());
    }

    /// Text goes on, with log probabilities.
    pub fn text_with(&mut self, block: Block, delta: &str, logprobs: Vec<Json>) {
        if delta.is_empty() && logprobs.is_empty() {
            return;
        }
        if let Some((item_id, output_index, content_index)) =
            self.message_part(block, PartKind::Text)
        {
            let delta = delta.to_owned();
            self.emit(Event::TextDelta(TextDelta {
                item_id,
                output_index,
                content_index,
                delta,
                logprobs,
            }));
        }
    }

    /// A refusal goes on.
    pub fn refusal(&mut self, block: Block, delta: &str) {
        if delta.is_empty() {
            return;
        }
        if let Some((item_id, output_index, content_index)) =
            self.message_part(block, PartKind::Refusal)
        {
            let delta = delta.to_owned();
            self.emit(Event::RefusalDelta(ContentDelta {
                item_id,
                output_index,
                content_index,
                delta,
            }));
        }
    }

    /// The text of this block is annotated. Ignored where the block has no open text.
    pub fn annotate(&mut self, block: Block, annotation: Open<Annotation>) {
        let Some(OpenItem {
            index,
            id,
            feed: Feed::Message(Some((at, PartKind::Text))),
        }) = &self.open
        else {
            return;
        };
        if *at != block {
            return;
        }
        let (item_id, output_index) = (id.clone(), *index);
        let Some((content_index, annotation_index)) = self.annotations(output_index) else {
            return;
        };
        self.emit(Event::AnnotationAdded(AnnotationEvent {
            item_id,
            output_index,
            content_index,
            annotation_index,
            annotation,
        }));
    }

    /// Reasoning goes on, in the channel that the request chose.
    pub fn reasoning(&mut self, block: Block, delta: &str) {
        if delta.is_empty() {
            return;
        }
        let Some((item_id, output_index)) = self.reasoning_item(block) else {
            return;
        };
        let delta = delta.to_owned();
        match self.setup.reasoning {
            ReasoningChannel::Summary => {
                let summary_index = 0;
                if self.open_part(output_index).is_none() {
                    let part = Part::summary_text("").into();
                    let item_id = item_id.clone();
                    self.emit(Event::SummaryPartAdded(SummaryPart {
                        item_id,
                        output_index,
                        summary_index,
                        part,
                    }));
                }
                self.emit(Event::SummaryDelta(SummaryDelta {
                    item_id,
                    output_index,
                    summary_index,
                    delta,
                }));
            }
            ReasoningChannel::Content => {
                let content_index = 0;
                if self.open_part(output_index).is_none() {
                    let part = Part::ReasoningText(TextPart::default()).into();
                    let item_id = item_id.clone();
                    self.emit(Event::PartAdded(PartEvent {
                        item_id,
                        output_index,
                        content_index,
                        part,
                    }));
                }
                self.emit(Event::ReasoningDelta(ContentDelta {
                    item_id,
                    output_index,
                    content_index,
                    delta,
                }));
            }
        }
    }

    /// Puts the vendor's opaque state on the reasoning of this block, which may have no text.
    pub fn seal(&mut self, block: Block, encrypted_content: String) {
        let Some((_, index)) = self.reasoning_item(block) else {
            return;
        };
        if let Some(Open::Known(Item::Reasoning(item))) =
            self.fold.slot_mut(index).map(|slot| &mut slot.item)
        {
            item.encrypted_content = Some(encrypted_content);
        }
    }
}
