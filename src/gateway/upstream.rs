//! The transport: where bytes leave the process and come back. The only file, besides `fetch`, that names reqwest.
//!
//! A provider is reached over HTTP, or it is a *local peer* that yields bytes by a script: the demo model, and the
//! stand-ins of tests. Everything above sees the same head and the same chunks. What speaks plain HTTP and needs no proxy
//! is reached by `direct`, and everything else by reqwest.

use std::collections::{HashMap, VecDeque};
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::error::{Error, Kind};
use crate::providers::demo::peer::Step;

mod direct;

use direct::{Origin, Reading};

/// What we call ourselves.
const AGENT: &str = concat!("llmgw/", env!("CARGO_PKG_VERSION"));

/// So many unused connections are kept to each server, for so long.
const MOST_IDLE: usize = 512;
const IDLE: Duration = Duration::from_secs(90);

/// A silent connection is probed this often.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

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
    /// Over the network, without TLS.
    Direct(Reading),
    /// By script.
    Local(VecDeque<Step>),
}

/// The ways to all servers. The HTTP clients are built when first needed, since loading the system's certificates takes
/// milliseconds.
#[derive(Debug, Default)]
pub struct Clients {
    /// By what they are for, and how long a connection may take to stand.
    built: RwLock<HashMap<(ClientKind, Duration), reqwest::Client>>,
    proxies: OnceLock<Matcher>,
    known: RwLock<Known>,
}

/// What was found out about URLs. Reading one costs as much as writing the request, and they are few.
#[derive(Debug, Default)]
struct Known {
    ways: HashMap<String, Way>,
    /// By the authority of their URLs.
    origins: HashMap<String, Arc<Origin>>,
}

/// How a request reaches its server.
#[derive(Debug, Clone)]
enum Way {
    Direct(Arc<Origin>, PathAndQuery),
    Client(ClientKind, Url),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ClientKind {
    Tls,
    /// A server without TLS needs no certificates.
    Plain,
}

/// So many URLs are remembered.
const MOST_URLS: usize = 512;

impl Clients {
    /// Sends a request and waits for the head of its reply. A connection must stand within `connect`.
    pub async fn send(
        &self,
        transport: &Transport,
        outgoing: Outgoing,
        connect: Duration,
    ) -> Result<Incoming, Error> {
        match transport {
            Transport::Http => match self.way(&outgoing.url)? {
                Way::Direct(origin, path) => {
                    let (head, body) = origin.send(path, outgoing, connect).await?.into_parts();
                    Ok(Incoming {
                        status: head.status,
                        headers: head.headers,
                        body: Chunks::Direct(body),
                    })
                }
                Way::Client(kind, url) => {
                    send_by(&self.client(kind, connect)?, url, outgoing).await
                }
            },
            Transport::Local(peer) => play_head((peer.0)(&outgoing).into()).await,
        }
    }

    /// How a URL is reached.
    fn way(&self, url: &str) -> Result<Way, Error> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = known.ways.get(url) {
            return Ok(way.clone());
        }
        drop(known);
        let unreadable = |error: &dyn std::fmt::Display| {
            let message = format!("the provider's URL cannot be read: {error}");
            Error::new(Kind::Unreachable, message)
        };
        let read = Url::parse(url).map_err(|error| unreadable(&error))?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Some URLs have a model in them, whose names come from clients.
        if known.ways.len() >= MOST_URLS {
            *known = Known::default();
        }
        let way = if read.scheme() == "https" {
            Way::Client(ClientKind::Tls, read)
        } else {
            let uri: Uri = read.as_str().parse().map_err(|error| unreadable(&error))?;
            // A name and a password before the host become a header, which is reqwest's to write.
            let is_named = !read.username().is_empty() || read.password().is_some();
            if is_named || self.needs_proxy(&read, &uri) {
                Way::Client(ClientKind::Plain, read)
            } else {
                known
                    .direct(uri)
                    .ok_or_else(|| unreadable(&"it names no host"))?
            }
        };
        known.ways.insert(url.to_owned(), way.clone());
        Ok(way)
    }

    /// A proxy never stands between us and a loopback host.
    fn needs_proxy(&self, url: &Url, uri: &Uri) -> bool {
        let proxies = || self.proxies.get_or_init(Matcher::from_system);
        !leads_here(url) && proxies().intercept(uri).is_some()
    }

    fn client(&self, kind: ClientKind, connect: Duration) -> Result<reqwest::Client, Error> {
        let key = (kind, connect);
        let built = self.built.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = built.get(&key) {
            return Ok(client.clone());
        }
        drop(built);
        let mut built = self.built.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = built.get(&key) {
            return Ok(client.clone());
        }
        let client = build(kind, connect).map_err(|reason| {
            let message = format!("cannot make an HTTP client: {reason}");
            Error::new(Kind::Internal, message)
        })?;
        built.insert(key, client.clone());
        Ok(client)
    }
}

impl Known {
    fn direct(&mut self, uri: Uri) -> Option<Way> {
        let path = uri.path_and_query()?.clone();
        let name = uri.authority()?.to_string();
        if let Some(origin) = self.origins.get(&name) {
            return Some(Way::Direct(origin.clone(), path));
        }
        let origin = Origin::new(uri)?;
        self.origins.insert(name, origin.clone());
        Some(Way::Direct(origin, path))
    }
}

async fn send_by(
    client: &reqwest::Client,
    url: Url,
    outgoing: Outgoing,
) -> Result<Incoming, Error> {
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
        .pool_max_idle_per_host(MOST_IDLE)
        .pool_idle_timeout(IDLE)
        .tcp_keepalive(KEEP_ALIVE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(AGENT);
    if kind != ClientKind::Tls {
        builder = builder.tls_certs_only([]);
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
            Self::Direct(reading) => reading.next().await.map_err(|error| {
                let reason = format!("the provider's reply broke off: {}", innermost(&*error));
                Error::new(Kind::StreamCut, reason)
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
    match error.source() {
        Some(cause) => format!("{what}: {}", innermost(cause)),
        None => what.to_owned(),
    }
}

fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a dyn std::error::Error {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause
}

#[cfg(test)]
mod tests;
