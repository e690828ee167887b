//! `/v1/responses` as a WebSocket: one response at a time, and a memory that lasts as long as the connection.
//!
//! A text message is one turn; its events go out as bare JSON, one a message, without `[DONE]`. A turn that fails ends
//! in exactly one message, the error envelope, whatever came before it. Turns that arrive meanwhile wait in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{
    Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
};
use axum::response::Response as HttpResponse;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::iter;
use http::request::Parts;
use tokio::time::{Instant, sleep_until};

use super::body::InFlight;
use super::constraints::constraints;
use super::conversation::{Filing, Reach};
use super::{App, reply, serve};
use crate::canonical::request::{Delivery, Request};
use crate::doors::responses::{Responses, ResponsesEncoder, Task};
use crate::error::{Error, Kind};
use crate::gateway::{Caller, EventStream};
use crate::store::record::{Owner, Record};
use crate::telemetry::record::{Door, Transport};
use crate::telemetry::recorder::Recorder;

mod messages;

use messages::{envelope, messages, status_of};

/// A connection lasts no longer (specification 2026-04-24, section "WebSocket").
const LONGEST: Duration = Duration::from_hours(1);

/// So many turns may wait; more are not read until one is done.
const MOST_WAITING: usize = 32;

/// The connection remembers so many responses, and so many bytes of them, but always the latest.
const MOST_REMEMBERED: usize = 16;
const MOST_BYTES_REMEMBERED: u64 = 32 * 1024 * 1024;

/// `GET /v1/responses`: the upgrade, by the same rules of access as any request.
pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    parts: Parts,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> HttpResponse {
    let request_id = reply::request_id(&parts.headers);
    let refused = |error: Error| serve::refused::<Responses>(&error, &request_id);
    let Ok(upgrade) = upgrade else {
        let message = "/v1/responses takes POST, or the upgrade to a WebSocket";
        return refused(Error::new(Kind::MethodNotAllowed, message));
    };
    let admitted = match app.access.admit(&parts.method, &parts.headers) {
        Ok(_) if app.gateway.snapshot().is_own(&parts.headers) => {
            let message = "this request came from this gateway itself";
            return refused(Error::new(Kind::Loop, message));
        }
        Ok(admitted) => admitted.name(),
        Err(error) => return refused(error),
    };
    let limit = app.body_limit;
    upgrade
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| async move {
            let talk = Talk {
                owner: Owner::of(admitted.as_ref()),
                app,
                parts,
                request_id,
                turns: 0,
                waiting: VecDeque::new(),
                near: Vec::new(),
            };
            talk.hold(socket).await;
        })
}

/// The client has gone, or the time is up: nothing more is said.
struct Over;

/// One connection.
struct Talk {
    app: Arc<App>,
    parts: Parts,
    owner: Owner,
    request_id: String,
    turns: u64,
    waiting: VecDeque<String>,
    near: Vec<Arc<Record>>,
}

/// A turn that has begun.
struct Turn {
    request: Arc<Request>,
    filing: Filing,
    encoder: ResponsesEncoder,
    task: Task,
    _in_flight: InFlight,
}

impl Talk {
    async fn hold(mut self, mut socket: WebSocket) {
        let end = Instant::now() + LONGEST;
        let talk = async {
            loop {
                while self.waiting.is_empty() {
                    let message = socket.recv().await;
                    self.heard(&mut socket, message).await?;
                }
                if let Some(text) = self.waiting.pop_front() {
                    self.turn(&mut socket, &text).await?;
                }
            }
        };
        let over: Result<(), Over> = tokio::select! {
            over = talk => over,
            () = sleep_until(end) => Ok(()),
        };
        if over.is_ok() {
            let error = Error::new(
                Kind::InvalidRequest,
                "a connection lasts 60 minutes at most",
            )
            .with_code("websocket_connection_limit_reached");
            // Whoever has gone meanwhile does not miss it.
            let _gone = socket
                .send(envelope(error.status(), &(&error).into()))
                .await;
            let _gone = socket.send(Message::Close(None)).await;
        }
    }

    /// Takes in what the client sends.
    async fn heard(
        &mut self,
        socket: &mut WebSocket,
        message: Option<Result<Message, axum::Error>>,
    ) -> Result<(), Over> {
        match message {
            Some(Ok(Message::Text(text))) => {
                self.waiting.push_back(text.as_str().to_owned());
                Ok(())
            }
            Some(Ok(Message::Binary(_))) => {
                let error = Error::new(Kind::InvalidRequest, "messages are text");
                reply::report(&error, &self.request_id);
                self.refuse(socket, &error).await
            }
            // Pings are answered below us.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Over),
        }
    }

