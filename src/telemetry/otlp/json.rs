//! Spans as OTLP/JSON: names in lowerCamelCase, ids in hex, 64-bit integers as text.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

use serde_json::{Value as Json, json};

use super::spans::{Span, Value};

/// The body of an export.
pub(super) fn encode<'a>(
    spans: impl Iterator<Item = Span<'a>>,
    resource: &[(String, String)],
) -> Vec<u8> {
    let spans: Vec<Json> = spans.map(|one| span(&one)).collect();
    let resource = resource.iter();
    let resource: Vec<Json> = resource
        .map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } }))
        .collect();
    let scope = json!({ "name": "llmgw", "version": env!("CARGO_PKG_VERSION") });
    let body = json!({
        "resourceSpans": [{
            "resource": { "attributes": resource },
            "scopeSpans": [{ "scope": scope, "spans": spans }],
        }],
    });
    body.to_string().into_bytes()
}

fn span(span: &Span<'_>) -> Json {
    let attributes = span.attributes.iter();
    let attributes: Vec<Json> = attributes
        .map(|(key, value)| json!({ "key": key, "value": any(*value) }))
        .collect();
    let mut json = json!({
        "traceId": format!("{:032x}", span.trace),
        "spanId": format!("{:016x}", span.id),
        "flags": span.flags,
        "name": format!("{} {}", span.name.0, span.name.1),
        "kind": span.kind as i32,
        "startTimeUnixNano": span.start.to_string(),
        "endTimeUnixNano": span.end.to_string(),
        "attributes": attributes,
    });
    if let Some(fields) = json.as_object_mut() {
        if let Some(parent) = span.parent {
            fields.insert("parentSpanId".to_owned(), json!(format!("{parent:016x}")));
        }
        if !span.state.is_empty() {
            fields.insert("traceState".to_owned(), json!(span.state));
        }
        if let Some(failure) = span.failure {
            fields.insert(
                "status".to_owned(),
                json!({ "code": 2, "message": failure }),
            );
        }
    }
    json
}

fn any(value: Value<'_>) -> Json {
    match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Real(real) => json!({ "doubleValue": real }),
        Value::Flag(flag) => json!({ "boolValue": flag }),
        Value::Listed(text) => json!({ "arrayValue": { "values": [{ "stringValue": text }] } }),
    }
}
