//! The daemon: HTTP in front of the gateway. The only module that names axum.
//!
//! It listens, checks who calls, hands bodies to doors and events to sockets, and drains when it is told to stop.
//! What a request means is no business of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::serve::{Listener as _, ListenerExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::canonical::request::{ReasoningNames, Request};
use crate::config::server::{Admin, Host, Listen};
use crate::config::{Config, ReasoningEvents};
use crate::doors::responses::ResponsesEncoder;
use crate::error::{Error, Kind};
use crate::gateway::gate::{COME_BACK, Full, Gate, Manner, Place};
use crate::gateway::{Caller, Gateway, Reply, unix_seconds};

mod access;
mod admin;
mod asks;
mod astray;
mod background;
mod body;
mod compact;
mod constraints;
mod conversation;
mod cors;
mod dialect;
mod encoding;
mod health;
mod limits;
mod listen;
mod models;
mod observers;
mod recording;
mod reload;
mod reply;
mod serve;
mod stored;
mod turn;
mod usage;
mod websocket;

use listen::Sockets;

pub use reload::{News, Reloaded, Reloads};

/// What the server tells whoever started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The socket listens at this address.
    Listening(SocketAddr),
    /// No new connections; so many requests are being finished.
    Draining(usize),
    /// The configuration was read again.
    Reloaded(Reloaded),
}

/// What every handler needs.
#[derive(Debug)]
pub(crate) struct App {
    gateway: Gateway,
    access: access::Access,
    lists: models::Lists,
    limits: limits::Limits,
    /// How many requests at once.
    gate: Gate,
    /// What is wrong with the file since the last load.
    fault: ArcSwapOption<String>,
    body_limit: usize,
    commit_after: Duration,
    keep_alive: Duration,
    in_flight: Arc<AtomicUsize>,
    conversations: conversation::Conversations,
    observers: observers::Observers,
}

/// Asks a running server to stop. The first call drains, the second stops at once.
#[derive(Debug, Clone, Default)]
pub struct Stopper(Arc<Notify>);

