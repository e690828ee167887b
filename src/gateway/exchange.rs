//! What every exchange with a provider has in common, whatever is asked: what is put on the request, what is read of
//! the reply.

use std::time::Duration;

use http::HeaderValue;
use http::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::timeout;

use super::attempt::Attempt;
use super::keys::{Lent, Other};
use super::snapshot::Member;
use super::upstream::{Chunks, Incoming, Outgoing};
use super::wait::late;
use super::{Gateway, Snapshot};
use crate::canonical::compose::{Composer, OnFailure, Setup};
use crate::canonical::item::Item;
use crate::canonical::native::Protocol;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::Request;
use crate::config::Lossy;
use crate::config::alias::OnCut;
use crate::error::{Error, Kind};
use crate::providers::{Call, Loss};
use crate::target::ModelId;

/// Why one try failed, and whether another key may do better.
pub(super) struct Tried {
    pub(super) error: Error,
    pub(super) other: Other,
}

impl From<Error> for Tried {
    fn from(error: Error) -> Self {
        Self {
            error,
            other: Other::None,
        }
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
            let mut outgoing = Outgoing {
                method,
                url,
                headers,
                body,
            };
            let lent = member.key().await?;
            let snapshot = self.snapshot();
            prepare(member, &mut outgoing, &lent, &snapshot)?;
            let connect = snapshot.config.defaults.timeouts.connect;
            let sent = self.clients.send(&member.transport, outgoing, connect);
            let Incoming {
                status,
                headers,
                body,
            } = sent.await?;
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

/// The protocol that the client and a provider have in common.
fn shared(request: &Request, model: &ModelId, member: &Member) -> Option<Protocol> {
    let protocol = member.provider.speaks(request, model)?;
    request.spoken(protocol).map(|native| native.protocol)
}

/// Makes the events of a provider's answer. An answer that another may have to finish is told in our own words from the
/// beginning.
pub(super) fn composer(attempt: &Attempt<'_>, member: &Member) -> Composer {
    let (request, model) = (attempt.request, &attempt.target.model);
    Composer::new(Setup {
        native: shared(request, model, member).filter(|_| attempt.rules.on_cut == OnCut::Error),
        on_failure: match attempt.rules.on_cut {
            OnCut::Error => OnFailure::End,
            OnCut::Continue => OnFailure::Hold,
        },
        ..attempt.gateway.setup(request, attempt.caller)
    })
}

/// Refuses what only servers of the client's protocol can read: to leave it out would be to answer another question.
pub(super) fn readable(request: &Request, model: &ModelId, member: &Member) -> Result<(), Error> {
    if request.spoken(Protocol::Chat).is_none() || shared(request, model, member).is_some() {
        return Ok(());
    }
    for (at, item) in request.input.iter().enumerate() {
        let Open::Known(Item::Message(message)) = item else {
            continue;
        };
        for (place, part) in message.content.iter().enumerate() {
            if let Open::Unknown(part) = part {
                let message = format!("`{}` is no part that this provider reads", tag_of(part));
                let path = format!("input[{at}].content[{place}]");
                return Err(Error::unsupported(path, message));
            }
        }
    }
    Ok(())
}

/// What the door could not carry. A provider of the door's own protocol reads what the client wrote, and says itself what
/// is lost of it.
pub(super) fn lost_at_the_door(request: &Request, model: &ModelId, member: &Member) -> Vec<Loss> {
    if shared(request, model, member).is_some() {
        return Vec::new();
    }
    let lost = request.beyond.lost.iter();
    lost.map(|path| Loss::new(path.as_str(), "not known to this gateway"))
        .collect()
}

/// Under `lossy: reject` a loss is a refusal before any money is spent.
pub(super) fn weigh(lossy: Lossy, losses: &[Loss]) -> Result<(), Error> {
    match (lossy, losses.first()) {
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

/// Puts on what every outgoing request has: the key, the configured headers, our mark.
pub(super) fn prepare(
    member: &Member,
    outgoing: &mut Outgoing,
    lent: &Lent,
    snapshot: &Snapshot,
) -> Result<(), Error> {
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
    if let Some(key) = &lent.secret {
        member.provider.authorize(headers, key)?;
    }
    for (name, value) in &member.headers {
        headers.insert(name.clone(), value.clone());
    }
    Ok(())
}

pub(super) async fn read_all(mut chunks: Chunks, most: usize) -> Result<Vec<u8>, Error> {
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

/// The provider's id of the request, by the names that vendors use.
pub(super) fn request_id(incoming: &Incoming) -> Option<String> {
    ["x-request-id", "request-id", "x-goog-request-id", "cf-ray"]
        .iter()
        .find_map(|name| incoming.headers.get(*name))
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty() && value.len() <= 128)
        .map(str::to_owned)
}
