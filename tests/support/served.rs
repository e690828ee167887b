//! A gateway in this process, on whatever port is free.

use std::net::SocketAddr;
use std::sync::mpsc;

use llmgw::config::load::{self, Env};
use llmgw::server::{self, Notice, Stopper};

/// Serves with this configuration, which has no `store`: nothing outlives the process, least of all in somebody's home.
pub(crate) async fn served(config: &str) -> (SocketAddr, Stopper) {
    let config = format!("store: {{ kind: memory }}\n{config}");
    let config = load::parse(&config, None, &Env::default()).unwrap();
    let stopper = Stopper::default();
    let (send, receive) = mpsc::channel();
    let stop = stopper.clone();
    tokio::task::spawn(async move {
        let notice = move |notice| {
            if let Notice::Listening(address) = notice {
                send.send(address).unwrap();
            }
        };
        // Nobody reloads here, and the sender must outlive the server all the same.
        let (_reload, reloads) = tokio::sync::mpsc::channel(1);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let served = server::run(config, any, stop, reloads, notice);
        served.await.unwrap();
    });
    let address = tokio::task::spawn_blocking(move || receive.recv().unwrap());
    (address.await.unwrap(), stopper)
}
