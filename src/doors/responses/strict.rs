//! The strict profile: what the specification's schema does not know is withheld, and remembered.
//!
//! One foreign item makes a whole response invalid for a validating client, so it is left out with all its events, and
//! the places of what follows close up. A client that can read foreign items gets them: its request is native.

use std::borrow::Cow;
use std::sync::Arc;

use crate::canonical::address::Address;
use crate::canonical::event::{Event, Lifecycle};
use crate::canonical::extra::Object;
use crate::canonical::fold::Channel;
use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Part;
use crate::canonical::response::Response;

/// Where an item stands for the client.
#[derive(Debug, Default)]
struct Place {
    /// `None` if it is withheld.
    item: Option<u32>,
    /// Its parts likewise.
    parts: Vec<Option<u32>>,
    /// How many annotations the open part has shown.
    annotations: u32,
}

/// Withholds what is foreign.
#[derive(Debug, Default)]
pub(super) struct Filter {
    places: Vec<Place>,
    withheld: Vec<String>,
}

impl Filter {
    /// What was withheld, each type once.
    pub(super) fn withheld(&self) -> &[String] {
        &self.withheld
    }

    /// The event as the client may see it.
    pub(super) fn event<'a>(&mut self, event: &'a Open<Event>) -> Option<Cow<'a, Event>> {
        let event = match event {
            Open::Known(event) => event,
            Open::Unknown(event) => {
                self.unknown(event);
                return None;
            }
        };
        match event {
            Event::Created(l)
            | Event::Queued(l)
            | Event::InProgress(l)
            | Event::Completed(l)
            | Event::Incomplete(l)
            | Event::Failed(l) => Some(self.lifecycle(event, l)),
            Event::ItemAdded(e) => {
                let item = self.item(&e.item);
                let shown = self.places.iter().filter(|place| place.item.is_some());
                let next = u32::try_from(shown.count()).unwrap_or(u32::MAX);
                self.places.push(Place {
                    item: item.is_some().then_some(next),
                    ..Place::default()
                });
                let mut e = e.clone();
                e.item = item?.into_owned();
                e.output_index = next;
                Some(Cow::Owned(Event::ItemAdded(e)))
            }
            Event::ItemDone(e) => {
                let place = self.place(e.output_index)?.item?;
                let mut e = e.clone();
                e.item = self.item(&e.item)?.into_owned();
                e.output_index = place;
                Some(Cow::Owned(Event::ItemDone(e)))
            }
            Event::Error(_) => Some(Cow::Borrowed(event)),
            inner => self.inner(inner),
        }
    }

    /// A response as the client may see it.
    pub(super) fn response<'a>(&mut self, response: &'a Response) -> Cow<'a, Response> {
        if response.output.iter().all(fits) {
            return Cow::Borrowed(response);
        }
        let mut shown = response.clone();
        shown.output = response
            .output
            .iter()
            .filter_map(|item| self.item(item).map(Cow::into_owned))
            .collect();
        Cow::Owned(shown)
    }

    fn lifecycle<'a>(&mut self, event: &'a Event, lifecycle: &'a Lifecycle) -> Cow<'a, Event> {
        let Cow::Owned(response) = self.response(&lifecycle.response) else {
            return Cow::Borrowed(event);
        };
        let mut event = event.clone();
        if let Event::Created(l)
        | Event::Queued(l)
        | Event::InProgress(l)
        | Event::Completed(l)
        | Event::Incomplete(l)
        | Event::Failed(l) = &mut event
        {
            l.response = Arc::new(response);
        }
        Cow::Owned(event)
    }

    /// An event inside an item. Until something is withheld, all of them pass as they are.
    fn inner<'a>(&mut self, event: &'a Event) -> Option<Cow<'a, Event>> {
        if let Event::PartAdded(e) = event {
            self.part_added(e.output_index, &e.part);
            if !is_known_part(&e.part) {
                self.part(&e.part);
                return None;
            }
        }
        let foreign = matches!(event, Event::AnnotationAdded(e) if e.annotation.known().is_none());
        if self.withheld.is_empty() && !foreign && part_of(event).is_none_or(part_fits) {
            self.count_annotation(event);
            return Some(Cow::Borrowed(event));
        }
        let mut event = event.clone();
        let Address { item, part, .. } = Address::of(&mut event)?;
        let upstream = usize::try_from(*item).ok()?;
        let place = self.places.get(upstream)?;
        *item = place.item?;
        if let Some((Channel::Content, at)) = part {
            let known = usize::try_from(*at).ok();
            // A part that was never added keeps its index: the composer does not let that happen.
            if let Some(ours) = known.and_then(|known| place.parts.get(known)) {
                *at = (*ours)?;
            }
        }
        let annotation_index = place.annotations;
        match &mut event {
            Event::PartAdded(e) | Event::PartDone(e) => e.part = self.part(&e.part)?,
            Event::AnnotationAdded(e) => {
                if let Open::Unknown(annotation) = &e.annotation {
                    self.withhold(tag_of(annotation));
                    return None;
                }
                e.annotation_index = annotation_index;
                if let Some(place) = self.places.get_mut(upstream) {
                    place.annotations += 1;
                }
            }
            _ => {}
        }
        Some(Cow::Owned(event))
    }

    fn place(&self, index: u32) -> Option<&Place> {
        self.places.get(usize::try_from(index).ok()?)
    }

    fn part_added(&mut self, index: u32, part: &Open<Part>) {
        let fits = is_known_part(part);
        let Some(place) = usize::try_from(index)
            .ok()
            .and_then(|at| self.places.get_mut(at))
        else {
            return;
        };
        let shown = place.parts.iter().flatten().count();
        let next = u32::try_from(shown).unwrap_or(u32::MAX);
        place.parts.push(fits.then_some(next));
        place.annotations = 0;
    }

    fn count_annotation(&mut self, event: &Event) {
        if let Event::AnnotationAdded(e) = event
            && let Some(place) = usize::try_from(e.output_index)
                .ok()
                .and_then(|at| self.places.get_mut(at))
        {
            place.annotations += 1;
        }
    }

    /// An unknown event goes with its item; one that belongs to no withheld item is remembered by itself.
    fn unknown(&mut self, event: &Object) {
        let index = event
            .get("output_index")
            .and_then(serde_json::Value::as_u64);
        let place = index
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|at| self.places.get(at));
        if place.is_none_or(|place| place.item.is_some()) {
            self.withhold(tag_of(event));
        }
    }

    fn item<'a>(&mut self, item: &'a Open<Item>) -> Option<Cow<'a, Open<Item>>> {
        if fits(item) {
            return Some(Cow::Borrowed(item));
        }
        let Open::Known(known) = item else {
            if let Open::Unknown(object) = item {
                self.withhold(tag_of(object));
            }
            return None;
        };
        let mut shown = known.clone();
        match &mut shown {
            Item::Message(message) => self.parts(&mut message.content),
            Item::Reasoning(reasoning) => {
                self.parts(&mut reasoning.summary);
                if let Some(content) = &mut reasoning.content {
                    self.parts(content);
                }
            }
            Item::FunctionCallOutput(output) => {
                if let ToolOutput::Parts(parts) = &mut output.output {
                    self.parts(parts);
                }
            }
            Item::FunctionCall(_) | Item::Compaction(_) => {}
            Item::CustomToolCall(_) | Item::CustomToolCallOutput(_) | Item::ItemReference(_) => {
                self.withhold(known.tag());
                return None;
            }
        }
        Some(Cow::Owned(Open::Known(shown)))
    }

    fn parts(&mut self, parts: &mut Vec<Open<Part>>) {
        let shown = parts.iter().filter_map(|part| self.part(part)).collect();
        *parts = shown;
    }

    fn part(&mut self, part: &Open<Part>) -> Option<Open<Part>> {
        match part {
            Open::Unknown(object) => {
                self.withhold(tag_of(object));
                None
            }
            Open::Known(Part::InputAudio(_)) => {
                self.withhold("input_audio");
                None
            }
            Open::Known(Part::OutputText(text)) => {
                let mut text = text.clone();
                text.annotations.retain(|annotation| match annotation {
                    Open::Known(_) => true,
                    Open::Unknown(object) => {
                        self.withhold(tag_of(object));
                        false
                    }
                });
                Some(Open::Known(Part::OutputText(text)))
            }
            Open::Known(_) => Some(part.clone()),
        }
    }

    fn withhold(&mut self, tag: &str) {
        if !self.withheld.iter().any(|known| known == tag) {
            self.withheld.push(tag.to_owned());
        }
    }
}

