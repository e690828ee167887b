//! Content parts as OpenAI takes them: text by the name that fits the speaker, files as data URLs, no nulls, no video.

use super::super::Loss;
use super::foreign::{is_block, own_fields};
use crate::canonical::item::Role;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::{FilePart, Part};
use crate::error::Error;

/// Prepares the parts of one message or output; `path` names them in errors.
pub(super) fn plain_parts(
    parts: &mut Vec<Open<Part>>,
    role: Role,
    path: &str,
    losses: &mut Vec<Loss>,
) -> Result<(), Error> {
    let mut at = 0;
    parts.retain(|part| {
        let lost = matches!(part, Open::Unknown(object) if is_block(tag_of(object)));
        if lost {
            losses.push(Loss::new(
                format!("{path}[{at}]"),
                "left out: a block of another API",
            ));
        }
        at += 1;
        !lost
    });
    for (at, part) in parts.iter_mut().enumerate() {
        match part {
            Open::Known(known) => {
                by_role(known, role);
                plain_part(known, &format!("{path}[{at}]"), losses)?;
            }
            Open::Unknown(object) => object.retain(|_, value| !value.is_null()),
        }
    }
    Ok(())
}

/// Text has another name in the model's mouth; the API checks.
fn by_role(part: &mut Part, role: Role) {
    let text = match (&*part, role) {
        (Part::OutputText(_) | Part::Refusal(_), Role::Assistant)
        | (Part::InputText(_), Role::User | Role::System | Role::Developer) => return,
        (part, _) => match part.text() {
            Some(text) => text.to_owned(),
            None => return,
        },
    };
    *part = match role {
        Role::Assistant => Part::output_text(text),
        Role::User | Role::System | Role::Developer => Part::input_text(text),
    };
}

fn plain_part(part: &mut Part, path: &str, losses: &mut Vec<Loss>) -> Result<(), Error> {
    let extra = match part {
        Part::InputText(part)
        | Part::SummaryText(part)
        | Part::ReasoningText(part)
        | Part::Text(part) => &mut part.extra,
        Part::InputImage(part) => {
            if let Some(media) = part.foreign_media() {
                let message = format!("`{media}` is no image");
                return Err(Error::unsupported(path, message).with_code("invalid_value"));
            }
            &mut part.extra
        }
        Part::InputFile(part) => {
            as_data_url(part);
            &mut part.extra
        }
        Part::InputAudio(part) => &mut part.extra,
        Part::OutputText(part) => &mut part.extra,
        Part::Refusal(part) => &mut part.extra,
        Part::InputVideo(_) => {
            return Err(Error::unsupported(
                format!("{path}.video_url"),
                "OpenAI's Responses API reads no video",
            ));
        }
    };
    *extra = own_fields(extra, path, losses);
    Ok(())
}

/// OpenAI wants a data URL; the specification has bare base64.
fn as_data_url(part: &mut FilePart) {
    if let Some(data) = &mut part.file_data
        && !data.starts_with("data:")
    {
        let mime = media_type(part.filename.as_deref(), data);
        *data = format!("data:{mime};base64,{data}");
    }
}

/// By the name's ending, else by what base64 makes of the first bytes of a PDF, else plain text.
fn media_type(name: Option<&str>, base64: &str) -> &'static str {
    let ending = name
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("pdf") => "application/pdf",
        Some("json") => "application/json",
        Some("csv") => "text/csv",
        Some("md" | "markdown") => "text/markdown",
        Some("html" | "htm") => "text/html",
        Some("xml") => "text/xml",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("pptx") => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ if base64.starts_with("JVBERi") => "application/pdf",
        _ => "text/plain",
    }
}
