//! How an upstream says a thing in each protocol: the little that a stand-in needs, written by hand.
//!
//! A dialect is told from the request itself, as a server would: by its path. Nothing here knows the gateway's own
//! encoders and decoders, so a mistake of theirs is not repeated here.

use http::StatusCode;
use serde_json::{Value, json};

use crate::gateway::upstream::Outgoing;

/// A protocol, as seen from the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenAI's Responses.
    Responses,
    /// Chat Completions.
    Chat,
    /// Anthropic's Messages.
    Messages,
    /// Gemini's generateContent.
    Gemini,
    /// The verbs of the built-in `demo`.
    Demo,
}

/// What an upstream may complain of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    /// Too many requests.
    RateLimit,
    /// It failed.
    Server,
    /// It is overloaded.
    Overload,
    /// The prompt is too long.
    Context,
    /// Its policy refuses the prompt.
    Policy,
}

/// The frames of a streamed answer.
pub(super) struct Frames {
    /// Those before any content.
    pub(super) opening: Vec<String>,
    /// One for each piece of text.
    pub(super) deltas: Vec<String>,
    /// Those without which the answer is not whole.
    pub(super) ending: Vec<String>,
}

/// What is asked, as far as a stand-in reads it.
pub(super) struct Question {
    pub(super) dialect: Dialect,
    pub(super) model: String,
    /// Is a stream wanted?
    pub(super) streamed: bool,
}

impl Question {
    /// Reads a request by its path and body.
    pub(super) fn of(outgoing: &Outgoing) -> Self {
        let path = outgoing.url.split('?').next().unwrap_or_default();
        let body: Value = serde_json::from_slice(&outgoing.body).unwrap_or_default();
        let dialect = if path.starts_with("demo:") {
            Dialect::Demo
        } else if path.ends_with("/chat/completions") {
            Dialect::Chat
        } else if path.ends_with("/messages") {
            Dialect::Messages
        } else if path.contains(":generateContent") || path.contains(":streamGenerateContent") {
            Dialect::Gemini
        } else {
            Dialect::Responses
        };
        let asked = match dialect {
            Dialect::Demo => body.get("respond").unwrap_or(&Value::Null),
            Dialect::Responses | Dialect::Chat | Dialect::Messages | Dialect::Gemini => &body,
        };
        let said = |key: &str| asked.get(key).and_then(Value::as_str).unwrap_or_default();
        let (model, streamed) = match dialect {
            Dialect::Gemini => {
                let name = path.rsplit('/').next().unwrap_or_default();
                let (model, action) = name.split_once(':').unwrap_or((name, ""));
                (model.to_owned(), action == "streamGenerateContent")
            }
            Dialect::Demo | Dialect::Responses | Dialect::Chat | Dialect::Messages => {
                let streamed = asked.get("stream") == Some(&Value::Bool(true));
                (said("model").to_owned(), streamed)
            }
        };
        Self {
            dialect,
            model,
            streamed,
        }
    }
}

impl Dialect {
    /// A streamed answer of these pieces.
    pub(super) fn frames(self, model: &str, pieces: &[&str]) -> Frames {
        match self {
            Self::Responses => responses(model, pieces),
            Self::Chat => chat(model, pieces),
            Self::Messages => messages(model, pieces),
            Self::Gemini => gemini(model, pieces),
            Self::Demo => Frames {
                opening: vec![plain(&json!({ "begin": { "model": model } }))],
                deltas: pieces.iter().map(|text| plain(&demo_text(text))).collect(),
                ending: demo_ending().iter().map(plain).collect(),
            },
        }
    }