/// Is all of the item in the schema?
fn fits(item: &Open<Item>) -> bool {
    match item {
        Open::Known(Item::Message(message)) => message.content.iter().all(part_fits),
        Open::Known(Item::Reasoning(reasoning)) => {
            let content = reasoning.content.iter().flatten();
            reasoning.summary.iter().chain(content).all(part_fits)
        }
        Open::Known(Item::FunctionCallOutput(output)) => match &output.output {
            ToolOutput::Text(_) => true,
            ToolOutput::Parts(parts) => parts.iter().all(part_fits),
        },
        Open::Known(Item::FunctionCall(_) | Item::Compaction(_)) => true,
        Open::Known(
            Item::CustomToolCall(_) | Item::CustomToolCallOutput(_) | Item::ItemReference(_),
        )
        | Open::Unknown(_) => false,
    }
}

fn part_of(event: &Event) -> Option<&Open<Part>> {
    match event {
        Event::PartAdded(e) | Event::PartDone(e) => Some(&e.part),
        Event::SummaryPartAdded(e) | Event::SummaryPartDone(e) => Some(&e.part),
        _ => None,
    }
}

fn part_fits(part: &Open<Part>) -> bool {
    match part {
        Open::Known(Part::OutputText(text)) => text
            .annotations
            .iter()
            .all(|annotation| annotation.known().is_some()),
        other => is_known_part(other),
    }
}

