//! Content blocks become items and parts, in their order.

use serde_json::Value;
use serde_json::value::RawValue;

use super::media::{document, image, source};
use crate::canonical::extra::{Extra, Object};
use crate::canonical::item::{
    FunctionCall, FunctionCallOutput, Item, Message, Reasoning, Role, ToolOutput,
};
use crate::canonical::open::Open;
use crate::canonical::part::{OutputText, Part, TextPart};
use crate::canonical::sealed::{self, Block as Sealed, Envelope};
use crate::error::Error;
use crate::wire::anthropic::inbound::{Block, Message as WireMessage};

/// A conversation, and the paths of what could not be carried.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) items: Vec<Open<Item>>,
    pub(super) lost: Vec<String>,
}

impl Conversation {
    /// Reads the system prompt and all turns.
    pub(super) fn of(
        system: Option<&RawValue>,
        messages: &[WireMessage<'_>],
    ) -> Result<Self, Error> {
        if messages.is_empty() {
            let message = "messages: at least one message is required";
            return Err(Error::invalid("messages", message));
        }
        let mut all = Self::default();
        if let Some(system) = system {
            all.system(system)?;
        }
        for (at, message) in messages.iter().enumerate() {
            let path = format!("messages[{at}]");
            let blocks = read(message.content, &format!("{path}.content"))?;
            match message.role.as_str() {
                "user" => all.user(blocks, &path)?,
                "assistant" => all.assistant(blocks, &path)?,
                "system" => {
                    let parts = all.parts(blocks, &path)?;
                    all.items.push(said(Role::System, parts));
                }
                other => {
                    let message = format!("`{other}` is not one of `user`, `assistant`, `system`");
                    return Err(Error::invalid(format!("{path}.role"), message));
                }
            }
        }
        Ok(all)
    }

    /// A string, or text blocks. Their boundaries stay, one message each.
    fn system(&mut self, raw: &RawValue) -> Result<(), Error> {
        if raw.get() == "null" {
            return Ok(());
        }
        for (at, block) in read(raw, "system")?.into_iter().enumerate() {
            let text = block
                .text
                .ok_or_else(|| lacks(&format!("system[{at}]"), "text"))?;
            if text.is_empty() {
                continue;
            }
            let part = Part::InputText(TextPart {
                text,
                extra: Extra::from(block.extra),
            });
            self.items.push(said(Role::System, vec![part.into()]));
        }
        Ok(())
    }

    /// Results of tools come before what else the turn says, as every provider wants it.
    fn user(&mut self, blocks: Vec<Block<'_>>, path: &str) -> Result<(), Error> {
        let mut content = Vec::new();
        for (at, block) in blocks.into_iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            if block.kind == "tool_result" {
                let result = self.result(block, &path)?;
                self.items
                    .push(Open::Known(Item::FunctionCallOutput(result)));
            } else {
                content.push(self.part(block, &path)?);
            }
        }
        if !content.is_empty() {
            self.items.push(said(Role::User, content));
        }
        Ok(())
    }

    fn result(&mut self, block: Block<'_>, path: &str) -> Result<FunctionCallOutput, Error> {
        let output = match block.content {
            None => ToolOutput::Text(String::new()),
            Some(raw) if raw.get().starts_with('"') => {
                let text = serde_json::from_str(raw.get())
                    .map_err(|e| Error::invalid(path, e.to_string()))?;
                ToolOutput::Text(text)
            }
            Some(raw) => {
                let blocks = read(raw, &format!("{path}.content"))?;
                ToolOutput::Parts(self.parts(blocks, path)?)
            }
        };
        Ok(FunctionCallOutput {
            id: None,
            call_id: block
                .tool_use_id
                .ok_or_else(|| lacks(path, "tool_use_id"))?,
            output,
            status: None,
            is_error: block.is_error.unwrap_or(false),
            extra: Extra::from(block.extra),
        })
    }

    fn parts(&mut self, blocks: Vec<Block<'_>>, path: &str) -> Result<Vec<Open<Part>>, Error> {
        blocks
            .into_iter()
            .enumerate()
            .map(|(at, block)| self.part(block, &format!("{path}.content[{at}]")))
            .collect()
    }

    fn part(&mut self, block: Block<'_>, path: &str) -> Result<Open<Part>, Error> {
        let extra = Extra::from(block.extra.clone());
        let part = match block.kind.as_ref() {
            "text" => Part::InputText(TextPart {
                text: block.text.ok_or_else(|| lacks(path, "text"))?,
                extra,
            }),
            "image" => Part::InputImage(image(source(&block, path)?, extra, path)?),
            "document" => {
                let source = source(&block, path)?;
                if source.kind == "content" {
                    self.lost.push(format!("{path}.source"));
                }
                Part::InputFile(document(source, block.title, extra, path)?)
            }
            "search_result" => {
                self.lost.push(path.to_owned());
                Part::InputText(TextPart {
                    text: found(block, path)?,
                    extra: Extra::new(),
                })
            }
            "" => return Err(lacks(path, "type")),
            "thinking" | "redacted_thinking" | "tool_use" | "tool_result" => {
                let message = format!("a `{}` block cannot stand here", block.kind);
                return Err(Error::invalid(format!("{path}.type"), message));
            }
            // Of the vendor's own tools, or of a newer version.
            _ => return Ok(Open::Unknown(verbatim(&block))),
        };
        Ok(Open::Known(part))
    }