impl Stopper {
    /// Asks once.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// Serves until `stopper` asks twice, or asks once and the last request is finished or the drain time is over.
pub async fn run(
    config: Config,
    listen: impl Into<Listen>,
    stopper: Stopper,
    reloads: Reloads,
    notice: impl Fn(Notice) + Send + Sync,
) -> Result<(), Error> {
    let drain = config.server.drain;
    let admin = config.server.admin.clone();
    let app = Arc::new(App::new(config));
    let in_flight = app.in_flight.clone();
    let kept = app.clone();
    let listener = Sockets::bind(listen.into()).await?;
    let local = listener
        .local_addr()
        .map_err(|error| Error::new(Kind::Internal, format!("the socket has no name: {error}")))?;
    notice(Notice::Listening(local));

    let draining = Arc::new(Notify::new());
    let begin = draining.clone();
    let listener = listener.tap_io(|stream| {
        // Without it the last small write of a frame waits for an acknowledgement; a socket that refuses still works.
        let _ = stream.set_nodelay(true);
    });
    let desk = async {
        match &admin {
            Some(admin) => administer(app.clone(), admin).await,
            None => std::future::pending().await,
        }
    };
    let serving = axum::serve(listener, router(app.clone()))
        .with_graceful_shutdown(async move { begin.notified().await });
    let stop = async {
        stopper.0.notified().await;
        draining.notify_one();
        notice(Notice::Draining(in_flight.load(Ordering::Relaxed)));
        tokio::select! {
            () = tokio::time::sleep(drain) => {}
            () = stopper.0.notified() => {}
        }
    };
    let serving = async {
        serving
            .await
            .map_err(|error| Error::new(Kind::Internal, format!("the server stopped: {error}")))?;
        idle(&in_flight).await;
        Ok(())
    };
    let served = tokio::select! {
        served = serving => served,
        failed = desk => failed,
        () = app.follow(reloads, &notice) => Ok(()),
        () = kept.observers.run() => Ok(()),
        () = stop => Ok(()),
    };
    kept.conversations.archive.flush().await;
    kept.observers.finish().await;
    served
}

/// Answers may go on after their connections: in the background, and on sockets that are no HTTP any more.
async fn idle(in_flight: &AtomicUsize) {
    while in_flight.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Serves the listener for administration; it ends with the other.
async fn administer(app: Arc<App>, admin: &Admin) -> Result<(), Error> {
    let listen = match admin.address.host {
        Host::Unsaid => SocketAddr::from(([0, 0, 0, 0], admin.address.port)),
        Host::Localhost => SocketAddr::from(([127, 0, 0, 1], admin.address.port)),
        Host::Ip(ip) => SocketAddr::new(ip, admin.address.port),
    };
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| cannot_bind(listen, &error))?;
    tracing::info!(address = %listen, "administration");
    let served = axum::serve(listener, admin::router(app, admin)).await;
    served.map_err(|error| Error::new(Kind::Internal, format!("the server stopped: {error}")))
}

impl App {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            access: access::Access::new(&config.server),
            lists: models::Lists::default(),
            limits: limits::Limits::new(&config.server),
            gate: Gate::new(config.server.max_in_flight),
            fault: ArcSwapOption::empty(),
            body_limit: usize::try_from(config.server.body_limit).unwrap_or(usize::MAX),
            commit_after: config.server.commit_after,
            keep_alive: config.server.keep_alive,
            in_flight: Arc::default(),
            conversations: conversation::Conversations::new(&config, unix_seconds),
            observers: observers::Observers::new(&config),
            gateway: Gateway::new(config),
        }
    }

    /// Writes the reply to a request of Open Responses, as the configuration has it.
    fn encoder(&self, request: &mut Request) -> ResponsesEncoder {
        request.reasoning_names = match self.gateway.snapshot().config.defaults.reasoning_events {
            ReasoningEvents::Summary | ReasoningEvents::Spec => ReasoningNames::Specification,
            ReasoningEvents::OpenAi => ReasoningNames::OpenAi,
        };
        ResponsesEncoder::of(request)
    }

    /// Asks for the holder of a key, within its limits.
    async fn respond(
        &self,
        request: impl Into<Arc<Request>>,
        caller: Caller,
    ) -> Result<Reply, Error> {
        let request = request.into();
        let reserved = self.limits.reserve(caller.key.as_deref(), &request)?;
        let answer = self.gateway.respond(request, caller).await;
        match (answer, reserved) {
            (Ok(mut reply), Some(reserved)) => {
                reserved.watch(&mut reply);
                Ok(reply)
            }
            (Err(error), Some(reserved)) => {
                reserved.settle(0);
                Err(error)
            }
            (answer, None) => answer,
        }
    }

    /// A place among the requests at once.
    async fn place(&self) -> Result<Place, Error> {
        self.gate.enter(Manner::Queue).await.map_err(|Full| {
            Error::new(
                Kind::Busy,
                "too many requests at once (`server.max_in_flight`)",
            )
            .with_retry_after(Some(COME_BACK))
        })
    }
}

/// A layer costs every request an allocation or two, so there is but one. No handler takes its body through an extractor:
/// `encoding::read` holds the limit.
fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(
            "/v1/responses",
            post(serve::responses).get(websocket::upgrade),
        )
        .route("/v1/responses/compact", post(compact::compact))
        .route(
            "/v1/responses/{id}",
            get(stored::fetch).delete(stored::delete),
        )
        .route("/v1/responses/{id}/input_items", get(stored::input_items))
        .route("/v1/responses/{id}/cancel", post(stored::cancel))
        .route("/v1/chat/completions", post(serve::chat_completions))
        .route("/v1/messages", post(serve::messages))
        .route("/v1/messages/count_tokens", post(asks::count_tokens))
        .route("/v1/responses/input_tokens", post(asks::input_tokens))
        .route("/v1/embeddings", post(asks::embed))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/openapi.json", get(health::describe))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(astray::not_found)
        .method_not_allowed_fallback(astray::method_not_allowed)
        .layer(from_fn_with_state(app.clone(), cors::answer))
        .with_state(app)
}

fn cannot_bind(address: SocketAddr, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        return Error::new(Kind::Internal, format!("{address} is in use"))
            .with_hint("try another address: --address 127.0.0.1:0 takes any free port");
    }
    Error::new(
        Kind::Internal,
        format!("cannot listen on {address}: {error}"),
    )
}
