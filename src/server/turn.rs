//! One turn at the Responses door: what it refers to is put in place, the answer is kept, and where the client may leave
//! and come back it is recorded.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use futures_util::StreamExt as _;

use super::conversation::{Filing, Reach};
use super::recording::Patience;
use super::serve::{self, Taken};
use super::{App, background};
use crate::canonical::event::Batch;
use crate::canonical::open::Open;
use crate::canonical::request::{Delivery, Request};
use crate::canonical::response::Response as Answer;
use crate::config::units::parse_duration;
use crate::doors::responses::Responses;
use crate::error::Error;
use crate::gateway::{Caller, EventStream, Reply};
use crate::store::Keep;
use crate::store::record::Owner;
use crate::telemetry::recorder::Recorder;

/// A client may stay away from a resumable stream no longer than this.
const LONGEST_ABSENCE: Duration = Duration::from_mins(10);

/// How the gateway is asked.
#[derive(Debug)]
pub(super) enum Turn {
    /// And nothing is kept.
    Plain,
    /// And the response is kept.
    Kept(Filing),
    /// And the answer is recorded, for a client that may come back.
    Recorded(Filing, Patience),
}

impl Turn {
    /// Asks; the events of the reply are kept on their way.
    pub(super) async fn ask(
        self,
        app: &Arc<App>,
        request: Arc<Request>,
        caller: Caller,
        recorder: &Recorder,
    ) -> Result<Reply, Error> {
        match self {
            Self::Plain => app.respond(request, caller).await,
            Self::Kept(filing) => {
                let mut reply = app.respond(request.clone(), caller).await?;
                reply.events = kept(app.clone(), request, filing, reply.events);
                Ok(reply)
            }
            Self::Recorded(filing, patience) => {
                let kept = (filing, patience);
                background::recorded(app.clone(), request, caller, kept, recorder.clone()).await
            }
        }
    }
}

/// `POST /v1/responses`, however the answer is wanted.
pub(super) async fn answer(app: &Arc<App>, taken: Taken) -> Response {
    match understood(app, &taken).await {
        Err(error) => serve::failed::<Responses>(&error, &taken.request_id, &taken.recorder),
        Ok((request, encoder, caller, turn)) => {
            let (recorder, in_flight) = (taken.recorder, taken.in_flight);
            match (request.background, turn, request.delivery) {
                (Some(true), Turn::Kept(filing), delivery) => {
                    let begun = background::begin(app, request, &caller, filing, &recorder);
                    let recording = match begun {
                        Ok(recording) => recording,
                        Err(error) => {
                            let id = &caller.request_id;
                            return serve::failed::<Responses>(&error, id, &recorder);
                        }
                    };
                    background::reply(app, &recording, encoder, delivery, &caller.request_id)
                }
                (_, turn, Delivery::Whole) => {
                    serve::whole::<Responses>(app, request, encoder, caller, recorder, turn).await
                }
                (_, turn, Delivery::Streamed) => {
                    let since = (recorder, in_flight);
                    let app = app.clone();
                    serve::streamed::<Responses>(app, request, encoder, caller, since, turn).await
                }
            }
        }
    }
}

type Understood = (
    Request,
    crate::doors::responses::ResponsesEncoder,
    Caller,
    Turn,
);

async fn understood(app: &App, taken: &Taken) -> Result<Understood, Error> {
    let (mut request, _, caller) = serve::understand::<Responses>(taken)?;
    let encoder = app.encoder(&mut request);
    let owner = Owner::of(caller.key.as_ref());
    let conversations = &app.conversations;
    let filing = conversations
        .prepare(&mut request, owner, Reach::Archive)
        .await?;
    let resumable = taken
        .header("x-llmgw-resumable")
        .map(resumable)
        .transpose()?;
    let turn = match (request.delivery, resumable) {
        (Delivery::Streamed, Some(_)) if filing.keep == Keep::Nothing => {
            return Err(Error::invalid(
                "x-llmgw-resumable",
                "a response that is not stored cannot be resumed",
            ));
        }
        (Delivery::Streamed, Some(patience)) if request.background != Some(true) => {
            Turn::Recorded(filing, patience)
        }
        _ if filing.keep == Keep::Nothing => Turn::Plain,
        _ => Turn::Kept(filing),
    };
    Ok((request, encoder, caller, turn))
}

fn resumable(text: &str) -> Result<Patience, Error> {
    let time =
        parse_duration(text).map_err(|message| Error::invalid("x-llmgw-resumable", message))?;
    Ok(Patience::Resumable(time.min(LONGEST_ABSENCE)))
}

/// The events of an answer, the response of the last of them put into the archive just before the client sees it.
fn kept(app: Arc<App>, request: Arc<Request>, filing: Filing, events: EventStream) -> EventStream {
    events
        .inspect(move |batch| {
            if let Some(response) = terminal(batch) {
                app.conversations
                    .file(&filing, request.clone(), response.clone());
            }
        })
        .boxed()
}

/// The response that a batch ends with.
pub(super) fn terminal(batch: &Batch) -> Option<&Arc<Answer>> {
    batch.iter().rev().find_map(|emitted| match &emitted.event {
        Open::Known(event) => event.outcome(),
        Open::Unknown(_) => None,
    })
}
