//! The conversation as OpenAI takes it: the items as they came, but for what it refuses.
//!
//! Ids go up only where they are OpenAI's own and everything that they refer to goes up too; dropping an id is always
//! accepted. Reasoning goes up only with OpenAI's own opaque state, since nothing is stored there; another vendor's
//! reasoning cannot be read there and is left out, as everywhere. Statuses of reasoning and of what the client says,
//! and nulls, are refused and dropped.

use std::borrow::Cow;

use super::super::Loss;
use super::foreign::own_fields;
use super::parts::plain_parts;
use crate::canonical::ids;
use crate::canonical::item::{Item, Message, Reasoning, Role, ToolOutput};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Part;
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
            // A hosted tool's item goes back as OpenAI made it, its nulls too.
            Open::Unknown(_) => {
                anchored &= is_output(item);
                out.push(Cow::Borrowed(item));
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
        extra: own_fields(&reasoning.extra, "", &mut Vec::new()),
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
        Item::Message(message) => plain_message(message, &path, anchored, losses)?,
        Item::FunctionCall(call) => {
            call.id = own_id(call.id.as_ref(), "fc_").filter(|_| anchored);
            shorten(&mut call.call_id);
            call.extra = own_fields(&call.extra, &path, losses);
        }
        Item::CustomToolCall(call) => {
            call.id = own_id(call.id.as_ref(), "ctc_").filter(|_| anchored);
            // Unlike a function's, a free-form call has no status on the way in.
            call.status = None;
            shorten(&mut call.call_id);
            call.extra = own_fields(&call.extra, &path, losses);
        }
        Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
            output.id = None;
            shorten(&mut output.call_id);
            output.extra = own_fields(&output.extra, &path, losses);
            if output.is_error {
                losses.push(Loss::new(
                    format!("{path}.is_error"),
                    "the text alone says that the tool failed",
                ));
            }
            if let ToolOutput::Parts(parts) = &mut output.output {
                plain_parts(parts, Role::User, &format!("{path}.output"), losses)?;
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
            compaction.extra = own_fields(&compaction.extra, &path, losses);
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

fn plain_message(
    message: &mut Message,
    path: &str,
    anchored: bool,
    losses: &mut Vec<Loss>,
) -> Result<(), Error> {
    if message.role == Role::Assistant {
        message.id = own_id(message.id.as_ref(), "msg_").filter(|_| anchored);
    } else {
        message.id = None;
        message.status = None;
        message.phase = None;
    }
    message.extra = own_fields(&message.extra, path, losses);
    plain_parts(
        &mut message.content,
        message.role,
        &format!("{path}.content"),
        losses,
    )
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(input: &Value, expect: &Value) {
        let items: Vec<Open<Item>> = serde_json::from_str(&input.to_string()).unwrap();
        let out = super::items(&items, Replay::Yes, &mut Vec::new()).unwrap();
        assert_eq!(&serde_json::to_value(&out).unwrap(), expect);
    }

    fn user(text: &str) -> Value {
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    }

    fn call(id: Option<&str>) -> Value {
        let mut call =
            json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
        if let Some(id) = id {
            call["id"] = json!(id);
        }
        call
    }

    fn output() -> Value {
        json!({"type": "function_call_output", "call_id": "c", "output": "1"})
    }

    fn reasoning(state: &str) -> Value {
        json!({"type": "reasoning", "id": "rs_0a", "summary": [], "encrypted_content": state})
    }

    #[test]
    fn ids_go_up_with_the_reasoning_that_they_rest_on() {
        let whole = json!([reasoning("gAAA"), call(Some("fc_0a")), output()]);
        check(&whole, &whole);
        check(
            &json!([call(Some("fc_0a")), output()]),
            &json!([call(None), output()]),
        );
        check(
            &json!([reasoning("llmgw1.x"), call(Some("fc_0a")), output()]),
            &json!([call(None), output()]),
        );
        let ours = "fc_abcdefghijklmnopqrstuvwxyz";
        check(
            &json!([reasoning("gAAA"), call(Some(ours)), output()]),
            &json!([reasoning("gAAA"), call(None), output()]),
        );
    }

    #[test]
    fn reasoning_that_nothing_follows_or_that_has_no_state_stays_here() {
        check(
            &json!([reasoning("gAAA"), user("go on")]),
            &json!([user("go on")]),
        );
        check(
            &json!([user("hi"), reasoning("gAAA")]),
            &json!([user("hi")]),
        );
        let bare = json!({"type": "reasoning", "id": "rs_0a", "summary": []});
        check(
            &json!([bare, call(None), output()]),
            &json!([call(None), output()]),
        );
    }

    #[test]
    fn what_openai_refuses_is_left_out() {
        let given = json!([
            {"role": "user", "id": "msg_1", "status": "completed", "content": [
                {"type": "input_text", "text": "a", "prompt_cache_breakpoint": null},
                {"type": "input_file", "filename": "a.csv", "file_data": "YQ=="}
            ]},
            {"role": "assistant", "phase": "commentary", "content": [{"type": "input_text", "text": "b"}]}
        ]);
        let expect = json!([
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_file", "filename": "a.csv", "file_data": "data:text/csv;base64,YQ=="}
            ]},
            {"type": "message", "role": "assistant", "phase": "commentary", "content": [
                {"type": "output_text", "text": "b", "annotations": [], "logprobs": []}
            ]}
        ]);
        check(&given, &expect);
    }

    #[test]
    fn long_call_ids_are_shortened_alike() {
        let long = "c".repeat(65);
        let given = json!([
            {"type": "function_call", "call_id": long, "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": long, "output": "1"}
        ]);
        let items: Vec<Open<Item>> = serde_json::from_str(&given.to_string()).unwrap();
        let out = super::items(&items, Replay::Yes, &mut Vec::new()).unwrap();
        let out = serde_json::to_value(&out).unwrap();
        assert_eq!(out[0]["call_id"], out[1]["call_id"]);
        assert!(out[0]["call_id"].as_str().unwrap().len() <= 64);
    }

    #[test]
    fn a_hosted_tools_item_goes_back_untouched() {
        let hosted =
            json!([{"type": "code_interpreter_call", "id": "ci_1", "outputs": null, "code": "1"}]);
        check(&hosted, &hosted);
    }
}
