//! The memory that brings opaque reasoning back to clients that drop it.
//!
//! Clients of Chat Completions give back calls and their outputs, and nothing that the model thought before it called.
//! Some models refuse a tool loop without that, others answer worse. So the sealed reasoning before each call is kept
//! here, and put back when the call returns without it; so is what stands after the last text of an answer, which is found
//! by that text. It is bounded, lives in this process alone, and is found only by
//! the same client key with the same call: its id, its name and its arguments.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::EventStream;
use super::makers::Makers;
use crate::canonical::item::{Item, Message, Reasoning, Role};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;

/// So many bytes of state are kept; the oldest goes first.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// More than this before one call is not kept.
const MOST_OF_ONE: usize = 1024 * 1024;

/// Who asked, and which call: a hash, so that neither keys nor arguments are kept.
type Mark = [u8; 32];

/// What was thought before a call.
#[derive(Debug, Clone)]
struct Kept {
    reasoning: Arc<[Reasoning]>,
    place: Place,
    bytes: usize,
    /// Tells this entry from an older one of the same mark, whose turn to go comes earlier.
    age: u64,
}

/// Where in the assistant's turn it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Straight before the call.
    Call,
    /// Before the text before the call.
    Text,
    /// After a text that nothing followed.
    End,
}

/// The memory of one gateway.
#[derive(Debug, Default)]
pub(super) struct Memory {
    shelf: Mutex<Shelf>,
    makers: Makers,
}

#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<Mark, Kept>,
    ages: VecDeque<(u64, Mark)>,
    bytes: usize,
    age: u64,
    /// Whether anything is found by a text at all: only then are the texts of a conversation looked at.
    has_texts: bool,
}

impl Memory {
    /// Puts reasoning back before calls that returned without it.
    pub(super) fn recall(&self, client: Option<&str>, request: &mut Arc<Request>) {
        self.makers.name(request);
        let found = self.find(client, &request.input);
        if found.is_empty() {
            return;
        }
        let input = &mut Arc::make_mut(request).input;
        // From the back, so that the places before stay what they are.
        for (at, reasoning) in found.into_iter().rev() {
            let items = reasoning.iter().cloned().map(Item::Reasoning);
            input.splice(at..at, items.map(Open::Known));
        }
    }

    /// Watches an answer go by, and keeps what its calls will need.
    pub(super) fn watch(
        self: &Arc<Self>,
        client: Option<Arc<str>>,
        request: Arc<Request>,
        events: EventStream,
    ) -> EventStream {
        let memory = self.clone();
        events
            .inspect(move |batch| {
                let last = batch.last().and_then(|emitted| emitted.event.known());
                if let Some(response) = last.and_then(|event| event.terminal()) {
                    memory.keep(client.as_deref(), &request.input, &response.output);
                }
            })
            .boxed()
    }

    fn find(&self, client: Option<&str>, input: &[Open<Item>]) -> Vec<(usize, Arc<[Reasoning]>)> {
        let mut found = Vec::new();
        // Where the assistant's turn and its text begin, and whether the client kept the reasoning of it.
        let (mut text, mut sealed) = (None, false);
        let has_texts = self.lock().has_texts;
        for (at, item) in input.iter().enumerate() {
            let mark = match item {
                Open::Known(Item::FunctionCall(call)) => {
                    mark(client, &call.call_id, &call.name, &call.arguments)
                }
                Open::Known(Item::CustomToolCall(call)) => {
                    mark(client, &call.call_id, &call.name, &call.input)
                }
                Open::Known(Item::Message(message)) if message.role == Role::Assistant => {
                    text.get_or_insert(at);
                    if has_texts
                        && !input.get(at + 1).is_some_and(is_reasoning)
                        && let Some(kept) = self.lock().kept.get(&text_mark(
                            client,
                            input.get(..at).unwrap_or_default(),
                            message,
                        ))
                    {
                        found.push((at + 1, kept.reasoning.clone()));
                    }
                    continue;
                }
                Open::Known(Item::Reasoning(reasoning)) => {
                    sealed |= reasoning.encrypted_content.is_some();
                    continue;
                }
                _ => {
                    (text, sealed) = (None, false);
                    continue;
                }
            };
            if sealed {
                continue;
            }
            if let Some(kept) = self.lock().kept.get(&mark) {
                let place = match kept.place {
                    Place::Call => at,
                    Place::Text => text.unwrap_or(at),
                    Place::End => at + 1,
                };
                found.push((place, kept.reasoning.clone()));
            }
            text = None;
        }
        found
    }

