//! What the Chat Completions and Messages protocols know and the specification does not.
//!
//! It rides beside the request, so that a provider of the same protocol can send it on. Every other provider lists as a
//! loss what would have changed the answer.

use serde_json::Value;

use super::extra::{Extra, Object};

/// Settings of other protocols.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beyond {
    /// Stop sequences.
    pub stop: Vec<String>,
    /// A seed for sampling.
    pub seed: Option<i64>,
    /// Sample among the k likeliest.
    pub top_k: Option<u64>,
    /// Token biases, as Chat Completions writes them.
    pub logit_bias: Option<Object>,
    /// How many answers; more than one is refused.
    pub choices: Option<u64>,
    /// A budget for thinking in tokens, as the Messages API of older models takes it.
    pub thinking_budget: Option<u64>,
    /// Fields of a Chat Completions request that only its protocol knows.
    pub chat: Extra,
    /// Fields of a Messages request that only its protocol knows.
    pub messages: Extra,
    /// The paths of what the door itself could not carry, for whichever provider is asked.
    pub lost: Vec<String>,
    /// Whether the last message is the beginning of the answer.
    pub last_message: LastMessage,
}

/// What the last message of a conversation is, where it is the assistant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LastMessage {
    /// Said, like those before it.
    #[default]
    Said,
    /// The beginning of the answer: the model goes on from its last character, or the request is refused
    /// ([`crate::error::Kind::Unsupported`]) before it is sent. No other text may come of it.
    Begun,
}

impl Beyond {
    /// The fields of a Chat Completions request whose loss may change the answer.
    pub fn chat_only(&self) -> impl Iterator<Item = &str> {
        // A prediction of the answer only makes the same answer come sooner.
        named(&self.chat, |key, _| key != "prediction")
    }

    /// The fields of a Messages request whose loss may change the answer.
    pub fn messages_only(&self) -> impl Iterator<Item = &str> {
        named(&self.messages, |key, value| match key {
            "cache_control" | "diagnostics" | "inference_geo" => false,
            "speed" => value != "standard",
            "context_management" => !only_clears(value),
            _ => true,
        })
    }
}

fn named(extra: &Extra, matters: fn(&str, &Value) -> bool) -> impl Iterator<Item = &str> {
    extra
        .iter()
        .filter(move |(key, value)| !value.is_null() && matters(key, value))
        .map(|(key, _)| key.as_str())
}

/// `context_management` that only clears old tool results saves the client's tokens. Coding clients send it with every
/// request.
fn only_clears(value: &Value) -> bool {
    let clears = |edit: &Value| {
        let kind = edit.get("type").and_then(Value::as_str);
        kind.is_some_and(|kind| kind.starts_with("clear_"))
    };
    let edits = value.get("edits").and_then(Value::as_array);
    edits.is_none_or(|edits| edits.iter().all(clears))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hints_are_no_losses() {
        let object = |value: Value| Extra::from(value.as_object().cloned().unwrap_or_default());
        let beyond = Beyond {
            chat: object(json!({"prediction": {}, "web_search_options": {}, "audio": null})),
            messages: object(json!({
                "speed": "standard", "diagnostics": {}, "mcp_servers": [],
                "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
            })),
            ..Beyond::default()
        };
        assert_eq!(
            beyond.chat_only().collect::<Vec<_>>(),
            ["web_search_options"]
        );
        assert_eq!(beyond.messages_only().collect::<Vec<_>>(), ["mcp_servers"]);
        let more = Beyond {
            messages: object(json!({
                "speed": "fast", "context_management": {"edits": [{"type": "compact_20260112"}]},
            })),
            ..Beyond::default()
        };
        let lost: Vec<&str> = more.messages_only().collect();
        assert_eq!(lost, ["speed", "context_management"]);
    }
}
