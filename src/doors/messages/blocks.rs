//! Content blocks become items and parts, in their order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;

use crate::canonical::extra::Extra;
use crate::canonical::item::{
    FunctionCall, FunctionCallOutput, Item, Message, Reasoning, Role, ToolOutput,
};
use crate::canonical::open::Open;
use crate::canonical::part::{FilePart, ImagePart, OutputText, Part, TextPart};
use crate::canonical::sealed::{Block as Sealed, Envelope};
use crate::error::Error;
use crate::wire::anthropic::inbound::{Block, Message as WireMessage, Source};

/// `system`: a string, or text blocks. Their boundaries stay, one message each.
pub(super) fn system(raw: Option<&RawValue>) -> Result<Vec<Open<Item>>, Error> {
    let Some(raw) = raw else {
        return Ok(Vec::new());
    };
    let mut items = Vec::new();
    for (at, block) in read(raw, "system")?.into_iter().enumerate() {
        let text = block
            .text
            .ok_or_else(|| lacks(&format!("system[{at}]"), "text"))?;
        let part = Part::InputText(TextPart {
            text,
            extra: Extra::from(block.extra),
        });
        items.push(said(Role::System, vec![part.into()]));
    }
    Ok(items)
}

/// All turns.
pub(super) fn conversation(messages: &[WireMessage<'_>]) -> Result<Vec<Open<Item>>, Error> {
    if messages.is_empty() {
        return Err(Error::invalid(
            "messages",
            "messages: at least one message is required",
        ));
    }
    let mut items = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        let blocks = read(message.content, &format!("{path}.content"))?;
        match message.role.as_str() {
            "user" => user(blocks, &path, &mut items)?,
            "assistant" => assistant(blocks, &path, &mut items)?,
            "system" => {
                let parts = blocks
                    .into_iter()
                    .enumerate()
                    .map(|(at, block)| part(block, &path, at));
                let parts = parts.collect::<Result<Vec<_>, _>>()?;
                items.push(said(Role::System, parts));
            }
            other => {
                let message = format!("`{other}` is not one of `user`, `assistant`, `system`");
                return Err(Error::invalid(format!("{path}.role"), message));
            }
        }
    }
    Ok(items)
}

/// A string is one text block.
fn read<'a>(raw: &'a RawValue, path: &str) -> Result<Vec<Block<'a>>, Error> {
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

fn lacks(path: &str, field: &str) -> Error {
    Error::invalid(
        format!("{path}.{field}"),
        format!("{path}.{field}: Field required"),
    )
    .with_code("missing_required_parameter")
}

/// Results of tools come before what else the turn says, as every provider wants it.
fn user(blocks: Vec<Block<'_>>, path: &str, items: &mut Vec<Open<Item>>) -> Result<(), Error> {
    let mut content = Vec::new();
    for (at, block) in blocks.into_iter().enumerate() {
        if block.kind == "tool_result" {
            items.push(Open::Known(Item::FunctionCallOutput(result(
                block,
                &format!("{path}.content[{at}]"),
            )?)));
        } else {
            content.push(part(block, path, at)?);
        }
    }
    if !content.is_empty() {
        items.push(said(Role::User, content));
    }
    Ok(())
}