    fn keep(&self, client: Option<&str>, input: &[Open<Item>], output: &[Open<Item>]) {
        let mut reasoning: Vec<Reasoning> = Vec::new();
        let mut place = Place::Call;
        let mut last = None;
        let mut after = Vec::new();
        for item in output {
            let mark = match item {
                Open::Known(Item::Reasoning(thought)) if thought.encrypted_content.is_some() => {
                    self.makers.made(thought);
                    reasoning.push(thought.clone());
                    if last.is_some() {
                        after.push(thought.clone());
                    }
                    continue;
                }
                Open::Known(Item::Message(message)) => {
                    if !reasoning.is_empty() {
                        place = Place::Text;
                    }
                    last = Some(message);
                    after.clear();
                    continue;
                }
                Open::Known(Item::FunctionCall(call)) => {
                    mark(client, &call.call_id, &call.name, &call.arguments)
                }
                Open::Known(Item::CustomToolCall(call)) => {
                    mark(client, &call.call_id, &call.name, &call.input)
                }
                _ => continue,
            };
            if !reasoning.is_empty() {
                self.lock().put(mark, std::mem::take(&mut reasoning), place);
            }
            place = Place::Call;
            last = None;
            after.clear();
        }
        if let (Some(message), false) = (last, after.is_empty()) {
            let mut shelf = self.lock();
            shelf.has_texts = true;
            shelf.put(text_mark(client, input, message), after, Place::End);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn put(&mut self, mark: Mark, reasoning: Vec<Reasoning>, place: Place) {
        let state = |thought: &Reasoning| thought.encrypted_content.as_ref().map_or(0, String::len);
        let bytes = reasoning.iter().map(state).sum::<usize>() + size_of::<Kept>();
        if bytes > MOST_OF_ONE {
            return;
        }
        self.age += 1;
        let kept = Kept {
            reasoning: reasoning.into(),
            place,
            bytes,
            age: self.age,
        };
        self.bytes += bytes;
        self.ages.push_back((self.age, mark));
        if let Some(old) = self.kept.insert(mark, kept) {
            self.bytes -= old.bytes;
        }
        while self.bytes > MOST_BYTES
            && let Some((age, mark)) = self.ages.pop_front()
        {
            if self.kept.get(&mark).is_some_and(|kept| kept.age == age)
                && let Some(old) = self.kept.remove(&mark)
            {
                self.bytes -= old.bytes;
            }
        }
    }
}

fn is_reasoning(item: &Open<Item>) -> bool {
    matches!(item, Open::Known(Item::Reasoning(_)))
}

/// The mark of what stands after this text. The same words are said in many conversations, so where in this one they were
/// said tells them apart: after how much of the client's, and after what.
fn text_mark(client: Option<&str>, before: &[Open<Item>], message: &Message) -> Mark {
    let mut told = before.iter().filter_map(|item| match item {
        Open::Known(Item::Message(it)) if it.role != Role::Assistant => Some(text_of(it)),
        Open::Known(Item::FunctionCallOutput(it) | Item::CustomToolCallOutput(it)) => {
            Some(it.call_id.clone())
        }
        Open::Known(_) | Open::Unknown(_) => None,
    });
    let last = told.next_back().unwrap_or_default();
    mark(client, &last, &told.count().to_string(), &text_of(message))
}

fn text_of(message: &Message) -> String {
    let parts = message.content.iter().filter_map(Open::known);
    parts.filter_map(Part::text).collect()
}

/// Clients write the arguments anew: in another order of keys, with other spaces. They are the same call.
fn mark(client: Option<&str>, call_id: &str, name: &str, arguments: &str) -> Mark {
    let mut hash = Sha256::new();
    let arguments = match serde_json::from_str::<Value>(arguments) {
        Ok(value) => ordered(&value).to_string(),
        Err(_) => arguments.trim().to_owned(),
    };
    // A client without a key is told from one whose name is empty.
    hash.update([u8::from(client.is_some())]);
    for part in [client.unwrap_or_default(), call_id, name, &arguments] {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<&String, Value> = object
                .iter()
                .map(|(key, value)| (key, ordered(value)))
                .collect();
            let sorted = sorted.into_iter().map(|(key, value)| (key.clone(), value));
            Value::Object(sorted.collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(ordered).collect()),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests;
