//! A response becomes a message.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::canonical::item::{FunctionCall, Item, Reasoning};
use crate::canonical::open::Open;
use crate::canonical::part::{Annotation, Part};
use crate::canonical::response::{Response, Status};
use crate::canonical::sealed::{self, Block, Envelope};
use crate::canonical::usage::Usage;

/// The whole message.
pub(super) fn message(response: &Response) -> Bytes {
    let mut content = Vec::new();
    for item in response.output.iter().filter_map(Open::known) {
        blocks(item, &response.model, &mut content);
    }
    if let [.., text, thought] = content.as_slice()
        && text["type"] == "text"
        && thought["type"] == "thinking"
        && thought["thinking"] == ""
    {
        // No message of this protocol ends in thinking, and clients take its last block for the answer.
        content.pop();
    }
    let mut body = json!({
        "id": id(&response.id),
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": content,
        "stop_reason": stop_reason(response),
        "stop_sequence": response.extra.get("stop_sequence"),
        "stop_details": stop_details(response),
        "usage": usage(response.usage.as_ref()),
    });
    if let (Some(object), Some(note)) = (body.as_object_mut(), response.extra.get("llmgw")) {
        object.insert("llmgw".to_owned(), note.clone());
    }
    Bytes::from(body.to_string())
}

/// `msg_` and what follows the prefix of ours.
pub(super) fn id(response: &str) -> String {
    format!("msg_{}", response.strip_prefix("resp_").unwrap_or(response))
}

fn blocks(item: &Item, model: &str, content: &mut Vec<Value>) {
    match item {
        Item::Message(message) => {
            for part in message.content.iter().filter_map(Open::known) {
                if let Some(text) = part.text().filter(|text| !text.is_empty()) {
                    let block =
                        json!({ "type": "text", "text": text, "citations": citations(part) });
                    content.push(block);
                }
            }
        }
        Item::Reasoning(reasoning) => content.push(match redacted(reasoning) {
            Some(data) => json!({ "type": "redacted_thinking", "data": data }),
            None => json!({
                "type": "thinking",
                "thinking": shown(reasoning),
                "signature": signature(reasoning, model),
            }),
        }),
        Item::FunctionCall(call) => content.push(json!({
            "type": "tool_use",
            "id": call.call_id,
            "name": call.name,
            "input": input(call),
        })),
        Item::CustomToolCall(call) => content.push(json!({
            "type": "tool_use",
            "id": call.call_id,
            "name": call.name,
            "input": { "input": call.input },
        })),
        Item::FunctionCallOutput(_)
        | Item::CustomToolCallOutput(_)
        | Item::Compaction(_)
        | Item::ItemReference(_) => {}
    }
}

/// `null`, or a list.
fn citations(part: &Part) -> Option<Vec<Value>> {
    match part {
        Part::OutputText(text) if !text.annotations.is_empty() => {
            Some(text.annotations.iter().map(citation).collect())
        }
        _ => None,
    }
}

/// A citation as it came from a provider of this protocol, or a page in its words.
pub(super) fn citation(annotation: &Open<Annotation>) -> Value {
    match annotation {
        Open::Known(Annotation::UrlCitation(page)) => json!({
            "type": "web_search_result_location",
            "url": page.url,
            "title": page.title,
            "cited_text": "",
            "encrypted_index": "",
        }),
        Open::Unknown(object) => Value::Object(object.clone()),
    }
}

/// The arguments as the object that this protocol wants. What a cut answer left is kept as text under a name.
fn input(call: &FunctionCall) -> Value {
    serde_json::from_str::<Value>(&call.arguments)
        .ok()
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({ "incomplete_json": call.arguments }))
}

/// The text of a reasoning item that may be shown.
pub(super) fn shown(reasoning: &Reasoning) -> String {
    let content = reasoning.content.iter().flatten();
    reasoning
        .summary
        .iter()
        .chain(content)
        .filter_map(|part| part.known().and_then(Part::text))
        .collect()
}

/// Never empty: the item's own state, or an empty envelope.
pub(super) fn signature(reasoning: &Reasoning, model: &str) -> String {
    sealed::portable(reasoning, model).unwrap_or_else(|| {
        let envelope = Envelope {
            vendor: "none".to_owned(),
            model: model.to_owned(),
            blocks: Vec::new(),
        };
        envelope.seal()
    })
}

/// The state of thinking that its vendor keeps to itself.
pub(super) fn redacted(reasoning: &Reasoning) -> Option<&str> {
    let state = reasoning.encrypted_content.as_deref()?;
    let envelope = Envelope::open(state)?;
    let hidden = |block: &Block| matches!(block, Block::Redacted { .. });
    (!envelope.blocks.is_empty() && envelope.blocks.iter().all(hidden)).then_some(state)
}

/// Calls win over everything but a cut answer.
pub(super) fn stop_reason(response: &Response) -> &'static str {
    let reason = response
        .incomplete_details
        .as_ref()
        .map(|details| details.reason.as_str());
    let called = response.output.iter().any(|item| {
        matches!(
            item,
            Open::Known(Item::FunctionCall(_) | Item::CustomToolCall(_))
        )
    });
    match (response.status, reason) {
        (Status::Incomplete, Some("content_filter")) => "refusal",
        (Status::Incomplete, _) => "max_tokens",
        _ if called => "tool_use",
        _ if response.extra.contains_key("stop_sequence") => "stop_sequence",
        _ => "end_turn",
    }
}

/// Why it was refused.
pub(super) fn stop_details(response: &Response) -> Value {
    match stop_reason(response) {
        "refusal" => json!({ "type": "refusal", "category": null, "explanation": null }),
        _ => Value::Null,
    }
}

/// Counts on this protocol's basis: what was read from a cache or written to one is not inside `input_tokens`.
pub(super) fn usage(usage: Option<&Usage>) -> Value {
    let usage = usage.cloned().unwrap_or_default();
    let cached = usage.input_tokens_details.cached_tokens;
    let written = usage.input_tokens_details.cache_write_tokens.unwrap_or(0);
    json!({
        "input_tokens": usage.input_tokens.saturating_sub(cached).saturating_sub(written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": { "thinking_tokens": usage.output_tokens_details.reasoning_tokens },
    })
}
