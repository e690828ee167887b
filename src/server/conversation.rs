//! What a request refers to, put in place before anybody is asked: earlier responses, stored items, compacted
//! conversations. So every provider can go on with every conversation.

use std::collections::HashSet;
use std::sync::Arc;

use super::recording::Recordings;
use crate::canonical::item::{Item, ItemStatus, Role};
use crate::canonical::open::Open;
use crate::canonical::pairing;
use crate::canonical::request::Request;
use crate::canonical::response::{Response, Status};
use crate::config::Config;
use crate::error::Error;
use crate::store::record::{Owner, Record, id_of};
use crate::store::seal::{self, Sealer};
use crate::store::{Archive, Keep, place};

/// OpenAI's opaque values begin so (Fernet); its own models read them, other providers refuse them.
const OPENAI_BLOB: &str = "gAAAA";

/// The state of conversations.
#[derive(Debug)]
pub(super) struct Conversations {
    pub(super) archive: Archive,
    pub(super) sealer: Sealer,
    pub(super) recordings: Recordings,
}

/// What is to be done with the response to a request.
#[derive(Debug, Clone)]
pub(super) struct Filing {
    /// Whose it is.
    pub(super) owner: Owner,
    /// How many items of the request's input came from earlier responses.
    pub(super) inherited: usize,
    /// Whether it is kept.
    pub(super) keep: Keep,
}

/// Where earlier responses are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reach<'a> {
    /// In the archive.
    Archive,
    /// In what the connection remembers, the newest last; in the archive only if the request may be stored itself.
    Socket(&'a [Arc<Record>]),
}

impl<'a> Reach<'a> {
    fn near(self) -> impl Iterator<Item = &'a Arc<Record>> {
        match self {
            Self::Archive => [].iter().rev(),
            Self::Socket(near) => near.iter().rev(),
        }
    }
}

impl Conversations {
    pub(super) fn new(config: &Config, now: fn() -> u64) -> Self {
        Self {
            archive: Archive::new(&config.store, now),
            sealer: Sealer::new(place::sealing_key()),
            recordings: Recordings::default(),
        }
    }

    /// Puts everything that the request refers to in its place, and settles whether the response is kept.
    pub(super) async fn prepare(
        &self,
        request: &mut Request,
        owner: Owner,
        reach: Reach<'_>,
    ) -> Result<Filing, Error> {
        let keep = self.settle(request)?;
        let inherited = self.expand(request, &owner, reach).await?;
        Ok(Filing {
            owner,
            inherited,
            keep,
        })
    }

    /// Keeps a response as its filing says.
    pub(super) fn file(
        &self,
        filing: &Filing,
        request: Arc<Request>,
        response: impl Into<Arc<Response>>,
    ) {
        if filing.keep == Keep::Nothing {
            return;
        }
        let record = Record::new(filing.owner.clone(), request, filing.inherited, response);
        self.archive.put(&Arc::new(record), filing.keep);
    }

    /// `store` is echoed as it will be done.
    fn settle(&self, request: &mut Request) -> Result<Keep, Error> {
        let keep = match (request.store, self.archive.keeps()) {
            (Some(true), false) => {
                return Err(Error::invalid("store", "this gateway stores no responses")
                    .with_code("unsupported_value")
                    .with_hint("`store.kind` in the configuration is `none`"));
            }
            (Some(true), true) => Keep::Lasting,
            (None, true) => Keep::Briefly,
            (Some(false), _) | (None, false) => Keep::Nothing,
        };
        if request.background == Some(true) && keep == Keep::Nothing {
            return Err(Error::invalid(
                "background",
                "a background response must be stored, or nobody could fetch it",
            )
            .with_code("unsupported_value"));
        }
        request.store = Some(keep != Keep::Nothing);
        Ok(keep)
    }

