//! One target is asked: encode, send, decode until the first content, and again where that may help.

use std::borrow::Cow;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::asked::Asked;
use super::bill::Bill;
use super::course::Course;
use super::exchange::{
    Tried, composer, lost_at_the_door, prepare, read_all, readable, request_id, weigh,
};
use super::gate::{Manner, Place};
use super::keys::{Lent, Other};
use super::opened::Opened;
use super::progress::{self, Progress};
use super::running::{Running, Start};
use super::snapshot::Member;
use super::tariff::Tariff;
use super::ticket::{Ticket, Watch, resting};
use super::upstream::{Incoming, Outgoing};
use super::wait::{backoff, late, rested};
use super::{Caller, Gateway, Snapshot};
use crate::canonical::request::{Delivery, Request};
use crate::config::alias::{Rules, Timeouts};
use crate::error::{Error, Kind, Retry};
use crate::providers::{Ask, Call, Remedies};
use crate::routing::health::Admission;
use crate::target::Target;

/// The body of an error is read up to here: enough for any message.
const MOST_ERROR_BYTES: usize = 256 * 1024;

/// Everything that asking one target needs.
pub(super) struct Attempt<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) snapshot: &'a Snapshot,
    pub(super) request: &'a Request,
    pub(super) caller: &'a Caller,
    pub(super) target: &'a Target,
    pub(super) alias: Option<&'a str>,
    pub(super) rules: &'a Rules,
    pub(super) course: &'a Course,
    /// Who is asked beside this one if it is slow.
    pub(super) rival: Option<&'a Target>,
    /// When the first content must be there, over all targets.
    pub(super) deadline: Instant,
    /// What attempts at the same answer have cost before.
    pub(super) paid: Bill,
}

