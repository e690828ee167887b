//! What each client key may use in a minute: requests and tokens, counted over the last sixty seconds.
//!
//! Tokens are reserved before anybody is asked (the prompt's estimate and the answer's limit) and settled with the real
//! count at the end, in one lock each, so that callers at once cannot pass the same check. The bound: whatever the
//! concurrency, the tokens of any sixty seconds exceed the limit by at most the sum, over the requests in flight, of
//! what each uses beyond its reservation; that is nothing where requests set `max_output_tokens` and the prompt is not
//! underestimated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt as _;
use tokio::time::Instant;

use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::config::server::{ClientKey, Server};
use crate::error::{Error, Kind};
use crate::gateway::{EventStream, Reply};
use crate::routing::demand::Demand;

/// The length of the window in seconds, each with a count of its own.
const SECONDS: u64 = 60;
const SLOTS: usize = 60;

/// The counts of all keys that have limits.
#[derive(Debug)]
pub(super) struct Limits {
    began: Instant,
    keys: ArcSwap<HashMap<String, Arc<Account>>>,
}

/// The counts of one key.
#[derive(Debug)]
struct Account {
    requests: Option<u64>,
    tokens: Option<u64>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    requests: Window,
    tokens: Window,
}

/// Counts of the last sixty seconds.
#[derive(Debug)]
struct Window {
    counts: [u64; SLOTS],
    now: u64,
}

/// Tokens that are set aside for a request. Dropped unsettled, they count as used: nobody knows better.
#[derive(Debug)]
pub(super) struct Reservation {
    account: Arc<Account>,
    began: Instant,
    at: u64,
    tokens: u64,
}

impl Limits {
    pub(super) fn new(server: &Server) -> Self {
        let limits = Self {
            began: Instant::now(),
            keys: ArcSwap::default(),
        };
        limits.reload(server);
        limits
    }

    /// Takes new limits. What has been used stays used.
    pub(super) fn reload(&self, server: &Server) {
        let before = self.keys.load();
        let is_limited =
            |key: &&ClientKey| key.requests_per_minute.is_some() || key.tokens_per_minute.is_some();
        let account = |key: &ClientKey| {
            let used = match before.get(&key.name) {
                Some(known) => std::mem::take(&mut *known.used()),
                None => Used::default(),
            };
            let account = Account {
                requests: key.requests_per_minute,
                tokens: key.tokens_per_minute,
                used: Mutex::new(used),
            };
            (key.name.clone(), Arc::new(account))
        };
        let keys = server.keys.iter().filter(is_limited).map(account).collect();
        self.keys.store(Arc::new(keys));
    }

    /// Counts a request of this key and sets its tokens aside. Nothing is measured for a key without limits.
    pub(super) fn reserve(
        &self,
        key: Option<&str>,
        request: &Request,
    ) -> Result<Option<Reservation>, Error> {
        let keys = self.keys.load();
        let Some(account) = key.and_then(|key| keys.get(key)) else {
            return Ok(None);
        };
        let tokens = account.tokens.map_or(0, |_| {
            let demand = Demand::of(request);
            demand.input_tokens.saturating_add(demand.output_tokens)
        });
        let at = self.began.elapsed().as_secs();
        account.reserve(tokens, at).map(|tokens| {
            Some(Reservation {
                account: account.clone(),
                began: self.began,
                at,
                tokens,
            })
        })
    }
}

impl Account {
    fn used(&self) -> std::sync::MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(&self, tokens: u64, at: u64) -> Result<u64, Error> {
        let mut used = self.used();
        used.requests.advance(at);
        used.tokens.advance(at);
        if let Some(limit) = self.requests
            && let Err(wait) = used.requests.has_room(1, limit)
        {
            return Err(over("requests", limit, wait));
        }
        // What is more than the whole limit can only pass alone.
        let tokens = self.tokens.map_or(0, |limit| tokens.min(limit));
        if let Some(limit) = self.tokens
            && let Err(wait) = used.tokens.has_room(tokens, limit)
        {
            return Err(over("tokens", limit, wait));
        }
        used.requests.add(1);
        used.tokens.add(tokens);
        Ok(tokens)
    }
}

impl Reservation {
    /// The real count is known.
    pub(super) fn settle(self, tokens: u64) {
        if self.account.tokens.is_none() {
            return;
        }
        let mut used = self.account.used();
        used.tokens.advance(self.began.elapsed().as_secs());
        used.tokens.take_back(self.at, self.tokens);
        used.tokens.add_at(self.at, tokens);
    }

    /// Settles when the answer ends.
    pub(super) fn watch(self, reply: &mut Reply) {
        let events = std::mem::replace(&mut reply.events, futures_util::stream::empty().boxed());
        reply.events = self.watched(events);
    }

    fn watched(self, events: EventStream) -> EventStream {
        let mut reservation = Some(self);
        let look = move |batch: &crate::canonical::event::Batch| {
            let terminal = batch.iter().find_map(|emitted| match &emitted.event {
                Open::Known(event) => event.terminal(),
                Open::Unknown(_) => None,
            });
            if let Some(usage) = terminal.and_then(|response| response.usage.as_ref())
                && let Some(reservation) = reservation.take()
            {
                reservation.settle(usage.input_tokens.saturating_add(usage.output_tokens));
            }
        };
        events.inspect(look).boxed()
    }
}

impl Default for Window {
    fn default() -> Self {
        Self {
            counts: [0; SLOTS],
            now: 0,
        }
    }
}

