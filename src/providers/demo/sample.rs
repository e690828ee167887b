//! A small value that fits a JSON Schema: what a model would say if it obeyed and had nothing to tell.
//!
//! Knows the keywords that structured output allows and the common rest of draft 2020-12. Where it finds no value it
//! says so; the caller refuses, since an answer that does not fit would be a false success.

use serde_json::{Map, Value};

use super::sample_text;

mod merge;

use merge::product;

/// How deep schemas may nest before a branch is given up; recursive schemas end here.
const DEEPEST: usize = 24;

type Schema = Map<String, Value>;

/// A value that fits, or nothing.
pub(super) fn fitting(schema: &Value) -> Option<Value> {
    Sampler { root: schema }.value(schema, 0, DEEPEST)
}

struct Sampler<'a> {
    root: &'a Value,
}

impl Sampler<'_> {
    /// A value for this schema; `nth` varies it where several must differ.
    fn value(&self, schema: &Value, nth: usize, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        match schema {
            Value::Bool(true) => Some(Value::from(nth)),
            Value::Object(map) => self
                .alternatives(map, depth)
                .iter()
                .find_map(|flat| self.flat_value(flat, nth, depth)),
            _ => None,
        }
    }

    /// The ways in which a schema can be met, each without references and combinators, in the schema's order.
    fn alternatives(&self, schema: &Schema, depth: usize) -> Vec<Schema> {
        let Some(depth) = depth.checked_sub(1) else {
            return Vec::new();
        };
        let mut base = schema.clone();
        let mut ways = vec![Schema::new()];
        if let Some(Value::String(reference)) = base.remove("$ref") {
            ways = self.resolved(&reference, depth);
        }
        if let Some(Value::Array(all)) = base.remove("allOf") {
            for part in &all {
                ways = product(&ways, &self.ways(part, depth));
            }
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(Value::Array(any)) = base.remove(key) {
                let branches: Vec<Schema> = any
                    .iter()
                    .flat_map(|branch| self.ways(branch, depth))
                    .collect();
                ways = product(&ways, &branches);
            }
        }
        product(&[base], &ways)
    }

    fn ways(&self, schema: &Value, depth: usize) -> Vec<Schema> {
        match schema {
            Value::Object(map) => self.alternatives(map, depth),
            Value::Bool(true) => vec![Schema::new()],
            _ => Vec::new(),
        }
    }

    fn resolved(&self, reference: &str, depth: usize) -> Vec<Schema> {
        let target = match reference.strip_prefix('#') {
            Some(pointer) => self.root.pointer(pointer),
            None => None,
        };
        target.map_or_else(Vec::new, |schema| self.ways(schema, depth))
    }

    fn flat_value(&self, schema: &Schema, nth: usize, depth: usize) -> Option<Value> {
        if let Some(value) = schema.get("const") {
            return Some(value.clone());
        }
        let types = types(schema);
        if let Some(Value::Array(values)) = schema.get("enum") {
            let mut fits = values
                .iter()
                .filter(|value| types.iter().any(|kind| is_of(value, kind)));
            return fits.nth(nth).cloned();
        }
        types
            .iter()
            .find_map(|kind| self.typed(kind, schema, nth, depth))
    }

    fn typed(&self, kind: &str, schema: &Schema, nth: usize, depth: usize) -> Option<Value> {
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => sample_text::fitting(schema, nth).map(Value::from),
            "integer" | "number" => number(kind, schema, nth),
            "boolean" if nth < 2 => Some(Value::Bool(nth == 0)),
            "null" => Some(Value::Null),
            _ => None,
        }
    }

    fn object(&self, schema: &Schema, depth: usize) -> Option<Value> {
        let empty = Schema::new();
        let declared = object_of(schema, "properties").unwrap_or(&empty);
        let least = size(schema, "minProperties").unwrap_or(0);
        let mut names: Vec<&str> = strings(schema.get("required"));
        let optional = declared.keys().map(String::as_str);
        for name in optional {
            if names.len() < least && !names.contains(&name) {
                names.push(name);
            }
        }
        let mut dependent = 0;
        while let Some(name) = names.get(dependent).copied() {
            let more = object_of(schema, "dependentRequired").and_then(|map| map.get(name));
            for name in strings(more) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            dependent += 1;
        }
        let mut object = Map::new();
        // In the order of the schema's properties, as models write them.
        let ordered = declared
            .keys()
            .map(String::as_str)
            .filter(|key| names.contains(key));
        let others = names
            .iter()
            .copied()
            .filter(|name| !declared.contains_key(*name));
        for name in ordered.chain(others) {
            let value = self.value(Self::property(schema, name), 0, depth)?;
            object.insert(name.to_owned(), value);
        }
        for at in 0.. {
            if object.len() >= least {
                break;
            }
            let name = format!("key{at}");
            let value = self.value(Self::property(schema, &name), 0, depth)?;
            object.insert(name, value);
        }
        Some(Value::Object(object))
    }

    /// The schema of a property, declared or additional.
    fn property<'s>(schema: &'s Schema, name: &str) -> &'s Value {
        object_of(schema, "properties")
            .and_then(|properties| properties.get(name))
            .or_else(|| schema.get("additionalProperties"))
            .unwrap_or(&Value::Bool(true))
    }

    fn array(&self, schema: &Schema, depth: usize) -> Option<Value> {
        let first = match schema.get("prefixItems").or_else(|| schema.get("items")) {
            Some(Value::Array(first)) => first.as_slice(),
            _ => &[],
        };
        let rest = match schema.get("items") {
            Some(Value::Array(_)) | None => schema.get("additionalItems"),
            rest => rest,
        };
        let contains = schema.get("contains");
        let wanted = contains.map_or(0, |_| size(schema, "minContains").unwrap_or(1));
        let least = size(schema, "minItems").unwrap_or(0).max(wanted);
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let mut items: Vec<Value> = Vec::new();
        let mut nth = 0;
        while items.len() < least {
            let at = items.len();
            let schema = match (first.get(at), contains) {
                (Some(schema), _) => schema,
                (None, Some(contains)) if at < wanted => contains,
                (None, _) => rest.unwrap_or(&Value::Bool(true)),
            };
            let item = self.value(schema, nth, depth)?;
            if unique && items.contains(&item) {
                nth += 1;
                if nth > least.saturating_mul(2) {
                    return None;
                }
                continue;
            }
            items.push(item);
        }
        Some(Value::Array(items))
    }
}