impl Attempt<'_> {
    /// Asks until the target answers or there is no use in asking again.
    pub(super) async fn run(&self, asked: &Asked) -> Result<Opened, Error> {
        let member = self
            .snapshot
            .member(&self.target.provider)
            .map_err(|error| error.at(self.target))?;
        let mut ticket = self
            .admitted()
            .await
            .map_err(|error| error.at(self.target))?;
        let request = self
            .with_media(member)
            .await
            .map_err(|error| error.at(self.target))?;
        let mut tries = 0;
        let mut rotations = 0;
        loop {
            self.caller.watcher.tell(Progress::Asking(self.target));
            let mut remedies = asked.remedies(self.gateway, self.target);
            let tried = match self.once(member, &request, asked, &remedies).await {
                Ok((opened, running)) => {
                    let watch = ticket.answered(opened.first_content);
                    return Ok(opened.with(running, watch));
                }
                Err(tried) => tried,
            };
            let error = tried.error.at(self.target);
            // Another request may have learnt it meanwhile: what counts is whether this one was sent without it.
            if let Some(remedy) = error.remedy()
                && remedies.add(remedy.clone())
            {
                asked.learn(self.gateway, self.target, remedy);
                continue;
            }
            if tried.other == Other::Key
                && rotations < member.keys.len()
                && self.has_time_for(Duration::ZERO)
            {
                rotations += 1;
                continue;
            }
            ticket.failed(&error);
            tries += 1;
            let Some(wait) = self.wait(&error, tries, &ticket) else {
                return Err(error);
            };
            progress::retry(self.caller, &error, wait, tries, self.rules.retry).await;
        }
    }

    /// Leave to ask. A target that asked to be left alone is waited for if it is the last hope; one that keeps failing
    /// is not.
    async fn admitted(&self) -> Result<Ticket, Error> {
        let breaker = self.snapshot.config.defaults.breaker;
        let watch = Watch::new(self.gateway, self.target, breaker);
        loop {
            let closed = match watch.admit() {
                Ok(ticket) => return Ok(ticket),
                Err(closed) => closed,
            };
            match closed {
                Admission::Throttled(wait)
                    if wait <= self.rules.retry.retry_after_max
                        && self.has_time_for(wait)
                        && !self.has_ready() =>
                {
                    progress::rest(self.caller, self.target, wait).await;
                }
                _ => return Err(resting(closed)),
            }
        }
    }

    /// How long to wait before the same target is asked again; `None` if it is not.
    fn wait(&self, error: &Error, tries: u32, ticket: &Ticket) -> Option<Duration> {
        let retry = &self.rules.retry;
        let again = error.retry();
        // Most requests that fail fail for good, or have somewhere else to go: nothing is computed for them.
        if again == Retry::No || tries >= retry.attempts || ticket.is_probe() || self.has_ready() {
            return None;
        }
        let wait = match again {
            Retry::No => return None,
            Retry::Once if tries > 1 => return None,
            // Who was silent once is silent again, and others had a claim to the time.
            Retry::Once
                if error.kind() == Kind::Timeout
                    && (self.rival.is_some() || self.course.is_choice()) =>
            {
                return None;
            }
            Retry::Once => Duration::ZERO,
            Retry::Backoff(Some(wait)) if wait > retry.retry_after_max => return None,
            Retry::Backoff(Some(wait)) => wait,
            Retry::Backoff(None) => backoff(retry.base, retry.max, tries),
        };
        self.has_time_for(wait).then_some(wait)
    }

    fn has_ready(&self) -> bool {
        self.rival.is_some() || self.course.has_ready()
    }

    fn has_others(&self) -> bool {
        self.rival.is_some() || self.course.has_others()
    }

    fn has_time_for(&self, wait: Duration) -> bool {
        Instant::now() + wait < self.deadline
    }

    async fn once(
        &self,
        member: &Member,
        request: &Request,
        asked: &Asked,
        remedies: &Remedies,
    ) -> Result<(Opened, Box<Running>), Tried> {
        readable(request, &self.target.model, member)?;
        let mut call =
            member
                .provider
                .encode(Ask::Respond(request), &self.target.model, remedies)?;
        call.losses
            .extend(lost_at_the_door(request, &self.target.model, member));
        weigh(self.snapshot.config.defaults.lossy, &call.losses)?;
        let losses = std::mem::take(&mut call.losses);
        let place = self.place(member).await?;
        let lent = member.key().await?;
        let tariff = Tariff::of(self.snapshot, self.target);
        let mut leg = self.caller.leg(self.target, &mut call.headers);
        leg.sends(request, call.body.len());
        let started = Instant::now();
        let (attempts, first_asked) = asked.once_more(started);
        let timeouts = self.timeouts();
        let (total, limit) = self.total(started, &timeouts);
        let begun = async {
            let (mut running, upstream_request_id) = timeout_at(
                total,
                self.open(member, call, &lent, (started, timeouts), place),
            )
            .await
            .map_err(|_| late("total", limit))??;
            running.note(self.alias, self.target, attempts, &losses);
            let first = running.first_content(total).await;
            let first = first.inspect_err(|_| leg.counted(running.counted(&tariff)))?;
            Ok((running, upstream_request_id, first))
        };
        let (mut running, upstream_request_id, first) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                leg.failed(&error);
                let provider = &self.target.provider;
                let other = member.keys.blame(lent.at, &error, provider, Instant::now());
                return Err(Tried {
                    error: rested(error, member, &lent),
                    other,
                });
            }
        };
        leg.begun(&losses, upstream_request_id.as_deref());
        running.noted_by(leg, tariff, self.paid);
        let opened = Opened {
            target: self.target.clone(),
            attempts,
            losses,
            upstream_request_id,
            first_content: started.elapsed(),
            upstream: first_asked.elapsed(),
            first,
            running: None,
        };
        Ok((opened, running))
    }

    /// The limits of this try. What the client sets for the first token holds while there is somebody else to turn to:
    /// a late answer is better than none.
    fn timeouts(&self) -> Timeouts {
        let mut timeouts = self.rules.timeouts;
        if let Some(limit) = self.caller.constraints.first_content_within
            && self.has_others()
        {
            timeouts.first_token = timeouts.first_token.min(limit);
        }
        timeouts
    }

    /// When this try has to be over. Of a whole reply nothing is heard until its end, so that a silent target could use
    /// up the time of all others: while there are others it gets half of what is left.
    fn total(&self, started: Instant, timeouts: &Timeouts) -> (Instant, Duration) {
        let left = self.deadline.saturating_duration_since(started);
        if self.request.delivery == Delivery::Whole && self.has_others() {
            let half = left / 2;
            return (started + half, half);
        }
        (self.deadline, timeouts.total)
    }

    /// A place among the requests that the provider takes at once.
    async fn place(&self, member: &Member) -> Result<Option<Place>, Error> {
        let manner = if self.has_ready() {
            Manner::Glance
        } else {
            Manner::Queue
        };
        member.place(manner).await
    }

    async fn open(
        &self,
        member: &Member,
        call: Call,
        lent: &Lent,
        (started, timeouts): (Instant, Timeouts),
        place: Option<Place>,
    ) -> Result<(Box<Running>, Option<String>), Error> {
        let Call {
            method,
            url,
            headers,
            body,
            streamed,
            decoder,
            ..
        } = call;
        let mut outgoing = Outgoing {
            method,
            url,
            headers,
            body,
        };
        prepare(member, &mut outgoing, lent, self.snapshot)?;
        let sent = self
            .gateway
            .clients
            .send(&member.transport, outgoing, timeouts.connect);
        let incoming = if streamed {
            timeout_at(started + timeouts.first_token, sent)
                .await
                .map_err(|_| late("first_token", timeouts.first_token))??
        } else {
            sent.await?
        };
        let id = request_id(&incoming);
        if !incoming.status.is_success() {
            let Incoming {
                status,
                headers,
                body,
            } = incoming;
            let body = timeout(timeouts.idle, read_all(body, MOST_ERROR_BYTES)).await;
            // What of the body came in time is all that there is to say.
            let body = body.ok().and_then(Result::ok).unwrap_or_default();
            let error = member.provider.error(status, &headers, &body);
            return Err(error
                .with_upstream_status(status.as_u16())
                .with_upstream_request_id(id));
        }
        let composer = composer(self, member);
        let start = Start {
            delivery: self.request.delivery,
            first_token: started + timeouts.first_token,
            timeouts,
            clock: self.gateway.clock,
            place,
        };
        Ok((Running::new(incoming, decoder, composer, start), id))
    }

    /// The request with everything in it that the provider cannot fetch itself.
    async fn with_media(&self, member: &Member) -> Result<Cow<'_, Request>, Error> {
        let needs = member.provider.needs(self.request, &self.target.model);
        if needs.is_empty() {
            return Ok(Cow::Borrowed(self.request));
        }
        let mut request = self.request.clone();
        for need in needs {
            let data = self.snapshot.fetch.data_url(&need.url, &need.param).await?;
            super::snapshot::put_media(&mut request, &need.url, &data);
        }
        Ok(Cow::Owned(request))
    }
}
