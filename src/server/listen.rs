//! The sockets that clients connect to: one, or both loopback addresses of one port.

use std::io;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};

use super::cannot_bind;
use crate::config::server::Listen;
use crate::error::{Error, Kind};

/// What is listened on.
#[derive(Debug)]
pub(super) struct Sockets {
    first: TcpListener,
    second: Option<TcpListener>,
}

impl Sockets {
    /// Binds what is asked for. Of the two loopback addresses the second may be missing, for not every machine has it;
    /// of those for everywhere the first that works is enough.
    pub(super) async fn bind(listen: Listen) -> Result<Self, Error> {
        let addresses = listen.sockets();
        let mut failure = None;
        let mut bound: Vec<TcpListener> = Vec::new();
        for address in addresses {
            match (TcpListener::bind(address).await, listen) {
                (Ok(listener), Listen::Everywhere(_) | Listen::At(_)) => {
                    return Ok(Self {
                        first: listener,
                        second: None,
                    });
                }
                (Ok(listener), Listen::Loopback(_)) => bound.push(listener),
                (Err(error), Listen::Loopback(_)) if !bound.is_empty() => {
                    // Somebody else there would get the requests of clients that try that address first.
                    if error.kind() == io::ErrorKind::AddrInUse {
                        tracing::warn!(%address, "somebody else listens here");
                    }
                }
                (Err(error), Listen::Everywhere(_)) => {
                    failure.get_or_insert(cannot_bind(address, &error));
                }
                (Err(error), Listen::Loopback(_) | Listen::At(_)) => {
                    return Err(cannot_bind(address, &error));
                }
            }
        }
        let mut bound = bound.into_iter();
        match bound.next() {
            Some(first) => Ok(Self {
                first,
                second: bound.next(),
            }),
            None => Err(failure
                .unwrap_or_else(|| Error::new(Kind::Internal, "there is no address to listen on"))),
        }
    }
}

impl Listener for Sockets {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let Some(second) = &mut self.second else {
            return Listener::accept(&mut self.first).await;
        };
        tokio::select! {
            accepted = Listener::accept(&mut self.first) => accepted,
            accepted = Listener::accept(second) => accepted,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.first.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_both_loopback_addresses_where_the_machine_has_them() {
        let has_v6 = TcpListener::bind("[::1]:0").await.is_ok();
        // A port of the system's choice is free for one family and may be taken for the other: a few tries find one.
        for _ in 0..20 {
            let probe = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = probe.local_addr().unwrap().port();
            drop(probe);
            let Ok(mut sockets) = Sockets::bind(Listen::Loopback(port)).await else {
                continue;
            };
            if has_v6 && sockets.second.is_none() {
                continue;
            }
            let mut hosts = vec!["127.0.0.1"];
            hosts.extend(has_v6.then_some("::1"));
            for host in hosts {
                let (client, (_, from)) =
                    tokio::join!(TcpStream::connect((host, port)), sockets.accept());
                assert_eq!(from, client.unwrap().local_addr().unwrap());
            }
            return;
        }
        panic!("no port is free");
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = Sockets::bind(address.into()).await.unwrap_err();
        assert!(error.message().contains("is in use"), "{error}");
    }
}
