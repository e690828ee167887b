//! The specification's own schema, held against what a client would read.

use std::path::Path;

use anyhow::Context as _;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::drive::Outcome;

/// The validator of response objects.
pub(crate) struct Schema {
    response: Validator,
}

impl Schema {
    /// Reads an `OpenAPI` document.
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let document: Value = serde_json::from_str(&text)?;
        let components = document
            .get("components")
            .context("the schema has no components")?;
        let root = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": "#/components/schemas/ResponseResource",
            "components": components,
        });
        Ok(Self {
            response: jsonschema::validator_for(&root)?,
        })
    }

    /// Names what does not fit.
    pub(crate) fn check(&self, outcome: &Outcome, violations: &mut Vec<String>) {
        let Ok(response) = serde_json::to_value(outcome.response()) else {
            return;
        };
        for error in self.response.iter_errors(&response).take(3) {
            let at = error.instance_path().to_string();
            let what: String = error.to_string().chars().take(160).collect();
            violations.push(format!("strict: schema: {at}: {what}"));
        }
    }
}
