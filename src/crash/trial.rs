//! One question to a gateway of stand-ins, and what the client sees of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::Run;
use super::fault::{Fault, PIECES};
use super::judge::{Means, judge};
use super::stand_in::{Spread, Stage};
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::{Delivery, Request};
use crate::canonical::response::{Response, Status};
use crate::config::Config;
use crate::error::Error;
use crate::gateway::explain::Detail;
use crate::gateway::{Caller, EventStream, Gateway, unix_seconds};

/// A gateway of stand-ins.
pub(super) struct Rehearsal {
    pub(super) gateway: Gateway,
    pub(super) stage: Arc<Stage>,
    pub(super) means: Means,
}

/// What the client sees.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The whole right answer.
    Answer,
    /// What calls itself an answer, and is not the right one.
    WrongAnswer(String),
    /// An answer that says itself that it is not whole.
    Failed(String),
    /// An error before any answer.
    Refused(u16, String),
}

/// One exchange, as the client sees it.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) outcome: Outcome,
    pub(super) target: Option<String>,
    pub(super) time: Duration,
    /// What the last error says.
    pub(super) message: Option<String>,
}

impl Rehearsal {
    /// Everything anew, for one fault; an error if the plan has nobody.
    pub(super) fn new(
        config: &Config,
        route: &str,
        fault: Fault,
        spread: Spread,
    ) -> Result<Self, Error> {
        let stage = Stage::new(fault, spread);
        let gateway = Gateway::with_peers(config.clone(), unix_seconds, stage.peers(config));
        let request = question(route, Delivery::Streamed);
        let plan = gateway.explain(request, &Caller::default(), Detail::Plan)?;
        let means = Means::of(config, route, &plan);
        Ok(Self {
            gateway,
            stage,
            means,
        })
    }

    /// Asks, and hears the answer to its end.
    pub(super) async fn ask(&self, route: &str, delivery: Delivery) -> Exchange {
        let began = Instant::now();
        let request = question(route, delivery);
        let (outcome, target, message) =
            match self.gateway.respond(request, Caller::default()).await {
                Ok(reply) => {
                    let target = reply.target.to_string();
                    let (outcome, message) = heard(reply.events).await;
                    (outcome, Some(target), message)
                }
                Err(error) => {
                    let outcome = Outcome::Refused(error.status(), error.code().to_owned());
                    (outcome, None, Some(error.to_string()))
                }
            };
        Exchange {
            outcome,
            target,
            time: began.elapsed(),
            message,
        }
    }
}

/// Tries one fault once.
pub(super) async fn run(
    config: &Config,
    route: &str,
    fault: Fault,
    spread: Spread,
    delivery: Delivery,
) -> Run {
    match Rehearsal::new(config, route, fault, spread) {
        Ok(rehearsal) => {
            let exchange = rehearsal.ask(route, delivery).await;
            let seen = rehearsal.stage.seen();
            judge(fault, spread, delivery, &rehearsal.means, &exchange, &seen)
        }
        Err(error) => Run::impossible(spread, delivery, &error),
    }
}

fn question(route: &str, delivery: Delivery) -> Request {
    let mut request = Request::ask(route, "say something");
    request.delivery = delivery;
    request
}

async fn heard(mut events: EventStream) -> (Outcome, Option<String>) {
    let mut last = None;
    while let Some(batch) = events.next().await {
        for emitted in batch {
            if let Open::Known(event) = emitted.event
                && let Some(response) = event.terminal()
            {
                if last.is_some() {
                    return (Outcome::WrongAnswer("it ends twice".to_owned()), None);
                }
                last = Some(response.clone());
            }
        }
    }
    match last {
        Some(response) => said(&response),
        None => (Outcome::WrongAnswer("it never ends".to_owned()), None),
    }
}

fn said(response: &Response) -> (Outcome, Option<String>) {
    let text = text(response);
    let error = response.error.as_ref();
    let message = error.map(|error| error.message.clone());
    let outcome = match response.status {
        Status::Completed if text == PIECES.concat() => Outcome::Answer,
        Status::Completed => Outcome::WrongAnswer(format!("`{text}` is called completed")),
        Status::Failed | Status::Cancelled => {
            Outcome::Failed(error.map(|error| error.code.clone()).unwrap_or_default())
        }
        Status::Incomplete => {
            let details = response.incomplete_details.as_ref();
            Outcome::Failed(
                details
                    .map(|details| details.reason.clone())
                    .unwrap_or_default(),
            )
        }
        Status::Queued | Status::InProgress => {
            Outcome::WrongAnswer("it ends without an end".to_owned())
        }
    };
    (outcome, message)
}

fn text(response: &Response) -> String {
    let mut text = String::new();
    for item in response.output.iter().filter_map(Open::known) {
        if let Item::Message(message) = item {
            let parts = message.content.iter().filter_map(Open::known);
            text.extend(parts.filter_map(Part::text));
        }
    }
    text
}
