//! Against a server that says byte for byte what a test wants.

#![expect(clippy::disallowed_methods, reason = "servers of a test end with it")]

use std::sync::atomic::AtomicUsize;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                       5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n";

/// What the server does with the n-th request of a connection.
#[derive(Clone, Copy)]
enum Act {
    /// Says this.
    Say(&'static [u8]),
    /// Says this, and closes.
    SayAndClose(&'static [u8]),
    /// Says this, and nothing more.
    SayAndWait(&'static [u8]),
    /// Closes before it says anything.
    Close,
}

struct Server {
    origin: Arc<Origin>,
    connections: Arc<AtomicUsize>,
    /// The requests, as they came; an empty one is a closed connection.
    seen: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn new(acts: &'static [Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (tell, seen) = mpsc::unbounded_channel();
        let count = connections.clone();
        tokio::task::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::task::spawn(talk(stream, acts, tell.clone()));
            }
        });
        let address = format!("http://127.0.0.1:{port}/v1/x").parse().unwrap();
        let origin = Origin::new(address).unwrap();
        Self {
            origin,
            connections,
            seen,
        }
    }

    async fn ask(&self) -> Result<(StatusCode, String), Error> {
        let response = self.send().await?;
        let status = response.status();
        let mut body = response.into_body();
        let mut text = Vec::new();
        while let Some(bytes) = body.next().await.map_err(|error| unreachable(&*error))? {
            text.extend_from_slice(&bytes);
        }
        Ok((status, String::from_utf8(text).unwrap()))
    }

