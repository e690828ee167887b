//! What was said, in the words of OpenTelemetry's conventions for generative AI: messages of a role and parts, as JSON.
//! For spans, where somebody asks for it; without keys and files, and no longer than a log would have it.
//!
//! <https://github.com/open-telemetry/semantic-conventions-genai>: `gen_ai.input.messages`, `gen_ai.output.messages`,
//! `gen_ai.system_instructions`.

use serde_json::{Value, json};

use super::redact::Redactor;
use crate::canonical::item::{Item, Role, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::gateway::finish::Finish;

/// With so many bytes of text, older messages are left out. A single text is cut by the [`Redactor`] before.
const MOST_BYTES: usize = 64 * 1024;

/// What was said, each as a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    /// The instructions that stand before all messages; `None` if there are none.
    pub system: Option<String>,
    /// The messages of the request, in their order.
    pub input: String,
    /// How many messages before them are left out.
    pub left_out: u64,
    /// The answer; `None` if there was none.
    pub output: Option<String>,
}

impl Messages {
    /// Of a request.
    pub fn asked(request: &Request, redactor: &Redactor) -> Self {
        let instructions = request.instructions.as_deref();
        let system = instructions.map(|text| json!([text_part(text, redactor)]).to_string());
        let mut messages = Vec::new();
        let (mut bytes, mut seen) = (0, 0);
        // What is newest is what a reader looks for.
        for item in request.input.iter().rev() {
            if bytes >= MOST_BYTES {
                break;
            }
            seen += 1;
            if let Some((role, parts)) = message(item, redactor) {
                let text = json!({ "role": role, "parts": parts }).to_string();
                bytes += text.len();
                messages.push(text);
            }
        }
        messages.reverse();
        Self {
            system,
            input: format!("[{}]", messages.join(",")),
            left_out: (request.input.len() - seen) as u64,
            output: None,
        }
    }

    /// With the answer: its items as JSON, and why the model stopped.
    #[must_use]
    pub fn answered(self, items: &str, finish: Finish, redactor: &Redactor) -> Self {
        // What we have written ourselves is read again; if it could not be, there would be no answer to show.
        let items: Vec<Open<Item>> = serde_json::from_str(items).unwrap_or_default();
        let said = items.iter().filter_map(|item| message(item, redactor));
        let parts: Vec<Value> = said.flat_map(|(_, parts)| parts).collect();
        let message =
            json!([{ "role": "assistant", "parts": parts, "finish_reason": finish.as_str() }]);
        Self {
            output: Some(message.to_string()),
            ..self
        }
    }
}

/// One item as a role and parts; `None` if there is nothing in it to read.
fn message(item: &Open<Item>, redactor: &Redactor) -> Option<(&'static str, Vec<Value>)> {
    let item = match item {
        Open::Known(item) => item,
        Open::Unknown(object) => return Some(("assistant", vec![generic(object.get("type"))])),
    };
    Some(match item {
        Item::Message(message) => {
            let parts = message.content.iter().map(|part| shown(part, redactor));
            (role(message.role), parts.collect())
        }
        Item::FunctionCall(call) => {
            let arguments = redactor.redact(&call.arguments);
            let arguments = serde_json::from_str(&arguments).unwrap_or(Value::String(arguments));
            let part = json!({
                "type": "tool_call", "id": call.call_id, "name": call.name, "arguments": arguments,
            });
            ("assistant", vec![part])
        }
        Item::CustomToolCall(call) => {
            let input = redactor.redact(&call.input);
            let part = json!({
                "type": "tool_call", "id": call.call_id, "name": call.name, "arguments": input,
            });
            ("assistant", vec![part])
        }
        Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
            let response = match &output.output {
                ToolOutput::Text(text) => Value::String(redactor.redact(text)),
                ToolOutput::Parts(parts) => {
                    parts.iter().map(|part| shown(part, redactor)).collect()
                }
            };
            let part = json!({
                "type": "tool_call_response", "id": output.call_id, "response": response,
            });
            ("tool", vec![part])
        }
        Item::Reasoning(reasoning) => {
            let content = reasoning.content.as_ref().filter(|parts| !parts.is_empty());
            let parts = content.unwrap_or(&reasoning.summary).iter();
            let texts = parts.filter_map(|part| part.known()?.text());
            let thoughts: Vec<Value> = texts
                .map(|text| json!({ "type": "reasoning", "content": redactor.redact(text) }))
                .collect();
            if thoughts.is_empty() {
                return None;
            }
            ("assistant", thoughts)
        }
        Item::Compaction(_) | Item::ItemReference(_) => {
            ("user", vec![json!({ "type": item.tag() })])
        }
    })
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
        // The conventions know no developer.
        Role::System | Role::Developer => "system",
    }
}

fn shown(part: &Open<Part>, redactor: &Redactor) -> Value {
    let part = match part {
        Open::Known(part) => part,
        Open::Unknown(object) => return generic(object.get("type")),
    };
    if let Some(text) = part.text() {
        return text_part(text, redactor);
    }
    let (modality, uri, id) = match part {
        Part::InputImage(image) => ("image", &image.image_url, &image.file_id),
        Part::InputFile(file) if file.file_url.is_some() => ("document", &file.file_url, &None),
        Part::InputFile(file) => ("document", &None, &file.file_id),
        Part::InputVideo(video) => ("video", &Some(video.video_url.clone()), &None),
        Part::InputAudio(_) => ("audio", &None, &None),
        Part::InputText(_)
        | Part::OutputText(_)
        | Part::Refusal(_)
        | Part::SummaryText(_)
        | Part::ReasoningText(_)
        | Part::Text(_) => return json!({ "type": part.tag() }),
    };
    match (uri, id) {
        (Some(uri), _) => {
            json!({ "type": "uri", "modality": modality, "uri": redactor.redact(uri) })
        }
        (None, Some(id)) => json!({ "type": "file", "modality": modality, "file_id": id }),
        // Bytes are nothing to read.
        (None, None) => json!({ "type": part.tag(), "modality": modality }),
    }
}

fn text_part(text: &str, redactor: &Redactor) -> Value {
    json!({ "type": "text", "content": redactor.redact(text) })
}

/// What nobody knows has a type and no more: what in it is a key or a file is not known either.
fn generic(tag: Option<&Value>) -> Value {
    json!({ "type": tag.and_then(Value::as_str).unwrap_or("unknown") })
}

#[cfg(test)]
mod tests;
