//! Messages of any role become items, in their order.

use std::collections::HashSet;

use crate::canonical::extra::Extra;
use crate::canonical::item::{
    CustomToolCall, FunctionCall, FunctionCallOutput, Item, Message, Reasoning, Role, ToolOutput,
};
use crate::canonical::open::Open;
use crate::canonical::part::{
    AudioData, AudioPart, FilePart, ImagePart, OutputText, Part, RefusalPart, TextPart,
};
use crate::canonical::sealed::{Block, Envelope, Place};
use crate::error::Error;
use crate::wire::chat::request::Message as WireMessage;
use crate::wire::chat::{Content, Part as WirePart, Text, ToolCall};

/// The items of a conversation.
pub(super) fn items(messages: Vec<WireMessage<'_>>) -> Result<Vec<Open<Item>>, Error> {
    let mut items = Items::default();
    for (at, message) in messages.into_iter().enumerate() {
        let path = format!("messages[{at}]");
        match message.role.as_str() {
            "system" => items.say(Role::System, message.content, &path)?,
            "developer" => items.say(Role::Developer, message.content, &path)?,
            "user" => items.say(Role::User, message.content, &path)?,
            "assistant" => items.assistant(message, &path)?,
            "tool" => {
                let id = message
                    .tool_call_id
                    .ok_or_else(|| missing(&path, "tool_call_id"))?;
                items.output(id.0.into_owned(), message.content, &path)?;
            }
            "function" => {
                let id = items.legacy.pop().ok_or_else(|| {
                    Error::invalid(
                        path.as_str(),
                        "a `function` message without a `function_call` before it",
                    )
                })?;
                items.output(id, message.content, &path)?;
            }
            "" => return Err(missing(&path, "role")),
            other => {
                let known = "`developer`, `system`, `user`, `assistant`, `tool`, `function`";
                let message = format!("`{other}` is not one of {known}");
                return Err(Error::invalid(format!("{path}.role"), message));
            }
        }
    }
    Ok(items.all)
}

fn missing(path: &str, field: &str) -> Error {
    Error::invalid(format!("{path}.{field}"), format!("`{field}` is missing"))
        .with_code("missing_required_parameter")
}

#[derive(Default)]
struct Items {
    all: Vec<Open<Item>>,
    /// Calls of custom tools, whose outputs are items of another kind.
    custom: HashSet<String>,
    /// Legacy calls that wait for their output, by the ids made for them.
    legacy: Vec<String>,
}

impl Items {
    fn push(&mut self, item: Item) {
        self.all.push(Open::Known(item));
    }

    fn say(&mut self, role: Role, content: Option<Content<'_>>, path: &str) -> Result<(), Error> {
        let content = parts(content, path, |text| {
            Part::InputText(TextPart {
                text,
                extra: Extra::new(),
            })
        })?;
        if content.is_empty() {
            return Err(missing(path, "content"));
        }
        self.push(Item::Message(Message {
            role,
            content,
            ..Message::default()
        }));
        Ok(())
    }

