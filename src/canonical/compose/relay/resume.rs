//! What happens to an answer whose upstream broke, so that another may go on with it.

use super::super::{Block, Composer, Feed, OpenItem, PartKind};
use crate::canonical::fold::Slot;
use crate::canonical::item::{Item, ItemStatus};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::rescue::Said;

impl Composer {
    /// The upstream broke. A message stays open, and its text goes on as that of `block`; everything else that is open
    /// is closed. Thoughts that broke off count as complete, since only the last item of a response may be incomplete;
    /// they have no opaque state, so that nobody takes them back.
    pub fn interrupt(&mut self, block: Block) {
        self.open = None;
        self.waiting.clear();
        self.fault = None;
        self.stop = None;
        self.relayed.opened = None;
        self.relayed.error = None;
        for index in 0..self.next_index() {
            let at = usize::try_from(index).unwrap_or(usize::MAX);
            let Some(slot) = self.fold.slots().get(at).filter(|slot| slot.open) else {
                continue;
            };
            match &slot.item {
                Open::Known(Item::Message(message)) => {
                    let id = message.id.as_deref().unwrap_or_default().into();
                    let part = open_kind(slot).map(|kind| (block, kind));
                    let feed = Feed::Message(part);
                    self.open = Some(OpenItem { index, id, feed });
                }
                Open::Known(_) | Open::Unknown(_) => {
                    self.unseal(index);
                    self.close_slot(index, ItemStatus::Completed);
                }
            }
        }
    }

    /// OpenAI sends opaque state along as a thought begins; that of a thought which broke off is good for nothing.
    fn unseal(&mut self, index: u32) {
        let slot = self.fold.slot_mut(index);
        if let Some(Open::Known(Item::Reasoning(thought))) = slot.map(|slot| &mut slot.item) {
            thought.encrypted_content = None;
        }
    }

    /// What has been said so far.
    pub fn said(&self) -> Said {
        let mut said = Said::default();
        for item in self.fold.slots().iter().filter_map(|s| s.item.known()) {
            match item {
                Item::Message(message) => {
                    for part in message.content.iter().filter_map(Open::known) {
                        match part {
                            Part::OutputText(part) => said.text.push_str(&part.text),
                            Part::Refusal(_) => said.refused = true,
                            _ => {}
                        }
                    }
                }
                Item::Reasoning(_) => said.thought = true,
                _ => {}
            }
        }
        said
    }

    /// Is a message open?
    pub fn has_open_message(&self) -> bool {
        let is_open =
            |slot: &Slot| slot.open && matches!(slot.item.known(), Some(Item::Message(_)));
        self.fold.slots().iter().any(is_open)
    }

    /// How many characters the open part has.
    pub fn open_length(&self) -> usize {
        let open = self.fold.slots().iter().find(|slot| slot.open);
        let text = open.and_then(|slot| part_of(slot)?.text());
        text.map_or(0, |text| text.chars().count())
    }

    /// Does an item have this id?
    pub fn has_item(&self, id: &str) -> bool {
        let mut items = self.fold.slots().iter().filter_map(|s| s.item.known());
        items.any(|item| item.id() == Some(id))
    }
}

fn part_of(slot: &Slot) -> Option<&Part> {
    let (_, at) = slot.part?;
    let Some(Item::Message(message)) = slot.item.known() else {
        return None;
    };
    message.content.get(usize::try_from(at).ok()?)?.known()
}

fn open_kind(slot: &Slot) -> Option<PartKind> {
    match part_of(slot)? {
        Part::OutputText(_) => Some(PartKind::Text),
        Part::Refusal(_) => Some(PartKind::Refusal),
        _ => None,
    }
}