    /// Neighbouring text blocks are parts of one message; calls and thoughts are items of their own.
    fn assistant(&mut self, blocks: Vec<Block<'_>>, path: &str) -> Result<(), Error> {
        let mut content: Vec<Open<Part>> = Vec::new();
        for (at, block) in blocks.into_iter().enumerate() {
            let path = format!("{path}.content[{at}]");
            let item = match block.kind.as_ref() {
                "text" => {
                    let text = block.text.ok_or_else(|| lacks(&path, "text"))?;
                    let mut extra = Extra::from(block.extra);
                    // Citations of answers are taken back by nobody but their maker, and add nothing to the text.
                    extra.shift_remove("citations");
                    let part = Part::OutputText(OutputText {
                        text,
                        extra,
                        ..OutputText::default()
                    });
                    content.push(part.into());
                    continue;
                }
                "tool_use" => call(block, &path)?,
                "thinking" | "redacted_thinking" => Item::Reasoning(thought(block)),
                "" => return Err(lacks(&path, "type")),
                "image" | "document" | "tool_result" => {
                    let message = format!("a `{}` block cannot stand here", block.kind);
                    return Err(Error::invalid(format!("{path}.type"), message));
                }
                _ => {
                    content.push(Open::Unknown(verbatim(&block)));
                    continue;
                }
            };
            self.flush(&mut content);
            self.items.push(Open::Known(item));
        }
        self.flush(&mut content);
        Ok(())
    }

    fn flush(&mut self, content: &mut Vec<Open<Part>>) {
        if !content.is_empty() {
            self.items
                .push(said(Role::Assistant, std::mem::take(content)));
        }
    }
}

fn call(block: Block<'_>, path: &str) -> Result<Item, Error> {
    let mut extra = Extra::from(block.extra);
    // Who calls is the model itself, unless a hosted tool's program does.
    if extra.get("caller").and_then(|caller| caller.get("type")) == Some(&"direct".into()) {
        extra.shift_remove("caller");
    }
    Ok(Item::FunctionCall(FunctionCall {
        call_id: block.id.ok_or_else(|| lacks(path, "id"))?,
        name: block.name.ok_or_else(|| lacks(path, "name"))?,
        arguments: block
            .input
            .map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
        extra,
        ..FunctionCall::default()
    }))
}

/// A search result of the client's own, as text.
fn found(block: Block<'_>, path: &str) -> Result<String, Error> {
    let mut text = block.title.unwrap_or_default();
    let inner = block
        .content
        .map(|raw| read(raw, &format!("{path}.content")));
    for inner in inner.transpose()?.unwrap_or_default() {
        text.push('\n');
        text.push_str(inner.text.as_deref().unwrap_or_default());
    }
    Ok(text)
}

/// The block as it came.
fn verbatim(block: &Block<'_>) -> Object {
    let mut object = Object::new();
    let raw = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
    object.insert("type".to_owned(), block.kind.as_ref().into());
    let texts = [
        ("id", &block.id),
        ("name", &block.name),
        ("tool_use_id", &block.tool_use_id),
        ("text", &block.text),
        ("title", &block.title),
        ("data", &block.data),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            object.insert(key.to_owned(), text.as_str().into());
        }
    }
    let values = [
        ("input", block.input),
        ("content", block.content),
        ("source", block.source),
    ];
    for (key, value) in values {
        if let Some(value) = value {
            object.insert(key.to_owned(), raw(value));
        }
    }
    if let Some(is_error) = block.is_error {
        object.insert("is_error".to_owned(), is_error.into());
    }
    object.extend(block.extra.clone());
    object
}

/// A string is one text block.
pub(super) fn read<'a>(raw: &'a RawValue, path: &str) -> Result<Vec<Block<'a>>, Error> {
    let wrong = |error: serde_json::Error| {
        Error::invalid(
            path,
            format!("expected a string or a list of content blocks: {error}"),
        )
    };
    if raw.get().starts_with('"') {
        let text: String = serde_json::from_str(raw.get()).map_err(wrong)?;
        return Ok(vec![Block {
            kind: "text".into(),
            text: Some(text),
            ..Block::default()
        }]);
    }
    serde_json::from_str(raw.get()).map_err(wrong)
}

fn said(role: Role, content: Vec<Open<Part>>) -> Open<Item> {
    Open::Known(Item::Message(Message {
        role,
        content,
        ..Message::default()
    }))
}

pub(super) fn lacks(path: &str, field: &str) -> Error {
    Error::invalid(
        format!("{path}.{field}"),
        format!("{path}.{field}: Field required"),
    )
    .with_code("missing_required_parameter")
}

/// What was sealed by us opens again; a bare signature is Anthropic's own, of a model that nobody named.
fn thought(block: Block<'_>) -> Reasoning {
    let text = block.thinking.unwrap_or_default();
    let state = block.signature.or(block.data).unwrap_or_default();
    let mut item = Reasoning::default();
    if !text.is_empty() {
        item.summary.push(Part::summary_text(text.as_str()).into());
    }
    if state.is_empty() {
        return item;
    }
    item.encrypted_content = match Envelope::open(&state) {
        Some(envelope) if envelope.blocks.is_empty() => None,
        Some(_) => {
            let (id, state) = sealed::restored(state);
            item.id = id;
            Some(state)
        }
        None => {
            let sealed = match block.kind.as_ref() {
                "redacted_thinking" => Sealed::Redacted { data: state },
                _ => Sealed::Thinking {
                    text,
                    signature: state,
                },
            };
            let envelope = Envelope {
                vendor: "anthropic".to_owned(),
                model: String::new(),
                blocks: vec![sealed],
            };
            Some(envelope.seal())
        }
    };
    item
}
