//! HTTP/1.1 without TLS, for servers on this machine and beside it: each request drives its own connection.
//!
//! A client with a task for each connection hands every piece of a reply from that task to the request's, which costs as
//! much as reading it. Here the request's own task polls the connection; between requests nobody does, and whether it
//! still stands is seen when it is taken up again.

use std::fmt;
use std::future::Future as _;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::header::{ACCEPT, HOST, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming as Body;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tower_service::Service as _;

mod gunzip;

use gunzip::Gunzip;

use super::{AGENT, IDLE, KEEP_ALIVE, MOST_IDLE, Outgoing, innermost};
use crate::error::{Error, Kind};

/// A connection that wakes itself this often in one poll lets other tasks run.
const MOST_TURNS: usize = 8;

/// One server, and the connections to it that wait for work.
pub(super) struct Origin {
    /// Whom to connect to: scheme and authority.
    address: Uri,
    host: HeaderValue,
    connector: HttpConnector,
    /// The longest unused first.
    idle: Mutex<Vec<(Instant, Box<Link>)>>,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Origin").field(&self.address).finish()
    }
}

impl Origin {
    /// The server of this URL.
    pub(super) fn new(address: Uri) -> Option<Arc<Self>> {
        let host = HeaderValue::from_str(address.authority()?.as_str()).ok()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEP_ALIVE));
        let origin = Arc::new(Self {
            address,
            host,
            connector,
            idle: Mutex::default(),
        });
        sweep(Arc::downgrade(&origin));
        Some(origin)
    }

    /// Sends a request and waits for the head of its reply. A connection must stand within `connect`.
    pub(super) async fn send(
        self: &Arc<Self>,
        path: PathAndQuery,
        outgoing: Outgoing,
        connect: Duration,
    ) -> Result<Response<Reading>, Error> {
        let mut request = Request::new(Full::new(outgoing.body));
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = path.into();
        *request.headers_mut() = outgoing.headers;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(AGENT));
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        loop {
            let (mut link, is_new) = match self.take() {
                Some(link) => (link, false),
                None => (self.open(connect).await?, true),
            };
            request = match link.exchange(request).await {
                Ok(mut response) => {
                    let gunzip = Gunzip::of(response.headers_mut())?;
                    let origin = Arc::downgrade(self);
                    return Ok(response.map(|body| Reading {
                        body,
                        gunzip: gunzip.map(Box::new),
                        link: Some(link),
                        origin,
                    }));
                }
                // It had been closed meanwhile: the request never left.
                Err((_, Some(request))) if !is_new => request,
                Err((error, _)) => return Err(unreachable(&error)),
            };
        }
    }

    /// A connection that still stands.
    fn take(&self) -> Option<Box<Link>> {
        loop {
            let taken = self.idle().pop();
            let (since, mut link) = taken?;
            if since.elapsed() < IDLE && link.is_ready() {
                return Some(link);
            }
        }
    }

    async fn open(&self, connect: Duration) -> Result<Box<Link>, Error> {
        let mut connector = self.connector.clone();
        let stream = timeout(connect, connector.call(self.address.clone())).await;
        let stream = stream.map_err(|_| {
            Error::new(
                Kind::Timeout,
                "cannot reach the provider: no connection in time",
            )
        })?;
        let stream = stream.map_err(|error| unreachable(&error))?;
        let (sender, connection) = handshake(stream).await.map_err(|e| unreachable(&e))?;
        Ok(Box::new(Link::new(sender, connection)))
    }

    /// Keeps a connection for the next request.
    fn keep(&self, mut link: Box<Link>) {
        if !link.is_ready() {
            return;
        }
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push((Instant::now(), link));
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Box<Link>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreachable(error: &(dyn std::error::Error + 'static)) -> Error {
    let reason = format!("cannot reach the provider: {}", innermost(error));
    Error::new(Kind::Unreachable, reason)
}

/// Lets connections go that nobody wants or that the server has closed, for as long as there is the origin.
#[expect(
    clippy::disallowed_methods,
    reason = "it belongs to the origin, and ends after it"
)]
fn sweep(origin: Weak<Origin>) {
    let _task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(IDLE / 3).await;
            let Some(origin) = origin.upgrade() else {
                return;
            };
            origin
                .idle()
                .retain_mut(|(since, link)| since.elapsed() < IDLE && link.is_ready());
        }
    });
}

