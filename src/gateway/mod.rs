//! The gateway: the only loop that asks targets until one answers.
//!
//! Subcommands and doors alike call [`Gateway::respond`]. Until the first content a failure moves on to the next
//! target, unseen; after it the answer goes on to its end or ends as failed. Dropping a reply's events drops the
//! upstream request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use futures_util::stream::BoxStream;
use tokio::time::Instant;

use crate::canonical::compose::{Composer, OnFailure, ReasoningChannel, Setup};
use crate::canonical::event::Batch;
use crate::canonical::request::{Delivery, Request};
use crate::canonical::settings::Echo;
use crate::config::alias::OnCut;
use crate::config::{Config, ReasoningEvents};
use crate::error::{Error, Kind, Remedy};
use crate::providers::{Answer, Ask, AskKind, ListedModel, Loss, Remedies};
use crate::routing::health::Health;
use crate::routing::plan::{Constraints, Mark};
use crate::routing::resolve::Route;
use crate::target::{ProviderName, Target};

mod alarm;
mod asked;
pub mod asks;
mod attempt;
mod bill;
mod course;
pub mod estimate;
mod exchange;
pub mod explain;
pub mod fetch;
pub mod finish;
pub mod gate;
pub mod journal;
pub mod keys;
mod live;
mod makers;
mod memory;
mod opened;
pub mod progress;
mod race;
mod rescue;
mod running;
mod snapshot;
pub mod survey;
mod tariff;
mod ticket;
pub mod trace;
mod unasked;
pub mod upstream;
mod wait;

pub use snapshot::{Peers, Snapshot};

use asked::Asked;
use attempt::Attempt;
use bill::Bill;
use course::Course;
use journal::Journal;
use opened::Opened;
use progress::{Progress, Watcher};
use race::Race;
use rescue::Rescue;
use snapshot::Turn;

/// The events of an answer, one batch for each upstream read. It cannot fail: it ends, in exactly one terminal event.
pub type EventStream = BoxStream<'static, Batch>;

/// Tells the time in Unix seconds.
pub type Clock = fn() -> u64;

/// Who asks, and on what terms.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The name of the client's key; `None` at the terminal and without client keys.
    pub key: Option<Arc<str>>,
    /// The id of the request, which is in every log line and reply.
    pub request_id: String,
    /// The alias to use in place of the body's model (`x-llmgw-route`).
    pub route: Option<String>,
    /// The limits that the client sets (`x-llmgw-max-cost`, `x-llmgw-first-token-within`).
    pub constraints: Constraints,
    /// The headers of the request that some alias is sticky by, with their values.
    pub marks: Vec<Mark>,
    /// Where notes are taken of how the request goes.
    pub journal: Journal,
    /// Where the request stands in a trace, if it stands in one.
    pub trace: Option<Arc<trace::Trace>>,
    /// Who is told what happens before the answer begins.
    pub watcher: Watcher,
}

/// An answer that has begun.
pub struct Reply {
    /// Who answers.
    pub target: Target,
    /// The alias that was asked for, if one was.
    pub alias: Option<String>,
    /// Upstream requests in all.
    pub attempts: u32,
    /// What could not be carried over.
    pub losses: Vec<Loss>,
    /// The provider's id of the request.
    pub upstream_request_id: Option<String>,
    /// From the first upstream request to the first content, over all attempts and the waits between them.
    pub upstream: Duration,
    /// How often the answer broke off and was gone on with, as far as that is known before it is sent.
    pub rescues: usize,
    /// The answer.
    pub events: EventStream,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("target", &self.target)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// What all attempts of one request have in common.
struct Walk<'a> {
    gateway: &'a Gateway,
    snapshot: &'a Snapshot,
    request: &'a Request,
    caller: &'a Caller,
    route: &'a Route,
    deadline: Instant,
}

