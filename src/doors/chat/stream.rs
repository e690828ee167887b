//! Events become chunks. What repeats in each chunk is written once and copied.

use std::collections::HashMap;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::beside::Beside;
use super::reasoning::Carried;
use super::response::{annotation, finish_reason, id, usage};
use super::{Calls, Options, Padding, UsageChunk};
use crate::canonical::event::{ErrorPayload, Event};
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::part::Json;
use crate::canonical::response::Response;
use crate::doors::padding::pad;

/// Writes one stream.
#[derive(Debug)]
pub(super) struct Chunks {
    options: Options,
    /// From `data: {` to the colon before the delta.
    head: String,
    /// Which tool call each item is: 0, 1, … in their own order.
    calls: HashMap<u32, usize>,
    carried: Carried,
    beside: Beside,
    model: String,
    written: u64,
    failed: bool,
}

#[derive(Serialize)]
struct Logprobs<'a> {
    content: &'a [Json],
    refusal: Option<&'a [Json]>,
}

impl Chunks {
    pub(super) fn new(options: Options) -> Self {
        Self {
            options,
            head: String::new(),
            calls: HashMap::new(),
            carried: Carried::default(),
            beside: Beside::default(),
            model: String::new(),
            written: 0,
            failed: false,
        }
    }

    /// What an upstream of this protocol said, for what no event carries.
    pub(super) fn native(&mut self, frames: &[Bytes]) {
        for frame in frames {
            self.beside.chunk(frame);
        }
    }