/// One connection. Large, so it is handed on by its place.
struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it is over.
    connection: Option<Connection<TokioIo<TcpStream>, Full<Bytes>>>,
    relay: Arc<Relay>,
    waker: Waker,
}

/// Stands between a connection and the task that drives it. What we do to a connection wakes whoever drives it, which is
/// us: passed on, it would schedule the running task once more and call another thread to help.
#[derive(Default)]
struct Relay {
    task: AtomicWaker,
    /// We are at it.
    busy: AtomicBool,
    /// It was woken since.
    woken: AtomicBool,
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.busy.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl Link {
    fn new(
        sender: SendRequest<Full<Bytes>>,
        connection: Connection<TokioIo<TcpStream>, Full<Bytes>>,
    ) -> Self {
        let relay = Arc::new(Relay::default());
        Self {
            sender,
            connection: Some(connection),
            waker: Waker::from(relay.clone()),
            relay,
        }
    }

    /// Can it carry a request? Nobody is woken by it from here on.
    fn is_ready(&mut self) -> bool {
        self.relay.task.take();
        self.advance(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            // If it failed, whoever waits for its reply is told the same.
            self.connection = None;
        }
    }

    /// Drives the connection until `wanted` is there. What is wanted can only come of driving it, so it wakes nobody.
    fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let waker = self.waker.clone();
        let mut nobody = Context::from_waker(Waker::noop());
        self.relay.task.register(cx.waker());
        self.relay.busy.store(true, Ordering::SeqCst);
        for _ in 0..MOST_TURNS {
            self.relay.woken.store(false, Ordering::SeqCst);
            self.advance(&mut Context::from_waker(&waker));
            let found = wanted(&mut nobody);
            if found.is_ready() {
                self.relay.busy.store(false, Ordering::SeqCst);
                return found;
            }
            if !self.relay.woken.load(Ordering::SeqCst) {
                break;
            }
        }
        self.relay.busy.store(false, Ordering::SeqCst);
        // Woken between the last look and now, or too often: another turn, after the others.
        if self.relay.woken.load(Ordering::SeqCst) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Sends a request and waits for the head of its reply. A request that never left comes back.
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, (hyper::Error, Option<Request<Full<Bytes>>>)> {
        let mut reply = pin!(self.sender.try_send_request(request));
        let reply = std::future::poll_fn(|cx| self.drive(cx, |cx| reply.as_mut().poll(cx))).await;
        reply.map_err(|mut error| {
            let request = error.take_message();
            (error.into_error(), request)
        })
    }
}

/// Why a body broke off.
type Broken = Box<dyn std::error::Error + Send + Sync>;

/// The body of a reply, and the connection that it comes by. Dropping it closes the connection.
pub struct Reading {
    body: Body,
    gunzip: Option<Box<Gunzip>>,
    /// `None` once it has been read to its end.
    link: Option<Box<Link>>,
    origin: Weak<Origin>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading")
    }
}

impl Reading {
    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let (bytes, is_last) = match self.piece().await? {
                Some(piece) => match &mut self.gunzip {
                    None => return Ok(Some(piece)),
                    Some(gunzip) => (gunzip.feed(&piece)?, false),
                },
                None => match self.gunzip.take() {
                    None => return Ok(None),
                    Some(mut gunzip) => (gunzip.end()?, true),
                },
            };
            if !bytes.is_empty() || is_last {
                return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
            }
        }
    }

    /// The next bytes as they came.
    async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let Some(link) = &mut self.link else {
                return Ok(None);
            };
            let body = &mut self.body;
            let frame =
                std::future::poll_fn(|cx| link.drive(cx, |cx| Pin::new(&mut *body).poll_frame(cx)));
            match frame.await {
                Some(Ok(frame)) => {
                    // Trailers say nothing that anybody reads.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => {
                    self.link = None;
                    return Err(error.into());
                }
                None => {
                    let origin = self.origin.upgrade();
                    if let Some((link, origin)) = self.link.take().zip(origin) {
                        origin.keep(link);
                    }
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