impl Walk<'_> {
    /// Asks one target, or two where the route hedges.
    async fn ask(
        &self,
        target: &Target,
        course: &mut Course,
        asked: &Asked,
    ) -> Result<Opened, Vec<Error>> {
        let (alias, hedge) = (self.route.alias.as_deref(), self.route.rules.hedge);
        if hedge.is_some()
            && let Some(race) = Race::of(self.gateway, self.snapshot, alias, hedge, target)
            && let Some(rival) = course.take_rival()
        {
            let runners = (target, &rival.target, &*course);
            let attempt = |target, course, rival| self.attempt(target, course, rival);
            // On the heap: requests that are not hedged have no room for two attempts.
            let (answer, joined) = Box::pin(race.run(attempt, runners, asked)).await;
            course.settle_rival(rival, joined);
            return answer;
        }
        let attempt = self.attempt(target, course, None);
        attempt.run(asked).await.map_err(|error| vec![error])
    }

    fn attempt<'b>(
        &'b self,
        target: &'b Target,
        course: &'b Course,
        rival: Option<&'b Target>,
    ) -> Attempt<'b> {
        Attempt {
            gateway: self.gateway,
            snapshot: self.snapshot,
            request: self.request,
            caller: self.caller,
            target,
            alias: self.route.alias.as_deref(),
            rules: &self.route.rules,
            course,
            rival,
            deadline: self.deadline,
            paid: Bill::default(),
        }
    }
}

/// Routes requests to providers. A clone is the same gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    snapshot: Arc<ArcSwap<Snapshot>>,
    clients: Arc<upstream::Clients>,
    peers: Peers,
    health: Arc<Health>,
    learnt: Arc<Mutex<HashMap<Target, Remedies>>>,
    memory: Arc<memory::Memory>,
    clock: Clock,
}

impl Gateway {
    /// A gateway by this configuration. Opens no connection yet.
    pub fn new(config: Config) -> Self {
        Self::with_clock(config, unix_seconds)
    }

    /// The same, with a clock of the caller's.
    pub fn with_clock(config: Config, clock: Clock) -> Self {
        Self::with_peers(config, clock, Peers::new())
    }

    /// The same, with stand-ins for some providers: nothing goes out to those.
    pub fn with_peers(config: Config, clock: Clock, peers: Peers) -> Self {
        Self {
            snapshot: Arc::new(ArcSwap::from_pointee(Snapshot::new(config, &peers, None))),
            clients: Arc::default(),
            peers,
            health: Arc::default(),
            learnt: Arc::default(),
            memory: Arc::default(),
            clock,
        }
    }

    /// Takes a new configuration. Requests in flight keep theirs; health is kept.
    pub fn reload(&self, config: Config) {
        let before = self.snapshot();
        let after = Snapshot::new(config, &self.peers, Some(&before));
        self.snapshot.store(Arc::new(after));
    }

