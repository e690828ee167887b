//! Tool calls are put together here: servers leave out indices and ids, repeat names, send all calls at index 0, send
//! whole calls in one piece, or mix the pieces of several.

use serde_json::Value;

use super::stream::{Parallel, Wanted};
use crate::canonical::compose::{Block, Composer};
use crate::canonical::ids;
use crate::canonical::item::{CustomToolCall, Item, ItemStatus};
use crate::error::Error;
use crate::wire::chat::ToolCall;

/// Whether a piece belongs to a stream or is a call of a whole reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A piece.
    Stream,
    /// A whole call.
    Whole,
}

/// The calls so far.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Slot>);

#[derive(Debug)]
struct Slot {
    index: Option<u64>,
    id: String,
    name: String,
    /// What came so far: free text for a free-form tool, else JSON.
    input: String,
    block: Block,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing was said yet, since there is no name.
    Nameless,
    /// Being written.
    Function,
    /// A function that stands for a free-form tool; written when it is whole.
    Emulated,
    /// A free-form tool of OpenAI's; written when it is whole.
    Custom,
    /// A later call, where only one was allowed.
    Ignored,
}

impl Calls {
    /// Is there any call?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is a call being written whose arguments go on?
    pub(super) fn is_writing(&self) -> bool {
        self.0
            .iter()
            .any(|slot| slot.form == Form::Function && !is_object(&slot.input))
    }

    /// Takes a piece in.
    pub(super) fn piece(
        &mut self,
        piece: &ToolCall<'_>,
        source: Source,
        wanted: &Wanted,
        reply: &str,
        out: &mut Composer,
    ) {
        let custom = piece.custom.as_ref();
        let function = piece.function.as_ref();
        let id = piece.id.as_ref().map_or("", |id| id.as_str());
        let is_custom = piece
            .kind
            .as_ref()
            .is_some_and(|kind| kind.as_str() == "custom");
        let name = match (function, custom) {
            (Some(function), _) if !is_custom => function.name.as_ref(),
            (_, Some(custom)) => custom.name.as_ref(),
            (_, None) => None,
        };
        let name = name.map_or("", |name| name.as_str());
        let input = match (function, custom) {
            (Some(function), _) if !is_custom => {
                function.arguments.as_ref().map_or("", |input| &*input.0)
            }
            (_, Some(custom)) => custom.input.as_ref().map_or("", |input| input.as_str()),
            (_, None) => "",
        };
        let at = match self.find(piece.index, id, name, input, source) {
            Some(at) => at,
            None if id.is_empty() && name.is_empty() && input.is_empty() => return,
            None => self.add(piece.index),
        };
        let Some(slot) = self.0.get_mut(at) else {
            return;
        };
        if slot.id.is_empty() {
            id.clone_into(&mut slot.id);
        }
        if slot.form == Form::Nameless && !name.is_empty() {
            name.clone_into(&mut slot.name);
            slot.form = match wanted.parallel {
                Parallel::First if at > 0 => Form::Ignored,
                Parallel::First | Parallel::Many if is_custom => Form::Custom,
                Parallel::First | Parallel::Many if wanted.emulates(name) => Form::Emulated,
                Parallel::First | Parallel::Many => Form::Function,
            };
            if slot.id.is_empty() {
                // Ids must not return in another turn, also where the reply has none of its own.
                let turn = wanted.turn.to_string();
                slot.id = format!("call_{}", ids::digest(&[reply, &turn, &at.to_string()]));
            }
            if slot.form == Form::Function {
                out.call(slot.block, &slot.id, &slot.name);
                out.arguments(slot.block, &slot.input);
            }
        }
        slot.input.push_str(input);
        if slot.form == Form::Function {
            out.arguments(slot.block, input);
        }
    }

    /// The call that the piece goes on with; `None` for a new one.
    fn find(
        &self,
        index: Option<u64>,
        id: &str,
        name: &str,
        input: &str,
        source: Source,
    ) -> Option<usize> {
        if source == Source::Whole {
            return None;
        }
        let at = match index {
            Some(_) => self.0.iter().rposition(|slot| slot.index == index)?,
            None if !id.is_empty() && self.0.iter().any(|slot| slot.id == id) => {
                self.0.iter().rposition(|slot| slot.id == id)?
            }
            None => self.0.len().checked_sub(1)?,
        };
        let slot = self.0.get(at)?;
        let other_id = !id.is_empty() && slot.id != id && slot.form != Form::Nameless;
        let begins = !name.is_empty() && is_object(&slot.input);
        let again = begins && id.is_empty() && (!input.is_empty() || name != slot.name);
        // A late id of a call that was given one here is not another call.
        let late = name.is_empty() && slot.id.starts_with("call_") && !is_object(&slot.input);
        if (other_id && !late) || again {
            None
        } else {
            Some(at)
        }
    }

    fn add(&mut self, index: Option<u64>) -> usize {
        let at = self.0.len();
        self.0.push(Slot {
            index,
            id: String::new(),
            name: String::new(),
            input: String::new(),
            // The blocks before these are the text, the refusal and the reasoning.
            block: super::stream::FIRST_CALL.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)),
            form: Form::Nameless,
        });
        at
    }

    /// Writes what waited for its end. `status` is that of a free-form call whose end is not known.
    pub(super) fn finish(&mut self, status: ItemStatus, out: &mut Composer) -> Result<(), Error> {
        for slot in self.0.drain(..) {
            let (input, status) = match slot.form {
                Form::Function => {
                    out.close(slot.block);
                    continue;
                }
                Form::Ignored => continue,
                Form::Nameless => {
                    return Err(Error::garbled("a tool call has no name"));
                }
                Form::Custom => (slot.input, status),
                Form::Emulated => match text_of(&slot.input) {
                    Some(text) => (text, ItemStatus::Completed),
                    None => (slot.input, status),
                },
            };
            out.item(
                Item::CustomToolCall(CustomToolCall {
                    call_id: ids::call(&slot.id, 64).into_owned(),
                    name: slot.name,
                    input,
                    status: Some(status),
                    ..CustomToolCall::default()
                })
                .into(),
            );
        }
        Ok(())
    }
}

/// The free text inside the arguments of an emulated call. What does not have the form is taken as it is.
fn text_of(arguments: &str) -> Option<String> {
    match serde_json::from_str::<Value>(arguments)
        .ok()?
        .get_mut("input")?
    {
        Value::String(text) => Some(std::mem::take(text)),
        other => Some(other.to_string()),
    }
}

fn is_object(text: &str) -> bool {
    text.trim_end().ends_with('}') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