impl Window {
    /// Forgets what is older than the window.
    fn advance(&mut self, now: u64) {
        let steps = now.saturating_sub(self.now).min(SECONDS);
        for step in 1..=steps {
            *self.slot((now + SECONDS - steps) + step) = 0;
        }
        self.now = self.now.max(now);
    }

    fn slot(&mut self, second: u64) -> &mut u64 {
        let at = usize::try_from(second % SECONDS).unwrap_or(0);
        // The remainder is below the length, so the other arm is never taken.
        match self.counts.get_mut(at) {
            Some(slot) => slot,
            None => &mut self.now,
        }
    }

    /// Room for so many more, or the seconds until there is.
    fn has_room(&mut self, more: u64, limit: u64) -> Result<(), u64> {
        let mut sum: u64 = self.counts.iter().sum();
        if sum.saturating_add(more) <= limit {
            return Ok(());
        }
        for age in 1..=SECONDS {
            sum = sum.saturating_sub(*self.slot(self.now + age));
            if sum.saturating_add(more) <= limit {
                return Err(age);
            }
        }
        Err(SECONDS)
    }

    fn add(&mut self, count: u64) {
        self.add_at(self.now, count);
    }

    /// What is older than the window counts now: a debt is paid, however late it is known.
    fn add_at(&mut self, second: u64, count: u64) {
        let second = if self.is_within(second) {
            second
        } else {
            self.now
        };
        let slot = self.slot(second);
        *slot = slot.saturating_add(count);
    }

    fn take_back(&mut self, second: u64, count: u64) {
        if self.is_within(second) {
            let slot = self.slot(second);
            *slot = slot.saturating_sub(count);
        }
    }

    fn is_within(&self, second: u64) -> bool {
        second + SECONDS > self.now
    }
}

fn over(what: &str, limit: u64, wait: u64) -> Error {
    let message = format!("this key may use {limit} {what} a minute");
    Error::new(Kind::RateLimited, message)
        .with_code("client_rate_limit_exceeded")
        .with_retry_after(Some(Duration::from_secs(wait.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(requests: Option<u64>, tokens: Option<u64>) -> Limits {
        let key = ClientKey {
            name: "ci".to_owned(),
            sha256: [0; 32],
            models: Vec::new(),
            requests_per_minute: requests,
            tokens_per_minute: tokens,
        };
        Limits::new(&Server {
            keys: vec![key],
            ..Server::default()
        })
    }

    /// Four bytes of prompt and `output` tokens of answer: so many and one.
    fn request(output: u64) -> Request {
        let mut request = Request::ask("m", "word");
        request.max_output_tokens = Some(output);
        request
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_counted_over_the_last_minute() {
        let limits = limits(Some(3), None);
        for _ in 0..3 {
            assert!(limits.reserve(Some("ci"), &request(1)).is_ok());
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        let error = limits
            .reserve(Some("ci"), &request(1))
            .expect_err("the fourth");
        assert_eq!(
            (error.status(), error.retry_after()),
            (429, Some(Duration::from_secs(30)))
        );
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(limits.reserve(Some("ci"), &request(1)).is_ok());
        assert!(limits.reserve(Some("ci"), &request(1)).is_err());
        assert!(
            limits
                .reserve(Some("another"), &request(1))
                .is_ok_and(|none| none.is_none())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_set_aside_and_settled() {
        let limits = limits(None, Some(100));
        let first = limits
            .reserve(Some("ci"), &request(59))
            .expect("60 of 100")
            .expect("limited");
        assert!(
            limits.reserve(Some("ci"), &request(49)).is_err(),
            "110 of 100"
        );
        first.settle(10);
        let second = limits
            .reserve(Some("ci"), &request(49))
            .expect("60 of 100")
            .expect("limited");
        tokio::time::advance(Duration::from_secs(90)).await;
        second.settle(95);
        let error = limits
            .reserve(Some("ci"), &request(9))
            .expect_err("a debt that became known late is paid");
        assert_eq!(error.retry_after(), Some(Duration::from_mins(1)));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(
            limits.reserve(Some("ci"), &request(10_000)).is_ok(),
            "alone, what is more than the limit passes"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_overshoot_is_what_requests_in_flight_use_beyond_their_reservation() {
        let limits = limits(None, Some(1000));
        let (mut seed, mut settled, mut excess) = (11_u64, 0, 0);
        let mut flying = Vec::new();
        for _ in 0..500 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let output = (seed >> 33) % 90;
            if let Ok(Some(reservation)) = limits.reserve(Some("ci"), &request(output)) {
                flying.push((reservation, output + 1));
            }
            let reserved: u64 = flying.iter().map(|(_, tokens)| tokens).sum();
            assert!(settled + reserved <= 1000 + excess);
            if seed >> 63 == 1 && !flying.is_empty() {
                // Some use less than they set aside, some more.
                let (reservation, tokens) = flying.swap_remove(0);
                let used = tokens * ((seed >> 40) % 3) / 2 + (seed >> 50) % 2;
                excess += used.saturating_sub(tokens);
                settled += used;
                reservation.settle(used);
            }
        }
        assert!(settled > 500, "some were let in");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_forgets_nothing_that_was_used() {
        let before = limits(Some(1), None);
        assert!(before.reserve(Some("ci"), &request(1)).is_ok());
        before.reload(&Server {
            keys: vec![ClientKey {
                name: "ci".to_owned(),
                sha256: [0; 32],
                models: Vec::new(),
                requests_per_minute: Some(2),
                tokens_per_minute: None,
            }],
            ..Server::default()
        });
        assert!(before.reserve(Some("ci"), &request(1)).is_ok());
        assert!(before.reserve(Some("ci"), &request(1)).is_err());
    }
}
