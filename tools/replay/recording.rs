//! The files of recorded traffic, read as far as a replay needs them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One recorded exchange.
#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    /// Its path below the folder, without the ending.
    #[serde(skip)]
    pub(crate) id: String,
    /// The protocol, by the recording's name for it.
    pub(crate) api: String,
    /// The model that was asked.
    #[serde(default)]
    pub(crate) model: Option<String>,
    /// What was sent.
    #[serde(default)]
    pub(crate) request: Option<Sent>,
    /// What came back.
    pub(crate) response: Reply,
}

/// A request.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    /// Headers, without secrets.
    #[serde(default)]
    pub(crate) headers: Option<serde_json::Map<String, Value>>,
    /// Its body, byte for byte.
    #[serde(default)]
    pub(crate) body: Option<Box<RawValue>>,
}

/// A reply.
#[derive(Debug, Deserialize)]
pub(crate) struct Reply {
    /// The status of HTTP.
    pub(crate) status: u16,
    /// Headers.
    #[serde(default)]
    pub(crate) headers: Option<serde_json::Map<String, Value>>,
    /// A whole body.
    #[serde(default)]
    pub(crate) body: Option<Box<RawValue>>,
    /// A stream's text.
    #[serde(default)]
    pub(crate) sse: Option<String>,
    /// A body that is no JSON.
    #[serde(default)]
    pub(crate) text: Option<String>,
}

/// The bytes of a reply.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// One document.
    Whole(Vec<u8>),
    /// Server-sent events.
    Stream(Vec<u8>),
}

impl Recording {
    /// What the decoder is fed.
    pub(crate) fn bytes(&self) -> Bytes {
        if let Some(sse) = &self.response.sse {
            return Bytes::Stream(sse.clone().into_bytes());
        }
        let Some(body) = &self.response.body else {
            let text = self.response.text.clone().unwrap_or_default();
            return Bytes::Whole(text.into_bytes());
        };
        // Without `alt=sse` Google streams a list. Nobody here asks for that, so it is told as events.
        match serde_json::from_str::<Vec<Box<RawValue>>>(body.get()) {
            Ok(chunks) => Bytes::Stream(chunks.iter().flat_map(|chunk| event(chunk)).collect()),
            Err(_) => Bytes::Whole(body.get().as_bytes().to_vec()),
        }
    }

    /// The folder's second word for `compat-…`: `groq` of `compat-groq-chat`.
    pub(crate) fn vendor(&self) -> Option<&str> {
        let folder = self.id.split('/').next()?.strip_prefix("compat-")?;
        folder.rsplit_once('-').map(|(vendor, _)| vendor)
    }
}

fn event(json: &RawValue) -> Vec<u8> {
    let one_line = serde_json::from_str::<Value>(json.get()).unwrap_or_default();
    format!("data: {one_line}\r\n\r\n").into_bytes()
}

/// All recordings below a folder, in the order of their ids.
pub(crate) fn all(folder: &Path) -> anyhow::Result<Vec<Recording>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    files
        .iter()
        .map(|file| {
            let text = std::fs::read_to_string(file)?;
            let mut recording: Recording =
                serde_json::from_str(&text).with_context(|| file.display().to_string())?;
            let below = file.strip_prefix(folder)?.with_extension("");
            recording.id = below.to_string_lossy().into_owned();
            Ok(recording)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "json") {
            files.push(path);
        }
    }
    Ok(())
}