    /// The same answer in one piece.
    pub(super) fn whole(self, model: &str, text: &str) -> Value {
        match self {
            Self::Responses => response(model, "completed", &[message(text)]),
            Self::Chat => json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
                "choices": [{
                    "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop",
                }],
                "usage": chat_usage(),
            }),
            Self::Messages => {
                let content = json!([{ "type": "text", "text": text }]);
                claude(model, &content, Some("end_turn"))
            }
            Self::Gemini => candidate(model, text, Some("STOP")),
            Self::Demo => {
                let mut verbs = vec![json!({ "begin": { "model": model } }), demo_text(text)];
                verbs.extend(demo_ending());
                Value::Array(verbs)
            }
        }
    }

    /// The body of an error.
    pub(super) fn error(self, status: StatusCode, complaint: Complaint) -> Value {
        let words = complaint.words();
        match self {
            Self::Messages => json!({
                "type": "error", "error": { "type": complaint.at_anthropic(), "message": words },
            }),
            Self::Gemini => json!({
                "error": { "code": status.as_u16(), "message": words, "status": complaint.at_google() },
            }),
            Self::Responses | Self::Chat | Self::Demo => json!({
                "error": {
                    "message": words, "type": complaint.at_openai(), "param": null, "code": complaint.at_openai(),
                },
            }),
        }
    }

    /// The frame that says in the middle of a stream that it failed.
    pub(super) fn error_frame(self) -> String {
        let error = self.error(StatusCode::INTERNAL_SERVER_ERROR, Complaint::Server);
        match self {
            Self::Responses => named(
                "error",
                &json!({ "code": "server_error", "message": "it failed", "param": null, "sequence_number": 9 }),
            ),
            Self::Messages => named("error", &error),
            Self::Chat | Self::Gemini => plain(&error),
            Self::Demo => plain(
                &json!({ "error": { "status": 500, "code": "server_error", "message": "it failed" } }),
            ),
        }
    }
}

impl Complaint {
    fn words(self) -> &'static str {
        match self {
            Self::RateLimit => "too many requests",
            Self::Server => "it failed",
            Self::Overload => "overloaded",
            // Both vendors whose errors have no code for it are told by these words.
            Self::Context => {
                "prompt is too long: the input token count (2000000) exceeds the maximum of 1000000"
            }
            Self::Policy => "output blocked by content filtering policy",
        }
    }

    fn at_openai(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit_exceeded",
            Self::Server => "server_error",
            Self::Overload => "overloaded",
            Self::Context => "context_length_exceeded",
            Self::Policy => "content_policy_violation",
        }
    }

    fn at_anthropic(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit_error",
            Self::Server => "api_error",
            Self::Overload => "overloaded_error",
            Self::Context | Self::Policy => "invalid_request_error",
        }
    }

    fn at_google(self) -> &'static str {
        match self {
            Self::RateLimit => "RESOURCE_EXHAUSTED",
            Self::Server => "INTERNAL",
            Self::Overload => "UNAVAILABLE",
            Self::Context | Self::Policy => "INVALID_ARGUMENT",
        }
    }
}

fn plain(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// A frame whose type stands in the event line and in the data, as OpenAI and Anthropic have it.
fn named(kind: &str, data: &Value) -> String {
    let mut data = data.clone();
    if let Some(map) = data.as_object_mut() {
        map.insert("type".to_owned(), kind.into());
    }
    format!("event: {kind}\n{}", plain(&data))
}

fn response(model: &str, status: &str, output: &[Value]) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": model, "output": output,
        "error": null, "incomplete_details": null, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
        "usage": {
            "input_tokens": 5, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": 7, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 12,
        },
    })
}

fn message(text: &str) -> Value {
    json!({
        "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
        "content": [{ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }],
    })
}

