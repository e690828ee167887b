//! One target is asked: encode, send, decode until the first content, and again where that may help.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::{Instant, timeout, timeout_at};

use super::running::{Running, Start};
use super::snapshot::Member;
use super::upstream::{Chunks, Incoming, Outgoing};
use super::{Caller, Gateway, Reply, Snapshot};
use crate::canonical::compose::Composer;
use crate::canonical::request::Request;
use crate::config::Lossy;
use crate::config::alias::Rules;
use crate::error::{Error, Kind, Retry};
use crate::providers::{Ask, Call, Loss};
use crate::target::Target;

/// The body of an error is read up to here: enough for any message.
const MOST_ERROR_BYTES: usize = 256 * 1024;

/// Is there another target to turn to, or is this the last?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Waiting is better than giving up.
    Wait,
    /// The next target is better than waiting.
    MoveOn,
}

/// How many upstream requests one client's request has made.
#[derive(Debug, Default)]
pub(super) struct Asked(u32);

/// Everything that asking one target needs.
pub(super) struct Attempt<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) snapshot: &'a Snapshot,
    pub(super) request: &'a Request,
    pub(super) caller: &'a Caller,
    pub(super) target: &'a Target,
    pub(super) alias: Option<&'a str>,
    pub(super) rules: &'a Rules,
    pub(super) patience: Patience,
}