fn is_known_part(part: &Open<Part>) -> bool {
    !matches!(part, Open::Unknown(_) | Open::Known(Part::InputAudio(_)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::canonical::compose::{Composer, Setup};
    use crate::canonical::event::Emitted;
    use crate::canonical::grammar::Grammar;
    use crate::canonical::request::Delivery;

    /// The events that a strict client sees of a whole reply with these items, checked against the laws.
    fn shown(output: &Value) -> (Vec<Event>, Vec<String>) {
        let response =
            json!({"id": "resp_1", "model": "m", "status": "completed", "output": output});
        let mut composer = Composer::new(Setup {
            delivery: Delivery::Streamed,
            ..Setup::default()
        });
        composer.whole(serde_json::from_str(&response.to_string()).unwrap());
        let mut filter = Filter::default();
        let batch = composer.take();
        let shown: Vec<Event> = batch
            .iter()
            .filter_map(|emitted| filter.event(&emitted.event).map(Cow::into_owned))
            .collect();
        let emitted: Vec<Emitted> = shown.iter().cloned().map(Emitted::from).collect();
        Grammar::check_all(&emitted).unwrap();
        (shown, filter.withheld().to_vec())
    }

    fn message(parts: &Value) -> Value {
        json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": parts})
    }

    #[test]
    fn foreign_items_are_withheld_and_places_close_up() {
        let text = json!([{"type": "output_text", "text": "a"}]);
        let hosted = json!({"type": "web_search_call", "id": "ws_1", "status": "completed"});
        let custom = json!({"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "n", "input": "i"});
        let (events, withheld) = shown(&json!([hosted, custom, message(&text)]));
        assert_eq!(withheld, ["web_search_call", "custom_tool_call"]);
        let terminal = events.last().and_then(Event::terminal).unwrap();
        assert_eq!(terminal.output.len(), 1);
    }

    #[test]
    fn foreign_parts_and_annotations_are_withheld_from_their_message() {
        let parts = json!([
            {"type": "hologram", "data": 1},
            {"type": "output_text", "text": "a", "annotations": [
                {"type": "file_citation", "file_id": "f"},
                {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
            ]}
        ]);
        let (events, withheld) = shown(&json!([message(&parts)]));
        assert_eq!(withheld, ["hologram", "file_citation"]);
        let annotated = events.iter().find_map(|event| match event {
            Event::AnnotationAdded(e) => Some((e.content_index, e.annotation_index)),
            _ => None,
        });
        assert_eq!(annotated, Some((0, 0)));
    }
}
