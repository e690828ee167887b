//! What happens before an answer begins, for somebody who watches. Costs nothing when nobody does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Caller;
use crate::config::alias::Retry as Rules;
use crate::error::{Error, Retry};
use crate::target::Target;

/// One step on the way to an answer.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// This target is asked now.
    Asking(&'a Target),
    /// The target is at rest by its own wish, and is asked in so long.
    Resting(&'a Target, Duration),
    /// The target failed and is asked again.
    Retrying {
        /// Why.
        error: &'a Error,
        /// How long from now.
        wait: Duration,
        /// Which repetition this is, from 1 on.
        again: u32,
        /// How many repetitions there are at most.
        most: u32,
    },
    /// A target failed for good; the next one is asked, if there is one.
    MovedOn(&'a Error),
}

/// Who is told of progress: nobody, unless a caller asks for it. Called from the task that asks, so it must not block.
#[derive(Clone, Default)]
pub struct Watcher(Option<Arc<Tell>>);

type Tell = dyn Fn(Progress<'_>) + Send + Sync;

impl Watcher {
    /// Calls this at each step.
    pub fn new(tell: impl Fn(Progress<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(super) fn tell(&self, progress: Progress<'_>) {
        if let Some(tell) = &self.0 {
            tell(progress);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Watcher"
        } else {
            "nobody"
        })
    }
}

/// Waits until a target that asked for it has rested.
pub(super) async fn rest(caller: &Caller, target: &Target, wait: Duration) {
    caller.watcher.tell(Progress::Resting(target, wait));
    caller.journal.wait(wait);
    tokio::time::sleep(wait).await;
}

/// Waits before the same target is asked again: this is the repetition number `again`.
pub(super) async fn retry(
    caller: &Caller,
    error: &Error,
    wait: Duration,
    again: u32,
    rules: Rules,
) {
    let most = match error.retry() {
        Retry::No => 0,
        Retry::Once => 1,
        Retry::Backoff(_) => rules.attempts.saturating_sub(1),
    };
    caller.watcher.tell(Progress::Retrying {
        error,
        wait,
        again,
        most,
    });
    tracing::info!(
        request_id = %caller.request_id, target = error.target().map(tracing::field::display), code = error.code(),
        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "retrying the same target"
    );
    caller.journal.wait(wait);
    tokio::time::sleep(wait).await;
}
