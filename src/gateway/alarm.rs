//! How long a read may take, and the timer that tells.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long a read may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// Until then.
    At(Instant),
    /// So long from when there is nothing to read: a read that finds its bytes there needs no clock.
    After(Duration),
}

impl Limit {
    fn deadline(self) -> Instant {
        match self {
            Self::At(deadline) => deadline,
            Self::After(time) => Instant::now() + time,
        }
    }
}

/// One timer for all reads. Setting a timer costs more than decoding a delta, so it is set anew only when it fires, and
/// then for what is left until the deadline of the read that is under way.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// What the future gives, or `None` if the deadline comes first.
    pub(super) async fn within<T>(
        &mut self,
        limit: Limit,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let mut future = pin!(future);
        let mut deadline = None;
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(value));
            }
            let deadline = *deadline.get_or_insert_with(|| limit.deadline());
            let sleep = self
                .0
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if sleep.deadline() > deadline {
                sleep.as_mut().reset(deadline);
            }
            while sleep.as_mut().poll(cx).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(None);
                }
                sleep.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}
