//! Images and documents: what the API can read, by the bytes and not by the label.

use std::borrow::Cow;
use std::fmt::{Arguments, Display};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::canonical::part::{FilePart, ImagePart};
use crate::error::Error;
use crate::providers::Loss;
use crate::wire::anthropic::request::{Block, Source};

/// Senders differ on padding; the bytes are the same.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Enough base64 to tell what the bytes are; a multiple of four.
const HEAD: usize = 64;

/// An image block. The error names the field.
pub(super) fn image<'a>(
    part: &'a ImagePart,
    path: Arguments<'_>,
    losses: &mut Vec<Loss>,
) -> Result<Block<'a>, Error> {
    lose_extra(&part.extra, path, losses);
    if part
        .detail
        .as_deref()
        .is_some_and(|detail| detail != "auto")
    {
        losses.push(Loss::new(
            format!("{path}.detail"),
            "the provider has no levels of detail",
        ));
    }
    let field = format!("{path}.image_url");
    let source = match part.image_url.as_deref() {
        Some(url) if is_web(url) => Source::Url { url },
        Some(url) => match data_url(url) {
            Some((_, data)) => picture(data, &field)?,
            None => return Err(unreadable(field, "neither a data URL nor an https URL")),
        },
        None if part.file_id.is_some() => {
            return Err(unreadable(
                format!("{path}.file_id"),
                "files of another provider cannot be read here",
            ));
        }
        None => return Err(unreadable(field, "there is no image")),
    };
    Ok(Block::Image {
        source,
        cache_control: part.extra.get("cache_control"),
    })
}

/// A document block; an image block where the file is an image.
pub(super) fn file<'a>(
    part: &'a FilePart,
    path: Arguments<'_>,
    losses: &mut Vec<Loss>,
) -> Result<Block<'a>, Error> {
    lose_extra(&part.extra, path, losses);
    let cache_control = part.extra.get("cache_control");
    let source = match (&part.file_data, &part.file_url, &part.file_id) {
        (Some(data), _, _) => {
            let field = format!("{path}.file_data");
            let (mime, data) = data_url(data).unwrap_or(("", data));
            let data = plain(data, &field)?;
            match kind(&head(&data)) {
                Some("application/pdf") => Source::Base64 {
                    media_type: "application/pdf",
                    data,
                },
                Some(media_type) => {
                    return Ok(Block::Image {
                        source: Source::Base64 { media_type, data },
                        cache_control,
                    });
                }
                None => text(mime, part.filename.as_deref(), &data, field)?,
            }
        }
        (None, Some(url), _) if is_web(url) => Source::Url { url },
        (None, Some(_), _) => {
            return Err(unreadable(format!("{path}.file_url"), "not an https URL"));
        }
        (None, None, Some(_)) => {
            return Err(unreadable(
                format!("{path}.file_id"),
                "files of another provider cannot be read here",
            ));
        }
        (None, None, None) => {
            return Err(unreadable(format!("{path}.file_data"), "there is no file"));
        }
    };
    Ok(Block::Document {
        source,
        title: part.filename.as_deref().filter(|name| !name.is_empty()),
        context: part.extra.get("context"),
        citations: part.extra.get("citations"),
        cache_control,
    })
}

/// A medium that nobody can read here is refused, since an answer without it would be about something else.
pub(super) fn unreadable(field: String, why: &str) -> Error {
    Error::unsupported(field, why).with_code("unsupported_value")
}

fn picture<'a>(data: &'a str, field: &str) -> Result<Source<'a>, Error> {
    let data = plain(data, field)?;
    match kind(&head(&data)) {
        Some(media_type) if media_type != "application/pdf" => {
            Ok(Source::Base64 { media_type, data })
        }
        _ => Err(unreadable(
            field.to_owned(),
            "the provider reads JPEG, PNG, GIF and WebP only",
        )),
    }
}

/// A text file: by its label, or by the ending of its name, and only if it is UTF-8.
fn text(
    mime: &str,
    name: Option<&str>,
    data: &str,
    field: String,
) -> Result<Source<'static>, Error> {
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, e)| e);
    let textual = mime.starts_with("text/")
        || ["json", "xml", "yaml", "javascript", "toml"]
            .iter()
            .any(|word| mime.contains(word))
        || (matches!(mime, "" | "application/octet-stream")
            && ending.is_none_or(|ending| TEXT_ENDINGS.contains(&ending)));
    let decoded = BASE64
        .decode(data)
        .ok()
        .filter(|_| textual)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|text| !text.trim().is_empty());
    match decoded {
        Some(data) => Ok(Source::Text {
            media_type: "text/plain",
            data,
        }),
        None => Err(unreadable(
            field,
            "the provider reads PDF, text and images only",
        )),
    }
}

