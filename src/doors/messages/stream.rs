//! Events become the events of this protocol: one block open at a time, each closed once, numbered from 0.

use bytes::{BufMut as _, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};

use super::response::{citation, id, redacted, signature, stop_details, stop_reason, usage};
use super::{error_body, error_type};
use crate::canonical::event::{ErrorPayload, Event};
use crate::canonical::item::{Item, Reasoning};
use crate::canonical::open::Open;
use crate::canonical::response::Response;
use crate::error::Kind;

/// Writes one stream.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    next: u64,
    open: Option<Shape>,
    /// The block before the next one.
    last: Option<Shape>,
    /// Thinking that shows no text, after text: it has a block if anything follows.
    held: Option<String>,
    model: String,
}

/// What the open block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Thinking,
    Call,
}

impl Blocks {
    pub(super) fn event(&mut self, event: &Open<Event>, out: &mut BytesMut) {
        // What this protocol has no event for cannot be said in it.
        let Open::Known(event) = event else { return };
        match event {
            Event::TextDelta(e) => self.delta(Shape::Text, "text_delta", "text", &e.delta, out),
            Event::RefusalDelta(e) => self.delta(Shape::Text, "text_delta", "text", &e.delta, out),
            Event::SummaryDelta(e) => {
                self.delta(Shape::Thinking, "thinking_delta", "thinking", &e.delta, out);
            }
            Event::ReasoningDelta(e) => {
                self.delta(Shape::Thinking, "thinking_delta", "thinking", &e.delta, out);
            }
            Event::ArgumentsDelta(e) => {
                self.delta(
                    Shape::Call,
                    "input_json_delta",
                    "partial_json",
                    &e.delta,
                    out,
                );
            }
            Event::Created(l) => self.begin(&l.response, out),
            Event::ItemAdded(e) => self.item(&e.item, out),
            Event::ItemDone(e) => self.done(&e.item, out),
            Event::AnnotationAdded(e) => {
                let delta =
                    json!({ "type": "citations_delta", "citation": citation(&e.annotation) });
                self.ensure(Shape::Text, out);
                self.tree(&delta, out);
            }
            Event::PartDone(_) => self.close(Shape::Text, out),
            Event::Completed(l) | Event::Incomplete(l) => self.finish(&l.response, out),
            Event::Error(e) => Self::fail(&e.error, out),
            // An input that is no JSON is sent whole, as the one string of the object that stands for it.
            Event::InputDone(e) => {
                let input = json!({ "input": e.input }).to_string();
                self.delta(Shape::Call, "input_json_delta", "partial_json", &input, out);
            }
            Event::Failed(_)
            | Event::Queued(_)
            | Event::InProgress(_)
            | Event::PartAdded(_)
            | Event::TextDone(_)
            | Event::RefusalDone(_)
            | Event::ArgumentsDone(_)
            | Event::InputDelta(_)
            | Event::ReasoningDone(_)
            | Event::SummaryPartAdded(_)
            | Event::SummaryPartDone(_)
            | Event::SummaryDone(_) => {}
        }
    }

    fn begin(&mut self, response: &Response, out: &mut BytesMut) {
        self.model.clone_from(&response.model);
        let message = json!({
            "id": id(&response.id),
            "type": "message",
            "role": "assistant",
            "model": response.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage(None),
        });
        frame(
            "message_start",
            &json!({ "type": "message_start", "message": message }),
            out,
        );
    }

    fn item(&mut self, item: &Open<Item>, out: &mut BytesMut) {
        let (call_id, name) = match item {
            Open::Known(Item::FunctionCall(call)) => (&call.call_id, &call.name),
            Open::Known(Item::CustomToolCall(call)) => (&call.call_id, &call.name),
            _ => return,
        };
        self.start(
            Shape::Call,
            &json!({ "type": "tool_use", "id": call_id, "name": name, "input": {} }),
            out,
        );
    }

    fn done(&mut self, item: &Open<Item>, out: &mut BytesMut) {
        match item {
            Open::Known(Item::Reasoning(reasoning)) => self.sign(reasoning, out),
            Open::Known(Item::FunctionCall(_) | Item::CustomToolCall(_)) => {
                self.close(Shape::Call, out);
            }
            _ => {}
        }
    }