/// The types that a schema allows, or, where it says none, those that its keywords are about.
fn types(schema: &Schema) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => return vec![kind],
        Some(list @ Value::Array(_)) => return strings(Some(list)),
        _ => {}
    }
    let about = [
        (
            "object",
            [
                "properties",
                "required",
                "additionalProperties",
                "minProperties",
            ],
        ),
        ("array", ["items", "prefixItems", "minItems", "contains"]),
        ("string", ["minLength", "maxLength", "pattern", "format"]),
        (
            "number",
            ["minimum", "maximum", "multipleOf", "exclusiveMinimum"],
        ),
    ];
    let mut kinds: Vec<&str> = about
        .iter()
        .filter(|(_, keys)| keys.iter().any(|key| schema.contains_key(*key)))
        .map(|(kind, _)| *kind)
        .collect();
    for kind in ["string", "object", "array", "number", "boolean", "null"] {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// The number nearest to zero that fits, or the `nth` one above it.
fn number(kind: &str, schema: &Schema, nth: usize) -> Option<Value> {
    let step = schema
        .get("multipleOf")
        .and_then(Value::as_f64)
        .filter(|step| *step > 0.0)
        .unwrap_or(1.0);
    let step = if kind == "integer" && step.fract() != 0.0 {
        1.0
    } else {
        step
    };
    let get = |key: &str| schema.get(key).and_then(Value::as_f64);
    let is_strict = |key: &str| schema.get(key) == Some(&Value::Bool(true));
    let above = get("exclusiveMinimum")
        .or_else(|| get("minimum").filter(|_| is_strict("exclusiveMinimum")));
    let below = get("exclusiveMaximum")
        .or_else(|| get("maximum").filter(|_| is_strict("exclusiveMaximum")));
    let fits = |value: f64| {
        get("minimum").is_none_or(|least| value >= least)
            && get("maximum").is_none_or(|most| value <= most)
            && above.is_none_or(|least| value > least)
            && below.is_none_or(|most| value < most)
    };
    let low = get("minimum")
        .into_iter()
        .chain(above)
        .fold(f64::NEG_INFINITY, f64::max);
    let high = get("maximum")
        .into_iter()
        .chain(below)
        .fold(f64::INFINITY, f64::min);
    let from = 0.0_f64.clamp(low, high.max(low));
    let nth = f64::from(u32::try_from(nth).ok()?);
    let base = (from / step).floor() * step;
    let stepped = [-1.0, 0.0, 1.0, 2.0].map(|by| step.mul_add(by, base));
    let first = stepped
        .into_iter()
        .filter(|value| fits(*value))
        .min_by(|a, b| a.abs().total_cmp(&b.abs()));
    let value = match first {
        Some(first) => [step.mul_add(nth, first), step.mul_add(-nth, first)]
            .into_iter()
            .find(|value| fits(*value))?,
        // No multiple fits in a narrow range; without `multipleOf` its middle does.
        None if kind == "number" && !schema.contains_key("multipleOf") => {
            Some(f64::midpoint(low, high)).filter(|value| fits(*value))?
        }
        None => return None,
    };
    json_number(value)
}

fn json_number(value: f64) -> Option<Value> {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return format!("{value:.0}")
            .trim_start_matches("-0")
            .parse::<i64>()
            .map_or_else(|_| Some(Value::from(0)), |whole| Some(Value::from(whole)));
    }
    serde_json::Number::from_f64(value).map(Value::Number)
}

fn object_of<'a>(schema: &'a Schema, key: &str) -> Option<&'a Schema> {
    schema.get(key).and_then(Value::as_object)
}

fn size(schema: &Schema, key: &str) -> Option<usize> {
    usize::try_from(schema.get(key)?.as_u64()?).ok()
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
