//! Content parts become Chat Completions parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::quirks::{Field, Files, Images};
use super::request::Context;
use crate::canonical::extra::{Extra, Object};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::{FilePart, ImagePart, Part};
use crate::catalog::openai::Vision;
use crate::error::Error;
use crate::wire::chat::{Content, File, ImageUrl, Part as ChatPart, Text};

/// One part; `None` where it is lost. `path` is where it stands in the request.
pub(super) fn part<'a>(
    context: &mut Context<'a>,
    path: &str,
    part: &'a Open<Part>,
) -> Result<Option<ChatPart<'a>>, Error> {
    if let Open::Known(part) = part {
        context.lose_extra(path, extra(part));
    }
    Ok(match part {
        Open::Known(
            Part::InputText(_)
            | Part::OutputText(_)
            | Part::Text(_)
            | Part::SummaryText(_)
            | Part::ReasoningText(_)
            | Part::Refusal(_),
        ) => part
            .known()
            .and_then(Part::text)
            .map(|words| text(words.into())),
        Open::Known(Part::InputImage(part)) => Some(image(context, path, part)?),
        Open::Known(Part::InputFile(part)) => Some(file(context, path, part)?),
        Open::Known(Part::InputAudio(part)) => {
            if !context.quirks.takes(Field::Audio) {
                return Err(Error::unsupported(path, "this server takes no sound"));
            }
            Some(ChatPart {
                kind: "input_audio".into(),
                input_audio: Some(serde_json::json!({
                    "data": part.input_audio.data,
                    "format": part.input_audio.format,
                })),
                ..ChatPart::default()
            })
        }
        Open::Known(Part::InputVideo(_)) => {
            return Err(Error::unsupported(path, "this server takes no video"));
        }
        // A client of this protocol wrote it for a server that knows it.
        Open::Unknown(map) if context.is_spoken() => Some(ChatPart {
            kind: tag_of(map).to_owned().into(),
            extra: beside_type(map),
            ..ChatPart::default()
        }),
        Open::Unknown(map) => {
            let what = format!("`{}`: not a part of Chat Completions", tag_of(map));
            context.lose(path, what);
            None
        }
    })
}

fn beside_type(map: &Object) -> Object {
    let mut fields = map.clone();
    fields.shift_remove("type");
    fields
}

/// What the part holds beyond its types.
fn extra(part: &Part) -> &Extra {
    match part {
        Part::InputText(part)
        | Part::SummaryText(part)
        | Part::ReasoningText(part)
        | Part::Text(part) => &part.extra,
        Part::InputImage(part) => &part.extra,
        Part::InputFile(part) => &part.extra,
        Part::InputVideo(part) => &part.extra,
        Part::InputAudio(part) => &part.extra,
        Part::OutputText(part) => &part.extra,
        Part::Refusal(part) => &part.extra,
    }
}

/// A text part.
pub(super) fn text(words: Text<'_>) -> ChatPart<'_> {
    ChatPart {
        kind: "text".into(),
        text: Some(words),
        ..ChatPart::default()
    }
}

/// A single text as the plain string that every server takes.
pub(super) fn content(mut parts: Vec<ChatPart<'_>>) -> Content<'_> {
    match parts.as_mut_slice() {
        [] => Content::Text("".into()),
        [only] if only.text.is_some() => Content::Text(only.text.take().unwrap_or_default().0),
        _ => Content::Parts(parts),
    }
}

fn image<'a>(
    context: &Context<'a>,
    path: &str,
    part: &'a ImagePart,
) -> Result<ChatPart<'a>, Error> {
    let refuse = |message| Err(Error::unsupported(path, message));
    let Some(url) = part.image_url.as_deref() else {
        return refuse("an image must be a URL or a data URL here");
    };
    if let Some(media) = part.foreign_media() {
        let message = format!("`{media}` is no image");
        return Err(Error::unsupported(path, message).with_code("invalid_value"));
    }
    match context.quirks.images {
        Images::Never => return refuse("this server takes no images"),
        Images::DataUrls if !url.starts_with("data:") => {
            return refuse("this server takes images as data URLs alone");
        }
        Images::Any | Images::DataUrls => {}
    }
    if context.family.vision == Vision::No {
        return refuse("this model takes no images");
    }
    Ok(ChatPart {
        kind: "image_url".into(),
        image_url: Some(ImageUrl {
            url: url.into(),
            detail: part.detail.as_deref().map(Text::from),
        }),
        ..ChatPart::default()
    })
}

fn file<'a>(
    context: &mut Context<'a>,
    path: &str,
    part: &'a FilePart,
) -> Result<ChatPart<'a>, Error> {
    let name = part.filename.as_deref();
    let Some(data) = part.file_data.as_deref() else {
        return match (context.quirks.files, part.file_id.as_deref()) {
            (Files::Parts, Some(id)) => Ok(ChatPart {
                kind: "file".into(),
                file: Some(File {
                    file_id: Some(id.into()),
                    ..File::default()
                }),
                ..ChatPart::default()
            }),
            (Files::Parts | Files::AsText, _) => Err(Error::unsupported(
                path,
                "a file must come with its data here",
            )),
        };
    };
    let (mime, base64) = split(data, name);
    match context.quirks.files {
        Files::Parts => {
            let url: Text<'a> = if data.starts_with("data:") {
                data.into()
            } else {
                format!("data:{mime};base64,{base64}").into()
            };
            Ok(ChatPart {
                kind: "file".into(),
                file: Some(File {
                    file_data: Some(url),
                    file_id: None,
                    filename: Some(name.unwrap_or("file").into()),
                }),
                ..ChatPart::default()
            })
        }
        Files::AsText => {
            let words = is_text(mime)
                .then(|| STANDARD.decode(base64))
                .and_then(Result::ok)
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(words) = words else {
                let message = format!("this server takes no file of type `{mime}`");
                return Err(Error::unsupported(path, message));
            };
            context.lose(path, "the file is written out as text");
            Ok(text(format!("{}\n{words}", name.unwrap_or("file")).into()))
        }
    }
}

/// The type and the base64 of a data URL, or of bare base64 with a name.
fn split<'d>(data: &'d str, name: Option<&str>) -> (&'d str, &'d str) {
    if let Some((mime, base64)) = data
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"))
    {
        return (mime, base64);
    }
    let ending = name
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, ending)| ending.to_ascii_lowercase());
    let mime = match ending.as_deref() {
        Some("txt" | "log") => "text/plain",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        Some("html" | "htm") => "text/html",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("yaml" | "yml") => "application/yaml",
        // What has no name is nearly always a PDF: the type for which file parts were made.
        Some("pdf") | None => "application/pdf",
        Some(_) => "application/octet-stream",
    };
    (mime, data)
}

fn is_text(mime: &str) -> bool {
    mime.starts_with("text/")
        || ["application/json", "application/xml", "application/yaml"]
            .iter()
            .any(|known| mime.starts_with(known))
}
