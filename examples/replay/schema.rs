//! The specification's own schema, held against what a client would read.

use std::path::Path;

use anyhow::Context as _;
use jsonschema::Validator;
use llmgw::canonical::item::Item;
use llmgw::canonical::part::Part;
use llmgw::canonical::response::Response;
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

    /// Names what does not fit. A reply with hosted tools' items answers a request beyond the schema, and so is native.
    pub(crate) fn check(&self, outcome: &Outcome, violations: &mut Vec<String>) {
        if outcome.response().is_none_or(is_beyond) {
            return;
        }
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

fn is_beyond(response: &Response) -> bool {
    response.output.iter().any(|item| match item.known() {
        Some(Item::Message(message)) => message.content.iter().any(|part| match part.known() {
            Some(Part::OutputText(text)) => text.annotations.iter().any(|note| note.known().is_none()),
            Some(_) => false,
            None => true,
        }),
        Some(Item::CustomToolCall(_)) | None => true,
        Some(_) => false,
    })
}
