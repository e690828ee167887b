//! How long to wait, and what to say of a wait in vain.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::keys::Lent;
use super::snapshot::Member;
use crate::error::{Error, Kind};

/// A time limit of the configuration ran out.
pub(super) fn late(which: &str, limit: Duration) -> Error {
    Error::new(
        Kind::Timeout,
        format!("no answer within {limit:?} (`timeouts.{which}`)"),
    )
}

/// Exponential, with full jitter, so that clients which failed together do not come back together.
pub(super) fn backoff(base: Duration, max: Duration, tries: u32) -> Duration {
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

/// With several keys a target is at its limit only for as long as the first of them is.
pub(super) fn rested(error: Error, member: &Member, lent: &Lent) -> Error {
    match (lent.at, error.kind()) {
        (Some(_), Kind::RateLimited) => {
            let wait = member.keys.soonest(Instant::now());
            let wait = wait.filter(|wait| !wait.is_zero()).or(error.retry_after());
            error.with_retry_after(wait)
        }
        _ => error,
    }
}
