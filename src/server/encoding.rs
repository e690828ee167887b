//! Request bodies, also such as come compressed. The limit counts what comes out, so that a small body cannot fill the memory.

use std::io::Read;

use axum::body::Body;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use ruzstd::decoding::StreamingDecoder;

use crate::error::{Error, Kind};

/// The body is over the limit, compressed or not.
pub(super) fn too_large(limit: usize) -> Error {
    Error::new(
        Kind::TooLarge,
        format!("the body is larger than {limit} bytes"),
    )
    .with_hint("`server.body_limit` sets the limit")
}

/// A body up to that size.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, Error> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        if cause.to_string().contains("length limit") {
            return too_large(limit);
        }
        Error::new(
            Kind::InvalidRequest,
            format!("the body could not be read: {cause}"),
        )
    })
}

/// The encodings that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Zstd,
}

/// The body as it was before it was compressed.
pub(super) async fn decoded(
    headers: &HeaderMap,
    body: Bytes,
    limit: usize,
) -> Result<Bytes, Error> {
    let Some(encoding) = encoding(headers)? else {
        return Ok(body);
    };
    // Megabytes take milliseconds, in which this thread has other streams to serve.
    let work = tokio::task::spawn_blocking(move || decode(encoding, &body, limit));
    work.await
        .map_err(|_| Error::new(Kind::Internal, "the body's decoder broke off"))?
}

fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Error> {
    let Some(value) = headers.get(CONTENT_ENCODING) else {
        return Ok(None);
    };
    let name = value.to_str().unwrap_or_default().trim();
    match name.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(None),
        "gzip" | "x-gzip" => Ok(Some(Encoding::Gzip)),
        "zstd" => Ok(Some(Encoding::Zstd)),
        _ => Err(Error::new(
            Kind::UnsupportedMediaType,
            format!("the content encoding `{name}` is not read here"),
        )
        .with_hint("send the body plain, or as `gzip` or `zstd`")),
    }
}

fn decode(encoding: Encoding, body: &[u8], limit: usize) -> Result<Bytes, Error> {
    let broken = |why: String| {
        let name = match encoding {
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
        };
        Error::new(
            Kind::InvalidRequest,
            format!("the body is no {name}: {why}"),
        )
        .with_code("invalid_encoding")
    };
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut out = Vec::new();
    let read = match encoding {
        Encoding::Gzip => MultiGzDecoder::new(body).take(most).read_to_end(&mut out),
        Encoding::Zstd => StreamingDecoder::new(body)
            .map_err(|fault| broken(fault.to_string()))?
            .take(most)
            .read_to_end(&mut out),
    };
    read.map_err(|fault| broken(fault.to_string()))?;
    if out.len() > limit {
        return Err(too_large(limit));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_compressed_comes_out_up_to_the_limit() {
        let data = vec![b'a'; 100_000];
        let zstd = compress_to_vec(data.as_slice(), CompressionLevel::Fastest);
        for (encoding, body) in [(Encoding::Gzip, gzip(&data)), (Encoding::Zstd, zstd)] {
            assert!(body.len() < 10_000);
            assert_eq!(decode(encoding, &body, 100_000).unwrap(), data);
            let error = decode(encoding, &body, 99_999).unwrap_err();
            assert_eq!(error.status(), 413);
            assert_eq!(decode(encoding, b"{}", 100).unwrap_err().status(), 400);
            assert_eq!(
                decode(encoding, &body[..body.len() / 2], 100_000)
                    .unwrap_err()
                    .status(),
                400
            );
        }
    }

    #[test]
    fn an_encoding_that_is_not_read_is_refused() {
        let of = |name: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, name.parse().unwrap());
            encoding(&headers).map_err(|error| error.status())
        };
        assert_eq!(of("identity"), Ok(None));
        assert_eq!(of("GZIP"), Ok(Some(Encoding::Gzip)));
        assert_eq!(of("br"), Err(415));
        assert_eq!(of("gzip, zstd"), Err(415));
    }
}
