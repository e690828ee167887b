//! A response becomes a completion.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::canonical::item::{FunctionCall, Item, Reasoning};
use crate::canonical::open::Open;
use crate::canonical::part::{Annotation, Json, Part};
use crate::canonical::response::{Response, Status};
use crate::canonical::sealed::{Block, Envelope, Place};
use crate::canonical::usage::Usage;

/// The whole completion.
pub(super) fn completion(response: &Response) -> Bytes {
    let mut message = Message::default();
    for item in response.output.iter().filter_map(Open::known) {
        message.take(item);
    }
    let finish = finish_reason(response, !message.calls.is_empty());
    let logprobs = (!message.logprobs.is_empty())
        .then(|| json!({ "content": message.logprobs, "refusal": null }));
    let mut body = json!({
        "id": id(&response.id),
        "object": "chat.completion",
        "created": response.created_at,
        "model": response.model,
        "choices": [{
            "index": 0,
            "message": message.into_value(),
            "logprobs": logprobs,
            "finish_reason": finish,
        }],
        "usage": response.usage.as_ref().map(usage),
    });
    if let Some(object) = body.as_object_mut() {
        if let Some(tier) = response.echo.get("service_tier") {
            object.insert(
                "service_tier".to_owned(),
                serde_json::from_str(tier.get()).unwrap_or_default(),
            );
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
pub(super) fn finish_reason(response: &Response, called: bool) -> &'static str {
    let reason = response
        .incomplete_details
        .as_ref()
        .map(|details| details.reason.as_str());
    match (response.status, reason) {
        (Status::Incomplete, Some("content_filter")) => "content_filter",
        (Status::Incomplete, _) => "length",
        _ if called => "tool_calls",
        _ => "stop",
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

/// The Gemini signature that belongs on the call after this reasoning item, in the place that Google's own clients
/// use for it.
pub(super) fn call_signature(reasoning: &Reasoning) -> Option<String> {
    let envelope = Envelope::open(reasoning.encrypted_content.as_deref()?)?;
    envelope.blocks.into_iter().find_map(|block| match block {
        Block::Signature {
            place: Place::NextCall,
            signature,
        } => Some(signature),
        _ => None,
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
    signature: Option<String>,
}

impl Message {
    fn take(&mut self, item: &Item) {
        match item {
            Item::Message(message) => message
                .content
                .iter()
                .filter_map(Open::known)
                .for_each(|part| self.part(part)),
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
                self.signature = call_signature(reasoning);
            }
            Item::FunctionCall(call) => self.call(call),
            Item::CustomToolCall(call) => self.calls.push(json!({
                "id": call.call_id,
                "type": "custom",
                "custom": { "name": call.name, "input": call.input },
            })),
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
        if let (Some(signature), Some(object)) = (self.signature.take(), value.as_object_mut()) {
            object.insert(
                "extra_content".to_owned(),
                json!({ "google": { "thought_signature": signature } }),
            );
        }
        self.calls.push(value);
    }

    fn into_value(self) -> Value {
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
            if !self.calls.is_empty() {
                object.insert("tool_calls".to_owned(), self.calls.into());
            }
        }
        value
    }
}
