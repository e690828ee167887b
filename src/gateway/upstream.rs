//! The transport: where bytes leave the process and come back. The only file, besides `fetch`, that names reqwest.
//!
//! A provider is reached over HTTP, or it is a *local peer* that yields bytes by a script: the demo model, and the
//! stand-ins of tests. Everything above sees the same head and the same chunks.

use std::collections::{HashMap, VecDeque};
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::error::{Error, Kind};
use crate::providers::demo::peer::Step;

/// A stand-in for a provider: answers a request by a script.
#[derive(Clone)]
pub struct Peer(Arc<Script>);

type Script = dyn Fn(&Outgoing) -> Vec<Step> + Send + Sync;

impl Peer {
    /// Answers so to a body.
    pub fn new(answer: impl Fn(&[u8]) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::of_requests(move |outgoing| answer(&outgoing.body))
    }

    /// Answers so to a request.
    pub fn of_requests(answer: impl Fn(&Outgoing) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Peer")
    }
}

/// How a provider is reached.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Over the network.
    Http,
    /// In this process.
    Local(Peer),
}

/// One outgoing request.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// All headers, the key included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The head of a reply, and its body to be read.
#[derive(Debug)]
pub struct Incoming {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Chunks,
}

/// The bytes of a reply as they come. Dropping it ends the upstream request.
#[derive(Debug)]
pub enum Chunks {
    /// Over the network.
    Http(reqwest::Response),
    /// By script.
    Local(VecDeque<Step>),
}

/// The HTTP clients: built when first needed, since loading the system's certificates takes milliseconds.
#[derive(Debug)]
pub struct Clients {
    connect: Duration,
    tls: OnceLock<Result<reqwest::Client, String>>,
    plain: OnceLock<Result<reqwest::Client, String>>,
    loopback: OnceLock<Result<reqwest::Client, String>>,
    addresses: RwLock<Addresses>,
}

type Addresses = HashMap<String, (Url, ClientKind)>;

/// So many URLs are remembered.
const MOST_ADDRESSES: usize = 512;

impl Clients {
    /// Clients that give a connection this long to stand.
    pub fn new(connect: Duration) -> Self {
        Self {
            connect,
            tls: OnceLock::new(),
            plain: OnceLock::new(),
            loopback: OnceLock::new(),
            addresses: RwLock::default(),
        }
    }

    /// Sends a request and waits for the head of its reply.
    pub async fn send(&self, transport: &Transport, outgoing: Outgoing) -> Result<Incoming, Error> {
        match transport {
            Transport::Http => self.send_http(outgoing).await,
            Transport::Local(peer) => play_head((peer.0)(&outgoing).into()).await,
        }
    }

    async fn send_http(&self, outgoing: Outgoing) -> Result<Incoming, Error> {
        let (url, kind) = self.address(&outgoing.url)?;
        let client = self.client(kind)?;
        let mut request = reqwest::Request::new(outgoing.method, url);
        *request.headers_mut() = outgoing.headers;
        *request.body_mut() = Some(outgoing.body.into());
        let mut response = client
            .execute(request)
            .await
            .map_err(|error| broken(&error, "cannot reach the provider"))?;
        Ok(Incoming {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: Chunks::Http(response),
        })
    }

    /// Where a request goes, and which client takes it there. Reading a URL costs as much as writing the request, and
    /// they are few, so they are remembered.
    fn address(&self, url: &str) -> Result<(Url, ClientKind), Error> {
        let known = |addresses: &Addresses| addresses.get(url).cloned();
        let addresses = self.addresses.read();
        if let Some(known) = known(&addresses.unwrap_or_else(PoisonError::into_inner)) {
            return Ok(known);
        }
        let read = Url::parse(url).map_err(|error| {
            Error::new(
                Kind::Unreachable,
                format!("the provider's URL cannot be read: {error}"),
            )
        })?;
        let kind = ClientKind::of(&read);
        let addresses = self.addresses.write();
        let mut addresses = addresses.unwrap_or_else(PoisonError::into_inner);
        // Some URLs have a model in them, whose names come from clients.
        if addresses.len() >= MOST_ADDRESSES {
            addresses.clear();
        }
        addresses.insert(url.to_owned(), (read.clone(), kind));
        Ok((read, kind))
    }

    fn client(&self, kind: ClientKind) -> Result<&reqwest::Client, Error> {
        let cell = match kind {
            ClientKind::Tls => &self.tls,
            ClientKind::Plain => &self.plain,
            ClientKind::Loopback => &self.loopback,
        };
        cell.get_or_init(|| build(kind, self.connect))
            .as_ref()
            .map_err(|reason| {
                Error::new(
                    Kind::Internal,
                    format!("cannot make an HTTP client: {reason}"),
                )
            })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientKind {
    Tls,
    Plain,
    Loopback,
}

impl ClientKind {
    /// A proxy never stands between us and a loopback host, and a server without TLS needs no certificates.
    fn of(url: &Url) -> Self {
        match (url.scheme(), leads_here(url)) {
            ("https", _) => Self::Tls,
            (_, true) => Self::Loopback,
            (_, false) => Self::Plain,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where clients are built"
)]
fn build(kind: ClientKind, connect: Duration) -> Result<reqwest::Client, String> {
    // A second installation is refused and changes nothing, so its result does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(connect)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(512)
        .pool_idle_timeout(Duration::from_secs(90))
        .tcp_keepalive(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("llmgw/", env!("CARGO_PKG_VERSION")));
    if kind != ClientKind::Tls {
        builder = builder.tls_certs_only([]);
    }
    if kind == ClientKind::Loopback {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| error.to_string())
}

/// Is the host of this URL this machine itself?
fn leads_here(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

impl Chunks {
    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Http(response) => response.chunk().await.map_err(|error| {
                Error::new(
                    Kind::StreamCut,
                    reason("the provider's reply broke off", &error),
                )
            }),
            Self::Local(steps) => play(steps).await,
        }
    }
}

async fn play_head(mut steps: VecDeque<Step>) -> Result<Incoming, Error> {
    while let Some(step) = steps.pop_front() {
        match step {
            Step::Head(status, headers) => {
                return Ok(Incoming {
                    status,
                    headers,
                    body: Chunks::Local(steps),
                });
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Hang => std::future::pending().await,
            Step::Refuse => {
                return Err(Error::new(
                    Kind::Unreachable,
                    "cannot reach the provider: connection refused",
                ));
            }
            Step::Reset | Step::Bytes(_) => break,
        }
    }
    Err(Error::new(
        Kind::Unreachable,
        "cannot reach the provider: connection reset",
    ))
}

async fn play(steps: &mut VecDeque<Step>) -> Result<Option<Bytes>, Error> {
    while let Some(step) = steps.pop_front() {
        match step {
            Step::Bytes(bytes) => {
                // Hands the thread over, as a read from a socket would.
                tokio::task::yield_now().await;
                return Ok(Some(bytes));
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Hang => std::future::pending().await,
            Step::Head(..) => {}
            Step::Reset | Step::Refuse => {
                return Err(Error::new(
                    Kind::StreamCut,
                    "the provider's reply broke off: connection reset",
                ));
            }
        }
    }
    Ok(None)
}

/// A failure before the head of a reply.
fn broken(error: &reqwest::Error, what: &str) -> Error {
    let kind = if error.is_timeout() {
        Kind::Timeout
    } else {
        Kind::Unreachable
    };
    Error::new(kind, reason(what, error))
}

/// The innermost cause says most. The URL is left out: it says nothing that the target's name does not.
fn reason(what: &str, error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.source().is_none() {
        return what.to_owned();
    }
    format!("{what}: {cause}")
}
