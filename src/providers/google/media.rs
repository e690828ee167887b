//! Images, documents, sound and video as Google's parts.
//!
//! Google reads its own Files API and the videos of `youtube.com`; everything else must be in the request, so the gateway fetches it first.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::{AudioPart, FilePart, ImagePart, Part, VideoPart};
use crate::canonical::request::Request;
use crate::error::Error;
use crate::providers::Need;
use crate::wire::gemini::request::{Blob, Data, FileData};

/// The image types that Gemini reads.
const IMAGES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/heic",
    "image/heif",
];

/// Media types by the ending of a file's name.
const BY_ENDING: [(&str, &str); 22] = [
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("xml", "text/xml"),
    ("css", "text/css"),
    ("rtf", "text/rtf"),
    ("json", "text/plain"),
    ("js", "text/javascript"),
    ("py", "text/x-python"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("wav", "audio/wav"),
    ("mp3", "audio/mp3"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
];

/// URLs that Google does not read itself, with the paths of their fields.
pub(super) fn needs(request: &Request) -> Vec<Need> {
    let mut needs = Vec::new();
    for (at, item) in request.input.iter().enumerate() {
        match item {
            Open::Known(Item::Message(message)) => {
                in_parts(
                    &message.content,
                    &format!("input[{at}].content"),
                    &mut needs,
                );
            }
            Open::Known(Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output)) => {
                if let ToolOutput::Parts(parts) = &output.output {
                    in_parts(parts, &format!("input[{at}].output"), &mut needs);
                }
            }
            Open::Known(_) | Open::Unknown(_) => {}
        }
    }
    needs
}

fn in_parts(parts: &[Open<Part>], path: &str, needs: &mut Vec<Need>) {
    for (at, part) in parts.iter().enumerate() {
        let (url, field) = match part {
            Open::Known(Part::InputImage(image)) => (image.image_url.as_deref(), "image_url"),
            Open::Known(Part::InputFile(file)) if file.file_data.is_none() => {
                (file.file_url.as_deref(), "file_url")
            }
            Open::Known(_) | Open::Unknown(_) => (None, ""),
        };
        if let Some(url) = url
            && is_remote(url)
            && !is_readable(url)
        {
            needs.push(Need {
                url: url.to_owned(),
                param: format!("{path}[{at}].{field}"),
            });
        }
    }
}

fn is_remote(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// Does Google read this URL itself?
fn is_readable(url: &str) -> bool {
    // A URL that does not parse is nobody's, so the reason does not matter.
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    match url.host_str() {
        Some("generativelanguage.googleapis.com") => url.path().contains("/files/"),
        Some("youtu.be" | "youtube.com" | "www.youtube.com" | "m.youtube.com") => true,
        _ => false,
    }
}

/// An image.
pub(super) fn image<'a>(part: &'a ImagePart, path: &str) -> Result<Data<'a>, Error> {
    let Some(url) = part.image_url.as_deref() else {
        return Err(foreign_file(&format!("{path}.file_id")));
    };
    let path = format!("{path}.image_url");
    if is_readable(url) {
        return Ok(uri(url, None));
    }
    let (declared, data) =
        data_url(url).ok_or_else(|| unreadable(&path, "neither a data URL nor a fetched image"))?;
    let mime = sniff(&data).or(declared).unwrap_or_default();
    if !IMAGES.contains(&mime) {
        return Err(unreadable(
            &path,
            "Gemini reads PNG, JPEG, WebP, HEIC and HEIF images",
        ));
    }
    Ok(blob(mime, data))
}

/// A document.
pub(super) fn file<'a>(part: &'a FilePart, path: &str) -> Result<Data<'a>, Error> {
    let FilePart {
        filename,
        file_data,
        file_url,
        file_id: _,
        extra: _,
    } = part;
    let by_name = filename.as_deref().and_then(by_ending);
    let Some(data) = file_data.as_deref() else {
        let Some(url) = file_url.as_deref() else {
            return Err(foreign_file(&format!("{path}.file_id")));
        };
        if is_readable(url) {
            return Ok(uri(url, by_name));
        }
        return Err(unreadable(
            &format!("{path}.file_url"),
            "the file was not fetched",
        ));
    };
    let (declared, data) = data_url(data).unwrap_or((None, Cow::Borrowed(data)));
    let declared = declared.filter(|mime| *mime != "application/octet-stream");
    let mime = declared
        .and_then(known)
        .or_else(|| sniff(&data))
        .or(by_name.filter(|_| declared.is_none()))
        .ok_or_else(|| {
            unreadable(
                &format!("{path}.file_data"),
                "Gemini reads PDF, text, images, sound and video",
            )
        })?;
    Ok(blob(mime, data))
}

