//! A body that comes compressed, although nobody asked for it.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::error::Error;

/// Unpacks a body piece by piece.
pub(super) struct Gunzip(MultiGzDecoder<Vec<u8>>);

impl Gunzip {
    /// What a reply with these headers needs, which from here on are those of the plain body.
    pub(super) fn of(headers: &mut HeaderMap) -> Result<Option<Self>, Error> {
        let Some(encoding) = headers.remove(CONTENT_ENCODING) else {
            return Ok(None);
        };
        let name = String::from_utf8_lossy(encoding.as_bytes()).to_ascii_lowercase();
        match name.trim() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Self(MultiGzDecoder::new(Vec::new())))),
            other => Err(Error::garbled(format!(
                "the reply is compressed as `{other}`, which was not asked for"
            ))),
        }
    }

    /// What this piece brings.
    pub(super) fn feed(&mut self, piece: &[u8]) -> io::Result<Bytes> {
        self.0.write_all(piece)?;
        self.0.flush()?;
        Ok(std::mem::take(self.0.get_mut()).into())
    }

    /// What is left at the end; an error if more should have come.
    pub(super) fn end(&mut self) -> io::Result<Bytes> {
        self.0.try_finish()?;
        Ok(std::mem::take(self.0.get_mut()).into())
    }
}
