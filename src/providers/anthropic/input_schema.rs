//! Schemas of tools' arguments: what the API demands of their roots, without touching what it takes as it is.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::canonical::part::Json;

/// What the root says, as far as the API looks at it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Root<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(default)]
    any_of: Option<IgnoredAny>,
    #[serde(default)]
    one_of: Option<IgnoredAny>,
    #[serde(default)]
    all_of: Option<IgnoredAny>,
}

/// The schema with an object at its root, byte for byte where it has one. The error says why that cannot be.
///
/// The root must say `type: object` and have no `anyOf`, `oneOf`, `allOf`; the draft must be 2020-12, which has no
/// boolean `exclusiveMinimum`.
pub(super) fn rooted(schema: &str) -> Result<Cow<'_, RawValue>, String> {
    let Ok(root) = serde_json::from_str::<Root<'_>>(schema) else {
        // `null`, `true` and other values that are no object describe no arguments.
        return written(&json!({"type": "object", "properties": {}}));
    };
    let plain = root.kind.is_some_and(|kind| kind.get() == "\"object\"")
        && root.any_of.is_none()
        && root.one_of.is_none()
        && root.all_of.is_none()
        && !schema.contains("\"exclusiveM");
    if plain && let Ok(raw) = serde_json::from_str::<&RawValue>(schema) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value: Value = serde_json::from_str(schema).map_err(|fault| fault.to_string())?;
    modernise(&mut value);
    if let Some(root) = value.as_object_mut() {
        merge_alternatives(root)?;
        match root.get("type") {
            Some(Value::String(kind)) if kind != "object" => {
                return Err(format!("the arguments are of type `{kind}`, not an object"));
            }
            _ => {
                root.insert("type".to_owned(), "object".into());
            }
        }
    }
    written(&value)
}

fn written<'a>(value: &Value) -> Result<Cow<'a, RawValue>, String> {
    Json::of(value)
        .map(|json| Cow::Owned(json.0))
        .map_err(|fault| fault.to_string())
}

/// Turns draft-04's boolean `exclusiveMinimum` and `exclusiveMaximum` into numbers, everywhere.
fn modernise(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (exclusive, bound) in [
                ("exclusiveMinimum", "minimum"),
                ("exclusiveMaximum", "maximum"),
            ] {
                match object.get(exclusive) {
                    Some(Value::Bool(true)) => match object.shift_remove(bound) {
                        Some(number) => {
                            object.insert(exclusive.to_owned(), number);
                        }
                        None => {
                            object.shift_remove(exclusive);
                        }
                    },
                    Some(Value::Bool(false)) => {
                        object.shift_remove(exclusive);
                    }
                    _ => {}
                }
            }
            object.values_mut().for_each(modernise);
        }
        Value::Array(list) => list.iter_mut().for_each(modernise),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Merges the alternatives at the root into one list of properties. Of `anyOf` and `oneOf` only what all alternatives
/// require stays required; of `allOf` everything.
fn merge_alternatives(root: &mut Map<String, Value>) -> Result<(), String> {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let Some(alternatives) = root.shift_remove(keyword) else {
            continue;
        };
        let Value::Array(alternatives) = alternatives else {
            return Err(format!("`{keyword}` at the root is not a list"));
        };
        let mut required: Option<Vec<Value>> = None;
        for alternative in alternatives {
            let Value::Object(mut alternative) = alternative else {
                return Err(format!("`{keyword}` at the root holds more than objects"));
            };
            let is_object = matches!(alternative.get("type"), None | Some(Value::String(_)))
                && alternative.get("type").is_none_or(|kind| kind == "object");
            if !is_object || alternative.contains_key("$ref") {
                return Err(format!(
                    "`{keyword}` at the root cannot be merged into one object"
                ));
            }
            let theirs = match alternative.shift_remove("required") {
                Some(Value::Array(names)) => names,
                _ => Vec::new(),
            };
            required = Some(match required {
                None => theirs,
                Some(known) if keyword == "allOf" => union(known, theirs),
                Some(known) => known
                    .into_iter()
                    .filter(|name| theirs.contains(name))
                    .collect(),
            });
            if let Some(Value::Object(properties)) = alternative.shift_remove("properties") {
                take_properties(root, properties);
            }
        }
        let known = match root.shift_remove("required") {
            Some(Value::Array(names)) => names,
            _ => Vec::new(),
        };
        let all = union(known, required.unwrap_or_default());
        if !all.is_empty() {
            root.insert("required".to_owned(), Value::Array(all));
        }
    }
    Ok(())
}

/// Adds properties. A property that two alternatives describe differently may be either.
fn take_properties(root: &mut Map<String, Value>, properties: Map<String, Value>) {
    let Some(known) = root
        .entry("properties")
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
    else {
        return;
    };
    for (name, schema) in properties {
        match known.get_mut(&name) {
            None => {
                known.insert(name, schema);
            }
            Some(same) if *same == schema => {}
            Some(other) => {
                let first = other.take();
                *other = match first {
                    Value::Object(mut object)
                        if object.len() == 1
                            && object.get("anyOf").is_some_and(Value::is_array) =>
                    {
                        if let Some(Value::Array(list)) = object.get_mut("anyOf") {
                            list.push(schema);
                        }
                        Value::Object(object)
                    }
                    first => json!({"anyOf": [first, schema]}),
                };
            }
        }
    }
}

fn union(mut known: Vec<Value>, more: Vec<Value>) -> Vec<Value> {
    for name in more {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, expect: &str) {
        assert_eq!(rooted(schema).unwrap().get(), expect, "{schema}");
    }

    #[test]
    fn a_schema_that_is_taken_is_not_touched() {
        let schema = r#"{ "type":"object",  "properties":{"a":{"minimum":1.0}} }"#;
        check(schema, schema);
    }

    #[test]
    fn a_root_without_type_gets_one() {
        check("null", r#"{"type":"object","properties":{}}"#);
        check("{}", r#"{"type":"object"}"#);
        check(
            r#"{"properties":{"a":{}}}"#,
            r#"{"properties":{"a":{}},"type":"object"}"#,
        );
    }

    #[test]
    fn alternatives_at_the_root_are_merged() {
        check(
            r#"{"anyOf":[{"type":"object","properties":{"k":{"const":"a"},"x":{"type":"string"}},"required":["k","x"]},
                {"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}]}"#,
            r#"{"properties":{"k":{"anyOf":[{"const":"a"},{"const":"b"}]},"x":{"type":"string"}},"required":["k"],"type":"object"}"#,
        );
    }

    #[test]
    fn old_exclusive_bounds_become_numbers() {
        check(
            r#"{"type":"object","properties":{"n":{"type":"integer","minimum":0,"exclusiveMinimum":true,"exclusiveMaximum":false}}}"#,
            r#"{"type":"object","properties":{"n":{"type":"integer","exclusiveMinimum":0}}}"#,
        );
    }

    #[test]
    fn arguments_that_are_no_object_are_refused() {
        assert!(rooted(r#"{"type":"array"}"#).is_err());
        assert!(rooted(r##"{"anyOf":[{"$ref":"#/$defs/a"}]}"##).is_err());
    }
}