    /// The configuration as it is now; requests in flight keep theirs.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Asks the targets in turn until one answers.
    pub async fn respond(
        &self,
        request: impl Into<Arc<Request>>,
        caller: Caller,
    ) -> Result<Reply, Error> {
        let snapshot = self.snapshot();
        let mut request = request.into();
        let route = live::route(&snapshot, &mut request, &caller)?;
        self.memory.recall(caller.key.as_deref(), &mut request);
        caller.journal.route(route.alias.as_deref());
        let delivery = request.delivery;
        if route.rules.on_cut == OnCut::Continue && delivery == Delivery::Whole {
            // A break is seen as soon as it happens, and what came before it is not lost.
            Arc::make_mut(&mut request).delivery = Delivery::Streamed;
        }
        let live = live::Living::new(self, &snapshot, &request, Turn::Take);
        let plan = live.plan(&route, &caller);
        let mut course = Course::new(plan, &self.health)?;
        let asked = Asked::default();
        let walk = Walk {
            gateway: self,
            snapshot: &snapshot,
            request: &request,
            caller: &caller,
            route: &route,
            deadline: Instant::now() + route.rules.timeouts.total,
        };
        while let Some(target) = course.next() {
            // On the heap: the future of an attempt is large, and would be moved with every one around it.
            match Box::pin(walk.ask(&target, &mut course, &asked)).await {
                Ok(opened) => {
                    let mut reply = match route.rules.on_cut {
                        OnCut::Error => opened.into_reply(),
                        OnCut::Continue => {
                            let scene = rescue::Scene::of(&walk, &snapshot, &request, delivery);
                            let rescue = Rescue::new(scene, course, asked, opened);
                            // On the heap: other answers have no room for it.
                            Box::pin(rescue.reply()).await?
                        }
                    };
                    reply.alias = route.alias;
                    reply.events =
                        self.memory
                            .watch(caller.key.clone(), request.clone(), reply.events);
                    return Ok(reply);
                }
                Err(errors) => {
                    for error in errors {
                        caller.watcher.tell(Progress::MovedOn(&error));
                        let code = error.code().to_owned();
                        let failed = course.failed(error);
                        failed.map_err(|error| error.after(asked.count()))?;
                        if course.has_others() {
                            tracing::info!(
                                request_id = %caller.request_id, %target, code, "another target is asked"
                            );
                        }
                    }
                }
            }
            if Instant::now() >= walk.deadline {
                break;
            }
        }
        Err(course.exhausted().after(asked.count()))
    }

    /// The events of an answer that failed before it began, for a client to whom the status has gone out already.
    pub fn failed(&self, request: &Request, caller: &Caller, error: &Error) -> Batch {
        let mut composer = Composer::new(self.setup(request, caller));
        composer.begin("", &request.model);
        composer.fail(error);
        composer.take()
    }
    /// The time, in Unix seconds.
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// The models that a provider lists, all pages of it.
    pub async fn models(&self, provider: &ProviderName) -> Result<Vec<ListedModel>, Error> {
        let snapshot = self.snapshot();
        let member = snapshot.member(provider)?;
        let mut models = Vec::new();
        let mut cursor: Option<String> = None;
        // A list that never ends is a fault of the server's; nobody has a hundred pages.
        for _ in 0..100 {
            let ask = Ask::Models(cursor.as_deref());
            let call = member
                .provider
                .encode(ask, &"".into(), &Remedies::default())?;
            let body = self
                .ask_once(member, call, snapshot.config.defaults.timeouts.total)
                .await?;
            match member.provider.read(AskKind::Models, &body)? {
                Answer::Models(page, next) => {
                    models.extend(page);
                    cursor = next;
                }
                Answer::Tokens(_) | Answer::Embeddings(_) | Answer::Compacted(..) => {
                    return Err(Error::new(Kind::Internal, "asked for models, read a count"));
                }
            }
            if cursor.is_none() {
                return Ok(models);
            }
        }
        Err(Error::garbled(format!(
            "{provider}: the list of models has no end"
        )))
    }

    fn setup(&self, request: &Request, caller: &Caller) -> Setup {
        Setup {
            echo: Echo::of(request),
            delivery: request.delivery,
            profile: request.profile,
            on_failure: OnFailure::End,
            reasoning: match self.snapshot.load().config.defaults.reasoning_events {
                ReasoningEvents::Summary => ReasoningChannel::Summary,
                ReasoningEvents::Spec | ReasoningEvents::OpenAi => ReasoningChannel::Content,
            },
            native: None,
            seed: caller.request_id.clone(),
            created_at: (self.clock)(),
        }
    }

    fn remedies(&self, target: &Target) -> Remedies {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.get(target).cloned().unwrap_or_default()
    }

    /// Remembers what a target taught.
    fn learn(&self, target: &Target, remedy: Remedy) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        // Model names come from clients, so the memory is bounded; what is forgotten is learnt again.
        if learnt.len() >= 1000 && !learnt.contains_key(target) {
            learnt.clear();
        }
        // Another request may have been faster.
        let _known = learnt.entry(target.clone()).or_default().add(remedy);
    }
}

/// The system's time.
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
