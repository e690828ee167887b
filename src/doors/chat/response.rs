//! A response becomes a completion.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Calls;
use super::beside;
use super::reasoning::Carried;
use crate::canonical::item::{FunctionCall, Item};
use crate::canonical::open::Open;
use crate::canonical::part::{Annotation, Json, Part};
use crate::canonical::response::{Response, Status};
use crate::canonical::usage::Usage;

/// The whole completion, with what an upstream of this protocol said besides in its own.
pub(super) fn completion(response: &Response, calls: Calls, native: Option<&[u8]>) -> Bytes {
    let mut message = Message::default();
    for item in response.output.iter().filter_map(Open::known) {
        message.take(item, &response.model);
    }
    let called = (!message.calls.is_empty()).then_some(calls);
    let finish = finish_reason(response, called);
    let logprobs = (!message.logprobs.is_empty())
        .then(|| json!({ "content": message.logprobs, "refusal": null }));
    let mut body = json!({
        "id": id(&response.id),
        "object": "chat.completion",
        "created": response.created_at,
        "model": response.model,
        "choices": [{
            "index": 0,
            "message": message.into_value(calls, &response.model),
            "logprobs": logprobs,
            "finish_reason": finish,
        }],
        "usage": response.usage.as_ref().map(usage),
    });
    if let Some(object) = body.as_object_mut() {
        // What the request asked for is no news where the server says, or keeps to itself, what it did.
        if native.is_none()
            && let Some(tier) = response.echo.get("service_tier")
        {
            object.insert(
                "service_tier".to_owned(),
                serde_json::from_str(tier).unwrap_or_default(),
            );
        }
        if let Some(Ok(theirs)) = native.map(serde_json::from_slice) {
            beside::completed(object, theirs);
        }
        object.extend(
            response
                .extra
                .iter()
                .filter(|(key, _)| *key == "llmgw")
                .map(|(k, v)| (k.clone(), v.clone())),
        );
    }
    Bytes::from(body.to_string())
}

/// `chatcmpl-` and what follows the prefix of ours.
pub(super) fn id(response: &str) -> String {
    format!(
        "chatcmpl-{}",
        response.strip_prefix("resp_").unwrap_or(response)
    )
}

/// Calls win over everything but a cut answer.
pub(super) fn finish_reason(response: &Response, called: Option<Calls>) -> &'static str {
    let reason = response
        .incomplete_details
        .as_ref()
        .map(|details| details.reason.as_str());
    match (response.status, reason, called) {
        (Status::Incomplete, Some("content_filter"), _) => "content_filter",
        (Status::Incomplete, _, _) => "length",
        (_, _, Some(Calls::Tools)) => "tool_calls",
        (_, _, Some(Calls::Legacy)) => "function_call",
        (_, _, None) => "stop",
    }
}

/// Counts by this protocol's names.
pub(super) fn usage(usage: &Usage) -> Value {
    let mut prompt = Map::new();
    prompt.insert(
        "cached_tokens".to_owned(),
        usage.input_tokens_details.cached_tokens.into(),
    );
    if let Some(written) = usage.input_tokens_details.cache_write_tokens {
        prompt.insert("cache_write_tokens".to_owned(), written.into());
    }
    json!({
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": { "reasoning_tokens": usage.output_tokens_details.reasoning_tokens },
    })
}

/// An annotation by this protocol's shape.
pub(super) fn annotation(annotation: &Open<Annotation>) -> Value {
    match annotation {
        Open::Known(Annotation::UrlCitation(citation)) => json!({
            "type": "url_citation",
            "url_citation": {
                "url": citation.url,
                "title": citation.title,
                "start_index": citation.start_index,
                "end_index": citation.end_index,
            },
        }),
        Open::Unknown(object) => Value::Object(object.clone()),
    }
}

#[derive(Default)]
struct Message {
    text: Option<String>,
    refusal: Option<String>,
    reasoning: String,
    annotations: Vec<Value>,
    logprobs: Vec<Json>,
    calls: Vec<Value>,
    carried: Carried,
    details: Vec<Value>,
}

impl Message {
    fn take(&mut self, item: &Item, model: &str) {
        self.carried.item(item);
        match item {
            Item::Message(message) => {
                let entries = self.carried.take(None, model);
                self.details.extend(entries);
                let parts = message.content.iter().filter_map(Open::known);
                parts.for_each(|part| self.part(part));
            }
            Item::Reasoning(reasoning) => {
                let content = reasoning.content.iter().flatten();
                for part in reasoning
                    .summary
                    .iter()
                    .chain(content)
                    .filter_map(Open::known)
                {
                    self.reasoning.push_str(part.text().unwrap_or_default());
                }
            }
            Item::FunctionCall(call) => {
                self.call(call);
                let entries = self.carried.take(Some(&call.call_id), model);
                self.details.extend(entries);
            }
            Item::CustomToolCall(call) => {
                let entries = self.carried.take(Some(&call.call_id), model);
                self.details.extend(entries);
                self.calls.push(json!({
                    "id": call.call_id,
                    "type": "custom",
                    "custom": { "name": call.name, "input": call.input },
                }));
            }
            Item::FunctionCallOutput(_)
            | Item::CustomToolCallOutput(_)
            | Item::Compaction(_)
            | Item::ItemReference(_) => {}
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::OutputText(text) => {
                self.text.get_or_insert_default().push_str(&text.text);
                self.annotations
                    .extend(text.annotations.iter().map(annotation));
                self.logprobs.extend(text.logprobs.iter().cloned());
            }
            Part::Refusal(refusal) => self
                .refusal
                .get_or_insert_default()
                .push_str(&refusal.refusal),
            _ => {}
        }
    }

    fn call(&mut self, call: &FunctionCall) {
        let mut value = json!({
            "id": call.call_id,
            "type": "function",
            "function": { "name": call.name, "arguments": call.arguments },
        });
        if let (Some(signature), Some(object)) = (self.carried.signature(), value.as_object_mut()) {
            object.insert("extra_content".to_owned(), signature);
        }
        self.calls.push(value);
    }

    fn into_value(mut self, calls: Calls, model: &str) -> Value {
        let entries = self.carried.take(None, model);
        self.details.extend(entries);
        let silent = self.calls.is_empty() && self.refusal.is_none();
        let text = self.text.or_else(|| silent.then(String::new));
        let mut value = json!({
            "role": "assistant",
            "content": text,
            "refusal": self.refusal,
            "annotations": self.annotations,
        });
        if let Some(object) = value.as_object_mut() {
            if !self.reasoning.is_empty() {
                object.insert("reasoning_content".to_owned(), self.reasoning.into());
            }
            if !self.details.is_empty() {
                object.insert("reasoning_details".to_owned(), self.details.into());
            }
            match (calls, self.calls.is_empty()) {
                (_, true) => {}
                (Calls::Tools, false) => {
                    object.insert("tool_calls".to_owned(), self.calls.into());
                }
                (Calls::Legacy, false) => {
                    // There is one at most, since the request forbade more.
                    let call = self.calls.first_mut();
                    let function = call.and_then(|call| call.get_mut("function"));
                    let function = function.map(Value::take).unwrap_or_default();
                    object.insert("function_call".to_owned(), function);
                }
            }
        }
        value
    }
}
