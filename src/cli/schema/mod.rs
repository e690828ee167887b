//! Does an answer fit its schema? JSON Schema 2020-12 without what models are never asked for.
//!
//! What is not checked here is refused by name before anything is sent ([`sound::check`]), so that "it fits" always
//! means the whole schema. `format` and the other annotations do not decide, as the standard has it. A full validator
//! would bring four dozen crates into this binary, for references over the network that nobody wants followed.

use serde_json::{Map, Value};

use super::failure::Outcome;
use crate::canonical::open::type_name;

mod number;
mod pattern;
mod sound;

#[cfg(test)]
mod tests;

/// So many references in a row that lead no deeper into the answer: the schema refers to itself.
const MOST_REFERENCES: usize = 64;

/// Refuses a schema that is none, or that says what cannot be checked here.
pub(crate) fn check(schema: &Value) -> Outcome {
    sound::check(schema)
}

/// Why `value` does not fit, with the path of the place; `None` if it does.
pub(crate) fn misfit(schema: &Value, value: &Value) -> Option<String> {
    let place = Place {
        root: schema,
        path: "answer".to_owned(),
        references: 0,
    };
    place.misfit(schema, value)
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

/// A place in the answer.
struct Place<'a> {
    root: &'a Value,
    path: String,
    /// References since the last step into the answer.
    references: usize,
}

type Rules = Map<String, Value>;

