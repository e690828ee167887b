//! One answer, from the request to its last event: shown while it comes, kept for whoever asked.
//!
//! Every wait can be broken off by a signal. What breaks off drops the events, and with them the upstream request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use super::failure::{Failure, Outcome, kind_of};
use super::follow::Follower;
use super::printer::Printer;
use super::render::{Style, clean};
use super::spinner::{Spinner, TICK};
use super::streams::{Streams, tell};
use crate::canonical::event::{Batch, Event};
use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::canonical::response::{Response, Status};
use crate::error::Error;
use crate::gateway::{Caller, Gateway, Reply};
use crate::providers::Loss;
use crate::target::Target;

/// Is the reasoning shown?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reasoning {
    Hidden,
    Shown,
}

/// How an answer ended.
#[derive(Debug)]
pub(crate) enum End {
    /// By itself.
    Whole,
    /// Before its natural end, for this reason.
    Short(String),
    /// It failed, before it began or in the middle.
    Failed(Box<Failure>),
    /// A signal came.
    Signal(i32),
}

/// What was heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) end: End,
    /// The answer so far.
    pub(crate) text: String,
    /// The whole response, if it ended.
    pub(crate) response: Option<Box<Response>>,
    pub(crate) target: Option<Target>,
    pub(crate) attempts: u32,
    pub(crate) losses: Vec<Loss>,
    pub(crate) request_id: Option<String>,
    pub(crate) to_first: Option<Duration>,
    pub(crate) total: Duration,
}

/// Asks, shows and keeps.
pub(crate) async fn listen(
    gateway: &Gateway,
    request: Request,
    printer: &mut Printer,
    reasoning: Reasoning,
    streams: Streams,
) -> Outcome<Heard> {
    let follower = Follower::default();
    let caller = Caller {
        request_id: format!("req_{}", uuid::Uuid::now_v7().simple()),
        watcher: follower.watcher(),
        ..Caller::default()
    };
    let mut ear = Ear {
        follower,
        spinner: Spinner::new(&request.model, streams),
        printer,
        reasoning,
        streams,
        begun: Instant::now(),
        thought: false,
        heard: Heard::nothing(),
    };
    let mut signals = Signals::new()?;
    let asking = gateway.respond(Arc::new(request), caller);
    let end = match ear.wait(asking, &mut signals).await {
        Waited::Signal(signal) => End::Signal(signal),
        Waited::Done(Err(error)) => End::Failed(Box::new(error.into())),
        Waited::Done(Ok(reply)) => ear.take(reply, &mut signals).await?,
    };
    ear.finish(end)
}

struct Ear<'a> {
    follower: Follower,
    spinner: Spinner,
    printer: &'a mut Printer,
    reasoning: Reasoning,
    streams: Streams,
    begun: Instant,
    thought: bool,
    heard: Heard,
}

enum Waited<T> {
    Done(T),
    Signal(i32),
}

