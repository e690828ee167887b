//! The arguments of calls: compact, and put together where they come in pieces.
//!
//! Pieces (`partialArgs`, each a path and a value) come from servers that stream arguments. They name places in an
//! object, not text, so the call is handed on when it is whole.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::wire::gemini::response::PartialArg;

/// A list in streamed arguments has at most this many entries: an index alone must not fill the memory.
const MOST_ENTRIES: usize = 65_536;

/// A call whose arguments come in pieces.
#[derive(Debug)]
pub(super) struct Assembly {
    id: String,
    name: String,
    arguments: Value,
}

impl Assembly {
    /// A call that begins.
    pub(super) fn new(id: String, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            arguments: Value::Object(Map::new()),
        }
    }

    /// Takes pieces in. A string goes on where there is one already.
    pub(super) fn extend(&mut self, pieces: Vec<PartialArg<'_>>) -> Result<(), Error> {
        for piece in pieces {
            let place = place(&mut self.arguments, &piece.json_path)?;
            if let Some(more) = piece.string_value {
                match place {
                    Value::String(text) => text.push_str(&more),
                    place => *place = Value::String(more.0.into_owned()),
                }
            } else if let Some(number) = piece.number_value {
                *place = Value::Number(number);
            } else if let Some(value) = piece.bool_value {
                *place = Value::Bool(value);
            } else {
                *place = Value::Null;
            }
        }
        Ok(())
    }

    /// Id, name and arguments.
    pub(super) fn finish(self) -> Result<(String, String, String), Error> {
        let arguments = serde_json::to_string(&self.arguments)
            .map_err(|_| Error::garbled("streamed arguments could not be put together"))?;
        Ok((self.id, self.name, arguments))
    }
}

/// The place that a path such as `$.list[0]['a name']` points to; what is missing on the way is made.
fn place<'v>(root: &'v mut Value, path: &str) -> Result<&'v mut Value, Error> {
    let fault = || Error::garbled("streamed arguments name a place that does not exist");
    let mut rest = path.strip_prefix('$').ok_or_else(fault)?;
    let mut value = root;
    while !rest.is_empty() {
        let (step, after) = step(rest).ok_or_else(fault)?;
        rest = after;
        value = match step {
            Step::Key(key) => {
                if value.is_null() {
                    *value = Value::Object(Map::new());
                }
                let map = value.as_object_mut().ok_or_else(fault)?;
                map.entry(key).or_insert(Value::Null)
            }
            Step::Index(at) if at < MOST_ENTRIES => {
                if value.is_null() {
                    *value = Value::Array(Vec::new());
                }
                let list = value.as_array_mut().ok_or_else(fault)?;
                if list.len() <= at {
                    list.resize(at + 1, Value::Null);
                }
                list.get_mut(at).ok_or_else(fault)?
            }
            Step::Index(_) => return Err(fault()),
        };
    }
    Ok(value)
}

enum Step<'p> {
    Key(&'p str),
    Index(usize),
}

fn step(path: &str) -> Option<(Step<'_>, &str)> {
    if let Some(rest) = path.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        return Some((Step::Key(key), after));
    }
    let rest = path.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(rest) = rest.strip_prefix(quote) {
            let (key, after) = rest.split_once(quote)?;
            return Some((Step::Key(key), after.strip_prefix(']')?));
        }
    }
    let (index, after) = rest.split_once(']')?;
    // An index that is no number is a path that is not understood: the caller says so.
    Some((Step::Index(index.parse().ok()?), after))
}

/// JSON without the white space between its tokens: whole replies are indented, streams are not.
pub(super) fn compact(json: &str) -> Cow<'_, str> {
    if !json.contains(['\n', '\r', '\t', ' ']) {
        return json.into();
    }
    let mut text = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if quoted || !c.is_ascii_whitespace() {
            text.push(c);
        }
        match c {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    text.into()
}

/// The text of a free-form tool's call: the one string, or all that the model wrote where it kept to no form.
pub(super) fn free_text(arguments: &str) -> String {
    // What does not parse is handed on as it is.
    match serde_json::from_str(arguments).ok() {
        Some(Value::Object(mut map)) => match map.shift_remove("input") {
            Some(Value::String(input)) => input,
            _ => arguments.to_owned(),
        },
        _ => arguments.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_put_together_from_their_pieces() {
        let mut assembly = Assembly::new("c".to_owned(), "f");
        let pieces = r#"[{"jsonPath":"$.list[0].name","stringValue":"Bos","willContinue":true},
            {"jsonPath":"$.list[0].name","stringValue":"ton"},
            {"jsonPath":"$.list[1]['a b']","numberValue":0.5},
            {"jsonPath":"$.on","boolValue":true},{"jsonPath":"$.none","nullValue":"NULL_VALUE"}]"#;
        assembly
            .extend(serde_json::from_str(pieces).unwrap())
            .unwrap();
        let (_, _, arguments) = assembly.finish().unwrap();
        assert_eq!(
            arguments,
            r#"{"list":[{"name":"Boston"},{"a b":0.5}],"on":true,"none":null}"#
        );
    }

    #[test]
    fn a_place_that_cannot_be_is_a_fault() {
        for path in ["list", "$.a[99999999]", "$[x]", "$.a.b"] {
            let mut root = serde_json::json!({ "a": 1 });
            assert!(place(&mut root, path).is_err(), "{path}");
        }
    }

    #[test]
    fn only_the_space_between_tokens_goes() {
        assert_eq!(
            compact("{\n  \"a b\": \"c\\\" d\",\n  \"e\": [1, 2.0]\n}"),
            r#"{"a b":"c\" d","e":[1,2.0]}"#
        );
    }

    #[test]
    fn a_free_form_call_is_its_one_string() {
        assert_eq!(free_text(r#"{"input":"ls -l"}"#), "ls -l");
        assert_eq!(free_text(r#"{"other":1}"#), r#"{"other":1}"#);
    }
}
