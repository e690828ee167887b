//! Bytes to a typed body, with errors that a person can act on.
//!
//! The body is parsed plainly; only one that is refused is parsed again with a trace, so that the answer names the
//! field: `input[3].content[0].image_url`.

use serde::Deserialize;

use crate::canonical::open::{PATH_MARK, join, strip_position};
use crate::error::{Error, Kind};

/// Reads a body: malformed JSON is refused with line and column, a wrong type with the path of its field.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    let json = std::str::from_utf8(body).map_err(|fault| {
        let at = fault.valid_up_to();
        malformed(format!("the body is not valid UTF-8 at byte {at}"))
    })?;
    serde_json::from_str(json).map_err(|plain| {
        if !plain.is_data() {
            let (line, column) = (plain.line(), plain.column());
            let what = strip_position(&plain.to_string());
            return malformed(format!(
                "the body is not valid JSON: {what} at line {line}, column {column}"
            ));
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        let (path, message) = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            // The same text cannot parse at the second reading.
            Ok(_) => (String::new(), plain.to_string()),
            Err(traced) => (traced.path().to_string(), traced.inner().to_string()),
        };
        fault(&path, &strip_position(&message))
    })
}

/// The outer path and what an inner reader said, which may begin with a path of its own.
fn fault(outer: &str, message: &str) -> Error {
    let (path, message) = match message.split_once(PATH_MARK) {
        Some((inner, message)) => (join(outer, inner), message),
        None => (join(outer, ""), message),
    };
    let code = if message.starts_with("missing field") {
        "missing_required_parameter"
    } else if message.starts_with("invalid type") {
        "invalid_type"
    } else {
        "invalid_value"
    };
    // serde names the missing field in its message only.
    let path = match message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        Some(field) if !path.ends_with(field) => join(&path, field),
        _ => path,
    };
    let error = Error::new(Kind::InvalidRequest, message).with_code(code);
    if path.is_empty() || path == "." {
        error
    } else {
        error.with_param(path)
    }
}

fn malformed(message: String) -> Error {
    Error::new(Kind::InvalidRequest, message).with_code("invalid_json")
}