impl Attempt<'_> {
    /// Asks until the target answers or there is no use in asking again.
    pub(super) async fn run(&self, asked: &mut Asked) -> Result<Reply, Error> {
        let member = self
            .snapshot
            .member(&self.target.provider)
            .map_err(|error| error.at(self.target))?;
        let request = self
            .with_media(member)
            .await
            .map_err(|error| error.at(self.target))?;
        let retry = &self.rules.retry;
        let mut tries = 0;
        loop {
            let error = match self.once(member, &request, asked).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error.at(self.target),
            };
            if let Some(remedy) = error.remedy()
                && self.gateway.learn(self.target, remedy.clone())
            {
                continue;
            }
            tries += 1;
            let wait = match error.retry() {
                Retry::No => return Err(error),
                Retry::Once if tries > 1 => return Err(error),
                _ if tries >= retry.attempts || self.patience == Patience::MoveOn => {
                    return Err(error);
                }
                Retry::Once => Duration::ZERO,
                Retry::Backoff(Some(wait)) if wait > retry.retry_after_max => return Err(error),
                Retry::Backoff(Some(wait)) => wait,
                Retry::Backoff(None) => backoff(retry.base, retry.max, tries),
            };
            tracing::info!(
                request_id = %self.caller.request_id, target = %self.target, code = error.code(),
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "retrying the same target"
            );
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(
        &self,
        member: &Member,
        request: &Request,
        asked: &mut Asked,
    ) -> Result<Reply, Error> {
        let remedies = self.gateway.remedies(self.target);
        let mut call =
            member
                .provider
                .encode(Ask::Respond(request), &self.target.model, &remedies)?;
        let lost = request.beyond.lost.iter();
        call.losses
            .extend(lost.map(|path| Loss::new(path.as_str(), "not known to this gateway")));
        self.weigh(&call.losses)?;
        let losses = std::mem::take(&mut call.losses);
        asked.0 += 1;
        let started = Instant::now();
        let timeouts = &self.rules.timeouts;
        let total = started + timeouts.total;
        let (mut running, upstream_request_id) =
            timeout_at(total, self.open(member, call, started))
                .await
                .map_err(|_| late("total", timeouts.total))??;
        running.note(self.alias, self.target, asked.0, &losses);
        let first = running.first_content(total).await?;
        Ok(Reply {
            target: self.target.clone(),
            alias: None,
            attempts: asked.0,
            losses,
            upstream_request_id,
            first_content: started.elapsed(),
            events: running.into_events(first),
        })
    }

    /// Under `lossy: reject` a loss is a refusal before any money is spent.
    fn weigh(&self, losses: &[Loss]) -> Result<(), Error> {
        match (self.snapshot.config.defaults.lossy, losses.first()) {
            (Lossy::Reject, Some(loss)) => Err(Error::unsupported(
                loss.field.clone(),
                format!(
                    "`{}` cannot be carried to this target: {}",
                    loss.field, loss.what
                ),
            )
            .with_hint("set `defaults.lossy: warn` to send the request without it")),
            (Lossy::Reject | Lossy::Warn | Lossy::Allow, _) => Ok(()),
        }
    }

    async fn open(
        &self,
        member: &Member,
        call: Call,
        started: Instant,
    ) -> Result<(Running, Option<String>), Error> {
        let timeouts = &self.rules.timeouts;
        let Call {
            method,
            url,
            headers,
            body,
            streamed,
            decoder,
            ..
        } = call;
        let outgoing = prepare(
            member,
            Outgoing {
                method,
                url,
                headers,
                body,
            },
            self.snapshot,
        )
        .await?;
        let sent = self.gateway.clients.send(&member.transport, outgoing);
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
        let composer = Composer::new(self.gateway.setup(self.request, self.caller));
        let start = Start {
            delivery: self.request.delivery,
            first_token: started + timeouts.first_token,
            timeouts: *timeouts,
            clock: self.gateway.clock,
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

impl Gateway {
    /// One request whose whole reply is read at once, without retries.
    pub(super) async fn ask_once(
        &self,
        member: &Member,
        call: Call,
        total: Duration,
    ) -> Result<Vec<u8>, Error> {
        let Call {
            method,
            url,
            headers,
            body,
            ..
        } = call;
        let work = async {
            let outgoing = prepare(
                member,
                Outgoing {
                    method,
                    url,
                    headers,
                    body,
                },
                &self.snapshot(),
            )
            .await?;
            let Incoming {
                status,
                headers,
                body,
            } = self.clients.send(&member.transport, outgoing).await?;
            let body = read_all(body, super::running::MOST_REPLY_BYTES).await?;
            if status.is_success() {
                return Ok(body);
            }
            Err(member
                .provider
                .error(status, &headers, &body)
                .with_upstream_status(status.as_u16()))
        };
        timeout(total, work)
            .await
            .map_err(|_| late("total", total))?
    }
}

/// Puts on what every outgoing request has: the key, the configured headers, our mark.
async fn prepare(
    member: &Member,
    mut outgoing: Outgoing,
    snapshot: &Snapshot,
) -> Result<Outgoing, Error> {
    let headers = &mut outgoing.headers;
    if !outgoing.body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if !headers.contains_key(ACCEPT) {
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
    }
    headers.insert("via", snapshot.via.clone());
    if let Some(key) = member.key().await? {
        member.provider.authorize(headers, &key)?;
    }
    for (name, value) in &member.headers {
        headers.insert(name.clone(), value.clone());
    }
    Ok(outgoing)
}

async fn read_all(mut chunks: Chunks, most: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await? {
        if body.len() + chunk.len() > most {
            return Err(Error::new(
                Kind::UpstreamTooLarge,
                format!("the reply is larger than {most} bytes"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A time limit of the configuration ran out.
pub(super) fn late(which: &str, limit: Duration) -> Error {
    Error::new(
        Kind::Timeout,
        format!("no answer within {limit:?} (`timeouts.{which}`)"),
    )
}

/// Exponential, with full jitter, so that clients which failed together do not come back together.
fn backoff(base: Duration, max: Duration, tries: u32) -> Duration {
    let ceiling = base
        .saturating_mul(
            1_u32
                .checked_shl(tries.saturating_sub(1))
                .unwrap_or(u32::MAX),
        )
        .min(max);
    let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    // The seed of the standard library's hasher is random for each instance.
    Duration::from_nanos(RandomState::new().hash_one(tries) % nanos.max(1))
}

/// The provider's id of the request, by the names that vendors use.
fn request_id(incoming: &Incoming) -> Option<String> {
    ["x-request-id", "request-id", "x-goog-request-id", "cf-ray"]
        .iter()
        .find_map(|name| incoming.headers.get(*name))
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty() && value.len() <= 128)
        .map(str::to_owned)
}
