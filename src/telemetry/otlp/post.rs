//! The way to the collector: one `POST` for each batch, again after a while where the specification says so.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::batch::Batch;
use crate::config::traces::{Compression, Protocol, Traces};
use crate::gateway::upstream::{Clients, Incoming, Outgoing, Transport};

/// The first wait before another try; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Where batches go.
#[derive(Debug)]
pub(super) struct Post {
    clients: Clients,
    settings: Traces,
}

/// Why a try failed.
struct Failed {
    why: String,
    again: Again,
}

/// Is there use in another try?
enum Again {
    No,
    /// After so long, if the collector said how long.
    Yes(Option<Duration>),
}

impl Post {
    pub(super) fn new(settings: &Traces) -> Self {
        Self {
            clients: Clients::default(),
            settings: settings.clone(),
        }
    }

    /// A batch as it is sent.
    pub(super) fn pack(&self, batch: Batch) -> Bytes {
        let body = batch.end();
        match self.settings.compression {
            Compression::None => body,
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
                // Neither writing to memory nor ending it fails.
                let packed = encoder.write_all(&body).and_then(|()| encoder.finish());
                packed.unwrap_or_default().into()
            }
        }
    }

    /// Sends a batch, within the time that an export may take. The error says why it was not taken, without the URL,
    /// which may hold a password.
    pub(super) async fn send(&self, body: Bytes) -> Result<(), String> {
        let end = Instant::now() + self.settings.timeout;
        let mut wait = FIRST_WAIT;
        loop {
            let tried = timeout_at(end, self.once(body.clone())).await;
            let failed = match tried {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(failed)) => failed,
                Err(_) => return Err("the collector does not answer in time".to_owned()),
            };
            let pause = match failed.again {
                Again::No => return Err(failed.why),
                Again::Yes(told) => told.unwrap_or(wait),
            };
            if Instant::now() + pause >= end {
                return Err(failed.why);
            }
            tokio::time::sleep(pause).await;
            wait *= 2;
        }
    }

    async fn once(&self, body: Bytes) -> Result<(), Failed> {
        let outgoing = Outgoing {
            method: Method::POST,
            url: self.settings.url.expose().to_owned(),
            headers: self.headers(),
            body,
        };
        let connect = self.settings.timeout;
        let sent = self.clients.send(&Transport::Http, outgoing, connect).await;
        let Incoming {
            status,
            headers,
            mut body,
        } = sent.map_err(|error| Failed {
            why: format!("the collector cannot be reached: {}", error.message()),
            again: Again::Yes(None),
        })?;
        if status.is_success() {
            // Read to its end, so that the connection can be used again; a reply that breaks off was a success too.
            while let Ok(Some(_)) = body.next().await {}
            return Ok(());
        }
        let again = match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Again::Yes(retry_after(&headers)),
            _ => Again::No,
        };
        Err(Failed {
            why: format!("the collector answers {status}"),
            again,
        })
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let kind = match self.settings.protocol {
            Protocol::Protobuf => "application/x-protobuf",
            Protocol::Json => "application/json",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if self.settings.compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        for (name, value) in &self.settings.headers {
            // What can be no header was left out when the environment was read.
            if let Ok(mut value) = HeaderValue::from_str(value.expose()) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        headers
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}