fn responses(model: &str, pieces: &[&str]) -> Frames {
    let text = pieces.concat();
    let begun = json!({ "type": "message", "id": "msg_1", "status": "in_progress", "role": "assistant", "content": [] });
    let part = |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
    let place = |more: Value| {
        let mut data = json!({ "item_id": "msg_1", "output_index": 0, "content_index": 0 });
        if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
            data.extend(more.clone());
        }
        data
    };
    let opening = [
        (
            "response.created",
            json!({ "response": response(model, "in_progress", &[]) }),
        ),
        (
            "response.output_item.added",
            json!({ "output_index": 0, "item": begun }),
        ),
        (
            "response.content_part.added",
            place(json!({ "part": part("") })),
        ),
    ];
    let ending = [
        (
            "response.output_text.done",
            place(json!({ "text": text, "logprobs": [] })),
        ),
        (
            "response.content_part.done",
            place(json!({ "part": part(&text) })),
        ),
        (
            "response.output_item.done",
            json!({ "output_index": 0, "item": message(&text) }),
        ),
        (
            "response.completed",
            json!({ "response": response(model, "completed", &[message(&text)]) }),
        ),
    ];
    let all = |events: &[(&str, Value)]| {
        events
            .iter()
            .map(|(kind, data)| named(kind, data))
            .collect()
    };
    let delta = |text: &&str| {
        let data = place(json!({ "delta": text, "logprobs": [] }));
        named("response.output_text.delta", &data)
    };
    Frames {
        opening: all(&opening),
        deltas: pieces.iter().map(delta).collect(),
        ending: all(&ending),
    }
}

fn chat_usage() -> Value {
    json!({ "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12 })
}

fn chat(model: &str, pieces: &[&str]) -> Frames {
    let chunk = |choices: Value, usage: Value| {
        plain(&json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": choices, "usage": usage,
        }))
    };
    let choice = |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
    let role = json!({ "role": "assistant", "content": "" });
    let delta = |text: &&str| chunk(choice(json!({ "content": text }), Value::Null), Value::Null);
    Frames {
        opening: vec![chunk(choice(role, Value::Null), Value::Null)],
        deltas: pieces.iter().map(delta).collect(),
        ending: vec![
            chunk(choice(json!({}), "stop".into()), Value::Null),
            chunk(json!([]), chat_usage()),
            "data: [DONE]\n\n".to_owned(),
        ],
    }
}

fn claude(model: &str, content: &Value, stop: Option<&str>) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop, "stop_sequence": null, "usage": { "input_tokens": 5, "output_tokens": 7 },
    })
}

fn messages(model: &str, pieces: &[&str]) -> Frames {
    let delta = |text: &&str| {
        let data = json!({ "index": 0, "delta": { "type": "text_delta", "text": text } });
        named("content_block_delta", &data)
    };
    let block = json!({ "index": 0, "content_block": { "type": "text", "text": "" } });
    let stop = json!({
        "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 7 },
    });
    Frames {
        opening: vec![
            named(
                "message_start",
                &json!({ "message": claude(model, &json!([]), None) }),
            ),
            named("content_block_start", &block),
        ],
        deltas: pieces.iter().map(delta).collect(),
        ending: vec![
            named("content_block_stop", &json!({ "index": 0 })),
            named("message_delta", &stop),
            named("message_stop", &json!({})),
        ],
    }
}

fn candidate(model: &str, text: &str, finish: Option<&str>) -> Value {
    let mut candidate =
        json!({ "index": 0, "content": { "role": "model", "parts": [{ "text": text }] } });
    if let (Some(map), Some(finish)) = (candidate.as_object_mut(), finish) {
        map.insert("finishReason".to_owned(), finish.into());
    }
    json!({
        "candidates": [candidate], "modelVersion": model, "responseId": "r1",
        "usageMetadata": { "promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12 },
    })
}

fn gemini(model: &str, pieces: &[&str]) -> Frames {
    Frames {
        opening: Vec::new(),
        deltas: pieces
            .iter()
            .map(|text| plain(&candidate(model, text, None)))
            .collect(),
        ending: vec![plain(&candidate(model, "", Some("STOP")))],
    }
}

fn demo_text(text: &str) -> Value {
    json!({ "text": { "block": 0, "delta": text } })
}

fn demo_ending() -> Vec<Value> {
    vec![
        json!({ "close": { "block": 0 } }),
        json!({ "usage": { "input": 5, "output": 7, "reasoning": 0 } }),
        json!({ "stop": "complete" }),
    ]
}
