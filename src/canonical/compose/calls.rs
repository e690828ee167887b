//! The verbs of tool calls.

use super::{Block, Composer, Feed, MOST_ITEMS, OpenItem, Waiting, opening};
use crate::canonical::event::{Event, ItemDelta};
use crate::canonical::item::ItemStatus;
use crate::error::Error;

impl Composer {
    /// A function call begins. While another call's arguments are unfinished it waits, since one item is open at a time.
    pub fn call(&mut self, block: Block, call_id: &str, name: &str) {
        if let Some(OpenItem {
            index,
            feed: Feed::Call(_),
            ..
        }) = self.open
            && !self.arguments_are_whole(index)
        {
            if self.waiting.len() >= MOST_ITEMS {
                return self.spoil(opening::too_many_items());
            }
            self.waiting.push_back(Waiting {
                block,
                call_id: call_id.to_owned(),
                name: name.to_owned(),
                arguments: String::new(),
                closed: false,
            });
            return;
        }
        self.open_call(block, call_id, name);
    }

    /// Arguments go on.
    pub fn arguments(&mut self, block: Block, delta: &str) {
        if delta.is_empty() {
            return;
        }
        if let Some(waiting) = self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.block == block && !waiting.closed)
        {
            waiting.arguments.push_str(delta);
            return;
        }
        match &self.open {
            Some(OpenItem {
                index,
                id,
                feed: Feed::Call(at),
            }) if *at == block => {
                let event = ItemDelta {
                    item_id: id.clone(),
                    output_index: *index,
                    delta: delta.to_owned(),
                };
                self.emit(Event::ArgumentsDelta(event));
            }
            _ if delta.trim().is_empty() => {}
            _ => self.spoil(Error::garbled(
                "arguments arrived for a tool call that is not open",
            )),
        }
    }

    /// The upstream says that this block is whole.
    pub fn close(&mut self, block: Block) {
        if let Some(waiting) = self
            .waiting
            .iter_mut()
            .find(|waiting| waiting.block == block)
        {
            waiting.closed = true;
            return;
        }
        let Some(open) = &mut self.open else { return };
        match &mut open.feed {
            Feed::Message(part @ Some(_)) if part.is_some_and(|(at, _)| at == block) => {
                *part = None;
                let index = open.index;
                self.close_part(index);
            }
            Feed::Call(at) if *at == block => {
                let index = open.index;
                if self.arguments_are_whole(index) || self.arguments_are_empty(index) {
                    self.close_item(ItemStatus::Completed);
                    self.next_waiting();
                }
            }
            Feed::Message(_) | Feed::Reasoning(_) | Feed::Call(_) => {}
        }
    }
}
