//! JSON Schema as Google's `…JsonSchema` fields understand it.
//!
//! They know a subset, and ignore or refuse the rest. What has a form there is rewritten, what has none is taken out
//! and, where it says something of the value, told to the model in the description. A schema that needs no change goes
//! out byte for byte. From ai.google.dev, "Structured output: JSON Schema support", November 2026.

use std::borrow::Cow;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use crate::canonical::open::type_name;
use crate::canonical::part::Json;
use crate::wire::gemini::request::Raw;

/// Keywords without an equivalent; a note in the description takes their place.
const NOTED: [&str; 14] = [
    "pattern",
    "minLength",
    "maxLength",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contains",
    "propertyNames",
    "not",
    "dependentRequired",
    "patternProperties",
];

/// Keywords without an equivalent that say nothing short enough for a description.
const DROPPED: [&str; 9] = [
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contentEncoding",
    "contentMediaType",
];

/// A schema in Google's form.
#[derive(Debug)]
pub(super) struct Adapted<'a> {
    /// The schema.
    pub(super) schema: Raw<'a>,
    /// The keywords that are not enforced any more, in order of appearance.
    pub(super) unenforced: Vec<String>,
}

/// Puts a schema into Google's form. `None` for what is no object.
pub(super) fn adapt(schema: &Json) -> Option<Adapted<'_>> {
    // A raw value is JSON already: only its depth can be a fault, and then it is no schema that anybody takes.
    let mut value: Value = serde_json::from_str(schema.get()).ok()?;
    if !value.is_object() {
        return None;
    }
    let mut walk = Walk::default();
    walk.node(&mut value);
    let schema = if walk.changed {
        Cow::Owned(to_raw_value(&value).ok()?)
    } else {
        Cow::Borrowed(&*schema.0)
    };
    Some(Adapted {
        schema,
        unenforced: walk.unenforced,
    })
}

/// Does the schema allow no property at all? Then a function is declared without parameters.
pub(super) fn is_empty(schema: &RawValue) -> bool {
    serde_json::from_str::<Map<String, Value>>(schema.get()).is_ok_and(|map| {
        let none = |key: &str| {
            map.get(key)
                .is_none_or(|v| v.as_object().is_some_and(Map::is_empty))
        };
        none("properties")
            && ["$ref", "anyOf", "oneOf", "additionalProperties", "allOf"]
                .iter()
                .all(|key| matches!(map.get(*key), None | Some(Value::Bool(false))))
    })
}

#[derive(Default)]
struct Walk {
    changed: bool,
    unenforced: Vec<String>,
}

impl Walk {
    fn node(&mut self, value: &mut Value) {
        let Value::Object(map) = value else { return };
        self.reference(map);
        self.all_of(map);
        self.constant(map);
        self.scalars(map);
        self.definitions(map);
        self.unsupported(map);
        for (key, child) in map.iter_mut() {
            match (key.as_str(), child) {
                ("properties" | "$defs", Value::Object(children)) => {
                    for child in children.values_mut() {
                        self.node(child);
                    }
                }
                ("anyOf" | "oneOf" | "prefixItems", Value::Array(children)) => {
                    for child in children {
                        self.node(child);
                    }
                }
                ("items" | "additionalProperties", child) => self.node(child),
                _ => {}
            }
        }
    }

    /// Beside `$ref` only keys that begin with `$` may stand.
    fn reference(&mut self, map: &mut Map<String, Value>) {
        let Some(Value::String(target)) = map.get_mut("$ref") else {
            return;
        };
        if let Some(rest) = target.strip_prefix("#/definitions/") {
            *target = format!("#/$defs/{rest}");
            self.changed = true;
        }
        let before = map.len();
        map.retain(|key, _| key.starts_with('$') || key == "definitions");
        self.changed |= map.len() != before;
    }

    /// One branch moves in; several are merged, as far as they are objects.
    fn all_of(&mut self, map: &mut Map<String, Value>) {
        let Some(Value::Array(branches)) = map.get("allOf") else {
            return;
        };
        let branches = branches.clone();
        map.shift_remove("allOf");
        self.changed = true;
        for branch in branches {
            let Value::Object(branch) = branch else {
                continue;
            };
            for (key, value) in branch {
                merge(map, key, value);
            }
        }
        // A reference among the branches would stand beside other keys.
        self.reference(map);
    }

    fn constant(&mut self, map: &mut Map<String, Value>) {
        if let Some(value) = map.shift_remove("const") {
            map.entry("enum")
                .or_insert_with(|| Value::Array(vec![value]));
            self.changed = true;
        }
    }

