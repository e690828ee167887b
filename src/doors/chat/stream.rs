//! Events become chunks. What repeats in each chunk is written once and copied.

use std::collections::HashMap;

use bytes::{BufMut as _, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};

use super::response::{annotation, call_signature, finish_reason, id, usage};
use crate::canonical::event::{ErrorPayload, Event};
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::part::Json;
use crate::canonical::response::Response;

/// Does the stream end with a chunk of counts?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsageChunk {
    /// `stream_options.include_usage` was asked for.
    Sent,
    /// It was not.
    Left,
}

/// Writes one stream.
#[derive(Debug)]
pub(super) struct Chunks {
    usage: UsageChunk,
    /// From `data: {` to the colon before the delta.
    head: String,
    /// Which tool call each item is: 0, 1, … in their own order.
    calls: HashMap<u32, usize>,
    signature: Option<String>,
    failed: bool,
}

#[derive(Serialize)]
struct Logprobs<'a> {
    content: &'a [Json],
    refusal: Option<&'a [Json]>,
}

impl Chunks {
    pub(super) fn new(usage: UsageChunk) -> Self {
        Self {
            usage,
            head: String::new(),
            calls: HashMap::new(),
            signature: None,
            failed: false,
        }
    }

    pub(super) fn event(&mut self, event: &Open<Event>, out: &mut BytesMut) {
        // What no version of this protocol knows cannot be said in it.
        let Open::Known(event) = event else { return };
        match event {
            Event::TextDelta(e) => self.text("content", &e.delta, &e.logprobs, out),
            Event::ArgumentsDelta(e) => {
                self.more(e.output_index, "function", "arguments", &e.delta, out);
            }
            Event::InputDelta(e) => self.more(e.output_index, "custom", "input", &e.delta, out),
            Event::SummaryDelta(e) => self.text("reasoning_content", &e.delta, &[], out),
            Event::ReasoningDelta(e) => self.text("reasoning_content", &e.delta, &[], out),
            Event::RefusalDelta(e) => self.text("refusal", &e.delta, &[], out),
            Event::AnnotationAdded(e) => {
                self.value(&json!({ "annotations": [annotation(&e.annotation)] }), out);
            }
            Event::Created(l) => self.begin(&l.response, out),
            Event::ItemAdded(e) => self.call(e.output_index, e.item.known(), out),
            Event::ItemDone(e) => {
                if let Open::Known(Item::Reasoning(reasoning)) = &e.item {
                    self.signature = call_signature(reasoning);
                }
            }
            Event::Completed(l) | Event::Incomplete(l) => self.finish(&l.response, out),
            Event::Error(e) => self.fail(&e.error, out),
            Event::Failed(_) => self.failed = true,
            Event::Queued(_)
            | Event::InProgress(_)
            | Event::PartAdded(_)
            | Event::PartDone(_)
            | Event::TextDone(_)
            | Event::RefusalDone(_)
            | Event::ArgumentsDone(_)
            | Event::InputDone(_)
            | Event::ReasoningDone(_)
            | Event::SummaryPartAdded(_)
            | Event::SummaryPartDone(_)
            | Event::SummaryDone(_) => {}
        }
    }

    /// `[DONE]` says that the answer is whole, so a stream that failed ends without it.
    pub(super) fn end(&self, out: &mut BytesMut) {
        if !self.failed {
            out.put_slice(b"data: [DONE]\n\n");
        }
    }

    fn begin(&mut self, response: &Response, out: &mut BytesMut) {
        let mut head = format!(
            "data: {{\"id\":{},\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":{},",
            Value::from(id(&response.id)),
            response.created_at,
            Value::from(response.model.as_str()),
        );
        if self.usage == UsageChunk::Sent {
            head.push_str("\"usage\":null,");
        }
        head.push_str("\"choices\":[{\"index\":0,\"delta\":");
        self.head = head;
        out.put_slice(self.head.as_bytes());
        out.put_slice(b"{\"role\":\"assistant\",\"content\":\"\"}");
        close(None, out);
    }

    fn text(&self, field: &str, delta: &str, logprobs: &[Json], out: &mut BytesMut) {
        out.put_slice(self.head.as_bytes());
        out.put_slice(b"{\"");
        out.put_slice(field.as_bytes());
        out.put_slice(b"\":");
        write_json(delta, out);
        out.put_slice(b"}");
        if !logprobs.is_empty() {
            out.put_slice(b",\"logprobs\":");
            write_json(
                &Logprobs {
                    content: logprobs,
                    refusal: None,
                },
                out,
            );
        }
        close(None, out);
    }

    fn value(&self, delta: &Value, out: &mut BytesMut) {
        out.put_slice(self.head.as_bytes());
        write_json(delta, out);
        close(None, out);
    }

    fn call(&mut self, output_index: u32, item: Option<&Item>, out: &mut BytesMut) {
        let index = self.calls.len();
        let mut call = match item {
            Some(Item::FunctionCall(call)) => json!({
                "index": index, "id": call.call_id, "type": "function",
                "function": { "name": call.name, "arguments": "" },
            }),
            Some(Item::CustomToolCall(call)) => json!({
                "index": index, "id": call.call_id, "type": "custom",
                "custom": { "name": call.name, "input": "" },
            }),
            _ => return,
        };
        if let (Some(signature), Some(object)) = (self.signature.take(), call.as_object_mut()) {
            object.insert(
                "extra_content".to_owned(),
                json!({ "google": { "thought_signature": signature } }),
            );
        }
        self.calls.insert(output_index, index);
        self.value(&json!({ "tool_calls": [call] }), out);
    }

    fn more(&self, output_index: u32, kind: &str, field: &str, delta: &str, out: &mut BytesMut) {
        let Some(index) = self.calls.get(&output_index) else {
            return;
        };
        out.put_slice(self.head.as_bytes());
        out.put_slice(b"{\"tool_calls\":[{\"index\":");
        write_json(index, out);
        out.put_slice(format!(",\"{kind}\":{{\"{field}\":").as_bytes());
        write_json(delta, out);
        out.put_slice(b"}}]}");
        close(None, out);
    }

    fn finish(&self, response: &Response, out: &mut BytesMut) {
        out.put_slice(self.head.as_bytes());
        out.put_slice(b"{}");
        close(Some(finish_reason(response, !self.calls.is_empty())), out);
        if self.usage == UsageChunk::Sent {
            let mut chunk = json!({
                "id": id(&response.id),
                "object": "chat.completion.chunk",
                "created": response.created_at,
                "model": response.model,
                "choices": [],
                "usage": response.usage.as_ref().map(usage),
            });
            if let (Some(object), Some(note)) = (chunk.as_object_mut(), response.extra.get("llmgw"))
            {
                object.insert("llmgw".to_owned(), note.clone());
            }
            out.put_slice(b"data: ");
            write_json(&chunk, out);
            out.put_slice(b"\n\n");
        }
    }

    fn fail(&mut self, error: &ErrorPayload, out: &mut BytesMut) {
        self.failed = true;
        out.put_slice(b"data: ");
        write_json(&json!({ "error": error }), out);
        out.put_slice(b"\n\n");
    }
}

/// Ends a chunk that has one choice.
fn close(finish: Option<&str>, out: &mut BytesMut) {
    match finish {
        None => out.put_slice(b",\"finish_reason\":null}]}\n\n"),
        Some(reason) => {
            out.put_slice(b",\"finish_reason\":");
            write_json(reason, out);
            out.put_slice(b"}]}\n\n");
        }
    }
}

fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut BytesMut) {
    serde_json::to_writer(out.writer(), value)
        .expect("memory takes every byte, and these values have no odd keys");
}
