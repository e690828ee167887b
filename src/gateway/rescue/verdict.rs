//! What an error says about going on, and what an answer cost that came in vain.

use super::super::bill::Bill;
use crate::canonical::event::Emitted;
use crate::canonical::rescue::graft::NOTE;
use crate::canonical::usage::Usage;
use crate::catalog::usd::Usd;
use crate::error::{Error, Kind, Next};

/// May somebody else do better? What lies with the request does not mend by asking on, and what is too large stays so.
pub(super) fn is_mendable(error: &Error) -> bool {
    error.next() == Next::Target && error.kind() != Kind::UpstreamTooLarge
}

/// Does the target that broke off look as if it could go on? One that was silent or failed does not.
pub(super) fn looks_alive(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::StreamCut | Kind::UpstreamGarbled | Kind::ModelFailed
    )
}

/// Why the answer broke off, and why that is the end of it.
pub(super) fn honest(cause: &Error, last: Option<&Error>) -> Error {
    let mut message = cause.message().to_owned();
    if let Some(last) = last {
        message = format!("{message}; asked to go on: {last}");
    }
    let error = Error::new(cause.kind(), message).with_code(cause.code().to_owned());
    match cause.target() {
        Some(target) => error.at(target),
        None => error,
    }
}

/// The counts of a finished answer, and what all attempts up to it have cost.
pub(super) fn counted(events: &[Emitted]) -> Option<(Usage, Bill)> {
    let response = events.last()?.event.known()?.terminal()?;
    let cost = response
        .extra
        .get(NOTE)
        .and_then(|note| note.get("cost_usd"));
    let cost = cost.and_then(serde_json::Value::as_f64);
    let usage = response.usage.clone()?;
    let bill = Bill::of(Some(&usage), cost.map(Usd::from_dollars));
    Some((usage, bill))
}
