//! Images and documents of any source become parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::blocks::{lacks, read};
use crate::canonical::extra::Extra;
use crate::canonical::part::{FilePart, ImagePart};
use crate::error::Error;
use crate::wire::anthropic::inbound::{Block, Source};

pub(super) fn source<'a>(block: &Block<'a>, path: &str) -> Result<Source<'a>, Error> {
    let raw = block.source.ok_or_else(|| lacks(path, "source"))?;
    serde_json::from_str(raw.get())
        .map_err(|error| Error::invalid(format!("{path}.source"), error.to_string()))
}

pub(super) fn image(source: Source<'_>, extra: Extra, path: &str) -> Result<ImagePart, Error> {
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

pub(super) fn document(
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
