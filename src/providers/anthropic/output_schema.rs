//! Schemas of answers and of strict tools, in the subset of JSON Schema that the API compiles.
//!
//! What the subset lacks but a model can heed (`minimum`, `maxLength`, …) moves into the description. What cannot be
//! said at all (recursion, open maps) is an error: there is no looser mode to fall back on.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A schema that the API takes.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) schema: Box<RawValue>,
    /// The keywords that are described to the model and no longer enforced.
    pub(super) described: Vec<String>,
}

impl Translated {
    /// The loss in words.
    pub(super) fn what_is_lost(&self) -> String {
        format!("described, not enforced: {}", self.described.join(", "))
    }
}

/// The API compiles at most this many optional properties in one request.
const MOST_OPTIONAL: usize = 24;

/// The API compiles at most this many properties of several types in one request.
const MOST_UNIONS: usize = 16;

/// Nesting beyond this is taken for an attack; no schema of a person's is so deep.
const MOST_DEEP: usize = 64;

const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Translates a schema; the error says what cannot be said.
pub(super) fn translate(schema: &str) -> Result<Translated, String> {
    let mut value: Value = serde_json::from_str(schema).map_err(|fault| fault.to_string())?;
    if !value.is_object() {
        return Err("the schema is not an object".to_owned());
    }
    refuse_recursion(&value)?;
    let mut walk = Walk::default();
    walk.schema(&mut value, 0)?;
    if walk.optional > MOST_OPTIONAL {
        return Err(format!(
            "it has more than {MOST_OPTIONAL} optional properties"
        ));
    }
    if walk.unions > MOST_UNIONS {
        return Err(format!(
            "it has more than {MOST_UNIONS} properties of several types"
        ));
    }
    let schema = serde_json::value::to_raw_value(&value).map_err(|fault| fault.to_string())?;
    Ok(Translated {
        schema,
        described: walk.described,
    })
}

#[derive(Default)]
struct Walk {
    described: Vec<String>,
    optional: usize,
    unions: usize,
}

impl Walk {
    fn schema(&mut self, schema: &mut Value, depth: usize) -> Result<(), String> {
        if depth > MOST_DEEP {
            return Err(format!("it is nested more than {MOST_DEEP} levels deep"));
        }
        let object = match schema {
            Value::Object(object) => object,
            Value::Bool(_) => return Err("a property without a type cannot be enforced".to_owned()),
            _ => return Err("a schema is not an object".to_owned()),
        };
        if let Some(target) = object.get("$ref") {
            if !target.as_str().is_some_and(|path| path.starts_with('#')) {
                return Err("`$ref` to another document is not supported".to_owned());
            }
            // What stands beside a reference is not looked at, but for the definitions at the root.
            object.retain(|key, _| matches!(key.as_str(), "$ref" | "$defs" | "definitions"));
        }
        if let Some(alternatives) = object.shift_remove("oneOf") {
            object.insert("anyOf".to_owned(), alternatives);
        }
        inline_single(object);
        self.keywords(object)?;
        self.object(object)?;
        self.inner(object, depth)
    }

    /// Keeps what the subset has; describes or refuses the rest.
    fn keywords(&mut self, object: &mut Map<String, Value>) -> Result<(), String> {
        let mut notes = Vec::new();
        let keys: Vec<String> = object.keys().cloned().collect();
        for key in keys {
            let Some(value) = object.get(&key) else {
                continue;
            };
            match verdict(&key, value)? {
                Verdict::Keep => {}
                Verdict::Drop => {
                    object.shift_remove(&key);
                }
                Verdict::Describe => {
                    notes.push(format!("{key}: {value}"));
                    if !self.described.contains(&key) {
                        self.described.push(key.clone());
                    }
                    object.shift_remove(&key);
                }
            }
        }
        if !notes.is_empty() {
            let notes = format!("({})", notes.join(", "));
            let description = match object.get("description").and_then(Value::as_str) {
                Some(text) if !text.is_empty() => format!("{text} {notes}"),
                _ => notes,
            };
            object.insert("description".to_owned(), description.into());
        }
        Ok(())
    }

    /// Closes objects, and counts what the API counts.
    fn object(&mut self, object: &mut Map<String, Value>) -> Result<(), String> {
        let is_union = object.get("type").is_some_and(Value::is_array);
        self.unions += usize::from(is_union || object.contains_key("anyOf"));
        let names_object = match object.get("type") {
            Some(Value::String(kind)) => kind == "object",
            Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
            _ => object.contains_key("properties"),
        };
        if !names_object {
            return Ok(());
        }
        if !matches!(
            object.get("additionalProperties"),
            None | Some(Value::Bool(false))
        ) {
            return Err("an object with any other properties cannot be enforced".to_owned());
        }
        object
            .entry("type")
            .or_insert_with(|| Value::String("object".to_owned()));
        object.insert("additionalProperties".to_owned(), Value::Bool(false));
        let required = match object.get("required") {
            Some(Value::Array(names)) => names.as_slice(),
            _ => &[],
        };
        if let Some(Value::Object(properties)) = object.get("properties") {
            self.optional += properties
                .keys()
                .filter(|name| !required.iter().any(|other| other == name.as_str()))
                .count();
        }
        Ok(())
    }