    /// The whole conversation; how many of its items are of earlier responses.
    pub(super) async fn expand(
        &self,
        request: &mut Request,
        owner: &Owner,
        reach: Reach<'_>,
    ) -> Result<usize, Error> {
        let refers = request.previous_response_id.is_some() || request.input.iter().any(refers);
        if !refers {
            return Ok(0);
        }
        let mut input = match &request.previous_response_id {
            Some(id) => {
                let record = self.previous(owner, id, reach, request.store).await?;
                history(&record)?
            }
            None => Vec::new(),
        };
        let inherited = input.len();
        let known: HashSet<String> = input.iter().filter_map(id_of).map(str::to_owned).collect();
        for (at, item) in std::mem::take(&mut request.input).into_iter().enumerate() {
            match item {
                Open::Known(Item::ItemReference(reference)) => {
                    // What the earlier response brings along is there already.
                    if !known.contains(&reference.id) {
                        input.push(self.item(owner, &reference.id, reach, at).await?);
                    }
                }
                Open::Known(Item::Compaction(compaction)) => {
                    input.push(self.decompact(owner, compaction, at)?);
                }
                item => input.push(item),
            }
        }
        request.input = input;
        pairing::check(&request.input)?;
        Ok(inherited)
    }

    async fn previous(
        &self,
        owner: &Owner,
        id: &str,
        reach: Reach<'_>,
        store: Option<bool>,
    ) -> Result<Arc<Record>, Error> {
        if let Some(record) = reach.near().find(|record| record.id() == id) {
            return Ok(record.clone());
        }
        let found = match (reach, store) {
            (Reach::Socket(_), Some(false)) => None,
            (Reach::Socket(_) | Reach::Archive, _) => self.archive.get(owner, id).await,
        };
        found.ok_or_else(|| not_found(id))
    }

    async fn item(
        &self,
        owner: &Owner,
        id: &str,
        reach: Reach<'_>,
        at: usize,
    ) -> Result<Open<Item>, Error> {
        for record in reach.near() {
            let place = record.own_items().find(|(own, _)| own == id);
            if let Some(item) = place.and_then(|(_, place)| record.item(place)) {
                return Ok(item);
            }
        }
        let held = self.archive.holder(owner, id).await;
        held.and_then(|(record, place)| record.item(place))
            .ok_or_else(|| {
                Error::invalid(
                    format!("input[{at}].id"),
                    format!("item with id `{id}` not found"),
                )
                .with_code("item_not_found")
            })
    }

    fn decompact(
        &self,
        owner: &Owner,
        compaction: crate::canonical::item::Compaction,
        at: usize,
    ) -> Result<Open<Item>, Error> {
        let sealed = &compaction.encrypted_content;
        if sealed.starts_with(OPENAI_BLOB) {
            return Ok(Open::Known(Item::Compaction(compaction)));
        }
        let summary = self.sealer.open(owner, sealed).ok_or_else(|| {
            let what = if sealed.starts_with(seal::PREFIX) {
                "the compacted conversation is damaged, or was made for another key or gateway"
            } else {
                "the compacted conversation was not made by this gateway"
            };
            Error::invalid(format!("input[{at}].encrypted_content"), what)
                .with_code("invalid_encrypted_content")
        })?;
        let text = format!("The conversation so far, summarised:\n\n{summary}");
        Ok(Open::Known(Item::message(Role::Developer, text)))
    }
}

/// An earlier response as the input of the next: its own input and what it said.
fn history(record: &Record) -> Result<Vec<Open<Item>>, Error> {
    match record.response.status {
        Status::Completed | Status::Incomplete => {}
        Status::Queued | Status::InProgress | Status::Failed | Status::Cancelled => {
            return Err(Error::invalid(
                "previous_response_id",
                format!(
                    "response `{}` did not come to its end, so nothing can follow it",
                    record.id()
                ),
            )
            .with_code("previous_response_not_found"));
        }
    }
    let output = record
        .response
        .output
        .iter()
        .filter(|item| !is_broken_call(item));
    Ok(record.request.input.iter().chain(output).cloned().collect())
}

/// A call that was cut off cannot be answered, and an unanswered one would be refused.
fn is_broken_call(item: &Open<Item>) -> bool {
    match item {
        Open::Known(item @ (Item::FunctionCall(_) | Item::CustomToolCall(_))) => {
            item.status() == Some(ItemStatus::Incomplete)
        }
        Open::Known(_) | Open::Unknown(_) => false,
    }
}

fn refers(item: &Open<Item>) -> bool {
    matches!(
        item,
        Open::Known(Item::ItemReference(_) | Item::Compaction(_))
    )
}

/// The unknown response, as HTTP and the WebSocket say it.
fn not_found(id: &str) -> Error {
    Error::invalid(
        "previous_response_id",
        format!("previous response with id `{id}` not found"),
    )
    .with_code("previous_response_not_found")
}

#[cfg(test)]
mod tests;