const TEXT_ENDINGS: [&str; 16] = [
    "txt", "md", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "toml", "html", "log", "py",
    "rs", "js", "ts",
];

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Splits `data:MIME;base64,DATA`.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    Some((mime.split(';').next().unwrap_or_default(), data))
}

/// Bare base64 of the usual alphabet: some senders break lines or use the URL's alphabet.
fn plain<'a>(data: &'a str, field: &str) -> Result<Cow<'a, str>, Error> {
    let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    if !data.is_empty() && data.bytes().all(usual) {
        return Ok(Cow::Borrowed(data));
    }
    let repaired: String = data
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    if repaired.is_empty() || !repaired.bytes().all(usual) {
        return Err(unreadable(field.to_owned(), "the data is not base64"));
    }
    Ok(Cow::Owned(repaired))
}

fn head(data: &str) -> Vec<u8> {
    let head = data.get(..HEAD.min(data.len())).unwrap_or_default();
    // What is no base64 is of no kind that can be read, and refused as such.
    BASE64.decode(head).unwrap_or_default()
}

/// The media type, by the first bytes.
fn kind(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', ..] => Some("application/pdf"),
        _ => None,
    }
}

/// Fields of a part that the API knows by the same name; all others are lost.
const CARRIED: [&str; 3] = ["cache_control", "citations", "context"];

/// Lists the fields of a part that cannot be carried.
pub(super) fn lose_extra(
    extra: &serde_json::Map<String, serde_json::Value>,
    path: impl Display,
    losses: &mut Vec<Loss>,
) {
    for key in extra.keys().filter(|key| !CARRIED.contains(&key.as_str())) {
        losses.push(Loss::new(
            format!("{path}.{key}"),
            "the provider has no such field",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    fn image_json(url: &str) -> Result<String, String> {
        let part = ImagePart {
            image_url: Some(url.to_owned()),
            ..ImagePart::default()
        };
        image(&part, format_args!("p"), &mut Vec::new())
            .map(|block| serde_json::to_string(&block).unwrap())
            .map_err(|e| e.message().to_owned())
    }

    fn file_json(name: &str, data: &str) -> Result<String, String> {
        let part = FilePart {
            filename: Some(name.to_owned()),
            file_data: Some(data.to_owned()),
            ..FilePart::default()
        };
        file(&part, format_args!("p"), &mut Vec::new())
            .map(|block| serde_json::to_string(&block).unwrap())
            .map_err(|e| e.message().to_owned())
    }

    #[test]
    fn the_bytes_and_not_the_label_say_what_an_image_is() {
        assert_eq!(
            image_json(&format!("data:image/jpeg;base64,{PNG}")).unwrap(),
            format!(
                r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{PNG}"}}}}"#
            )
        );
    }

    #[test]
    fn an_image_by_url_is_fetched_by_the_provider() {
        assert_eq!(
            image_json("https://x.y/z.png").unwrap(),
            r#"{"type":"image","source":{"type":"url","url":"https://x.y/z.png"}}"#
        );
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert!(image_json("data:image/png;base64,SGVsbG8=").is_err());
        assert!(image_json("data:image/png;base64,%%%").is_err());
        assert!(image_json("file:///etc/passwd").is_err());
    }

    #[test]
    fn a_pdf_is_taken_bare_and_as_a_data_url() {
        let expect = r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0xLjQK"},"title":"a.pdf"}"#;
        assert_eq!(file_json("a.pdf", "JVBERi0xLjQK").unwrap(), expect);
        assert_eq!(
            file_json("a.pdf", "data:application/pdf;base64,JVBERi0xLjQK").unwrap(),
            expect
        );
    }

    #[test]
    fn a_text_file_is_sent_as_text() {
        assert_eq!(
            file_json("a.csv", "YSxiCg").unwrap(),
            r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a,b\n"},"title":"a.csv"}"#
        );
        assert!(file_json("a.docx", "UEsDBAo=").is_err());
    }
}