    /// The signature stands last in its block; thinking that shows no text has a block all the same. But no message of
    /// this protocol ends in thinking, and clients take its last block for the answer.
    fn sign(&mut self, reasoning: &Reasoning, out: &mut BytesMut) {
        if let (None, Some(data)) = (self.open, redacted(reasoning)) {
            let block = json!({ "type": "redacted_thinking", "data": data });
            self.start(Shape::Thinking, &block, out);
            return self.close(Shape::Thinking, out);
        }
        let signature = signature(reasoning, &self.model);
        if self.open != Some(Shape::Thinking) && self.last == Some(Shape::Text) {
            self.held = Some(signature);
            return;
        }
        self.write_signature(&signature, out);
    }

    fn write_signature(&mut self, signature: &str, out: &mut BytesMut) {
        self.ensure(Shape::Thinking, out);
        let delta = json!({ "type": "signature_delta", "signature": signature });
        self.tree(&delta, out);
        self.close(Shape::Thinking, out);
    }

    /// A delta of a rare kind.
    fn tree(&self, delta: &Value, out: &mut BytesMut) {
        let event = json!({ "type": "content_block_delta", "index": self.next, "delta": delta });
        frame("content_block_delta", &event, out);
    }

    fn ensure(&mut self, shape: Shape, out: &mut BytesMut) {
        if self.open == Some(shape) {
            return;
        }
        let block = match shape {
            Shape::Text => json!({ "type": "text", "text": "" }),
            Shape::Thinking => json!({ "type": "thinking", "thinking": "", "signature": "" }),
            Shape::Call => return,
        };
        self.start(shape, &block, out);
    }

    fn start(&mut self, shape: Shape, block: &Value, out: &mut BytesMut) {
        if let Some(open) = self.open {
            self.close(open, out);
        }
        if let Some(signature) = self.held.take() {
            self.write_signature(&signature, out);
        }
        self.open = Some(shape);
        let event =
            json!({ "type": "content_block_start", "index": self.next, "content_block": block });
        frame("content_block_start", &event, out);
    }

    /// The hot path: written without a tree.
    fn delta(&mut self, shape: Shape, kind: &str, field: &str, delta: &str, out: &mut BytesMut) {
        self.ensure(shape, out);
        out.put_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        write_json(&self.next, out);
        out.put_slice(b",\"delta\":{\"type\":\"");
        out.put_slice(kind.as_bytes());
        out.put_slice(b"\",\"");
        out.put_slice(field.as_bytes());
        out.put_slice(b"\":");
        write_json(delta, out);
        out.put_slice(b"}}\n\n");
    }

    fn close(&mut self, shape: Shape, out: &mut BytesMut) {
        if self.open != Some(shape) {
            return;
        }
        self.open = None;
        self.last = Some(shape);
        frame(
            "content_block_stop",
            &json!({ "type": "content_block_stop", "index": self.next }),
            out,
        );
        self.next += 1;
    }

    fn finish(&mut self, response: &Response, out: &mut BytesMut) {
        if let Some(open) = self.open {
            self.close(open, out);
        }
        let mut delta = json!({
            "type": "message_delta",
            "delta": {
                "stop_reason": stop_reason(response),
                "stop_sequence": response.extra.get("stop_sequence"),
                "stop_details": stop_details(response),
            },
            "usage": usage(response.usage.as_ref()),
        });
        if let (Some(object), Some(note)) = (delta.as_object_mut(), response.extra.get("llmgw")) {
            object.insert("llmgw".to_owned(), note.clone());
        }
        frame("message_delta", &delta, out);
        frame("message_stop", &json!({ "type": "message_stop" }), out);
    }

    fn fail(error: &ErrorPayload, out: &mut BytesMut) {
        let (kind, status) = match error.code.as_deref() {
            Some("overloaded" | "gateway_busy") => (Kind::Overloaded, 503),
            Some("upstream_timeout") => (Kind::Timeout, 504),
            Some("rate_limit_exceeded" | "insufficient_quota") => (Kind::RateLimited, 429),
            _ if error.kind == "invalid_request" => (Kind::InvalidRequest, 400),
            _ => (Kind::UpstreamFailed, 502),
        };
        frame(
            "error",
            &error_body(error_type(kind, status), &error.message),
            out,
        );
    }
}

fn frame(event: &str, data: &Value, out: &mut BytesMut) {
    out.put_slice(b"event: ");
    out.put_slice(event.as_bytes());
    out.put_slice(b"\ndata: ");
    write_json(data, out);
    out.put_slice(b"\n\n");
}

fn write_json<T: Serialize + ?Sized>(value: &T, out: &mut BytesMut) {
    // Plain data into memory cannot fail to be written.
    let _written = serde_json::to_writer(out.writer(), value);
}