fn result(block: Block<'_>, path: &str) -> Result<FunctionCallOutput, Error> {
    let output = match block.content {
        None => ToolOutput::Text(String::new()),
        Some(raw) if raw.get().starts_with('"') => {
            let text =
                serde_json::from_str(raw.get()).map_err(|e| Error::invalid(path, e.to_string()))?;
            ToolOutput::Text(text)
        }
        Some(raw) => {
            let parts = read(raw, path)?
                .into_iter()
                .enumerate()
                .map(|(at, block)| part(block, path, at));
            ToolOutput::Parts(parts.collect::<Result<_, _>>()?)
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

fn part(block: Block<'_>, path: &str, at: usize) -> Result<Open<Part>, Error> {
    let path = format!("{path}.content[{at}]");
    let extra = Extra::from(block.extra.clone());
    let part = match block.kind.as_ref() {
        "text" => Part::InputText(TextPart {
            text: block.text.ok_or_else(|| lacks(&path, "text"))?,
            extra,
        }),
        "image" => Part::InputImage(image(source(&block, &path)?, extra, &path)?),
        "document" => Part::InputFile(document(source(&block, &path)?, block.title, extra, &path)?),
        "search_result" => {
            let mut text = block.title.unwrap_or_default();
            for inner in block
                .content
                .map(|raw| read(raw, &path))
                .transpose()?
                .unwrap_or_default()
            {
                text.push('\n');
                text.push_str(inner.text.as_deref().unwrap_or_default());
            }
            Part::InputText(TextPart { text, extra })
        }
        other => {
            return Err(Error::invalid(
                format!("{path}.type"),
                format!("a `{other}` block cannot stand here"),
            ));
        }
    };
    Ok(Open::Known(part))
}

fn source<'a>(block: &Block<'a>, path: &str) -> Result<Source<'a>, Error> {
    let raw = block.source.ok_or_else(|| lacks(path, "source"))?;
    serde_json::from_str(raw.get())
        .map_err(|error| Error::invalid(format!("{path}.source"), error.to_string()))
}

fn image(source: Source<'_>, extra: Extra, path: &str) -> Result<ImagePart, Error> {
    let mut part = ImagePart {
        extra,
        ..ImagePart::default()
    };
    match source.kind.as_ref() {
        "base64" => part.image_url = Some(data_url(&source, path)?),
        "url" => part.image_url = Some(source.url.ok_or_else(|| lacks(path, "source.url"))?),
        "file" => part.file_id = source.file_id,
        other => {
            return Err(Error::invalid(
                format!("{path}.source.type"),
                format!("`{other}` is no source"),
            ));
        }
    }
    Ok(part)
}

fn document(
    source: Source<'_>,
    title: Option<String>,
    extra: Extra,
    path: &str,
) -> Result<FilePart, Error> {
    let mut part = FilePart {
        filename: title,
        extra,
        ..FilePart::default()
    };
    match source.kind.as_ref() {
        "base64" => part.file_data = Some(data_url(&source, path)?),
        "url" => part.file_url = Some(source.url.ok_or_else(|| lacks(path, "source.url"))?),
        "file" => part.file_id = source.file_id,
        "text" => {
            let text = source.data.ok_or_else(|| lacks(path, "source.data"))?;
            part.file_data = Some(format!(
                "data:text/plain;base64,{}",
                STANDARD.encode(text.as_bytes())
            ));
        }
        "content" => {
            let blocks = source
                .content
                .map(|raw| read(raw, path))
                .transpose()?
                .unwrap_or_default();
            let text: String = blocks.into_iter().filter_map(|block| block.text).collect();
            part.file_data = Some(format!("data:text/plain;base64,{}", STANDARD.encode(text)));
        }
        other => {
            return Err(Error::invalid(
                format!("{path}.source.type"),
                format!("`{other}` is no source"),
            ));
        }
    }
    Ok(part)
}

fn data_url(source: &Source<'_>, path: &str) -> Result<String, Error> {
    let data = source
        .data
        .as_deref()
        .ok_or_else(|| lacks(path, "source.data"))?;
    let media_type = source
        .media_type
        .as_deref()
        .ok_or_else(|| lacks(path, "source.media_type"))?;
    Ok(format!("data:{media_type};base64,{data}"))
}

/// Neighbouring text blocks are parts of one message; calls and thoughts are items of their own.
fn assistant(blocks: Vec<Block<'_>>, path: &str, items: &mut Vec<Open<Item>>) -> Result<(), Error> {
    let mut content: Vec<Open<Part>> = Vec::new();
    let flush = |content: &mut Vec<Open<Part>>, items: &mut Vec<Open<Item>>| {
        if !content.is_empty() {
            items.push(said(Role::Assistant, std::mem::take(content)));
        }
    };
    for (at, block) in blocks.into_iter().enumerate() {
        let path = format!("{path}.content[{at}]");
        match block.kind.as_ref() {
            "text" => {
                let text = block.text.ok_or_else(|| lacks(&path, "text"))?;
                let extra = Extra::from(block.extra);
                content.push(
                    Part::OutputText(OutputText {
                        text,
                        extra,
                        ..OutputText::default()
                    })
                    .into(),
                );
            }
            "tool_use" => {
                flush(&mut content, items);
                items.push(Open::Known(Item::FunctionCall(FunctionCall {
                    call_id: block.id.ok_or_else(|| lacks(&path, "id"))?,
                    name: block.name.ok_or_else(|| lacks(&path, "name"))?,
                    arguments: block
                        .input
                        .map_or_else(|| "{}".to_owned(), |input| input.get().to_owned()),
                    extra: Extra::from(block.extra),
                    ..FunctionCall::default()
                })));
            }
            "thinking" | "redacted_thinking" => {
                flush(&mut content, items);
                items.push(Open::Known(Item::Reasoning(thought(block))));
            }
            other => {
                let message = format!("a `{other}` block cannot be carried back to a model");
                return Err(Error::invalid(format!("{path}.type"), message));
            }
        }
    }
    flush(&mut content, items);
    Ok(())
}

/// What was sealed by us opens again; a bare signature is Anthropic's own, of a model that nobody named.
fn thought(block: Block<'_>) -> Reasoning {
    let text = block.thinking.unwrap_or_default();
    let state = block.signature.or(block.data).unwrap_or_default();
    let mut item = Reasoning::default();
    if !text.is_empty() {
        item.summary.push(Part::summary_text(text.as_str()).into());
    }
    match Envelope::open(&state) {
        Some(envelope) if envelope.vendor == "openai" => {
            for sealed in envelope.blocks {
                if let Sealed::Encrypted { id, data } = sealed {
                    item.id = id;
                    item.encrypted_content = Some(data);
                }
            }
        }
        Some(envelope) if envelope.blocks.is_empty() => {}
        Some(_) => item.encrypted_content = Some(state),
        None if state.is_empty() => {}
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
            item.encrypted_content = Some(envelope.seal());
        }
    }
    item
}
