//! Does an answer fit its schema? A small part of JSON Schema, the part that models are asked for.
//!
//! Checked: `type`, `enum`, `const`, `required`, `properties`, `additionalProperties`, `items`, `anyOf`, `allOf`,
//! `oneOf` and `$ref` within the schema. Ranges, patterns and formats are not: a full validator would double what
//! this binary links for a check that scripts repeat on their own values anyway.

use serde_json::Value;

/// References may nest so deep; a schema that refers to itself for ever says nothing more.
const DEEPEST: usize = 64;

/// Why `value` does not fit, with the path of the place; `None` if it does.
pub(crate) fn misfit(schema: &Value, value: &Value) -> Option<String> {
    Check { root: schema }.misfit(schema, value, "answer", 0)
}

/// The JSON in an answer: some models put it into a fence although they were asked not to.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let trimmed = text.trim();
    let inner = trimmed
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .and_then(|rest| rest.split_once('\n'))
        .map_or(trimmed, |(_, body)| body);
    serde_json::from_str(inner)
}

struct Check<'a> {
    root: &'a Value,
}

impl Check<'_> {
    fn misfit(&self, schema: &Value, value: &Value, path: &str, depth: usize) -> Option<String> {
        let Value::Object(rules) = schema else {
            return (schema == &Value::Bool(false)).then(|| format!("{path} must not be there"));
        };
        if depth > DEEPEST {
            return None;
        }
        let deeper =
            |schema: &Value, value: &Value, path: &str| self.misfit(schema, value, path, depth + 1);
        if let Some(target) = rules
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|to| self.resolve(to))
            && let Some(why) = deeper(target, value, path)
        {
            return Some(why);
        }
        if let Some(expected) = rules.get("type")
            && !has_type(expected, value)
        {
            return Some(format!(
                "{path} is {}, not {}",
                type_name(value),
                words(expected)
            ));
        }
        if rules.get("const").is_some_and(|only| only != value) {
            return Some(format!("{path} is not the one value allowed"));
        }
        if let Some(Value::Array(options)) = rules.get("enum")
            && !options.contains(value)
        {
            return Some(format!("{path} is none of the values allowed"));
        }
        let list = |key: &str| rules.get(key).and_then(Value::as_array);
        if let Some(why) =
            list("allOf").and_then(|all| all.iter().find_map(|one| deeper(one, value, path)))
        {
            return Some(why);
        }
        if let Some(any) = list("anyOf").or_else(|| list("oneOf"))
            && any.iter().all(|one| deeper(one, value, path).is_some())
        {
            return Some(format!("{path} fits none of the forms allowed"));
        }
        match value {
            Value::Object(fields) => self.object(rules, fields, path, depth),
            Value::Array(entries) => {
                let items = rules.get("items")?;
                let mut entries = entries.iter().enumerate();
                entries.find_map(|(at, entry)| deeper(items, entry, &format!("{path}[{at}]")))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }

    fn object(
        &self,
        rules: &serde_json::Map<String, Value>,
        fields: &serde_json::Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Option<String> {
        let required = rules
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for name in required.filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Some(format!("{path}.{name} is missing"));
            }
        }
        let properties = rules.get("properties").and_then(Value::as_object);
        fields.iter().find_map(|(name, value)| {
            let schema = properties
                .and_then(|known| known.get(name))
                .or_else(|| rules.get("additionalProperties"))?;
            self.misfit(schema, value, &format!("{path}.{name}"), depth + 1)
        })
    }

    fn resolve(&self, reference: &str) -> Option<&Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }
}

fn has_type(expected: &Value, value: &Value) -> bool {
    match expected {
        Value::String(name) => match name.as_str() {
            "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            other => type_name(value) == other,
        },
        Value::Array(any) => any.iter().any(|one| has_type(one, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn words(expected: &Value) -> String {
    match expected {
        Value::String(name) => name.clone(),
        Value::Array(any) => any.iter().map(words).collect::<Vec<_>>().join(" or "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => expected.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, answer: &str, expect: Option<&str>) {
        let schema = serde_json::from_str(schema).unwrap();
        assert_eq!(
            misfit(&schema, &parse(answer).unwrap()).as_deref(),
            expect,
            "{answer}"
        );
    }

    #[test]
    fn an_answer_fits_or_the_place_is_named() {
        let person = r##"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},
            "kind":{"enum":["a","b"]},"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},
            "required":["name","age"],"additionalProperties":false}"##;
        check(person, r#"{"name":"Ada","age":36}"#, None);
        check(person, r#"{"name":"Ada"}"#, Some("answer.age is missing"));
        check(
            person,
            r#"{"name":"Ada","age":"36"}"#,
            Some("answer.age is string, not integer"),
        );
        check(
            person,
            r#"{"name":"Ada","age":36.5}"#,
            Some("answer.age is number, not integer"),
        );
        check(
            person,
            r#"{"name":"Ada","age":1,"x":1}"#,
            Some("answer.x must not be there"),
        );
        check(
            person,
            r#"{"name":"Ada","age":1,"kind":"c"}"#,
            Some("answer.kind is none of the values allowed"),
        );
        check(
            person,
            r#"{"name":"A","age":1,"next":{"name":"B","age":2,"next":null}}"#,
            None,
        );
        check(
            person,
            r#"{"name":"A","age":1,"next":{"name":"B"}}"#,
            Some("answer.next fits none of the forms allowed"),
        );
        check(
            r#"{"type":"array","items":{"type":"number"}}"#,
            "[1,2,\"3\"]",
            Some("answer[2] is string, not number"),
        );
    }

    #[test]
    fn a_fence_around_the_answer_is_taken_off() {
        check(r#"{"type":"object"}"#, "```json\n{}\n```", None);
    }
}
