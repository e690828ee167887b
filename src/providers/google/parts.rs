//! Content parts, call arguments and tool outputs as Google's parts.

use std::borrow::Cow;

use serde_json::value::{RawValue, to_raw_value};

use super::media;
use super::request::Losses;
use crate::canonical::item::{FunctionCallOutput, ToolOutput};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Part;
use crate::catalog::google::Rules;
use crate::error::{Error, Kind};
use crate::wire::gemini::request as gemini;
use gemini::{Data, MediaResolution, Raw};

/// The parts of a message. Empty texts are left out, since Google refuses them.
pub(super) fn all<'a>(
    parts: &'a [Open<Part>],
    path: &str,
    rules: &Rules,
    losses: &mut Losses,
) -> Result<Vec<gemini::Part<'a>>, Error> {
    let mut encoded = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let path = format!("{path}[{at}]");
        match part {
            Open::Known(part) => match part.text() {
                Some("") => {}
                Some(text) => encoded.push(gemini::Part::text(text)),
                None => encoded.extend(medium(part, &path, rules, losses)?),
            },
            Open::Unknown(map) => losses.add(
                path,
                format!("unknown to Google: `{}` left out", tag_of(map)),
            ),
        }
    }
    Ok(encoded)
}

fn medium<'a>(
    part: &'a Part,
    path: &str,
    rules: &Rules,
    losses: &mut Losses,
) -> Result<Option<gemini::Part<'a>>, Error> {
    let data = match part {
        Part::InputImage(image) => media::image(image, path)?,
        Part::InputFile(file) => media::file(file, path)?,
        Part::InputVideo(video) => media::video(video, path)?,
        Part::InputAudio(audio) => media::audio(audio, path)?,
        Part::InputText(_)
        | Part::OutputText(_)
        | Part::Refusal(_)
        | Part::SummaryText(_)
        | Part::ReasoningText(_)
        | Part::Text(_) => return Ok(None),
    };
    let mut encoded = gemini::Part::new(data);
    if let Part::InputImage(image) = part
        && rules.media_in_responses.yes()
    {
        encoded.media_resolution = match image.detail.as_deref() {
            None | Some("auto") => None,
            Some("low") => Some("MEDIA_RESOLUTION_LOW"),
            Some("high") => Some("MEDIA_RESOLUTION_HIGH"),
            Some(other) => {
                losses.add(format!("{path}.detail"), format!("Google has no `{other}`"));
                None
            }
        }
        .map(|level| MediaResolution { level });
    }
    Ok(Some(encoded))
}

/// A call's arguments: an object as it stands; what a weak model wrote otherwise is wrapped, lest the conversation be
/// unusable for ever.
pub(super) fn arguments<'a>(
    text: &'a str,
    at: usize,
    losses: &mut Losses,
) -> Result<Raw<'a>, Error> {
    if text.trim().is_empty() {
        return object("{}").ok_or_else(unwritable);
    }
    if let Some(object) = object(text) {
        return Ok(object);
    }
    losses.add(
        format!("input[{at}].arguments"),
        "not a JSON object: wrapped in one",
    );
    wrap("rawInvalidInput", text)
}

/// The arguments of a call of a free-form tool.
pub(super) fn free_text<'a>(input: &str) -> Result<Raw<'a>, Error> {
    wrap("input", input)
}

/// A function response, and the media that must stand beside it.
pub(super) fn response<'a>(
    output: &'a FunctionCallOutput,
    at: usize,
    name: Cow<'a, str>,
    rules: &Rules,
    losses: &mut Losses,
) -> Result<(gemini::Part<'a>, Vec<gemini::Part<'a>>), Error> {
    let (text, media) = match &output.output {
        ToolOutput::Text(text) => (Cow::Borrowed(text.as_str()), Vec::new()),
        ToolOutput::Parts(parts) => {
            let encoded = all(parts, &format!("input[{at}].output"), rules, losses)?;
            split(encoded)
        }
    };
    let response = if output.is_error {
        wrap("error", &text)?
    } else {
        match &text {
            Cow::Borrowed(text) => match object(text).filter(|_| !text.contains("\"$ref\"")) {
                Some(object) => object,
                None => wrap("output", text)?,
            },
            Cow::Owned(text) => wrap("output", text)?,
        }
    };
    let (parts, beside) = if rules.media_in_responses.yes() {
        (media, Vec::new())
    } else {
        (Vec::new(), media)
    };
    let part = gemini::Part::new(Data::FunctionResponse(gemini::FunctionResponse {
        id: &output.call_id,
        name,
        response,
        parts,
    }));
    Ok((part, beside))
}

/// The text of the parts, and the others without their resolution: a function response's media have none.
fn split(parts: Vec<gemini::Part<'_>>) -> (Cow<'_, str>, Vec<gemini::Part<'_>>) {
    let mut text: Option<Cow<'_, str>> = None;
    let mut media = Vec::new();
    for mut part in parts {
        part.media_resolution = None;
        match part.data {
            Data::Text(more) => {
                text = Some(match text {
                    None => more,
                    Some(text) => format!("{text}\n{more}").into(),
                });
            }
            Data::InlineData(_)
            | Data::FileData(_)
            | Data::FunctionCall(_)
            | Data::FunctionResponse(_) => media.push(part),
        }
    }
    (text.unwrap_or_default(), media)
}

/// The text, if it is a JSON object.
fn object(text: &str) -> Option<Raw<'_>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    // What does not parse is no object, which is all that is asked.
    serde_json::from_str::<&RawValue>(text)
        .ok()
        .map(Cow::Borrowed)
}

fn wrap<'a>(key: &str, text: &str) -> Result<Raw<'a>, Error> {
    let object = serde_json::json!({ key: text });
    to_raw_value(&object)
        .map(Cow::Owned)
        .map_err(|_| unwritable())
}

fn unwritable() -> Error {
    Error::new(Kind::Internal, "a string could not be written as JSON")
}
