//! One stored response: who it belongs to, what led to it, and the items that may be referred to.

use std::io;
use std::sync::Arc;

use serde::Serialize;

use crate::canonical::ids;
use crate::canonical::item::Item;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::Request;
use crate::canonical::response::Response;

/// Whose records: those of a client's key, or of everybody where no keys are configured.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Owner(Option<Arc<str>>);

/// Where an item stands in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the effective input.
    Input(usize),
    /// In the output.
    Output(usize),
}

/// A response and the effective input that led to it.
#[derive(Debug)]
pub struct Record {
    /// Whose it is.
    pub owner: Owner,
    /// What was asked: the whole conversation before the response, expanded. What comes out of a file has the input and
    /// the profile alone.
    pub request: Arc<Request>,
    /// How many items of the input came from earlier responses.
    pub inherited: usize,
    /// The response.
    pub response: Arc<Response>,
    /// About how much room it takes.
    pub bytes: u64,
}

impl Owner {
    /// The owner of what is asked with the key of this name.
    pub fn of(key: Option<&Arc<str>>) -> Self {
        Self(key.cloned())
    }

    /// The owner as text. No key has an empty name.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Record {
    /// The record of what was asked and answered. The first `inherited` items of the input are of earlier records.
    pub fn new(
        owner: Owner,
        request: Arc<Request>,
        inherited: usize,
        response: impl Into<Arc<Response>>,
    ) -> Self {
        let response = response.into();
        let bytes = size(&request, &response);
        Self {
            owner,
            request,
            inherited,
            response,
            bytes,
        }
    }

    /// The response's id.
    pub fn id(&self) -> &str {
        &self.response.id
    }

    /// The items that this record adds to the conversation, by their ids.
    pub fn own_items(&self) -> impl Iterator<Item = (String, Place)> {
        self.given_items().chain(self.unnamed_items())
    }

    /// Those that came with an id.
    pub fn given_items(&self) -> impl Iterator<Item = (String, Place)> {
        let output = self.response.output.iter().enumerate();
        let output = output.map(|(at, item)| (item, Place::Output(at)));
        let input = self.own_input().map(|(at, item)| (item, Place::Input(at)));
        let items = input.chain(output);
        items.filter_map(|(item, place)| Some((id_of(item)?.to_owned(), place)))
    }

    /// Those that have an id of ours, which costs a hash each.
    pub fn unnamed_items(&self) -> impl Iterator<Item = (String, Place)> {
        let input = self.own_input().filter(|(_, item)| id_of(item).is_none());
        input.map(|(at, item)| (self.input_id(at, item), Place::Input(at)))
    }

    fn own_input(&self) -> impl Iterator<Item = (usize, &Open<Item>)> {
        self.request.input.iter().enumerate().skip(self.inherited)
    }

    /// The item at a place, with its id.
    pub fn item(&self, place: Place) -> Option<Open<Item>> {
        match place {
            Place::Input(at) => self.request.input.get(at).map(|item| self.named(at, item)),
            Place::Output(at) => self.response.output.get(at).cloned(),
        }
    }

    /// The effective input, each item with an id.
    pub fn input_items(&self) -> impl DoubleEndedIterator<Item = Open<Item>> {
        let input = self.request.input.iter().enumerate();
        input.map(|(at, item)| self.named(at, item))
    }

    fn named(&self, at: usize, item: &Open<Item>) -> Open<Item> {
        let mut item = item.clone();
        if id_of(&item).is_none() {
            let id = self.input_id(at, &item);
            match &mut item {
                Open::Known(item) => item.set_id(id),
                Open::Unknown(object) => {
                    object.insert("id".to_owned(), id.into());
                }
            }
        }
        item
    }

    /// The client's own id of an item, or one that follows from its place.
    fn input_id(&self, at: usize, item: &Open<Item>) -> String {
        if let Some(id) = id_of(item) {
            return id.to_owned();
        }
        let tag = match item {
            Open::Known(item) => item.tag(),
            Open::Unknown(object) => tag_of(object),
        };
        let prefix = match tag {
            "message" => "msg",
            "function_call" => "fc",
            "function_call_output" => "fco",
            "reasoning" => "rs",
            "compaction" => "cmp",
            "custom_tool_call" => "ctc",
            "custom_tool_call_output" => "ctco",
            _ => "item",
        };
        let digest = ids::digest(&["input", self.id(), &at.to_string()]);
        format!("{prefix}_{digest}")
    }
}

/// The id of an item, if it has one.
pub fn id_of(item: &Open<Item>) -> Option<&str> {
    match item {
        Open::Known(item) => item.id(),
        Open::Unknown(object) => object.get("id")?.as_str(),
    }
}

/// About how much room a record takes: its texts, and their frames. The echo has the request's tools and instructions.
fn size(request: &Request, response: &Response) -> u64 {
    const FRAME: u64 = 2048;
    let echo = u64::try_from(response.echo.as_text().len()).unwrap_or(u64::MAX);
    let items = weight(&request.input) + weight(&response.output);
    FRAME + 2 * echo + items + weight(&request.extra) + weight(&response.extra)
}

/// The length of a value's JSON.
fn weight<T: Serialize>(value: &T) -> u64 {
    struct Scale(u64);

    impl io::Write for Scale {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut scale = Scale(0);
    // Plain data cannot fail to serialise, and a scale takes everything.
    let _weighed = serde_json::to_writer(&mut scale, value);
    scale.0
}
