//! The conversation as OpenAI takes it: the items as they came, but for what it refuses.
//!
//! Ids go up only where they are OpenAI's own and everything that they refer to goes up too; dropping an id is always
//! accepted. Reasoning goes up only with OpenAI's own opaque state, since nothing is stored there; another vendor's
//! reasoning cannot be read there and is left out, as everywhere. Statuses of reasoning and of what the client says,
//! and nulls, are refused and dropped.

use std::borrow::Cow;

use serde_json::Value;

use super::super::Loss;
use crate::canonical::extra::{Extra, Object};
use crate::canonical::ids;
use crate::canonical::item::{Item, Message, Reasoning, Role, ToolOutput};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::{FilePart, Part};
use crate::canonical::sealed;
use crate::error::Error;

/// OpenAI's limit for ids and call ids, in characters.
const LONGEST_ID: usize = 64;

/// What becomes of the reasoning of earlier turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    /// It goes up.
    Yes,
    /// It stays here: the model does not reason, or the upstream refused it.
    No,
}

/// The items as they go up: borrowed where nothing changes.
pub(super) type Items<'a> = Vec<Cow<'a, Open<Item>>>;

/// Prepares the conversation.
pub(super) fn items<'a>(
    input: &'a [Open<Item>],
    replay: Replay,
    losses: &mut Vec<Loss>,
) -> Result<Items<'a>, Error> {
    let kept = replayable(input, replay);
    let mut out = Items::with_capacity(input.len());
    // Whether the reasoning that the ids of the following items rest on goes up with its id.
    let mut anchored = false;
    for (at, item) in input.iter().enumerate() {
        match item {
            Open::Known(Item::Reasoning(reasoning)) => {
                if !kept.get(at).is_some_and(|kept| *kept) {
                    continue;
                }
                let item = plain_reasoning(reasoning);
                anchored |= item.id.is_some();
                out.push(Cow::Owned(Item::Reasoning(item).into()));
            }
            Open::Known(known) => {
                anchored &= is_output(item);
                if fits(known) {
                    out.push(Cow::Borrowed(item));
                    continue;
                }
                out.push(Cow::Owned(plain_item(known, at, anchored, losses)?.into()));
            }
            Open::Unknown(object) => {
                anchored &= is_output(item);
                out.push(without_nulls_in(item, object));
            }
        }
    }
    Ok(out)
}

/// Is this one of the plain items that most of a conversation consists of, with nothing to change?
fn fits(item: &Item) -> bool {
    match item {
        Item::Message(message) => {
            let natural = |part: &Open<Part>| match part {
                Open::Known(Part::InputText(part)) => {
                    message.role != Role::Assistant && part.extra.is_empty()
                }
                Open::Known(Part::InputImage(part)) => part.extra.is_empty(),
                Open::Known(Part::OutputText(part)) => {
                    message.role == Role::Assistant && part.extra.is_empty()
                }
                Open::Known(_) | Open::Unknown(_) => false,
            };
            message.id.is_none()
                && message.extra.is_empty()
                && (message.role == Role::Assistant
                    || (message.status.is_none() && message.phase.is_none()))
                && message.content.iter().all(natural)
        }
        Item::FunctionCall(call) => {
            call.id.is_none() && call.extra.is_empty() && fits_call_id(&call.call_id)
        }
        Item::FunctionCallOutput(output) => {
            output.id.is_none()
                && output.extra.is_empty()
                && !output.is_error
                && fits_call_id(&output.call_id)
                && matches!(output.output, ToolOutput::Text(_))
        }
        Item::CustomToolCall(_)
        | Item::CustomToolCallOutput(_)
        | Item::Reasoning(_)
        | Item::Compaction(_)
        | Item::ItemReference(_) => false,
    }
}

/// Which reasoning items go up: those with OpenAI's state that the item they belong to follows.
fn replayable(input: &[Open<Item>], replay: Replay) -> Vec<bool> {
    let mut kept = vec![false; input.len()];
    let mut followed = false;
    for (item, kept) in input.iter().zip(&mut kept).rev() {
        match item {
            Open::Known(Item::Reasoning(reasoning)) => {
                *kept = followed && replay == Replay::Yes && has_own_state(reasoning);
            }
            other => followed = is_output(other),
        }
    }
    kept
}