/// The type as Gemini wants it, if it reads it.
fn known(mime: &str) -> Option<&str> {
    match mime {
        "application/pdf" => Some(mime),
        "application/json" | "application/x-yaml" | "application/yaml" => Some("text/plain"),
        "application/xml" => Some("text/xml"),
        "application/javascript" | "application/x-javascript" => Some("text/javascript"),
        _ if IMAGES.contains(&mime) => Some(mime),
        _ if ["text/", "audio/", "video/"]
            .iter()
            .any(|family| mime.starts_with(family)) =>
        {
            Some(mime)
        }
        _ => None,
    }
}

fn by_ending(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    BY_ENDING
        .iter()
        .find(|(known, _)| ending.eq_ignore_ascii_case(known))
        .map(|(_, mime)| *mime)
}

/// A video, by URL or in base64.
pub(super) fn video<'a>(part: &'a VideoPart, path: &str) -> Result<Data<'a>, Error> {
    let url = part.video_url.as_str();
    match data_url(url) {
        Some((mime, data)) => {
            let mime = mime.filter(|mime| mime.starts_with("video/"));
            let mime = mime
                .ok_or_else(|| unreadable(&format!("{path}.video_url"), "the data is no video"))?;
            Ok(blob(mime, data))
        }
        // Since January 2026 Google reads public URLs too; it says so itself where it cannot.
        None if is_remote(url) => Ok(uri(url, None)),
        None => Ok(blob("video/mp4", url.into())),
    }
}

/// Sound.
pub(super) fn audio<'a>(part: &'a AudioPart, path: &str) -> Result<Data<'a>, Error> {
    let sound = &part.input_audio;
    let mime = match sound.format.as_str() {
        "wav" => "audio/wav",
        "mp3" => "audio/mp3",
        "aiff" => "audio/aiff",
        "aac" => "audio/aac",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        _ => {
            return Err(unreadable(
                &format!("{path}.input_audio.format"),
                "Gemini reads wav, mp3, aiff, aac, ogg and flac",
            ));
        }
    };
    Ok(blob(mime, sound.data.as_str().into()))
}

fn blob<'a>(mime: &'a str, data: Cow<'a, str>) -> Data<'a> {
    Data::InlineData(Blob {
        mime_type: mime.into(),
        data,
    })
}

fn uri<'a>(file_uri: &'a str, mime: Option<&'static str>) -> Data<'a> {
    Data::FileData(FileData {
        mime_type: mime.map(Cow::Borrowed),
        file_uri,
    })
}

/// The media type and the base64 of a data URL.
fn data_url(url: &str) -> Option<(Option<&str>, Cow<'_, str>)> {
    let (scheme, rest) = url.split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, data) = rest.split_once(',')?;
    let mut fields = head.split(';').map(str::trim);
    let mime = fields.next().filter(|mime| !mime.is_empty());
    if fields.any(|field| field.eq_ignore_ascii_case("base64")) {
        return Some((mime, Cow::Borrowed(data)));
    }
    let bytes: Vec<u8> = percent_decode(data);
    Some((mime, Cow::Owned(STANDARD.encode(bytes))))
}

fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let (b'%', Some(code)) = (first, code) {
            bytes.push(code);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// The type by the first bytes, which are right more often than what clients declare.
fn sniff(base64: &str) -> Option<&'static str> {
    let head: String = base64
        .chars()
        .take(16)
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    // What does not decode has no known type; the reason does not matter.
    let bytes = STANDARD.decode(head).ok()?;
    match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => Some("image/webp"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', b'i', _] => Some("image/heic"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'm', b'i', b'f', _] => Some("image/heif"),
        [b'%', b'P', b'D', b'F', ..] => Some("application/pdf"),
        _ => None,
    }
}

fn unreadable(path: &str, message: &str) -> Error {
    Error::unsupported(path, message).with_code("unsupported_value")
}

fn foreign_file(path: &str) -> Error {
    unreadable(
        path,
        "a file's id is known to the provider that stored it only",
    )
}