    /// Only strings and numbers may be enumerated. `null` is said by the type; the rest is left to the type alone.
    fn scalars(&mut self, map: &mut Map<String, Value>) {
        let Some(Value::Array(values)) = map.get_mut("enum") else {
            return;
        };
        if values.iter().all(|v| v.is_string() || v.is_number()) {
            return;
        }
        self.changed = true;
        let plain = values
            .iter()
            .all(|v| v.is_string() || v.is_number() || v.is_null());
        let types: Vec<&'static str> = values.iter().map(type_name).collect();
        values.retain(|v| !v.is_null());
        if plain && !values.is_empty() {
            // With a type of its own, the schema says whether null may stand.
            if !map.contains_key("type") {
                map.insert("type".to_owned(), union(&types));
            }
            return;
        }
        map.shift_remove("enum");
        if !map.contains_key("type") {
            map.insert("type".to_owned(), union(&types));
        }
        self.unenforced.push("enum".to_owned());
    }

    fn definitions(&mut self, map: &mut Map<String, Value>) {
        if map.get("definitions").is_some_and(Value::is_object)
            && let Some(definitions) = map.shift_remove("definitions")
        {
            merge(map, "$defs".to_owned(), definitions);
            self.changed = true;
        }
    }

    fn unsupported(&mut self, map: &mut Map<String, Value>) {
        let mut notes = Vec::new();
        for key in NOTED {
            if let Some(value) = map.shift_remove(key) {
                notes.push(format!("{key}: {value}"));
                self.unenforced.push(key.to_owned());
            }
        }
        for key in DROPPED {
            if map.shift_remove(key).is_some() {
                self.unenforced.push(key.to_owned());
                self.changed = true;
            }
        }
        if notes.is_empty() {
            return;
        }
        self.changed = true;
        let notes = notes.join(", ");
        let text = match map.get("description").and_then(Value::as_str) {
            Some(text) if !text.is_empty() => format!("{text} ({notes})"),
            _ => notes,
        };
        map.insert("description".to_owned(), text.into());
    }
}

/// Objects and lists grow together; of other values the first stands.
fn merge(map: &mut Map<String, Value>, key: String, value: Value) {
    match (map.get_mut(&key), value) {
        (None, value) => {
            map.insert(key, value);
        }
        (Some(Value::Object(into)), Value::Object(from)) => {
            for (key, value) in from {
                merge(into, key, value);
            }
        }
        (Some(Value::Array(into)), Value::Array(from)) if key == "required" => {
            for value in from {
                if !into.contains(&value) {
                    into.push(value);
                }
            }
        }
        (Some(_), _) => {}
    }
}

fn union(types: &[&'static str]) -> Value {
    let mut each: Vec<&'static str> = Vec::new();
    for name in types {
        if !each.contains(name) {
            each.push(name);
        }
    }
    match each.as_slice() {
        [one] => Value::from(*one),
        _ => Value::from(each),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, expect: &str, unenforced: &[&str]) {
        let json: Json = serde_json::from_str(schema).unwrap();
        let adapted = adapt(&json).unwrap();
        assert_eq!(adapted.schema.get(), expect);
        assert_eq!(adapted.unenforced, unenforced);
    }

    #[test]
    fn a_schema_that_fits_is_left_byte_for_byte() {
        let schema = r#"{ "type":"object", "properties": {"a": {"type": ["string","null"]}} }"#;
        check(schema, schema, &[]);
    }

    #[test]
    fn a_constant_becomes_an_enumeration() {
        check(r#"{"const":"x"}"#, r#"{"enum":["x"]}"#, &[]);
        check(
            r#"{"enum":["a",null]}"#,
            r#"{"enum":["a"],"type":["string","null"]}"#,
            &[],
        );
        check(r#"{"const":true}"#, r#"{"type":"boolean"}"#, &["enum"]);
    }

    #[test]
    fn definitions_move_and_references_follow() {
        check(
            r##"{"properties":{"a":{"$ref":"#/definitions/A","description":"d"}},"definitions":{"A":{"type":"string"}}}"##,
            r##"{"properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"string"}}}"##,
            &[],
        );
    }

    #[test]
    fn what_cannot_be_enforced_is_told_to_the_model() {
        check(
            r#"{"type":"string","pattern":"^a","minLength":2,"description":"name"}"#,
            r#"{"type":"string","description":"name (pattern: \"^a\", minLength: 2)"}"#,
            &["pattern", "minLength"],
        );
    }

    #[test]
    fn all_of_is_merged() {
        check(
            r#"{"type":"object","properties":{"a":{"type":"string"}},"allOf":[{"properties":{"b":{"type":"number"}},"required":["b"]}]}"#,
            r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"number"}},"required":["b"]}"#,
            &[],
        );
    }

    #[test]
    fn a_schema_without_properties_is_empty() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        assert!(is_empty(&raw(
            r#"{"type":"object","properties":{},"additionalProperties":false}"#
        )));
        assert!(!is_empty(&raw(r#"{"properties":{"a":{}}}"#)));
        assert!(!is_empty(&raw(r#"{"additionalProperties":true}"#)));
    }
}