    async fn send(&self) -> Result<Response<Reading>, Error> {
        let outgoing = Outgoing {
            method: Method::POST,
            url: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{}"),
        };
        let sent = self.origin.send(
            "/v1/x?a=b".parse().unwrap(),
            outgoing,
            Duration::from_secs(2),
        );
        timeout(Duration::from_secs(5), sent).await.unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn talk(mut stream: TcpStream, acts: &[Act], tell: mpsc::UnboundedSender<String>) {
    for act in acts {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n{}") {
            let Ok(byte) = stream.read_u8().await else {
                return;
            };
            request.push(byte);
        }
        tell.send(String::from_utf8(request).unwrap()).unwrap();
        match act {
            Act::Say(text) => stream.write_all(text).await.unwrap(),
            Act::SayAndClose(text) => return stream.write_all(text).await.unwrap(),
            Act::SayAndWait(text) => {
                stream.write_all(text).await.unwrap();
                break;
            }
            Act::Close => return,
        }
    }
    let mut rest = Vec::new();
    // A reset says the same as an end: nobody is there any more.
    let _ = stream.read_to_end(&mut rest).await;
    tell.send(String::new()).unwrap();
}

#[tokio::test]
async fn a_request_says_what_http_wants_to_hear() {
    let mut server = Server::new(&[Act::Say(WHOLE)]).await;
    assert_eq!(
        server.ask().await.unwrap(),
        (StatusCode::OK, "hello".into())
    );
    let request = server.seen.recv().await.unwrap();
    let authority = server.origin.address.authority().unwrap();
    assert!(
        request.starts_with("POST /v1/x?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    for line in [
        format!("host: {authority}"),
        "content-length: 2".to_owned(),
        format!("user-agent: llmgw/{}", env!("CARGO_PKG_VERSION")),
        "accept: */*".to_owned(),
    ] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
    }
}

#[tokio::test]
async fn a_connection_that_was_read_to_its_end_serves_the_next_request() {
    let server = Server::new(&[Act::Say(WHOLE), Act::Say(CHUNKED), Act::Say(WHOLE)]).await;
    for expect in ["hello", "hello world", "hello"] {
        assert_eq!(server.ask().await.unwrap().1, expect);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_asked_again() {
    let server = Server::new(&[Act::SayAndClose(WHOLE)]).await;
    for turn in 1..=3 {
        assert_eq!(server.ask().await.unwrap().1, "hello");
        // The server's end has arrived when the socket tells it.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(server.connections(), turn);
    }
}

#[tokio::test]
async fn requests_at_once_have_a_connection_each() {
    let server = Server::new(&[Act::Say(WHOLE), Act::Say(WHOLE)]).await;
    let (one, other) = tokio::join!(server.ask(), server.ask());
    assert_eq!(
        (one.unwrap().1, other.unwrap().1),
        ("hello".into(), "hello".into())
    );
    assert_eq!(server.connections(), 2);
    let (one, other) = tokio::join!(server.ask(), server.ask());
    assert_eq!(
        (one.unwrap().1, other.unwrap().1),
        ("hello".into(), "hello".into())
    );
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn who_lets_a_reply_go_closes_its_connection() {
    let mut server = Server::new(&[Act::SayAndWait(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    )])
    .await;
    let mut reply = server.send().await.unwrap().into_body();
    assert_eq!(reply.next().await.unwrap().unwrap(), "hello");
    assert!(!server.seen.recv().await.unwrap().is_empty());
    drop(reply);
    let closed = timeout(Duration::from_secs(5), server.seen.recv()).await;
    assert_eq!(closed.unwrap().unwrap(), "");
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_an_error_after_what_came() {
    for cut in [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n".as_slice(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
    ] {
        let acts: &'static [Act] = Box::leak(Box::new([Act::SayAndClose(cut)]));
        let server = Server::new(acts).await;
        let mut reply = server.send().await.unwrap().into_body();
        assert_eq!(reply.next().await.unwrap().unwrap(), "hello");
        assert!(reply.next().await.is_err(), "{cut:?}");
        assert!(server.origin.idle().is_empty());
    }
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_its_connection() {
    let server = Server::new(&[Act::SayAndClose(b"HTTP/1.1 200 OK\r\n\r\nhello")]).await;
    assert_eq!(server.ask().await.unwrap().1, "hello");
    assert!(server.origin.idle().is_empty());
}

#[tokio::test]
async fn a_server_that_closes_or_speaks_nonsense_cannot_be_reached() {
    for act in [Act::Close, Act::SayAndClose(b"this is no HTTP\r\n\r\n")] {
        let acts: &'static [Act] = Box::leak(Box::new([act]));
        let error = Server::new(acts).await.ask().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable);
        assert!(
            error.to_string().starts_with("cannot reach the provider: "),
            "{error}"
        );
    }
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let address = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let origin = Origin::new(address).unwrap();
    let error = origin
        .open(Duration::from_secs(2))
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn connections_that_nobody_wants_are_closed() {
    let mut server = Server::new(&[Act::Say(WHOLE)]).await;
    server.ask().await.unwrap();
    assert!(!server.seen.recv().await.unwrap().is_empty());
    assert_eq!(server.origin.idle().len(), 1);
    tokio::time::pause();
    tokio::time::advance(IDLE + Duration::from_secs(1)).await;
    let closed = server.seen.recv().await.unwrap();
    assert_eq!(closed, "");
    assert!(server.origin.idle().is_empty());
}

/// A reply whose body is this, packed and cut in chunks of so many bytes; what is left out of the packed body's end.
fn packed(text: &str, size: usize, missing: usize) -> &'static [u8] {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    let body = gzip.finish().unwrap();
    let mut reply =
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body[..body.len() - missing].chunks(size) {
        reply.extend(format!("{:x}\r\n", chunk.len()).bytes());
        reply.extend(chunk);
        reply.extend(b"\r\n");
    }
    reply.extend(b"0\r\n\r\n");
    reply.leak()
}

#[tokio::test]
async fn a_reply_that_comes_packed_is_unpacked_and_a_cut_one_is_an_error() {
    let text = "hello ".repeat(999);
    for size in [1, 7, 9999] {
        let acts: &'static [Act] = Box::leak(Box::new([Act::Say(packed(&text, size, 0))]));
        let server = Server::new(acts).await;
        assert_eq!(server.ask().await.unwrap().1, text, "{size}");
        assert_eq!(server.origin.idle().len(), 1);
        for missing in [1, 9, 20] {
            let cut = packed(&text, size, missing);
            let acts: &'static [Act] = Box::leak(Box::new([Act::Say(cut)]));
            let asked = Server::new(acts).await.ask().await;
            assert!(asked.is_err(), "{size} {missing}");
        }
    }
}

#[tokio::test]
async fn a_reply_in_an_encoding_that_nobody_asked_for_is_refused() {
    let server = Server::new(&[Act::Say(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx",
    )])
    .await;
    let error = server.ask().await.unwrap_err();
    assert!(error.to_string().contains("`br`"), "{error}");
}
