//! JSON answers fit their schemas, by an independent validator's word.

use serde_json::{Value, json};

use super::*;

#[test]
fn json_fits_the_schema_that_was_given() {
    let check = |schema: Value| {
        let body = json!({ "model": "demo", "input": "hi", "text": { "format": {
            "type": "json_schema", "name": "x", "schema": schema } } });
        let text = text(&answer(&body));
        let value: Value = serde_json::from_str(&text).unwrap();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let faults: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert!(faults.is_empty(), "{schema}\n{value}\n{faults:?}");
    };
    for schema in schemas() {
        check(schema);
    }
}

#[test]
fn json_without_a_schema_is_an_object() {
    for format in [
        json!({ "type": "json_object" }),
        json!({ "type": "json_schema" }),
    ] {
        let body = json!({ "model": "demo", "input": "hi", "text": { "format": format } });
        let value: Value = serde_json::from_str(&text(&answer(&body))).unwrap();
        assert_eq!(value["prompt"], "hi");
    }
}

#[test]
fn a_schema_that_nothing_fits_is_refused() {
    for schema in [
        json!(false),
        json!({ "type": "integer", "minimum": 2, "maximum": 1 }),
        json!({ "$ref": "#/$defs/none" }),
        json!({ "type": "object", "required": ["a"], "properties": { "a": { "$ref": "#" } } }),
    ] {
        let body = json!({ "model": "demo", "input": "hi", "text": { "format": { "type": "json_schema", "schema": schema } } });
        let error = play(&body, Delivery::Whole).unwrap_err();
        assert_eq!(error.kind(), Kind::UpstreamInvalid);
        assert_eq!(error.param(), Some("text.format.schema"));
    }
}

fn schemas() -> Vec<Value> {
    vec![
        json!({ "type": "object", "required": ["name", "age"], "additionalProperties": false, "properties": {
            "name": { "type": "string", "minLength": 8 }, "age": { "type": "integer", "minimum": 18, "exclusiveMaximum": 20 },
            "note": { "type": "string" } } }),
        json!({ "enum": ["b", "a"] }),
        json!({ "const": { "x": [1, null] } }),
        json!({ "type": ["integer", "null"], "multipleOf": 7, "minimum": 8 }),
        json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 }),
        json!({ "type": "number", "maximum": -3.5 }),
        json!({ "type": "array", "minItems": 3, "uniqueItems": true, "items": { "type": "string", "maxLength": 5 } }),
        json!({ "type": "array", "minItems": 2, "uniqueItems": true, "items": { "enum": ["x", "y", "z"] } }),
        json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "boolean" }], "minItems": 2 }),
        json!({ "type": "array", "contains": { "const": 5 }, "minContains": 2 }),
        json!({ "$ref": "#/$defs/node", "$defs": { "node": { "type": "object", "required": ["value", "next"], "properties": {
            "value": { "type": "integer" },
            "next": { "anyOf": [{ "$ref": "#/$defs/node" }, { "type": "null" }] } } } } }),
        json!({ "anyOf": [{ "type": "object", "required": ["kind"], "properties": { "kind": { "const": "circle" } } },
            { "type": "string" }] }),
        json!({ "oneOf": [{ "type": "integer" }, { "type": "string" }] }),
        json!({ "type": "object", "required": ["shape"], "properties": { "shape": { "oneOf": [
            { "type": "object", "required": ["kind", "radius"], "properties": { "kind": { "const": "circle" }, "radius": { "type": "number" } } },
            { "type": "object", "required": ["kind", "side"], "properties": { "kind": { "const": "square" }, "side": { "type": "number" } } }] } } }),
        json!({ "allOf": [{ "type": "object", "required": ["a"], "properties": { "a": { "minimum": 3 } } },
            { "required": ["b"], "properties": { "a": { "type": "integer", "maximum": 4 }, "b": { "type": "boolean" } } }] }),
        json!({ "type": "object", "minProperties": 2, "additionalProperties": { "type": "integer" } }),
        json!({ "type": "object", "required": ["a"], "dependentRequired": { "a": ["b"] }, "properties": {
            "a": { "type": "null" }, "b": { "type": "string", "minLength": 300 } } }),
        json!({ "type": "object", "required": ["at", "day", "id", "mail", "site", "host", "v4", "v6", "time"], "properties": {
            "at": { "type": "string", "format": "date-time" }, "day": { "type": "string", "format": "date" },
            "id": { "type": "string", "format": "uuid" }, "mail": { "type": "string", "format": "email" },
            "site": { "type": "string", "format": "uri" }, "host": { "type": "string", "format": "hostname" },
            "v4": { "type": "string", "format": "ipv4" }, "v6": { "type": "string", "format": "ipv6" },
            "time": { "type": "string", "format": "time" } } }),
        json!({ "type": "string", "pattern": "^[A-Z]{3}-\\d{4}$" }),
        json!({ "type": "string", "pattern": "^(foo|bar)[^a-z]\\w+@(?:x\\.y)?$", "minLength": 12 }),
        json!({ "type": "string", "pattern": "^#[0-9a-fA-F]{6}$" }),
        json!(true),
        json!({}),
        json!({ "properties": { "a": { "type": "string" } }, "required": ["a"] }),
    ]
}
