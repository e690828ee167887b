//! The subset of JSON Schema, keyword by keyword.

use super::*;

fn check(schema: &str, expect: &str, described: &[&str]) {
    let translated = translate(schema).unwrap();
    assert_eq!(translated.schema.get(), expect);
    assert_eq!(translated.described, described);
}

#[test]
fn objects_are_closed_at_every_depth() {
    check(
        r#"{"$schema":"x","type":"object","properties":{"a":{"properties":{"b":{"type":"string"}}}},"required":["a"]}"#,
        r#"{"type":"object","properties":{"a":{"properties":{"b":{"type":"string"}},"type":"object","additionalProperties":false}},"required":["a"],"additionalProperties":false}"#,
        &[],
    );
}

#[test]
fn limits_move_into_the_description() {
    check(
        r#"{"type":"object","properties":{"n":{"type":"integer","minimum":1,"description":"How many"},"s":{"type":"string","maxLength":3}}}"#,
        r#"{"type":"object","properties":{"n":{"type":"integer","description":"How many (minimum: 1)"},"s":{"type":"string","description":"(maxLength: 3)"}},"additionalProperties":false}"#,
        &["minimum", "maxLength"],
    );
}

#[test]
fn a_property_named_like_a_keyword_is_a_property() {
    let schema = r#"{"type":"object","properties":{"minimum":{"type":"string"},"oneOf":{"type":"string"}},"required":["minimum","oneOf"],"additionalProperties":false}"#;
    check(schema, schema, &[]);
}

#[test]
fn one_of_becomes_any_of_and_references_stand_alone() {
    check(
        r##"{"type":"object","properties":{"a":{"oneOf":[{"type":"null"},{"$ref":"#/$defs/T","description":"d"}]},"b":{"allOf":[{"$ref":"#/$defs/T"}],"title":"B"}},"$defs":{"T":{"type":"string"}}}"##,
        r##"{"type":"object","properties":{"a":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/T"}]},"b":{"$ref":"#/$defs/T"}},"$defs":{"T":{"type":"string"}},"additionalProperties":false}"##,
        &[],
    );
}

#[test]
fn what_cannot_be_enforced_is_an_error() {
    for schema in [
        r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
        r#"{"type":"object","additionalProperties":true}"#,
        r##"{"$defs":{"N":{"type":"object","properties":{"next":{"$ref":"#/$defs/N"}}}},"$ref":"#/$defs/N"}"##,
        r##"{"$defs":{"A":{"$ref":"#/$defs/B"},"B":{"items":{"$ref":"#/$defs/A"}}},"$ref":"#/$defs/A"}"##,
        r##"{"type":"object","properties":{"self":{"$ref":"#"}}}"##,
        r#"{"type":"object","properties":{"a":{"$ref":"https://x.y/z"}}}"#,
        r#"{"type":"object","properties":{"a":{"enum":[{"b":1}]}}}"#,
        r#"{"type":"object","patternProperties":{"^a":{}}}"#,
        "true",
    ] {
        assert!(translate(schema).is_err(), "{schema}");
    }
}

#[test]
fn more_optional_properties_than_the_api_compiles_are_an_error() {
    let properties: Vec<String> = (0..25)
        .map(|at| format!(r#""p{at}":{{"type":"string"}}"#))
        .collect();
    let schema = format!(
        r#"{{"type":"object","properties":{{{}}}}}"#,
        properties.join(",")
    );
    assert!(translate(&schema).is_err());
}
