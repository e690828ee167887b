//! Durations, sizes and counts as people write them: `250ms`, `32MiB`, `200k`. A bare number has no meaning, except
//! for counts and zero.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// Milliseconds to a unit, largest first.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

const COUNTS: [(&str, u64); 3] = [("M", 1_000_000), ("k", 1_000), ("", 1)];

/// Reads a duration.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    scaled(text, &TIMES)
        .map(Duration::from_millis)
        .ok_or_else(|| "is no duration: write it as `250ms`, `5s`, `10m`, `2h` or `30d`".to_owned())
}

/// Reads a size in bytes.
pub fn parse_size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES)
        .ok_or_else(|| "is no size: write it as `512KiB`, `32MiB`, `1GiB` or `20MB`".to_owned())
}

/// Reads a count.
pub fn parse_count(text: &str) -> Result<u64, String> {
    scaled(text, &COUNTS).ok_or_else(|| "is no count: write it as `60`, `200k` or `1M`".to_owned())
}

/// Writes a duration as it would be read.
pub fn show_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    show(milliseconds, &TIMES)
}

/// Writes a size as it would be read.
pub fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES)
}

fn show(value: u64, units: &[(&str, u64)]) -> String {
    if value == 0 {
        return "0".to_owned();
    }
    units
        .iter()
        .find(|(_, size)| value.is_multiple_of(*size))
        .map_or_else(
            || value.to_string(),
            |(unit, size)| format!("{}{unit}", value / size),
        )
}

/// A decimal number and a unit, as a whole number of the smallest unit. Exact: no floating point.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    if text == "0" {
        return Some(0);
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = unit.trim_start();
    let (_, size) = units.iter().find(|(name, _)| *name == unit).or_else(|| {
        units
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
    })?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?.checked_mul(*size)?;
    if fraction.is_empty() {
        return Some(whole);
    }
    let places = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = fraction.parse::<u64>().ok()?.checked_mul(*size)?;
    (part % places == 0).then(|| whole.checked_add(part / places))?
}

/// For serde: a duration that may be absent.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    read(from, parse_duration)
}

/// For serde: a size that may be absent.
pub(super) fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    read(from, parse_size)
}

/// For serde: a count that may be absent.
pub(super) fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    read(from, parse_count)
}

/// For serde: a share such as `3%`, as a fraction.
pub(super) fn percent<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    read(from, |text| {
        let number = text.strip_suffix('%').map(str::trim_end);
        match number.and_then(|number| number.parse::<f64>().ok()) {
            Some(share) if (0.0..=100.0).contains(&share) => Ok(share / 100.0),
            _ => Err("is no share: write it as `3%`".to_owned()),
        }
    })
}

fn read<'de, D: Deserializer<'de>, T>(
    from: D,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    match Option::<Scalar>::deserialize(from)? {
        Some(Scalar(text)) => parse(&text)
            .map(Some)
            .map_err(|fault| D::Error::custom(format_args!("`{text}` {fault}"))),
        None => Ok(None),
    }
}

/// A scalar as it was written, whatever YAML takes it for.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Written;

        impl Visitor<'_> for Written {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number with its unit")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
        }

        from.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let check = |text: &str, expect: Option<u64>| {
            let is = parse_duration(text).ok().map(|time| time.as_millis());
            assert_eq!(is, expect.map(u128::from), "{text}");
        };
        check("250ms", Some(250));
        check("5s", Some(5_000));
        check("1.5s", Some(1_500));
        check("5m", Some(300_000));
        check("2 h", Some(7_200_000));
        check("30d", Some(2_592_000_000));
        check("0", Some(0));
        check("5", None);
        check("s", None);
        check("-5s", None);
        check("5 weeks", None);
        check("999999999999999999d", None);
    }

    #[test]
    fn sizes_and_counts_have_units() {
        assert_eq!(parse_size("32MiB"), Ok(33_554_432));
        assert_eq!(parse_size("20mb"), Ok(20_000_000));
        assert_eq!(parse_size("1.5GiB"), Ok(1_610_612_736));
        assert!(parse_size("32").is_err());
        assert_eq!(parse_count("200k"), Ok(200_000));
        assert_eq!(parse_count("1M"), Ok(1_000_000));
        assert_eq!(parse_count("60"), Ok(60));
        assert!(parse_count("60s").is_err());
    }

    #[test]
    fn what_is_shown_is_read_again() {
        assert_eq!(show_duration(Duration::from_mins(5)), "5m");
        assert_eq!(show_duration(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(show_size(33_554_432), "32MiB");
        assert_eq!(show_size(0), "0");
    }
}