    fn assistant(&mut self, message: WireMessage<'_>, path: &str) -> Result<(), Error> {
        self.reasoning(&message);
        let mut content = parts(message.content, path, |text| {
            Part::OutputText(OutputText {
                text,
                ..OutputText::default()
            })
        })?;
        if let Some(refusal) = message
            .refusal
            .filter(|refusal| !refusal.as_str().is_empty())
        {
            content.push(
                Part::Refusal(RefusalPart {
                    refusal: refusal.0.into_owned(),
                    extra: Extra::new(),
                })
                .into(),
            );
        }
        content.retain(|part| part.known().and_then(Part::text) != Some(""));
        if !content.is_empty() {
            self.push(Item::Message(Message {
                role: Role::Assistant,
                content,
                ..Message::default()
            }));
        }
        for (at, call) in message
            .tool_calls
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            self.call(call, &format!("{path}.tool_calls[{at}]"))?;
        }
        if let Some(call) = message.function_call {
            let id = format!("call_legacy_{}", self.all.len());
            self.legacy.push(id.clone());
            self.push(Item::FunctionCall(FunctionCall {
                call_id: id,
                name: call.name.map(owned).unwrap_or_default(),
                arguments: call
                    .arguments
                    .map(|arguments| arguments.0.into_owned())
                    .unwrap_or_default(),
                ..FunctionCall::default()
            }));
        }
        Ok(())
    }

    /// Reasoning that a client sends back, for the servers that want it.
    fn reasoning(&mut self, message: &WireMessage<'_>) {
        let text = message
            .reasoning_content
            .as_ref()
            .or(message.reasoning.as_ref());
        let text = text.map(Text::as_str).filter(|text| !text.is_empty());
        if let Some(text) = text {
            self.push(Item::Reasoning(Reasoning {
                summary: vec![Part::summary_text(text).into()],
                ..Reasoning::default()
            }));
        }
    }

    fn call(&mut self, call: ToolCall<'_>, path: &str) -> Result<(), Error> {
        let call_id = call.id.map(owned).ok_or_else(|| missing(path, "id"))?;
        let signature = call
            .extra_content
            .and_then(|extra| extra.google)
            .and_then(|google| google.thought_signature);
        if let Some(signature) = signature {
            let block = Block::Signature {
                place: Place::NextCall,
                signature: owned(signature),
            };
            let envelope = Envelope {
                vendor: "google".to_owned(),
                model: String::new(),
                blocks: vec![block],
            };
            self.push(Item::Reasoning(Reasoning {
                encrypted_content: Some(envelope.seal()),
                ..Reasoning::default()
            }));
        }
        if let Some(custom) = call.custom {
            self.custom.insert(call_id.clone());
            self.push(Item::CustomToolCall(CustomToolCall {
                call_id,
                name: custom.name.map(owned).unwrap_or_default(),
                input: custom.input.map(owned).unwrap_or_default(),
                ..CustomToolCall::default()
            }));
            return Ok(());
        }
        let function = call.function.ok_or_else(|| missing(path, "function"))?;
        self.push(Item::FunctionCall(FunctionCall {
            call_id,
            name: function
                .name
                .map(owned)
                .ok_or_else(|| missing(path, "function.name"))?,
            arguments: function
                .arguments
                .map(|arguments| arguments.0.into_owned())
                .unwrap_or_default(),
            ..FunctionCall::default()
        }));
        Ok(())
    }

    fn output(
        &mut self,
        call_id: String,
        content: Option<Content<'_>>,
        path: &str,
    ) -> Result<(), Error> {
        let output = match content {
            Some(Content::Text(text)) => ToolOutput::Text(text.into_owned()),
            None | Some(Content::Null) => ToolOutput::Text(String::new()),
            Some(content @ Content::Parts(_)) => {
                ToolOutput::Parts(parts(Some(content), path, |text| {
                    Part::InputText(TextPart {
                        text,
                        extra: Extra::new(),
                    })
                })?)
            }
        };
        let custom = self.custom.contains(&call_id);
        let output = FunctionCallOutput {
            id: None,
            call_id,
            output,
            status: None,
            is_error: false,
            extra: Extra::new(),
        };
        self.push(if custom {
            Item::CustomToolCallOutput(output)
        } else {
            Item::FunctionCallOutput(output)
        });
        Ok(())
    }
}

/// Content as parts; text becomes what the role's side says.
fn parts(
    content: Option<Content<'_>>,
    path: &str,
    text_part: fn(String) -> Part,
) -> Result<Vec<Open<Part>>, Error> {
    let list = match content {
        None | Some(Content::Null) => return Ok(Vec::new()),
        Some(Content::Text(text)) => return Ok(vec![text_part(text.into_owned()).into()]),
        Some(Content::Parts(list)) => list,
    };
    list.into_iter()
        .enumerate()
        .map(|(at, part)| {
            part_of(part, &format!("{path}.content[{at}]"), text_part).map(Open::Known)
        })
        .collect()
}

fn part_of(part: WirePart<'_>, path: &str, text_part: fn(String) -> Part) -> Result<Part, Error> {
    let lacks = |field: &str| missing(path, field);
    match part.kind.as_str() {
        "text" => Ok(text_part(
            part.text.map(owned).ok_or_else(|| lacks("text"))?,
        )),
        "refusal" => {
            let refusal = part.refusal.map(owned).ok_or_else(|| lacks("refusal"))?;
            Ok(Part::Refusal(RefusalPart {
                refusal,
                extra: Extra::new(),
            }))
        }
        "image_url" => {
            let image = part.image_url.ok_or_else(|| lacks("image_url"))?;
            Ok(Part::InputImage(ImagePart {
                image_url: Some(owned(image.url)),
                detail: image.detail.map(owned),
                ..ImagePart::default()
            }))
        }
        "input_audio" => {
            let audio = part.input_audio.ok_or_else(|| lacks("input_audio"))?;
            let input_audio = AudioData {
                data: owned(audio.data),
                format: owned(audio.format),
            };
            Ok(Part::InputAudio(AudioPart {
                input_audio,
                extra: Extra::new(),
            }))
        }
        "file" => {
            let file = part.file.ok_or_else(|| lacks("file"))?;
            Ok(Part::InputFile(FilePart {
                filename: file.filename.map(owned),
                file_data: file.file_data.map(owned),
                file_id: file.file_id.map(owned),
                ..FilePart::default()
            }))
        }
        other => Err(Error::invalid(
            format!("{path}.type"),
            format!("`{other}` is no content part of this API"),
        )),
    }
}

fn owned(text: Text<'_>) -> String {
    text.0.into_owned()
}