    fn inner(&mut self, object: &mut Map<String, Value>, depth: usize) -> Result<(), String> {
        for key in ["properties", "$defs", "definitions"] {
            if let Some(Value::Object(schemas)) = object.get_mut(key) {
                for schema in schemas.values_mut() {
                    self.schema(schema, depth + 1)?;
                }
            }
        }
        if let Some(items) = object.get_mut("items") {
            self.schema(items, depth + 1)?;
        }
        for key in ["anyOf", "allOf"] {
            if let Some(Value::Array(schemas)) = object.get_mut(key) {
                for schema in schemas {
                    if key == "allOf" && schema.get("$ref").is_some() {
                        return Err("`allOf` with `$ref` is not supported".to_owned());
                    }
                    self.schema(schema, depth + 1)?;
                }
            }
        }
        Ok(())
    }
}

enum Verdict {
    Keep,
    Drop,
    Describe,
}

fn verdict(key: &str, value: &Value) -> Result<Verdict, String> {
    let scalar = |value: &Value| !value.is_object() && !value.is_array();
    Ok(match key {
        "type"
        | "properties"
        | "required"
        | "additionalProperties"
        | "items"
        | "anyOf"
        | "allOf"
        | "$ref"
        | "$defs"
        | "definitions"
        | "title"
        | "description"
        | "default" => Verdict::Keep,
        "enum" => match value {
            Value::Array(values) if values.iter().all(scalar) => Verdict::Keep,
            _ => return Err("`enum` of objects or lists is not supported".to_owned()),
        },
        "const" if scalar(value) => Verdict::Keep,
        "const" => return Err("`const` of an object or list is not supported".to_owned()),
        "format" => match value.as_str() {
            Some(format) if FORMATS.contains(&format) => Verdict::Keep,
            _ => Verdict::Describe,
        },
        "minItems" => match value.as_u64() {
            Some(0 | 1) => Verdict::Keep,
            _ => Verdict::Describe,
        },
        "pattern" => match value.as_str() {
            Some(pattern) if is_simple(pattern) => Verdict::Keep,
            _ => Verdict::Describe,
        },
        "patternProperties" => {
            return Err("`patternProperties` is not supported".to_owned());
        }
        // Notes to people and tools, which constrain nothing.
        "$schema" | "$id" | "$comment" | "$anchor" | "examples" | "deprecated" | "readOnly"
        | "writeOnly" | "discriminator" | "nullable" => Verdict::Drop,
        // Limits, and keywords of newer drafts.
        _ => Verdict::Describe,
    })
}

/// Look-around and back-references are beyond the API's regular expressions.
fn is_simple(pattern: &str) -> bool {
    !["(?=", "(?!", "(?<", "\\b", "\\B", "\\1", "\\k"]
        .iter()
        .any(|beyond| pattern.contains(beyond))
}

/// `allOf` of one schema is that schema: pydantic writes references so.
fn inline_single(object: &mut Map<String, Value>) {
    let single = matches!(object.get("allOf"), Some(Value::Array(list)) if list.len() == 1);
    if !single {
        return;
    }
    if let Some(Value::Array(mut list)) = object.shift_remove("allOf")
        && let Some(Value::Object(only)) = list.pop()
    {
        if only.contains_key("$ref") {
            object.retain(|key, _| matches!(key.as_str(), "$defs" | "definitions"));
        }
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

/// Follows every definition's references: one that reaches itself is recursive.
fn refuse_recursion(root: &Value) -> Result<(), String> {
    let mut edges: Vec<(String, Vec<String>)> = Vec::new();
    for key in ["$defs", "definitions"] {
        if let Some(Value::Object(definitions)) = root.get(key) {
            for (name, schema) in definitions {
                let mut targets = Vec::new();
                references(schema, &mut targets);
                edges.push((format!("#/{key}/{name}"), targets));
            }
        }
    }
    let mut all = Vec::new();
    references(root, &mut all);
    if all.iter().any(|target| target == "#") {
        return Err("a recursive schema is not supported".to_owned());
    }
    for (start, _) in &edges {
        let mut seen: Vec<&str> = Vec::new();
        let mut next: Vec<&str> = vec![start];
        while let Some(name) = next.pop() {
            let targets = edges.iter().find(|(from, _)| from == name);
            for target in targets.iter().flat_map(|(_, targets)| targets) {
                if target == start {
                    return Err("a recursive schema is not supported".to_owned());
                }
                if !seen.contains(&target.as_str()) {
                    seen.push(target);
                    next.push(target);
                }
            }
        }
    }
    Ok(())
}

fn references(schema: &Value, out: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(target)) = object.get("$ref") {
                out.push(target.clone());
            }
            object.values().for_each(|inner| references(inner, out));
        }
        Value::Array(list) => list.iter().for_each(|inner| references(inner, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
#[path = "output_schema_tests.rs"]
mod tests;
