//! What is sent to the demo's peer: the request itself, and which question it is.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::faults::{self, Faults};
use crate::canonical::beyond::LastMessage;
use crate::canonical::item::Item;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::Request;
use crate::canonical::sealed::Envelope;
use crate::canonical::tool::{Tool, ToolChoice};
use crate::error::Error;
use crate::providers::{Loss, begins_anew};
use crate::target::ModelId;

/// The vendor's name in the envelopes that the demo seals.
pub(super) const VENDOR: &str = "demo";

/// The body of a call to the peer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asked<R = Request> {
    /// A response.
    Respond(R),
    /// How many tokens the request has.
    Count(R),
    /// The models that there are.
    Models,
}

/// The request as the peer takes it, and what the peer cannot honour.
pub(super) fn prepare<'a>(
    request: &'a Request,
    model: &ModelId,
) -> Result<(Cow<'a, Request>, Vec<Loss>), Error> {
    Faults::of(&request.extra)?;
    if request.beyond.choices.is_some_and(|choices| choices > 1) {
        return Err(Error::unsupported("n", "`demo` gives one answer"));
    }
    if request.beyond.last_message == LastMessage::Begun {
        return Err(begins_anew());
    }
    choice(request)?;
    let mut losses = lost_fields(request);
    let mut sent = request.clone();
    model.as_str().clone_into(&mut sent.model);
    for (at, item) in sent.input.iter_mut().enumerate() {
        match item {
            Open::Known(Item::ItemReference(item)) => {
                return Err(Error::unsupported(
                    format!("input[{at}]"),
                    format!("`demo` keeps no items, so `{}` is unknown to it", item.id),
                ));
            }
            Open::Known(Item::Compaction(_)) => {
                return Err(Error::unsupported(
                    format!("input[{at}]"),
                    "only the provider that compacted the conversation can read it",
                ));
            }
            // Opaque state goes back to the vendor that made it, and to no other.
            Open::Known(Item::Reasoning(item)) => {
                let foreign = item.encrypted_content.as_deref().is_some_and(is_foreign);
                if foreign {
                    item.encrypted_content = None;
                }
            }
            Open::Known(_) => {}
            Open::Unknown(map) => losses.push(Loss::new(
                format!("input[{at}]"),
                format!("`demo` does not read items of type `{}`", tag_of(map)),
            )),
        }
    }
    Ok((Cow::Owned(sent), losses))
}

/// Is this not what the demo issued?
pub(super) fn is_foreign(encrypted_content: &str) -> bool {
    Envelope::open(encrypted_content).is_none_or(|envelope| envelope.vendor != VENDOR)
}

/// A choice that the peer cannot obey is refused: a forced call that never comes would be a false answer.
fn choice(request: &Request) -> Result<(), Error> {
    let declared = |name: &str| {
        let mut known = request.tools.iter().filter_map(Open::known);
        known.any(|tool| tool.name() == name)
    };
    match &request.tool_choice {
        Some(ToolChoice::Function(name) | ToolChoice::Custom(name)) if !declared(name) => Err(
            Error::invalid("tool_choice", format!("`{name}` is not among the tools")),
        ),
        Some(ToolChoice::Other(_)) => Err(Error::unsupported(
            "tool_choice",
            "`demo` runs no hosted tools",
        )),
        Some(choice) if choice.is_forced() && !request.tools.iter().any(is_callable) => Err(
            Error::invalid("tool_choice", "there is no tool that could be called"),
        ),
        Some(_) | None => Ok(()),
    }
}

/// Tools of the client's own can be called.
fn is_callable(tool: &Open<Tool>) -> bool {
    tool.known().is_some()
}

fn lost_fields(request: &Request) -> Vec<Loss> {
    let ignored = "`demo` is deterministic and ignores it";
    let beyond = &request.beyond;
    let mut losses = Vec::new();
    for (field, is_set) in [
        ("stop", !beyond.stop.is_empty()),
        ("top_k", beyond.top_k.is_some()),
        ("logit_bias", beyond.logit_bias.is_some()),
        ("thinking.budget_tokens", beyond.thinking_budget.is_some()),
    ] {
        if is_set {
            losses.push(Loss::new(field, ignored));
        }
    }
    for key in beyond.chat_only().chain(beyond.messages_only()) {
        losses.push(Loss::new(key, ignored));
    }
    for (at, tool) in request.tools.iter().enumerate() {
        if let Open::Unknown(map) = tool {
            let what = format!("`demo` runs no hosted tool `{}`", tag_of(map));
            losses.push(Loss::new(format!("tools[{at}]"), what));
        }
    }
    for key in request.extra.keys().filter(|key| !faults::knows(key)) {
        losses.push(Loss::new(key.as_str(), "`demo` does not know this field"));
    }
    losses
}