impl Place<'_> {
    fn misfit(&self, schema: &Value, value: &Value) -> Option<String> {
        let Value::Object(rules) = schema else {
            return (schema == &Value::Bool(false)).then(|| self.say("must not be there"));
        };
        self.reference(rules, value)
            .or_else(|| self.kind(rules, value))
            .or_else(|| self.combinations(rules, value))
            .or_else(|| match value {
                Value::Object(fields) => self.object(rules, fields, value),
                Value::Array(entries) => self.array(rules, entries),
                Value::String(text) => self.string(rules, text),
                Value::Number(number) => number::misfit(rules, number).map(|why| self.say(&why)),
                Value::Null | Value::Bool(_) => None,
            })
    }

    fn say(&self, what: &str) -> String {
        format!("{} {what}", self.path)
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        self.misfit(schema, value).is_none()
    }

    fn inside(&self, step: &str) -> Self {
        Self {
            root: self.root,
            path: format!("{}{step}", self.path),
            references: 0,
        }
    }

    fn reference(&self, rules: &Rules, value: &Value) -> Option<String> {
        let to = rules.get("$ref")?.as_str()?;
        if self.references > MOST_REFERENCES {
            return Some(self.say("cannot be checked: the schema refers to itself for ever"));
        }
        let target = self.root.pointer(to.strip_prefix('#')?)?;
        let there = Self {
            root: self.root,
            path: self.path.clone(),
            references: self.references + 1,
        };
        there.misfit(target, value)
    }

    fn kind(&self, rules: &Rules, value: &Value) -> Option<String> {
        if let Some(expected) = rules.get("type")
            && !has_type(expected, value)
        {
            let what = format!("is {}, not {}", type_name(value), words(expected));
            return Some(self.say(&what));
        }
        if rules.get("const").is_some_and(|only| !same(only, value)) {
            return Some(self.say("is not the one value allowed"));
        }
        if let Some(Value::Array(options)) = rules.get("enum")
            && !options.iter().any(|option| same(option, value))
        {
            return Some(self.say("is none of the values allowed"));
        }
        None
    }

    fn combinations(&self, rules: &Rules, value: &Value) -> Option<String> {
        let list = |key: &str| rules.get(key).and_then(Value::as_array);
        let fits = |schema: &&Value| self.fits(schema, value);
        if let Some(why) = list("allOf")
            .into_iter()
            .flatten()
            .find_map(|one| self.misfit(one, value))
        {
            return Some(why);
        }
        if list("anyOf").is_some_and(|any| !any.iter().any(|one| fits(&one))) {
            return Some(self.say("fits none of the forms allowed"));
        }
        if let Some(one) = list("oneOf") {
            match one.iter().filter(fits).count() {
                0 => return Some(self.say("fits none of the forms allowed")),
                1 => {}
                _ => return Some(self.say("fits several forms where only one is allowed")),
            }
        }
        if rules.get("not").is_some_and(|not| fits(&not)) {
            return Some(self.say("has a form that is not allowed"));
        }
        let branch = match rules.get("if") {
            Some(condition) if fits(&condition) => "then",
            Some(_) => "else",
            None => return None,
        };
        self.misfit(rules.get(branch)?, value)
    }

    fn object(&self, rules: &Rules, fields: &Rules, whole: &Value) -> Option<String> {
        let required = strings(rules.get("required"));
        if let Some(name) = required
            .into_iter()
            .find(|name| !fields.contains_key(*name))
        {
            return Some(self.inside(&format!(".{name}")).say("is missing"));
        }
        if let Some(why) = size(rules, ("minProperties", "maxProperties"), fields.len()) {
            return Some(self.say(&format!("has {} fields, {why}", fields.len())));
        }
        self.dependencies(rules, fields, whole).or_else(|| {
            fields
                .iter()
                .find_map(|(name, value)| self.field(rules, name, value))
        })
    }

    fn dependencies(&self, rules: &Rules, fields: &Rules, whole: &Value) -> Option<String> {
        let table = |key: &str| {
            let table = rules.get(key).and_then(Value::as_object);
            table
                .into_iter()
                .flatten()
                .filter(|(name, _)| fields.contains_key(*name))
        };
        for (name, needed) in table("dependentRequired") {
            if let Some(missing) = strings(Some(needed))
                .into_iter()
                .find(|one| !fields.contains_key(*one))
            {
                let what = format!("is missing, which `{name}` asks for");
                return Some(self.inside(&format!(".{missing}")).say(&what));
            }
        }
        table("dependentSchemas").find_map(|(_, schema)| self.misfit(schema, whole))
    }

    fn field(&self, rules: &Rules, name: &str, value: &Value) -> Option<String> {
        let there = self.inside(&format!(".{name}"));
        if let Some(names) = rules.get("propertyNames")
            && !self.fits(names, &Value::String(name.to_owned()))
        {
            return Some(there.say("has a name that is not allowed"));
        }
        let table = |key: &str| rules.get(key).and_then(Value::as_object);
        let named = table("properties").and_then(|known| known.get(name));
        let mut known = named.is_some();
        if let Some(why) = named.and_then(|schema| there.misfit(schema, value)) {
            return Some(why);
        }
        for (written, schema) in table("patternProperties").into_iter().flatten() {
            if pattern::matches(written, name) {
                known = true;
                if let Some(why) = there.misfit(schema, value) {
                    return Some(why);
                }
            }
        }
        match rules.get("additionalProperties") {
            Some(others) if !known => there.misfit(others, value),
            Some(_) | None => None,
        }
    }

    fn array(&self, rules: &Rules, entries: &[Value]) -> Option<String> {
        if let Some(why) = size(rules, ("minItems", "maxItems"), entries.len()) {
            return Some(self.say(&format!("has {} entries, {why}", entries.len())));
        }
        let unique = rules.get("uniqueItems") == Some(&Value::Bool(true));
        let is_double =
            |(at, entry): (usize, &Value)| entries.iter().take(at).any(|other| same(other, entry));
        if unique && entries.iter().enumerate().any(is_double) {
            return Some(self.say("has the same entry twice"));
        }
        if let Some(wanted) = rules.get("contains") {
            let found = entries
                .iter()
                .filter(|entry| self.fits(wanted, entry))
                .count();
            let least = rules
                .get("minContains")
                .and_then(Value::as_u64)
                .unwrap_or(1);
            if (found as u64) < least {
                return Some(self.say("lacks an entry that has to be there"));
            }
            if above(rules, "maxContains", found) {
                return Some(self.say("has too many entries of one form"));
            }
        }
        let first = rules.get("prefixItems").and_then(Value::as_array);
        entries.iter().enumerate().find_map(|(at, entry)| {
            let schema = first
                .and_then(|list| list.get(at))
                .or_else(|| rules.get("items"))?;
            self.inside(&format!("[{at}]")).misfit(schema, entry)
        })
    }

    fn string(&self, rules: &Rules, text: &str) -> Option<String> {
        let length = text.chars().count();
        if let Some(why) = size(rules, ("minLength", "maxLength"), length) {
            return Some(self.say(&format!("has {length} characters, {why}")));
        }
        let written = rules.get("pattern")?.as_str()?;
        (!pattern::matches(written, text)).then(|| self.say(&format!("does not match `{written}`")))
    }
}

fn above(rules: &Rules, key: &str, size: usize) -> bool {
    let most = rules.get(key).and_then(Value::as_u64);
    most.is_some_and(|most| size as u64 > most)
}

/// What is wrong with a size, if anything is.
fn size(rules: &Rules, (least, most): (&str, &str), size: usize) -> Option<String> {
    let limit = |key| rules.get(key).and_then(Value::as_u64);
    match (limit(least), limit(most)) {
        (Some(limit), _) if (size as u64) < limit => {
            Some(format!("and has to have {limit} at least"))
        }
        (_, Some(limit)) if size as u64 > limit => Some(format!("and may have {limit} at most")),
        _ => None,
    }
}

fn strings(list: Option<&Value>) -> Vec<&str> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

/// Equal as JSON Schema has it: 1 and 1.0 are one number, and the order of fields says nothing.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let in_b = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(in_b)
        }
        _ => a == b,
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

fn words(expected: &Value) -> String {
    match expected {
        Value::String(name) => name.clone(),
        Value::Array(any) => any.iter().map(words).collect::<Vec<_>>().join(" or "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => expected.to_string(),
    }
}
