//! Content parts of messages.

use serde::Deserialize as _;
use serde_json::Value;

use crate::canonical::extra::{Extra, Object};
use crate::canonical::open::Open;
use crate::canonical::part::{
    AudioData, AudioPart, FilePart, ImagePart, OutputText, Part, RefusalPart, TextPart,
};
use crate::error::Error;
use crate::wire::chat::{Audio, Content, Part as WirePart, Text};

/// Whose words they are: text has another name in the model's mouth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// The user, the operator, a tool.
    Told,
    /// The model.
    Said,
}

/// A field that must be there is not.
pub(super) fn missing(path: &str, field: &str) -> Error {
    Error::invalid(format!("{path}.{field}"), format!("`{field}` is missing"))
        .with_code("missing_required_parameter")
}

/// Content as parts. What the model thought (Mistral's `thinking`) is not among them: it goes into `thoughts`.
pub(super) fn parts(
    content: Option<Content<'_>>,
    path: &str,
    voice: Voice,
    thoughts: &mut String,
) -> Result<Vec<Open<Part>>, Error> {
    let list = match content {
        None | Some(Content::Null) => return Ok(Vec::new()),
        Some(Content::Text(text)) => {
            return Ok(vec![words(text.into_owned(), Extra::new(), voice).into()]);
        }
        Some(Content::Parts(list)) => list,
    };
    let mut parts = Vec::with_capacity(list.len());
    for (at, part) in list.into_iter().enumerate() {
        if let (Voice::Said, Some(thinking)) = (voice, &part.thinking) {
            think(thinking, thoughts);
            continue;
        }
        let path = format!("{path}.content[{at}]");
        parts.push(match own(&part) {
            Some(object) => Open::Unknown(object),
            None => Open::Known(self::part(part, &path, voice)?),
        });
    }
    Ok(parts)
}

/// A part that only some servers of this protocol know, whole.
fn own(part: &WirePart<'_>) -> Option<Object> {
    let bare = part.input_audio.as_ref().is_some_and(Value::is_string);
    let known = matches!(
        part.kind.as_str(),
        "text" | "refusal" | "image_url" | "input_audio" | "file" | ""
    );
    if known && !bare {
        return None;
    }
    match serde_json::to_value(part) {
        Ok(Value::Object(object)) => Some(object),
        Ok(_) | Err(_) => None,
    }
}

fn think(content: &Content<'_>, thoughts: &mut String) {
    match content {
        Content::Null => {}
        Content::Text(text) => thoughts.push_str(text),
        Content::Parts(parts) => {
            for part in parts {
                thoughts.push_str(part.text.as_ref().map_or("", Text::as_str));
            }
        }
    }
}

fn words(text: String, extra: Extra, voice: Voice) -> Part {
    match voice {
        Voice::Told => Part::InputText(TextPart { text, extra }),
        Voice::Said => Part::OutputText(OutputText {
            text,
            extra,
            ..OutputText::default()
        }),
    }
}

fn part(part: WirePart<'_>, path: &str, voice: Voice) -> Result<Part, Error> {
    let lacks = |field: &str| missing(path, field);
    let mut extra = Extra::new();
    if let Some(value) = part.cache_control.filter(|value| !value.is_null()) {
        extra.insert("cache_control".to_owned(), value);
    }
    match part.kind.as_str() {
        "text" => {
            let text = part.text.map(owned).ok_or_else(|| lacks("text"))?;
            Ok(words(text, extra, voice))
        }
        "refusal" => {
            let refusal = part.refusal.map(owned).ok_or_else(|| lacks("refusal"))?;
            Ok(Part::Refusal(RefusalPart { refusal, extra }))
        }
        "image_url" => {
            let image = part.image_url.ok_or_else(|| lacks("image_url"))?;
            Ok(Part::InputImage(ImagePart {
                image_url: Some(owned(image.url)),
                detail: image.detail.map(owned),
                extra,
                ..ImagePart::default()
            }))
        }
        "input_audio" => {
            let audio = part.input_audio.ok_or_else(|| lacks("input_audio"))?;
            let audio = Audio::deserialize(&audio).map_err(|fault| {
                Error::invalid(format!("{path}.input_audio"), fault.to_string())
            })?;
            let input_audio = AudioData {
                data: owned(audio.data),
                format: owned(audio.format),
            };
            Ok(Part::InputAudio(AudioPart { input_audio, extra }))
        }
        "file" => {
            let file = part.file.ok_or_else(|| lacks("file"))?;
            Ok(Part::InputFile(FilePart {
                filename: file.filename.map(owned),
                file_data: file.file_data.map(owned),
                file_id: file.file_id.map(owned),
                extra,
                ..FilePart::default()
            }))
        }
        "" => Err(lacks("type")),
        other => Err(Error::invalid(
            format!("{path}.type"),
            format!("`{other}` is no content part of this API"),
        )),
    }
}

/// The text itself.
pub(super) fn owned(text: Text<'_>) -> String {
    text.0.into_owned()
}
