//! What `-f` and standard input hold: text, or media that goes along as it is.
//!
//! Text is never guessed at: UTF-8, or UTF-16 that says so. Anything else is refused by name rather than sent as
//! garbage that costs money.

use std::fs;
use std::io::{ErrorKind, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::failure::{Code, Failure, Outcome};
use crate::canonical::part::{FilePart, ImagePart, Part};

/// One thing that goes along with the question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attachment {
    /// Text and where it came from.
    Text { path: String, text: String },
    /// An image or a document.
    Media(Box<Part>),
    /// A URL of which only its server can tell what it is.
    Page(String),
}

/// Reads what an argument of `-f` names.
pub(crate) fn read(argument: &str) -> Outcome<Attachment> {
    if argument.starts_with("http://") || argument.starts_with("https://") {
        return remote(argument);
    }
    let bytes = fs::read(argument).map_err(|error| {
        let failure = Failure::new(
            Code::Usage,
            format!("cannot read {argument}: {}", reason(&error)),
        );
        if error.kind() == ErrorKind::IsADirectory {
            failure.with_hint(format!(
                "the shell can expand it: -f {}/*.rs",
                argument.trim_end_matches('/')
            ))
        } else {
            failure
        }
    })?;
    understand(argument, bytes)
}

/// Reads a text that an option names, such as `-s @FILE`.
pub(crate) fn read_text(path: &str) -> Outcome<String> {
    match read(path)? {
        Attachment::Text { text, .. } => Ok(text),
        Attachment::Media(_) | Attachment::Page(_) => {
            Err(Failure::new(Code::Usage, format!("{path} is not a text file")).into())
        }
    }
}

/// Reads standard input to its end.
pub(crate) fn read_stdin() -> Outcome<Attachment> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(Code::Bug, format!("cannot read standard input: {error}")))?;
    understand("standard input", bytes)
}

/// What these bytes are.
pub(crate) fn understand(path: &str, bytes: Vec<u8>) -> Outcome<Attachment> {
    if let Some(mime) = image_type(&bytes) {
        return Ok(media(Part::InputImage(ImagePart {
            image_url: Some(data_url(mime, &bytes)),
            ..ImagePart::default()
        })));
    }
    if bytes.starts_with(b"%PDF-") {
        return Ok(media(Part::InputFile(FilePart {
            filename: Some(file_name(path)),
            file_data: Some(data_url("application/pdf", &bytes)),
            ..FilePart::default()
        })));
    }
    match decode(bytes) {
        Some(text) => Ok(Attachment::Text {
            path: path.to_owned(),
            text,
        }),
        None => Err(Failure::new(
            Code::Usage,
            format!(
                "{path} is binary: neither text, nor an image (PNG, JPEG, GIF, WebP), nor a PDF"
            ),
        )
        .into()),
    }
}

/// The URL of an image or a PDF is passed on: the provider reads it, or the gateway fetches it for one that does not.
fn remote(url: &str) -> Outcome<Attachment> {
    let parsed = Url::parse(url)
        .map_err(|error| Failure::new(Code::Usage, format!("{url} is not a URL: {error}")))?;
    let path = parsed.path().to_ascii_lowercase();
    let ending = path.rsplit('.').next().unwrap_or_default();
    if matches!(ending, "png" | "jpg" | "jpeg" | "gif" | "webp") {
        return Ok(media(Part::InputImage(ImagePart {
            image_url: Some(url.to_owned()),
            ..ImagePart::default()
        })));
    }
    if ending == "pdf" {
        return Ok(media(Part::InputFile(FilePart {
            filename: Some(file_name(parsed.path())),
            file_url: Some(url.to_owned()),
            ..FilePart::default()
        })));
    }
    Ok(Attachment::Page(url.to_owned()))
}

/// What a page was found to be, from its data URL.
pub(crate) fn fetched(url: &str, data: &str) -> Outcome<Attachment> {
    let bytes = data
        .split_once(";base64,")
        .and_then(|(_, body)| STANDARD.decode(body).ok())
        .ok_or_else(|| Failure::new(Code::Bug, format!("cannot read what {url} sent")))?;
    understand(url, bytes)
}

fn media(part: Part) -> Attachment {
    Attachment::Media(Box::new(part))
}

fn file_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.is_empty() { "document" } else { name }.to_owned()
}

fn data_url(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", STANDARD.encode(bytes))
}

/// The four image formats that all three vendors take, by their first bytes.
fn image_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
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
        _ => None,
    }
}

/// The text, without its byte order mark; `None` for bytes that are no text.
fn decode(bytes: Vec<u8>) -> Option<String> {
    let units = |order: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes[2..].as_chunks::<2>();
        let text: Vec<u16> = pairs.iter().map(|pair| order(*pair)).collect();
        rest.is_empty()
            .then(|| String::from_utf16(&text).ok())
            .flatten()
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => return units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => return units(u16::from_be_bytes),
        _ => {}
    }
    // A NUL is valid UTF-8 and in no text.
    let text = String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))?;
    Some(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Option<String> {
        match understand("f", bytes.to_vec()) {
            Ok(Attachment::Text { text, .. }) => Some(text),
            Ok(Attachment::Media(_) | Attachment::Page(_)) | Err(_) => None,
        }
    }

    #[test]
    fn text_is_utf_8_or_marked_utf_16() {
        assert_eq!(text(b"plain").as_deref(), Some("plain"));
        assert_eq!(text(b"\xef\xbb\xbfmarked").as_deref(), Some("marked"));
        assert_eq!(text(b"\xff\xfeh\0i\0").as_deref(), Some("hi"));
        assert_eq!(text(b"\xfe\xff\0h\0i").as_deref(), Some("hi"));
        assert_eq!(text(b"").as_deref(), Some(""));
        assert_eq!(text(b"\xff\xfeh\0i"), None);
        assert_eq!(text(b"a\0b"), None);
        assert_eq!(text(b"caf\xe9"), None);
    }

    #[test]
    fn media_is_known_by_its_first_bytes() {
        let Ok(Attachment::Media(part)) = understand("a/b.pdf", b"%PDF-1.7 x".to_vec()) else {
            panic!("a PDF is media");
        };
        let Part::InputFile(file) = *part else {
            panic!("a PDF is a file");
        };
        assert_eq!(file.filename.as_deref(), Some("b.pdf"));
        assert_eq!(
            file.file_data.as_deref(),
            Some("data:application/pdf;base64,JVBERi0xLjcgeA==")
        );
    }

    #[test]
    fn a_url_goes_along_as_what_its_ending_says() {
        let Ok(Attachment::Media(part)) = read("https://example.org/cat.PNG?x=1") else {
            panic!("a URL is media");
        };
        assert!(matches!(*part, Part::InputImage(_)));
    }
}
