//! The time of a line.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::catalog::day::Day;

/// Shows times as `2026-11-23T00:10:15.123456Z`. Lines that are written together are mostly of the same second, so what it
/// was last asked for is kept.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: Option<u64>,
    shown: String,
}

impl Clock {
    /// That time.
    pub(super) fn show(&mut self, at: SystemTime) -> &str {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs();
        let text = &mut self.shown;
        if self.second != Some(second) {
            self.second = Some(second);
            text.clear();
            date(text, second);
        }
        text.truncate(SECONDS);
        digits(text, since.subsec_micros().into(), 6);
        text.push('Z');
        text
    }
}

/// The length of `2026-11-23T00:10:15.`
const SECONDS: usize = 20;

fn date(text: &mut String, second: u64) {
    let of_day = second % 86_400;
    let (year, month, day) = Day::of_unix(i64::try_from(second).unwrap_or(0)).civil();
    digits(text, year.unsigned_abs(), 4);
    for (mark, part) in [('-', month.unsigned_abs()), ('-', day.unsigned_abs())] {
        text.push(mark);
        digits(text, part, 2);
    }
    for (mark, part) in [
        ('T', of_day / 3600),
        (':', of_day / 60 % 60),
        (':', of_day % 60),
    ] {
        text.push(mark);
        digits(text, part, 2);
    }
    text.push('.');
}

/// The last so many digits: a general writer takes longer for the date than for the rest of a line.
fn digits(text: &mut String, number: u64, count: u32) {
    for place in (0..count).rev() {
        let digit = number / 10_u64.pow(place) % 10;
        text.push(char::from_digit(u32::try_from(digit).unwrap_or(0), 10).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_time_is_shown_whatever_was_shown_before() {
        let mut clock = Clock::default();
        let mut check = |micros, expect: &str| {
            let at = UNIX_EPOCH + Duration::from_micros(micros);
            assert_eq!(clock.show(at), expect);
        };
        check(0, "1970-01-01T00:00:00.000000Z");
        // 20,780 days.
        check(1_795_392_000_000_007, "2026-11-23T00:00:00.000007Z");
        check(1_795_392_000_999_999, "2026-11-23T00:00:00.999999Z");
        check(1_795_478_399_120_000, "2026-11-23T23:59:59.120000Z");
        check(1_795_392_000_000_007, "2026-11-23T00:00:00.000007Z");
    }
}