    pub(super) fn event(&mut self, event: &Open<Event>, out: &mut BytesMut) {
        if !self.head.is_empty() {
            self.news(out);
        }
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
            Event::ItemAdded(e) => self.item(e.output_index, e.item.known(), out),
            Event::ItemDone(e) => {
                if let Open::Known(item) = &e.item {
                    self.carried.item(item);
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
        self.model.clone_from(&response.model);
        let mut head = String::from("data: {");
        for (key, value) in self.identity(response) {
            head.push_str(&Value::from(key).to_string());
            head.push(':');
            head.push_str(&value.to_string());
            head.push(',');
        }
        if self.options.usage == UsageChunk::Sent {
            head.push_str("\"usage\":null,");
        }
        head.push_str("\"choices\":[{\"index\":0,\"delta\":");
        self.head = head;
        out.put_slice(self.head.as_bytes());
        out.put_slice(b"{\"role\":\"assistant\",\"content\":\"\"}");
        self.close("", out);
        self.news(out);
    }

    /// What stands in every chunk: the upstream's own where it speaks this protocol.
    fn identity(&self, response: &Response) -> Map<String, Value> {
        let own = |key: &str, ours: Value| self.beside.said(key).cloned().unwrap_or(ours);
        let mut identity = Map::new();
        identity.insert("id".to_owned(), own("id", id(&response.id).into()));
        identity.insert("object".to_owned(), "chat.completion.chunk".into());
        let created = own("created", response.created_at.into());
        identity.insert("created".to_owned(), created);
        identity.insert(
            "model".to_owned(),
            own("model", response.model.as_str().into()),
        );
        for (key, value) in self.beside.plain() {
            identity.insert(key.clone(), value.clone());
        }
        identity
    }

    /// What the upstream said besides, in chunks of its own.
    fn news(&mut self, out: &mut BytesMut) {
        for news in self.beside.news() {
            let Some(head) = self
                .head
                .strip_suffix("\"choices\":[{\"index\":0,\"delta\":")
            else {
                return;
            };
            out.put_slice(head.as_bytes());
            for (key, value) in &news.top {
                write_json(key, out);
                out.put_slice(b":");
                write_json(value, out);
                out.put_slice(b",");
            }
            out.put_slice(b"\"choices\":[{\"index\":0,\"delta\":");
            write_json(&news.delta, out);
            for (key, value) in &news.choice {
                out.put_slice(b",");
                write_json(key, out);
                out.put_slice(b":");
                write_json(value, out);
            }
            out.put_slice(b",\"finish_reason\":null}]}\n\n");
        }
    }

    fn text(&mut self, field: &str, delta: &str, logprobs: &[Json], out: &mut BytesMut) {
        out.put_slice(self.head.as_bytes());
        out.put_slice(b"{\"");
        out.put_slice(field.as_bytes());
        out.put_slice(b"\":");
        write_json(delta, out);
        out.put_slice(b"}");
        if !logprobs.is_empty() {
            out.put_slice(b",\"logprobs\":");
            let logprobs = Logprobs {
                content: logprobs,
                refusal: None,
            };
            write_json(&logprobs, out);
        }
        self.close(delta, out);
    }

    fn value(&mut self, delta: &Value, out: &mut BytesMut) {
        out.put_slice(self.head.as_bytes());
        write_json(delta, out);
        self.close("", out);
    }

    /// An item begins: a call, or the text before which some state stands.
    fn item(&mut self, output_index: u32, item: Option<&Item>, out: &mut BytesMut) {
        let index = self.calls.len();
        let (call_id, mut delta) = match (item, self.options.calls) {
            (Some(Item::FunctionCall(call)), Calls::Tools) => {
                let mut value = json!({
                    "index": index, "id": call.call_id, "type": "function",
                    "function": { "name": call.name, "arguments": "" },
                });
                if let (Some(signature), Some(object)) =
                    (self.carried.signature(), value.as_object_mut())
                {
                    object.insert("extra_content".to_owned(), signature);
                }
                (Some(&call.call_id), json!({ "tool_calls": [value] }))
            }
            (Some(Item::FunctionCall(call)), Calls::Legacy) => {
                let value = json!({ "name": call.name, "arguments": "" });
                (Some(&call.call_id), json!({ "function_call": value }))
            }
            (Some(Item::CustomToolCall(call)), _) => {
                let value = json!({
                    "index": index, "id": call.call_id, "type": "custom",
                    "custom": { "name": call.name, "input": "" },
                });
                (Some(&call.call_id), json!({ "tool_calls": [value] }))
            }
            (Some(Item::Message(_)), _) => (None, json!({})),
            _ => return,
        };
        if call_id.is_some() {
            self.calls.insert(output_index, index);
        }
        let entries = self.carried.take(call_id.map(String::as_str), &self.model);
        if let (false, Some(object)) = (entries.is_empty(), delta.as_object_mut()) {
            object.insert("reasoning_details".to_owned(), entries.into());
        } else if call_id.is_none() {
            return;
        }
        self.value(&delta, out);
    }

    fn more(
        &mut self,
        output_index: u32,
        kind: &str,
        field: &str,
        delta: &str,
        out: &mut BytesMut,
    ) {
        let Some(index) = self.calls.get(&output_index) else {
            return;
        };
        out.put_slice(self.head.as_bytes());
        match self.options.calls {
            Calls::Tools => {
                out.put_slice(b"{\"tool_calls\":[{\"index\":");
                write_json(index, out);
                out.put_slice(b",\"");
                out.put_slice(kind.as_bytes());
                out.put_slice(b"\":{\"");
                out.put_slice(field.as_bytes());
                out.put_slice(b"\":");
                write_json(delta, out);
                out.put_slice(b"}}]}");
            }
            Calls::Legacy => {
                out.put_slice(b"{\"function_call\":{\"arguments\":");
                write_json(delta, out);
                out.put_slice(b"}}");
            }
        }
        self.close(delta, out);
    }

    fn finish(&mut self, response: &Response, out: &mut BytesMut) {
        let entries = self.carried.take(None, &self.model);
        if !entries.is_empty() {
            self.value(&json!({ "reasoning_details": entries }), out);
        }
        let called = (!self.calls.is_empty()).then_some(self.options.calls);
        out.put_slice(self.head.as_bytes());
        out.put_slice(b"{},\"logprobs\":null,\"finish_reason\":");
        write_json(finish_reason(response, called), out);
        out.put_slice(b"}]}\n\n");
        if self.options.usage == UsageChunk::Left {
            return;
        }
        let mut chunk = self.identity(response);
        chunk.insert("choices".to_owned(), json!([]));
        let counts = self.beside.usage().cloned();
        let counts = counts.or_else(|| response.usage.as_ref().map(usage));
        chunk.insert("usage".to_owned(), counts.into());
        if let Some(note) = response.extra.get("llmgw") {
            chunk.insert("llmgw".to_owned(), note.clone());
        }
        out.put_slice(b"data: ");
        write_json(&chunk, out);
        out.put_slice(b"\n\n");
    }

    fn fail(&mut self, error: &ErrorPayload, out: &mut BytesMut) {
        self.failed = true;
        out.put_slice(b"data: ");
        let error = json!({
            "message": error.message,
            "type": stream_error_type(error),
            "param": error.param,
            "code": error.code,
        });
        write_json(&json!({ "error": error }), out);
        out.put_slice(b"\n\n");
    }

    /// Ends a chunk that has one choice, padded if that was asked for.
    fn close(&mut self, delta: &str, out: &mut BytesMut) {
        out.put_slice(b",\"finish_reason\":null}]");
        if self.options.padding == Padding::Deltas {
            self.written += 1;
            out.put_slice(b",\"obfuscation\":\"");
            pad(self.written, delta, out);
            out.put_slice(b"\"");
        }
        out.put_slice(b"}\n\n");
    }
}

/// The same names as over HTTP.
fn stream_error_type(error: &ErrorPayload) -> &str {
    match error.kind.as_str() {
        "too_many_requests" => "rate_limit_error",
        "invalid_request" | "not_found" => "invalid_request_error",
        "model_error" => "server_error",
        other => other,
    }
}

fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut BytesMut) {
    // Plain data into memory cannot fail to be written.
    let _written = serde_json::to_writer(out.writer(), value);
}
