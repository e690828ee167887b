//! Is this a schema, and one that can be checked to the end? Asked before a request is made of it.

use serde_json::{Map, Value};

use super::super::failure::{Code, Failure, Outcome};
use super::super::typo::nearest;
use super::pattern;

/// What the value of a keyword has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// It decides nothing.
    Annotation,
    Types,
    Anything,
    List,
    Schema,
    Schemas,
    SchemaTable,
    Strings,
    StringsTable,
    Pattern,
    Number,
    /// A number above nothing.
    Step,
    Count,
    Flag,
    Reference,
}

const KEYWORDS: [(&str, Shape); 55] = [
    ("$schema", Shape::Annotation),
    ("$id", Shape::Annotation),
    ("$comment", Shape::Annotation),
    ("title", Shape::Annotation),
    ("description", Shape::Annotation),
    ("default", Shape::Annotation),
    ("example", Shape::Annotation),
    ("examples", Shape::Annotation),
    ("deprecated", Shape::Annotation),
    ("readOnly", Shape::Annotation),
    ("writeOnly", Shape::Annotation),
    ("format", Shape::Annotation),
    ("contentEncoding", Shape::Annotation),
    ("contentMediaType", Shape::Annotation),
    ("contentSchema", Shape::Annotation),
    ("discriminator", Shape::Annotation),
    ("$defs", Shape::SchemaTable),
    ("definitions", Shape::SchemaTable),
    ("$ref", Shape::Reference),
    ("type", Shape::Types),
    ("const", Shape::Anything),
    ("enum", Shape::List),
    ("allOf", Shape::Schemas),
    ("anyOf", Shape::Schemas),
    ("oneOf", Shape::Schemas),
    ("not", Shape::Schema),
    ("if", Shape::Schema),
    ("then", Shape::Schema),
    ("else", Shape::Schema),
    ("properties", Shape::SchemaTable),
    ("patternProperties", Shape::SchemaTable),
    ("additionalProperties", Shape::Schema),
    ("propertyNames", Shape::Schema),
    ("required", Shape::Strings),
    ("dependentRequired", Shape::StringsTable),
    ("dependentSchemas", Shape::SchemaTable),
    ("minProperties", Shape::Count),
    ("maxProperties", Shape::Count),
    ("items", Shape::Schema),
    ("prefixItems", Shape::Schemas),
    ("contains", Shape::Schema),
    ("minContains", Shape::Count),
    ("maxContains", Shape::Count),
    ("minItems", Shape::Count),
    ("maxItems", Shape::Count),
    ("uniqueItems", Shape::Flag),
    ("minLength", Shape::Count),
    ("maxLength", Shape::Count),
    ("pattern", Shape::Pattern),
    ("minimum", Shape::Number),
    ("maximum", Shape::Number),
    ("exclusiveMinimum", Shape::Number),
    ("exclusiveMaximum", Shape::Number),
    ("multipleOf", Shape::Step),
    // Google's own word for the order in which it writes fields.
    ("propertyOrdering", Shape::Annotation),
];

const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// Refuses what is no schema, and what could not be checked.
pub(super) fn check(schema: &Value) -> Outcome {
    let fault = Survey { root: schema }.schema(schema, "#");
    match fault {
        None => Ok(()),
        Some(why) => Err(Failure::new(Code::Usage, format!("--schema: {why}")).into()),
    }
}

struct Survey<'a> {
    root: &'a Value,
}

