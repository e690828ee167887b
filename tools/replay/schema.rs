//! The specification's own schema, held against what a client reads.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use jsonschema::Validator;
use serde_json::{Value, json};

/// The validators of responses and of events.
pub(crate) struct Schema {
    response: Validator,
    events: HashMap<String, Validator>,
}

impl Schema {
    /// Reads an `OpenAPI` document.
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let document: Value = serde_json::from_str(&text)?;
        let components = document
            .get("components")
            .context("the schema has no components")?;
        let schemas = components.get("schemas").and_then(Value::as_object);
        let mut events = HashMap::new();
        for (name, schema) in schemas
            .into_iter()
            .flatten()
            .filter(|(name, _)| name.ends_with("StreamingEvent"))
        {
            let tag = schema
                .pointer("/properties/type/enum/0")
                .and_then(Value::as_str);
            let tag = tag.with_context(|| format!("{name} has no type"))?;
            events.insert(tag.to_owned(), validator(components, name)?);
        }
        anyhow::ensure!(!events.is_empty(), "the schema has no events");
        Ok(Self {
            response: validator(components, "ResponseResource")?,
            events,
        })
    }

    /// Names what of a response does not fit.
    pub(crate) fn response(&self, response: &Value, violations: &mut Vec<String>) {
        check("response", &self.response, response, violations);
    }

    /// Names what of an event does not fit. An event of no known type does not fit at all.
    pub(crate) fn event(&self, event: &Value, violations: &mut Vec<String>) {
        let tag = event["type"].as_str().unwrap_or_default();
        match self.events.get(tag) {
            Some(validator) => check(tag, validator, event, violations),
            None => violations.push(format!("schema: `{tag}` is no event of the specification")),
        }
    }
}

fn validator(components: &Value, name: &str) -> anyhow::Result<Validator> {
    let root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": components,
    });
    Ok(jsonschema::validator_for(&root)?)
}

fn check(what: &str, validator: &Validator, value: &Value, violations: &mut Vec<String>) {
    for error in validator.iter_errors(value).take(3) {
        let at = error.instance_path().to_string();
        let said: String = error.to_string().chars().take(160).collect();
        violations.push(format!("schema: {what}{at}: {said}"));
    }
}
