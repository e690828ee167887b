//! The WebSocket over a socket, where only the clock of a test shows it: a connection lasts an hour.

#![expect(
    clippy::disallowed_methods,
    reason = "clients and servers of a test end with it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what does not unwrap here is a failed test"
)]

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[path = "support/served.rs"]
mod served;

use served::served;

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// A client's side of one connection.
struct Talk(TcpStream);

impl Talk {
    async fn open(address: SocketAddr) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = "GET /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                    sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n\r\n") {
            got.push(socket.read_u8().await.unwrap());
        }
        assert!(got.starts_with(b"HTTP/1.1 101 "), "{got:?}");
        Self(socket)
    }

    /// One text frame, masked as a client's must be: with zeros, which change nothing.
    async fn say(&mut self, message: &Value) {
        let text = message.to_string();
        let length = u16::try_from(text.len()).unwrap();
        let mut frame = vec![0x80 | TEXT, 0x80 | 0x7e];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    /// The next frame: its kind and what it holds.
    async fn hear(&mut self) -> (u8, Vec<u8>) {
        let kind = self.0.read_u8().await.unwrap() & 15;
        let length = match self.0.read_u8().await.unwrap() {
            126 => u64::from(self.0.read_u16().await.unwrap()),
            127 => self.0.read_u64().await.unwrap(),
            length => u64::from(length),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.unwrap();
        (kind, payload)
    }

    /// The next message of the protocol.
    async fn event(&mut self) -> Value {
        loop {
            match self.hear().await {
                (TEXT, text) => return serde_json::from_slice(&text).unwrap(),
                (CLOSE, _) => panic!("closed"),
                // A ping while a model is silent.
                _ => {}
            }
        }
    }

    async fn turn(&mut self) -> Value {
        self.say(&json!({ "type": "response.create", "model": "demo", "input": "hi" }))
            .await;
        loop {
            let event = self.event().await;
            if event["type"] == "response.completed" || event["type"] == "error" {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_connection_ends_after_sixty_minutes_with_its_reason() {
    let address = served("").await.0;
    let mut talk = Talk::open(address).await;
    assert_eq!(talk.turn().await["type"], "response.completed");
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(59)).await;
    tokio::time::resume();
    assert_eq!(talk.turn().await["type"], "response.completed");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    let last = talk.event().await;
    assert_eq!(
        (&last["type"], &last["status"], &last["error"]["code"]),
        (
            &json!("error"),
            &json!(400),
            &json!("websocket_connection_limit_reached")
        )
    );
    assert_eq!(talk.hear().await.0, CLOSE);
    // The next connection is as good as the first.
    tokio::time::resume();
    let mut next = Talk::open(address).await;
    assert_eq!(next.turn().await["type"], "response.completed");
}
