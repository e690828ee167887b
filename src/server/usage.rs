//! What requests used: from their records into the ledger, and out of it for `GET /admin/usage`.

use std::time::UNIX_EPOCH;

use crate::catalog::usd::Usd;
use crate::config::units::parse_duration;
use crate::error::Error;
use crate::gateway::journal::Tokens;
use crate::store::ledger::{By, Entry, Ledger};
use crate::target::Target;
use crate::telemetry::record::{Outcome, Record};
use crate::telemetry::sinks::Sink;

/// What is reported where nothing is said.
const USUAL_SINCE: &str = "7d";

/// Hands records to the ledger.
#[derive(Debug)]
pub(super) struct Clerk(pub(super) Ledger);

impl Sink for Clerk {
    fn take(&self, records: &[Record]) {
        self.0.add(records.iter().flat_map(entries).collect());
    }
}

/// One entry for the request and the model that answered or failed last, and one for each other model that was used on the way: so
/// each model has the tokens and the money that it took, and sums are right by whatever they are made.
fn entries(record: &Record) -> Vec<Entry> {
    // Of a request that nobody answered, the last that was asked is to blame.
    let last = record.attempts.last().map(|attempt| &attempt.target);
    let served = record.served.as_ref().or(last);
    let mut main = entry(record, served);
    main.requests = 1;
    main.failed = u8::from(record.outcome == Outcome::Failed);
    main.attempts = u32::try_from(record.attempts.len()).unwrap_or(u32::MAX);
    let mut entries = vec![main];
    let mut others: Vec<&Target> = Vec::new();
    for attempt in record
        .attempts
        .iter()
        .filter(|attempt| attempt.tokens.is_some())
    {
        let target = &attempt.target;
        if served != Some(target) && !others.contains(&target) {
            others.push(target);
        }
    }
    entries.extend(others.into_iter().map(|target| entry(record, Some(target))));
    entries
}

/// What a request used of one model.
fn entry(record: &Record, target: Option<&Target>) -> Entry {
    let used = record.attempts.iter();
    let used = used.filter(|attempt| Some(&attempt.target) == target && attempt.tokens.is_some());
    let (mut tokens, mut cost, mut unpriced) = (Tokens::default(), None::<Usd>, 0);
    for attempt in used {
        tokens = tokens.plus(attempt.tokens.unwrap_or_default());
        match attempt.cost {
            Some(more) => cost = Some(cost.unwrap_or_default() + more),
            None => unpriced = 1,
        }
    }
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Entry {
        at: record.began.duration_since(UNIX_EPOCH).map_or(0, millis),
        request_id: record.request_id.clone(),
        requests: 0,
        failed: 0,
        door: record.door.as_str(),
        outcome: record.outcome.as_str(),
        status: record.status,
        key: record.key.clone(),
        alias: record.alias.clone(),
        target: target.cloned(),
        attempts: 0,
        input: tokens.input,
        cached: tokens.cached,
        cache_write: tokens.write_5m + tokens.write_1h,
        output: tokens.output,
        reasoning: tokens.reasoning,
        cost_pico: cost.map(Usd::pico),
        unpriced,
        first_ms: record.to_first.map(millis),
        total_ms: millis(record.total),
    }
}

/// What the query of `GET /admin/usage` asks for: the begin in Unix seconds, and what there is a line for.
pub(super) fn asked(query: &str, now: u64) -> Result<(u64, By), Error> {
    let (mut since, mut by) = (USUAL_SINCE, By::default());
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "since" => since = value,
            "by" => {
                by = By::parse(value)
                    .ok_or_else(|| Error::invalid("by", "is `model`, `key`, `route` or `day`"))?;
            }
            _ => {
                return Err(Error::invalid(
                    "query",
                    "holds `since` and `by`, and nothing else",
                ));
            }
        }
    }
    let time = parse_duration(since).map_err(|why| Error::invalid("since", why))?;
    Ok((now.saturating_sub(time.as_secs()), by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_since_when_and_by_what() {
        let week = 7 * 86_400;
        let check = |query: &str, expect: Option<(u64, By)>| {
            assert_eq!(asked(query, 10_000_000).ok(), expect, "{query}");
        };
        check("", Some((10_000_000 - week, By::Model)));
        check(
            "since=30d&by=key",
            Some((10_000_000 - 30 * 86_400, By::Key)),
        );
        check("by=day", Some((10_000_000 - week, By::Day)));
        check("since=soon", None);
        check("by=colour", None);
        check("until=1d", None);
    }
}
