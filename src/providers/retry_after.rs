//! How long a provider asks to wait, from its reply's headers.
//!
//! Reads no clock: an HTTP date counts from the reply's own `date` header, and says nothing without it.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// The finer header that Anthropic's and OpenAI's SDKs look at first.
const RETRY_AFTER_MS: &str = "retry-after-ms";

/// The wait that `retry-after-ms` or `retry-after` (seconds, or an HTTP date) asks for; `None` where neither says so.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    number(headers, RETRY_AFTER_MS)
        .and_then(|millis| Duration::try_from_secs_f64(millis / 1000.0).ok())
        .or_else(|| {
            number(headers, RETRY_AFTER.as_str())
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        })
        .or_else(|| {
            let now = date(headers, DATE.as_str())?;
            let then = date(headers, RETRY_AFTER.as_str())?;
            // A date in the past means that the wait is over.
            Some(then.duration_since(now).unwrap_or_default())
        })
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn date(headers: &HeaderMap, name: &str) -> Option<std::time::SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[(&'static str, &str)], expect: Option<u64>) {
        let headers = lines
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        assert_eq!(
            retry_after(&headers),
            expect.map(Duration::from_millis),
            "{lines:?}"
        );
    }

    #[test]
    fn seconds_and_milliseconds_are_read() {
        check(&[("retry-after", "7")], Some(7000));
        check(&[("retry-after", "0.5")], Some(500));
        check(
            &[("retry-after", "7"), ("retry-after-ms", "250")],
            Some(250),
        );
    }

    #[test]
    fn a_date_counts_from_the_date_of_the_reply() {
        let then = ("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT");
        check(
            &[("date", "Sun, 22 Nov 2026 10:00:00 GMT"), then],
            Some(30_000),
        );
        check(&[("date", "Sun, 22 Nov 2026 11:00:00 GMT"), then], Some(0));
        check(&[then], None);
    }

    #[test]
    fn what_is_no_time_says_nothing() {
        check(&[], None);
        check(&[("retry-after", "soon")], None);
        check(&[("retry-after", "-3")], None);
        check(&[("retry-after", "NaN")], None);
    }
}
