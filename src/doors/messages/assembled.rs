//! The frames of a stream put together to the message that they make, for a client that wants it whole.
//!
//! A long answer is asked for as a stream whatever the client wants. What is not known here is kept: blocks come whole
//! in their start, and the fields of an unknown delta go into its block.

use bytes::Bytes;
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// The message; `None` if the frames begin with no message.
pub(super) fn message(frames: &[Bytes]) -> Option<Value> {
    let mut message = Object::new();
    let mut blocks: Vec<Block> = Vec::new();
    for frame in frames {
        let Ok(Value::Object(mut event)) = serde_json::from_slice(frame) else {
            continue;
        };
        let kind = event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let index = event
            .get("index")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        match kind.as_str() {
            "message_start" => {
                if let Some(Value::Object(start)) = event.shift_remove("message") {
                    message = start;
                }
            }
            "content_block_start" => {
                if let Some(Value::Object(fields)) = event.shift_remove("content_block") {
                    let json = String::new();
                    blocks.push(Block {
                        index,
                        fields,
                        json,
                    });
                }
            }
            "content_block_delta" => {
                let block = blocks.iter_mut().rev().find(|block| block.index == index);
                if let (Some(block), Some(Value::Object(delta))) =
                    (block, event.shift_remove("delta"))
                {
                    block.add(delta);
                }
            }
            "message_delta" => end(&mut message, event),
            // `content_block_stop`, `message_stop` and `ping` add nothing.
            _ => {}
        }
    }
    if message.is_empty() {
        return None;
    }
    let mut content = match message.get_mut("content").map(Value::take) {
        Some(Value::Array(content)) => content,
        _ => Vec::new(),
    };
    content.extend(blocks.into_iter().map(Block::whole));
    message.insert("content".to_owned(), content.into());
    Some(Value::Object(message))
}

/// What the end says besides what the start said: counts are cumulative, and `null` says nothing new.
fn end(message: &mut Object, event: Object) {
    for (key, value) in event {
        match (key.as_str(), value) {
            ("type", _) => {}
            ("delta", Value::Object(delta)) => message.extend(delta),
            ("usage", Value::Object(counts)) => {
                let usage = message.entry("usage").or_insert_with(|| json!({}));
                if let Some(usage) = usage.as_object_mut() {
                    for (name, count) in counts {
                        if !count.is_null() || !usage.contains_key(&name) {
                            usage.insert(name, count);
                        }
                    }
                }
            }
            (_, value) => {
                message.insert(key, value);
            }
        }
    }
}

/// A block while it grows.
struct Block {
    index: u64,
    fields: Object,
    /// Its input, in pieces.
    json: String,
}

impl Block {
    fn add(&mut self, delta: Object) {
        let kind = delta
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        for (key, value) in delta {
            match (kind.as_str(), key.as_str(), value) {
                (_, "type", _) => {}
                ("input_json_delta", "partial_json", Value::String(piece)) => {
                    self.json.push_str(&piece);
                }
                ("citations_delta", "citation", citation) => {
                    let list = self.fields.entry("citations").or_insert(Value::Null);
                    match list.as_array_mut() {
                        Some(list) => list.push(citation),
                        None => *list = json!([citation]),
                    }
                }
                (_, _, Value::String(more)) => match self.fields.get_mut(&key) {
                    Some(Value::String(text)) => text.push_str(&more),
                    _ => {
                        self.fields.insert(key, more.into());
                    }
                },
                (_, _, value) => {
                    self.fields.insert(key, value);
                }
            }
        }
    }

    /// An input that was cut in its middle is kept as text.
    fn whole(mut self) -> Value {
        if !self.json.is_empty() {
            let input = serde_json::from_str(&self.json)
                .unwrap_or_else(|_| json!({ "incomplete_json": self.json }));
            self.fields.insert("input".to_owned(), input);
        }
        Value::Object(self.fields)
    }
}