impl Survey<'_> {
    fn schema(&self, schema: &Value, at: &str) -> Option<String> {
        match schema {
            Value::Object(rules) => rules
                .iter()
                .find_map(|(key, value)| self.keyword(key, value, at)),
            Value::Bool(_) => None,
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Some(format!("{at} is no schema: an object, true or false"))
            }
        }
    }

    fn keyword(&self, key: &str, value: &Value, at: &str) -> Option<String> {
        if key.starts_with("x-") {
            return None;
        }
        let Some((_, shape)) = KEYWORDS.iter().find(|(name, _)| *name == key) else {
            let names = KEYWORDS.iter().map(|(name, _)| *name);
            let meant = match nearest(key, names, 1).first() {
                Some(name) => format!("; did you mean `{name}`?"),
                None => String::new(),
            };
            return Some(format!("`{key}` in {at} cannot be checked here{meant}"));
        };
        let here = format!("{at}/{key}");
        let wrong = |what: &str| Some(format!("{here} is no {what}"));
        match (shape, value) {
            (Shape::Annotation | Shape::Anything, _)
            | (Shape::List, Value::Array(_))
            | (Shape::Number, Value::Number(_))
            | (Shape::Flag, Value::Bool(_)) => None,
            (Shape::Schema, schema) => self.schema(schema, &here),
            (Shape::Schemas, Value::Array(list)) if !list.is_empty() => list
                .iter()
                .enumerate()
                .find_map(|(n, schema)| self.schema(schema, &format!("{here}/{n}"))),
            (Shape::SchemaTable, Value::Object(table)) => self.table(key, table, &here),
            (Shape::StringsTable, Value::Object(table)) => table
                .iter()
                .find(|(_, list)| !is_strings(list))
                .and_then(|(name, _)| wrong(&format!("list of names at `{name}`"))),
            (Shape::Strings, list) if is_strings(list) => None,
            (Shape::Count, count) if is_count(count) => None,
            (Shape::Step, step) if step.as_f64().is_some_and(|step| step > 0.0) => None,
            (Shape::Types, types) => {
                wrong_type(types).and_then(|name| wrong(&format!("type: {name}")))
            }
            (Shape::Pattern, Value::String(written)) => {
                pattern::fault(written).map(|why| format!("{here} cannot be used: {why}"))
            }
            (Shape::Reference, Value::String(to)) => self.reference(to, &here),
            (Shape::List, _) => wrong("list"),
            (Shape::Schemas, _) => wrong("list of schemas"),
            (Shape::SchemaTable, _) => wrong("object of schemas"),
            (Shape::Strings, _) => wrong("list of names"),
            (Shape::StringsTable, _) => wrong("object of lists of names"),
            (Shape::Pattern | Shape::Reference, _) => wrong("string"),
            (Shape::Number, _) => wrong("number"),
            (Shape::Step, _) => wrong("number above 0"),
            (Shape::Count, _) => wrong("whole number"),
            (Shape::Flag, _) => wrong("true or false"),
        }
    }

    fn table(&self, key: &str, table: &Map<String, Value>, at: &str) -> Option<String> {
        table.iter().find_map(|(name, schema)| {
            let here = format!("{at}/{name}");
            let fault = (key == "patternProperties")
                .then(|| pattern::fault(name))
                .flatten();
            match fault {
                Some(why) => Some(format!("{here} cannot be used: {why}")),
                None => self.schema(schema, &here),
            }
        })
    }

    fn reference(&self, to: &str, at: &str) -> Option<String> {
        let target = to.strip_prefix('#').map(|path| self.root.pointer(path));
        match target {
            Some(Some(Value::Object(_) | Value::Bool(_))) => None,
            Some(Some(_) | None) => Some(format!("{at}: there is no schema at `{to}`")),
            None => Some(format!(
                "{at}: only references within the schema (`#/…`) are followed"
            )),
        }
    }
}

fn is_strings(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| list.iter().all(Value::is_string))
}

fn is_count(value: &Value) -> bool {
    value.as_u64().is_some()
}

/// The part of `type` that is none.
fn wrong_type(types: &Value) -> Option<String> {
    let is_known = |one: &Value| one.as_str().is_some_and(|name| TYPES.contains(&name));
    match types {
        Value::Array(list) if !list.is_empty() => {
            list.iter().find(|one| !is_known(one)).map(Value::to_string)
        }
        one if is_known(one) => None,
        other => Some(other.to_string()),
    }
}