fn has_own_state(reasoning: &Reasoning) -> bool {
    reasoning
        .encrypted_content
        .as_ref()
        .is_some_and(|state| !state.is_empty() && !state.starts_with(sealed::PREFIX))
}

/// Did the model make this item?
fn is_output(item: &Open<Item>) -> bool {
    match item {
        Open::Known(Item::Message(message)) => message.role == Role::Assistant,
        Open::Known(Item::FunctionCall(_) | Item::CustomToolCall(_) | Item::Reasoning(_)) => true,
        Open::Known(
            Item::FunctionCallOutput(_)
            | Item::CustomToolCallOutput(_)
            | Item::Compaction(_)
            | Item::ItemReference(_),
        ) => false,
        Open::Unknown(object) => {
            let tag = tag_of(object);
            tag.ends_with("_call") || matches!(tag, "program" | "mcp_list_tools")
        }
    }
}

/// An id that OpenAI made: its prefix, its length, and not the shape of ours.
fn own_id(id: Option<&String>, prefix: &str) -> Option<String> {
    let id = id?;
    let rest = id.strip_prefix(prefix)?;
    (id.len() <= LONGEST_ID && !ids::is_ours(rest)).then(|| id.clone())
}

fn plain_reasoning(reasoning: &Reasoning) -> Reasoning {
    Reasoning {
        id: own_id(reasoning.id.as_ref(), "rs_"),
        status: None,
        extra: without_nulls(&reasoning.extra),
        ..reasoning.clone()
    }
}

fn plain_item(
    item: &Item,
    at: usize,
    anchored: bool,
    losses: &mut Vec<Loss>,
) -> Result<Item, Error> {
    let mut item = item.clone();
    let path = format!("input[{at}]");
    match &mut item {
        Item::Message(message) => plain_message(message, &path, anchored)?,
        Item::FunctionCall(call) => {
            call.id = own_id(call.id.as_ref(), "fc_").filter(|_| anchored);
            shorten(&mut call.call_id);
            call.extra = without_nulls(&call.extra);
        }
        Item::CustomToolCall(call) => {
            call.id = own_id(call.id.as_ref(), "ctc_").filter(|_| anchored);
            shorten(&mut call.call_id);
            call.extra = without_nulls(&call.extra);
        }
        Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
            output.id = None;
            shorten(&mut output.call_id);
            output.extra = without_nulls(&output.extra);
            if output.is_error {
                losses.push(Loss::new(
                    format!("{path}.is_error"),
                    "the text alone says that the tool failed",
                ));
            }
            if let ToolOutput::Parts(parts) = &mut output.output {
                plain_parts(parts, Role::User, &format!("{path}.output"))?;
            }
        }
        Item::Compaction(compaction) => {
            if compaction.encrypted_content.starts_with(sealed::PREFIX) {
                return Err(Error::unsupported(
                    format!("{path}.encrypted_content"),
                    "this compaction was not made by OpenAI",
                ));
            }
            compaction.id = own_id(compaction.id.as_ref(), "cmp_");
            compaction.extra = without_nulls(&compaction.extra);
        }
        Item::ItemReference(reference) => {
            return Err(Error::unsupported(
                format!("{path}.id"),
                format!("item `{}` is not known here", reference.id),
            )
            .with_code("item_not_found"));
        }
        // Reasoning takes its own way above.
        Item::Reasoning(_) => {}
    }
    Ok(item)
}

fn plain_message(message: &mut Message, path: &str, anchored: bool) -> Result<(), Error> {
    if message.role == Role::Assistant {
        message.id = own_id(message.id.as_ref(), "msg_").filter(|_| anchored);
    } else {
        message.id = None;
        message.status = None;
        message.phase = None;
    }
    message.extra = without_nulls(&message.extra);
    plain_parts(
        &mut message.content,
        message.role,
        &format!("{path}.content"),
    )
}

