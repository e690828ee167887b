//! A short string that fits `format`, `pattern`, `minLength` and `maxLength`.

use serde_json::{Map, Value};

mod pattern;

/// Longer than any sensible schema asks for, in characters.
const LONGEST: usize = 1_000_000;

/// A string that fits; `nth` varies it where several must differ.
pub(super) fn fitting(schema: &Map<String, Value>, nth: usize) -> Option<String> {
    let length = |key: &str| {
        let length = schema.get(key).and_then(Value::as_u64);
        length.and_then(|length| usize::try_from(length).ok())
    };
    let least = length("minLength").unwrap_or(0);
    let most = length("maxLength").unwrap_or(usize::MAX);
    if least > most || least > LONGEST {
        return None;
    }
    let fits = |text: &String| (least..=most).contains(&text.chars().count());
    if let Some(Value::String(pattern)) = schema.get("pattern") {
        return (0..=least)
            .find_map(|repeats| pattern::matching(pattern, repeats, nth).filter(fits));
    }
    if let Some(text) = schema
        .get("format")
        .and_then(Value::as_str)
        .and_then(|format| of_format(format, nth))
    {
        return Some(text).filter(fits);
    }
    let mut text = if nth == 0 {
        "demo".to_owned()
    } else {
        format!("demo{nth}")
    };
    if nth > 0 && most < text.len() {
        // The number is what tells them apart.
        text = nth.to_string();
    }
    let missing = least.saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n('x', missing));
    let text: String = text.chars().take(most).collect();
    Some(text).filter(fits)
}

/// An example of a format; `None` for a format that says nothing about the text.
fn of_format(format: &str, nth: usize) -> Option<String> {
    let day = nth % 28 + 1;
    Some(match format {
        "date-time" => format!("2026-01-{day:02}T00:00:00Z"),
        "date" => format!("2026-01-{day:02}"),
        "time" => format!("{:02}:00:00Z", nth % 24),
        "duration" => format!("P{}D", nth + 1),
        "email" | "idn-email" => format!("demo{nth}@example.com"),
        "hostname" | "idn-hostname" => format!("demo{nth}.example.com"),
        "ipv4" => format!("192.0.2.{}", nth % 255),
        "ipv6" => format!("2001:db8::{:x}", nth % 0xffff),
        "uri" | "iri" | "url" => format!("https://example.com/{nth}"),
        "uri-reference" | "iri-reference" | "json-pointer" => format!("/{nth}"),
        "uri-template" => format!("https://example.com/{{id}}/{nth}"),
        "relative-json-pointer" => nth.to_string(),
        "uuid" => format!("00000000-0000-4000-8000-{nth:012x}"),
        "regex" => format!("^{nth}$"),
        "byte" => "ZGVtbw==".to_owned(),
        _ => return None,
    })
}