impl Ear<'_> {
    /// Waits for something, with the spinner turning, unless a signal comes first.
    async fn wait<T>(&mut self, what: impl Future<Output = T>, signals: &mut Signals) -> Waited<T> {
        let mut what = std::pin::pin!(what);
        let mut ticks = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                biased;
                signal = signals.next() => return Waited::Signal(signal),
                done = &mut what => return Waited::Done(done),
                _ = ticks.tick() => {
                    if let Some(phase) = self.follower.news() {
                        self.spinner.enter(phase);
                    }
                    self.spinner.tick();
                }
            }
        }
    }

    async fn take(&mut self, reply: Reply, signals: &mut Signals) -> Outcome<End> {
        for note in self.follower.notes(&reply.target) {
            self.spinner.hide();
            self.streams.note(&note);
        }
        self.heard.target = Some(reply.target);
        self.heard.attempts = reply.attempts;
        self.heard.losses = reply.losses;
        self.heard.request_id = reply.upstream_request_id;
        let mut events = reply.events;
        loop {
            match self.wait(events.next(), signals).await {
                Waited::Signal(signal) => return Ok(End::Signal(signal)),
                Waited::Done(Some(batch)) => {
                    if let Some(end) = self.batch(batch)? {
                        return Ok(end);
                    }
                }
                Waited::Done(None) => {
                    let error = Error::new(crate::error::Kind::Internal, "the answer has no end");
                    return Ok(End::Failed(Box::new(error.into())));
                }
            }
        }
    }

    fn batch(&mut self, batch: Batch) -> Outcome<Option<End>> {
        for emitted in batch {
            // An event of a newer specification says nothing that could be shown.
            let Open::Known(event) = emitted.event else {
                continue;
            };
            match event {
                Event::TextDelta(delta) => self.say(&delta.delta)?,
                Event::RefusalDelta(delta) => self.say(&delta.delta)?,
                Event::ReasoningDelta(delta) => self.think(&delta.delta),
                Event::SummaryDelta(delta) => self.think(&delta.delta),
                mut other => {
                    if let Some(response) = other.terminal_mut() {
                        return self.end(Box::new(std::mem::take(response))).map(Some);
                    }
                }
            }
        }
        Ok(None)
    }

    fn say(&mut self, text: &str) -> Outcome {
        if text.is_empty() {
            return Ok(());
        }
        self.heard
            .to_first
            .get_or_insert_with(|| self.begun.elapsed());
        if !matches!(self.printer, Printer::Silent) {
            self.spinner.clear();
            if std::mem::take(&mut self.thought) {
                tell("\n\n");
            }
        }
        self.heard.text.push_str(text);
        self.printer.push(text)
    }

    fn think(&mut self, text: &str) {
        self.heard
            .to_first
            .get_or_insert_with(|| self.begun.elapsed());
        self.spinner.think();
        if self.reasoning == Reasoning::Shown {
            self.spinner.clear();
            self.thought = true;
            tell(&self.streams.error_dress(&clean(text), Style::DIM));
        }
    }

    /// The terminal event. A whole reply comes with nothing before it.
    fn end(&mut self, response: Box<Response>) -> Outcome<End> {
        if self.heard.text.is_empty() {
            let text = answer_text(&response);
            self.say(&text)?;
        }
        let end = match response.status {
            Status::Failed | Status::Cancelled => End::Failed(Box::new(self.failure(&response))),
            Status::Incomplete => {
                let reason = response
                    .incomplete_details
                    .as_ref()
                    .map(|details| details.reason.clone());
                End::Short(reason.unwrap_or_default())
            }
            Status::Completed | Status::Queued | Status::InProgress => End::Whole,
        };
        self.heard.response = Some(response);
        Ok(end)
    }

    fn failure(&self, response: &Response) -> Failure {
        let error = match &response.error {
            Some(error) => Error::new(kind_of(&error.code), error.message.clone()),
            None => Error::new(crate::error::Kind::UpstreamFailed, "the answer failed"),
        };
        let error = match &self.heard.target {
            Some(target) => error.at(target),
            None => error,
        };
        error
            .with_upstream_request_id(self.heard.request_id.clone())
            .into()
    }

    fn finish(mut self, end: End) -> Outcome<Heard> {
        self.spinner.clear();
        if std::mem::take(&mut self.thought) {
            tell("\n");
        }
        self.printer.finish()?;
        self.heard.total = self.begun.elapsed();
        self.heard.end = end;
        Ok(self.heard)
    }
}

impl Heard {
    fn nothing() -> Self {
        Self {
            end: End::Whole,
            text: String::new(),
            response: None,
            target: None,
            attempts: 0,
            losses: Vec::new(),
            request_id: None,
            to_first: None,
            total: Duration::ZERO,
        }
    }
}

/// What a person would call the answer: text and refusals.
fn answer_text(response: &Response) -> String {
    use crate::canonical::item::Item;
    use crate::canonical::part::Part;
    let mut text = String::new();
    for item in response.output.iter().filter_map(Open::known) {
        if let Item::Message(message) = item {
            for part in message.content.iter().filter_map(Open::known) {
                if let Part::OutputText(_) | Part::Refusal(_) = part {
                    text.push_str(part.text().unwrap_or_default());
                }
            }
        }
    }
    text
}

/// The signals that end a wait.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn new() -> Outcome<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => signal_hook::consts::SIGINT,
            _ = self.terminate.recv() => signal_hook::consts::SIGTERM,
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> i32 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => signal_hook::consts::SIGINT,
            Err(_) => std::future::pending().await,
        }
    }
}