    /// One turn, to its end.
    async fn turn(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), Over> {
        self.turns += 1;
        let app = self.app.clone();
        let request_id = format!("{}.{}", self.request_id, self.turns);
        let (door, transport) = (Door::Responses, Transport::WebSocket);
        let recorder = Recorder::begin(&app.observers.sinks, door, transport, &request_id)
            .traced(app.observers.trace(&self.parts.headers));
        let mut referred = None;
        let begun = self.begin(text, &mut referred, request_id, &recorder).await;
        let ended = match begun {
            Ok((turn, caller)) if turn.task == Task::Remember => {
                let events = iter([app.gateway.silent(&turn.request, &caller)]);
                self.answer(socket, turn, events.boxed(), &recorder).await?
            }
            Ok((turn, caller)) => {
                let answer = app.respond(turn.request.clone(), caller);
                match self.meanwhile(socket, answer).await? {
                    Ok(reply) => self.answer(socket, turn, reply.events, &recorder).await?,
                    Err(error) => {
                        recorder.failed(&error, error.status());
                        self.refuse(socket, &error).await?;
                        End::Failed
                    }
                }
            }
            Err(error) => {
                recorder.failed(&error, error.status());
                self.refuse(socket, &error).await?;
                End::Failed
            }
        };
        if let (End::Failed, Some(id)) = (ended, referred) {
            // What a continuation failed on is not gone on with again.
            self.near.retain(|record| record.id() != id);
        }
        Ok(())
    }

    /// Reads a message and puts what it refers to in its place.
    async fn begin(
        &self,
        text: &str,
        referred: &mut Option<String>,
        request_id: String,
        recorder: &Recorder,
    ) -> Result<(Turn, Caller), Error> {
        let header = |name: &str| self.parts.headers.get(name)?.to_str().ok();
        recorder.body(text.as_bytes());
        let (mut request, _, task) =
            ResponsesEncoder::decode_message(header("x-llmgw-profile"), text)?;
        let encoder = self.app.encoder(&mut request);
        recorder.understood(&request, Delivery::Streamed);
        let in_flight = InFlight::holding(&self.app.in_flight, self.app.place().await?);
        referred.clone_from(&request.previous_response_id);
        let access = &self.app.access;
        let admitted = access.admit(&self.parts.method, &self.parts.headers)?;
        recorder.key(admitted.name());
        let route = header("x-llmgw-route").map(str::to_owned);
        admitted.may_use(route.as_deref().unwrap_or(&request.model))?;
        let filing = self
            .app
            .conversations
            .prepare(&mut request, self.owner.clone(), Reach::Socket(&self.near))
            .await?;
        let caller = Caller {
            key: admitted.name(),
            request_id,
            route,
            constraints: constraints(&self.parts.headers)?,
            marks: self.app.gateway.snapshot().marks(&self.parts.headers),
            journal: recorder.journal(),
            trace: recorder.trace(),
            ..Caller::default()
        };
        let request = Arc::new(request);
        let turn = Turn {
            request,
            filing,
            encoder,
            task,
            _in_flight: in_flight,
        };
        Ok((turn, caller))
    }

    /// Waits for something and listens to the client at the same time, whose leaving ends it.
    async fn meanwhile<T>(
        &mut self,
        socket: &mut WebSocket,
        work: impl Future<Output = T>,
    ) -> Result<T, Over> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                message = socket.recv(), if self.waiting.len() < MOST_WAITING => {
                    self.heard(socket, message).await?;
                }
                () = tokio::time::sleep(self.app.keep_alive) => {
                    send(socket, Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    async fn answer(
        &mut self,
        socket: &mut WebSocket,
        mut turn: Turn,
        mut events: EventStream,
        recorder: &Recorder,
    ) -> Result<End, Over> {
        let mut error = None;
        while let Some(batch) = self.meanwhile(socket, events.next()).await? {
            let messages = messages(&batch, &mut turn.encoder, &mut error);
            let end = super::turn::terminal(&batch);
            if let (Some(response), None) = (end, &error) {
                // Kept before the client hears of it: its next request may be on another connection.
                let (owner, inherited) = (turn.filing.owner.clone(), turn.filing.inherited);
                let request = turn.request.clone();
                let record = Record::new(owner, request, inherited, response.clone());
                self.remember(Arc::new(record), &turn.filing);
            }
            for message in messages {
                send(socket, message).await?;
            }
            match (end, error.take()) {
                (Some(_), None) => {
                    recorder.delivered();
                    return Ok(End::Whole);
                }
                (Some(_), Some(payload)) => {
                    send(socket, envelope(status_of(&payload), &payload)).await?;
                    recorder.delivered();
                    return Ok(End::Failed);
                }
                (None, said) => error = said,
            }
        }
        let error = Error::new(Kind::Internal, "the answer had no end");
        recorder.failed(&error, error.status());
        self.refuse(socket, &error).await?;
        Ok(End::Failed)
    }

    fn remember(&mut self, record: Arc<Record>, filing: &Filing) {
        self.app.conversations.archive.put(&record, filing.keep);
        self.near.retain(|known| known.id() != record.id());
        self.near.push(record);
        let mut bytes: u64 = self.near.iter().map(|record| record.bytes).sum();
        while self.near.len() > 1
            && (self.near.len() > MOST_REMEMBERED || bytes > MOST_BYTES_REMEMBERED)
        {
            bytes -= self.near.remove(0).bytes;
        }
    }

    async fn refuse(&self, socket: &mut WebSocket, error: &Error) -> Result<(), Over> {
        send(socket, envelope(error.status(), &error.into())).await
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Failed,
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Over> {
    socket.send(message).await.map_err(|_| Over)
}

#[cfg(test)]
mod tests;
