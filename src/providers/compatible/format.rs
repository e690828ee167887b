//! The format of an answer, as this server can be held to it.

use std::borrow::Cow;

use super::quirks::Formats;
use super::request::Context;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Json;
use crate::canonical::request::{Format, SchemaFormat};
use crate::error::{Error, Kind};
use crate::wire::chat::Text;
use crate::wire::chat::request::{JsonSchema, ResponseFormat};

pub(super) fn response_format<'a>(
    context: &mut Context<'a>,
    format: &'a Open<Format>,
) -> Result<Option<ResponseFormat<'a>>, Error> {
    let schema = match format {
        Open::Known(Format::Text(_)) => return Ok(None),
        Open::Known(Format::JsonObject(_)) => None,
        Open::Known(Format::JsonSchema(schema)) => Some(schema),
        Open::Unknown(map) => {
            let message = format!("this server knows no format `{}`", tag_of(map));
            return Err(Error::unsupported("text.format.type", message));
        }
    };
    let object = || ResponseFormat {
        kind: "json_object".into(),
        json_schema: None,
    };
    let schema = schema.filter(|schema| schema.schema.is_some());
    Ok(Some(match (schema, context.quirks.formats) {
        (Some(schema), Formats::JsonSchema | Formats::SchemaOnly) => {
            for key in schema.extra.keys() {
                context.lose(format!("text.format.{key}"), "not sent");
            }
            json_schema(schema)
        }
        (None, Formats::JsonSchema | Formats::JsonObject) => object(),
        (None, Formats::SchemaOnly) => {
            context.lose("text.format", "written as a schema for any object");
            any_object()?
        }
        (Some(schema), Formats::JsonObject) if schema.strict == Some(true) => {
            let message = "this server cannot be held to a JSON schema";
            return Err(Error::unsupported("text.format", message));
        }
        (Some(_), Formats::JsonObject) => {
            context.lose("text.format.schema", "asked for as any JSON object");
            object()
        }
    }))
}

/// A schema that says no more than that the answer is an object.
fn any_object<'a>() -> Result<ResponseFormat<'a>, Error> {
    let schema = Json::of(&serde_json::json!({ "type": "object" }))
        .map_err(|e| Error::new(Kind::Internal, format!("the schema: {e}")))?;
    Ok(ResponseFormat {
        kind: "json_schema".into(),
        json_schema: Some(JsonSchema {
            name: "response".into(),
            schema: Some(Cow::Owned(schema.0)),
            ..JsonSchema::default()
        }),
    })
}

fn json_schema(format: &SchemaFormat) -> ResponseFormat<'_> {
    ResponseFormat {
        kind: "json_schema".into(),
        json_schema: Some(JsonSchema {
            name: format.name.as_deref().unwrap_or("response").into(),
            description: format.description.as_deref().map(Text::from),
            schema: format.schema.as_ref().map(|json| Cow::Borrowed(&*json.0)),
            strict: format.strict,
        }),
    }
}
