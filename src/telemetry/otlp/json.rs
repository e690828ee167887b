//! Spans as OTLP/JSON: names in lowerCamelCase, ids in hex, 64-bit integers as text.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

use serde_json::{Value as Json, json};

use super::attributes::Value;
use super::spans::Span;

/// The body of an export as it is being written.
#[derive(Debug)]
pub(super) struct Body {
    text: String,
    spans: usize,
}

impl Body {
    /// How many bytes are written.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// A body without spans, with room for about so many bytes of them.
    pub(super) fn begin(room: usize, resource: &[(String, String)]) -> Self {
        let resource = resource.iter();
        let resource: Vec<Json> = resource
            .map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } }))
            .collect();
        let resource = json!({ "attributes": resource });
        let scope = json!({ "name": "llmgw", "version": env!("CARGO_PKG_VERSION") });
        let mut text = format!(
            "{{\"resourceSpans\":[{{\"resource\":{resource},\"scopeSpans\":[{{\"scope\":{scope},\"spans\":["
        );
        text.reserve(room);
        Self { text, spans: 0 }
    }

    /// One span more.
    pub(super) fn add(&mut self, span: &Span<'_>) {
        if self.spans > 0 {
            self.text.push(',');
        }
        self.spans += 1;
        self.text.push_str(&self::span(span).to_string());
    }

    /// The whole.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.text.push_str("]}]}]}");
        self.text.into_bytes()
    }
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