fn plain_parts(parts: &mut [Open<Part>], role: Role, path: &str) -> Result<(), Error> {
    for (at, part) in parts.iter_mut().enumerate() {
        match part {
            Open::Known(known) => {
                by_role(known, role);
                plain_part(known, &format!("{path}[{at}]"))?;
            }
            Open::Unknown(object) => object.retain(|_, value| !value.is_null()),
        }
    }
    Ok(())
}

/// Text has another name in the model's mouth; the API checks.
fn by_role(part: &mut Part, role: Role) {
    let text = match (&*part, role) {
        (Part::OutputText(_) | Part::Refusal(_), Role::Assistant)
        | (Part::InputText(_), Role::User | Role::System | Role::Developer) => return,
        (part, _) => match part.text() {
            Some(text) => text.to_owned(),
            None => return,
        },
    };
    *part = match role {
        Role::Assistant => Part::output_text(text),
        Role::User | Role::System | Role::Developer => Part::input_text(text),
    };
}

fn plain_part(part: &mut Part, path: &str) -> Result<(), Error> {
    let extra = match part {
        Part::InputText(part)
        | Part::SummaryText(part)
        | Part::ReasoningText(part)
        | Part::Text(part) => &mut part.extra,
        Part::InputImage(part) => &mut part.extra,
        Part::InputFile(part) => {
            as_data_url(part);
            &mut part.extra
        }
        Part::InputAudio(part) => &mut part.extra,
        Part::OutputText(part) => &mut part.extra,
        Part::Refusal(part) => &mut part.extra,
        Part::InputVideo(_) => {
            return Err(Error::unsupported(
                format!("{path}.video_url"),
                "OpenAI's Responses API reads no video",
            ));
        }
    };
    extra.retain(|_, value| !value.is_null());
    Ok(())
}

/// OpenAI wants a data URL; the specification has bare base64.
fn as_data_url(part: &mut FilePart) {
    if let Some(data) = &mut part.file_data
        && !data.starts_with("data:")
    {
        let mime = media_type(part.filename.as_deref(), data);
        *data = format!("data:{mime};base64,{data}");
    }
}

/// By the name's ending, else by what base64 makes of the first bytes of a PDF, else plain text.
fn media_type(name: Option<&str>, base64: &str) -> &'static str {
    let ending = name
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("pdf") => "application/pdf",
        Some("json") => "application/json",
        Some("csv") => "text/csv",
        Some("md" | "markdown") => "text/markdown",
        Some("html" | "htm") => "text/html",
        Some("xml") => "text/xml",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("pptx") => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ if base64.starts_with("JVBERi") => "application/pdf",
        _ => "text/plain",
    }
}

/// Call and output are changed alike, so they still pair.
fn shorten(call_id: &mut String) {
    if !fits_call_id(call_id) {
        *call_id = ids::call(call_id, LONGEST_ID).into_owned();
    }
}

fn fits_call_id(call_id: &str) -> bool {
    !call_id.is_empty() && call_id.chars().count() <= LONGEST_ID
}

fn without_nulls(extra: &Extra) -> Extra {
    let mut extra = extra.clone();
    extra.retain(|_, value| !value.is_null());
    extra
}

fn without_nulls_in<'a>(item: &'a Open<Item>, object: &Object) -> Cow<'a, Open<Item>> {
    if !object.values().any(has_null) {
        return Cow::Borrowed(item);
    }
    let mut object = object.clone();
    drop_nulls(&mut object);
    Cow::Owned(Open::Unknown(object))
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(object) => object.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A `null` inside a JSON Schema is part of it.
const SCHEMAS: [&str; 4] = ["input_schema", "output_schema", "parameters", "schema"];

fn drop_nulls(object: &mut Object) {
    object.retain(|_, value| !value.is_null());
    for (key, value) in object.iter_mut() {
        if SCHEMAS.contains(&key.as_str()) {
            continue;
        }
        match value {
            Value::Object(inner) => drop_nulls(inner),
            Value::Array(list) => list
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .for_each(drop_nulls),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
