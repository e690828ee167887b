//! Schemas that must hold at once, made into one.

use serde_json::{Map, Value};

use super::strings;

type Schema = Map<String, Value>;

/// Beyond this a schema multiplies its branches without end.
const MOST_WAYS: usize = 64;

/// Every way of the one with every way of the other.
pub(super) fn product(one: &[Schema], other: &[Schema]) -> Vec<Schema> {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| merged(a, b)).take(MOST_WAYS).collect()
}

/// A schema that asks for what both ask for.
fn merged(one: &Schema, other: &Schema) -> Schema {
    let mut both = one.clone();
    for (key, value) in other {
        let value = match both.get(key) {
            Some(known) => merged_keyword(key, known, value),
            None => value.clone(),
        };
        both.insert(key.clone(), value);
    }
    both
}

fn merged_keyword(key: &str, known: &Value, new: &Value) -> Value {
    let largest = |pick: fn(f64, f64) -> bool| match (known.as_f64(), new.as_f64()) {
        (Some(a), Some(b)) if pick(b, a) => new.clone(),
        (None, Some(_)) => new.clone(),
        _ => known.clone(),
    };
    match key {
        "properties" => match (known, new) {
            (Value::Object(a), Value::Object(b)) => {
                let mut all = a.clone();
                for (name, schema) in b {
                    let schema = match all.get(name) {
                        Some(known) => serde_json::json!({ "allOf": [known, schema] }),
                        None => schema.clone(),
                    };
                    all.insert(name.clone(), schema);
                }
                Value::Object(all)
            }
            _ => new.clone(),
        },
        "required" => {
            let mut names = strings(Some(known));
            names.extend(strings(Some(new)));
            let mut seen: Vec<&str> = Vec::new();
            names.retain(|name| {
                !seen.contains(name) && {
                    seen.push(name);
                    true
                }
            });
            Value::from(names)
        }
        "enum" => both_lists(known, new),
        "type" => {
            let as_list = |value: &Value| match value {
                Value::Array(_) => value.clone(),
                one => Value::Array(vec![one.clone()]),
            };
            both_lists(&as_list(known), &as_list(new))
        }
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            largest(|new, known| new > known)
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" => {
            largest(|new, known| new < known)
        }
        _ => new.clone(),
    }
}

fn both_lists(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Array(a), Value::Array(b)) => a
            .iter()
            .filter(|value| b.contains(value))
            .cloned()
            .collect(),
        _ => other.clone(),
    }
}
