//! Opening items and parts, one item at a time.

use std::sync::Arc;

use super::{Block, Composer, Feed, MOST_ITEMS, OpenItem, PartKind, Waiting};
use crate::canonical::event::{Event, ItemEvent, PartEvent};
use crate::canonical::extra::Extra;
use crate::canonical::fold::Channel;
use crate::canonical::ids;
use crate::canonical::item::{FunctionCall, Item, ItemStatus, Message, Reasoning, Role};
use crate::canonical::open::Open;
use crate::canonical::part::{Part, RefusalPart};
use crate::canonical::request::Delivery;
use crate::error::{Error, Kind};

impl Composer {
    pub(super) fn emit(&mut self, event: Event) {
        if self.is_lawful(&event) {
            self.fold.apply(&event);
            self.hand_out(event);
        }
    }

    /// Hands an event on that the fold has taken in already.
    pub(super) fn push(&mut self, event: Event) {
        if self.is_lawful(&event) {
            self.hand_out(event);
        }
    }

    fn hand_out(&mut self, event: Event) {
        if self.setup.delivery == Delivery::Streamed {
            self.batch.push(event.into());
        }
    }

    /// The first fault stands.
    pub(super) fn spoil(&mut self, fault: Error) {
        self.fault.get_or_insert(fault);
    }

    pub(super) fn next_index(&self) -> u32 {
        u32::try_from(self.fold.slots().len()).unwrap_or(u32::MAX)
    }

    pub(super) fn open_part(&self, index: u32) -> Option<(Channel, u32)> {
        self.fold.slots().get(usize::try_from(index).ok()?)?.part
    }

    /// Adds an item and keeps it open.
    pub(super) fn add(&mut self, prefix: &str, feed: Feed, make: impl FnOnce(String) -> Item) {
        let index = self.next_index();
        let id = ids::item(prefix, &self.fold.head().id, index);
        let item = make(id.clone()).into();
        self.emit(Event::ItemAdded(ItemEvent {
            output_index: index,
            item,
        }));
        self.open = Some(OpenItem {
            index,
            id: id.into(),
            feed,
        });
    }

    /// Closes what is open, if anything is. False if there is no room for another item.
    pub(super) fn settle_open(&mut self) -> bool {
        self.begin("", "");
        if self.open.is_some() {
            self.close_item(ItemStatus::Completed);
        }
        while let Some(waiting) = self.waiting.pop_front() {
            self.write_waiting(&waiting);
            self.close_item(ItemStatus::Completed);
        }
        if self.fold.slots().len() >= MOST_ITEMS {
            self.spoil(too_many_items());
            return false;
        }
        true
    }

    pub(super) fn message_part(
        &mut self,
        block: Block,
        kind: PartKind,
    ) -> Option<(Arc<str>, u32, u32)> {
        if !matches!(
            self.open,
            Some(OpenItem {
                feed: Feed::Message(_),
                ..
            })
        ) {
            if !self.settle_open() {
                return None;
            }
            self.add("msg", Feed::Message(None), |id| {
                Item::Message(Message {
                    id: Some(id),
                    status: Some(ItemStatus::InProgress),
                    role: Role::Assistant,
                    ..Message::default()
                })
            });
        }
        let open = self.open.as_mut()?;
        let (id, index) = (open.id.clone(), open.index);
        if open.feed != Feed::Message(Some((block, kind))) {
            open.feed = Feed::Message(Some((block, kind)));
            self.close_part(index);
            let at = self.parts_of(index);
            let part = match kind {
                PartKind::Text => Part::output_text(""),
                PartKind::Refusal => Part::Refusal(RefusalPart::default()),
            };
            self.emit(Event::PartAdded(PartEvent {
                item_id: id.clone(),
                output_index: index,
                content_index: at,
                part: part.into(),
            }));
        }
        let (_, at) = self.open_part(index)?;
        Some((id, index, at))
    }

    pub(super) fn reasoning_item(&mut self, block: Block) -> Option<(Arc<str>, u32)> {
        if !matches!(&self.open, Some(open) if open.feed == Feed::Reasoning(block)) {
            if !self.settle_open() {
                return None;
            }
            self.add("rs", Feed::Reasoning(block), |id| {
                Item::Reasoning(Reasoning {
                    id: Some(id),
                    status: Some(ItemStatus::InProgress),
                    ..Reasoning::default()
                })
            });
        }
        let open = self.open.as_ref()?;
        Some((open.id.clone(), open.index))
    }

    pub(super) fn open_call(&mut self, block: Block, call_id: &str, name: &str) {
        if self.settle_open() {
            self.add_call(block, call_id, name);
        }
    }

    pub(super) fn write_waiting(&mut self, waiting: &Waiting) {
        self.add_call(waiting.block, &waiting.call_id, &waiting.name);
        self.arguments(waiting.block, &waiting.arguments);
    }

    fn add_call(&mut self, block: Block, call_id: &str, name: &str) {
        let mut name = name.to_owned();
        let mut extra = Extra::new();
        self.rename_call(&mut name, &mut extra);
        self.add("fc", Feed::Call(block), |id| {
            Item::FunctionCall(FunctionCall {
                id: Some(id),
                call_id: ids::call(call_id, 64).into_owned(),
                name,
                arguments: String::new(),
                status: Some(ItemStatus::InProgress),
                extra,
            })
        });
    }

    /// Gives a call the name by which the client knows the tool.
    pub(super) fn rename(&self, item: &mut Open<Item>) {
        match item {
            Open::Known(Item::FunctionCall(call)) => {
                self.rename_call(&mut call.name, &mut call.extra);
            }
            Open::Known(Item::CustomToolCall(call)) => {
                self.rename_call(&mut call.name, &mut call.extra);
            }
            Open::Known(_) | Open::Unknown(_) => {}
        }
    }

    fn rename_call(&self, name: &mut String, extra: &mut Extra) {
        if let Some(theirs) = self.names.get(name) {
            name.clone_from(&theirs.name);
            extra.insert("namespace".to_owned(), theirs.namespace.clone().into());
        }
    }

    /// After a call was closed: the calls that waited follow, up to one that is still being written.
    pub(super) fn next_waiting(&mut self) {
        while self.open.is_none()
            && let Some(waiting) = self.waiting.pop_front()
        {
            let closed = waiting.closed;
            let block = waiting.block;
            self.write_waiting(&waiting);
            if closed {
                self.close(block);
            }
        }
    }
}

pub(super) fn too_many_items() -> Error {
    Error::new(
        Kind::UpstreamTooLarge,
        format!("the answer has more than {MOST_ITEMS} items"),
    )
}
