//! Bytes to a request: what the specification's types do not say by themselves.

use super::limits;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::pairing;
use crate::canonical::request::{Effort, Format, INCLUDES, PlainFormat, Profile, Request};
use crate::canonical::tool::{Tool, ToolChoice};
use crate::doors::parse::parse;
use crate::error::Error;

/// Reads a request.
pub(super) fn decode(profile: Option<&str>, body: &[u8]) -> Result<Request, Error> {
    let mut request: Request = parse(body)?;
    limits::check(&request)?;
    refuse_state(&request)?;
    plain_format(&mut request);
    pairing::check(&request.input)?;
    request.profile = match profile {
        None => profile_of(&request),
        Some(name) => name.parse().map_err(|()| {
            Error::invalid(
                "x-llmgw-profile",
                format!("`{name}` is neither `strict` nor `native`"),
            )
        })?,
    };
    Ok(request)
}

/// There is no store yet behind this door, and a promise that cannot be kept is not given.
fn refuse_state(request: &Request) -> Result<(), Error> {
    if request.background == Some(true) {
        return Err(
            Error::invalid("background", "background responses are not offered here")
                .with_code("unsupported_value"),
        );
    }
    if let Some(id) = &request.previous_response_id {
        return Err(Error::invalid(
            "previous_response_id",
            format!("previous response with id `{id}` not found"),
        )
        .with_code("previous_response_not_found"));
    }
    for (at, item) in request.input.iter().enumerate() {
        if let Open::Known(Item::ItemReference(reference)) = item {
            return Err(Error::invalid(
                format!("input[{at}].id"),
                format!("item with id `{}` not found", reference.id),
            )
            .with_code("item_not_found"));
        }
    }
    Ok(())
}

/// Some clients ask for schema-less JSON by a bare `json_schema`; they mean `json_object`.
fn plain_format(request: &mut Request) {
    if let Some(text) = &mut request.text
        && let Some(Open::Known(Format::JsonSchema(schema))) = &text.format
        && schema.schema.is_none()
    {
        text.format = Some(Open::Known(Format::JsonObject(PlainFormat::default())));
    }
}

/// Native is what uses anything outside the specification's schema: whoever does can read such an answer.
fn profile_of(request: &Request) -> Profile {
    let foreign_tool = request
        .tools
        .iter()
        .any(|tool| !matches!(tool, Open::Known(Tool::Function(_))));
    let foreign_choice = matches!(
        request.tool_choice,
        Some(ToolChoice::Custom(_) | ToolChoice::Other(_))
    );
    let foreign_item = request.input.iter().any(|item| {
        matches!(
            item,
            Open::Unknown(_) | Open::Known(Item::CustomToolCall(_) | Item::CustomToolCallOutput(_))
        )
    });
    let foreign_include = request
        .include
        .iter()
        .any(|entry| !INCLUDES.contains(&entry.as_str()));
    let foreign_effort = matches!(request.effort(), Some(Effort::Minimal | Effort::Max));
    let inner = [
        request.reasoning.as_ref().map(|reasoning| &reasoning.extra),
        request.text.as_ref().map(|text| &text.extra),
        Some(&request.extra),
    ];
    let foreign_field = inner.into_iter().flatten().any(|extra| !extra.is_empty());
    let foreign = foreign_tool
        || foreign_choice
        || foreign_item
        || foreign_include
        || foreign_effort
        || foreign_field;
    if foreign {
        Profile::Native
    } else {
        Profile::Strict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::open::PATH_MARK;

    fn refused(body: &str) -> (Option<String>, String, String) {
        let error = decode(None, body.as_bytes()).unwrap_err();
        assert_eq!(error.status(), 400, "{body}");
        (
            error.param().map(str::to_owned),
            error.code().to_owned(),
            error.message().to_owned(),
        )
    }

    fn check(body: &str, param: &str, code: &str) {
        let (found, said, message) = refused(body);
        assert_eq!(found.as_deref(), Some(param), "{body}: {message}");
        assert_eq!(said, code, "{body}: {message}");
        assert!(!message.contains(PATH_MARK), "{message:?}");
    }

    #[test]
    fn broken_json_is_placed() {
        let (param, code, message) = refused("{\"model\":\n  tru}");
        assert_eq!((param, code.as_str()), (None, "invalid_json"));
        assert!(message.ends_with("at line 2, column 6"), "{message}");
        let error = decode(None, b"{\"model\":\"\xff\"}").unwrap_err();
        assert_eq!(error.message(), "the body is not valid UTF-8 at byte 10");
        assert_eq!(refused("[]").0, None);
    }

    #[test]
    fn a_fault_is_named_by_its_whole_path() {
        check(
            r#"{"model":"m","input":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"input_image","image_url":5}]}]}"#,
            "input[1].content[0].image_url",
            "invalid_type",
        );
        check(
            r#"{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}"#,
            "input[0].call_id",
            "missing_required_parameter",
        );
        check(
            r#"{"model":"m","input":[{"role":"robot","content":"a"}]}"#,
            "input[0].role",
            "invalid_value",
        );
        check(
            r#"{"model":"m","input":[{"content":"a"}]}"#,
            "input[0].type",
            "missing_required_parameter",
        );
        check(
            r#"{"model":"m","input":"a","temperature":"hot"}"#,
            "temperature",
            "invalid_type",
        );
        check(
            r#"{"model":"m","input":"a","reasoning":{"effort":"huge"}}"#,
            "reasoning.effort",
            "invalid_value",
        );
        check(
            r#"{"model":"m","input":"a","tools":[{"type":"function"}]}"#,
            "tools[0].name",
            "missing_required_parameter",
        );
        check(r#"{"input":"a"}"#, "model", "missing_required_parameter");
    }

    #[test]
    fn state_that_nobody_keeps_is_refused() {
        check(
            r#"{"model":"m","input":"a","previous_response_id":"resp_1"}"#,
            "previous_response_id",
            "previous_response_not_found",
        );
        check(
            r#"{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}"#,
            "input[0].id",
            "item_not_found",
        );
        check(
            r#"{"model":"m","input":"a","background":true}"#,
            "background",
            "unsupported_value",
        );
    }

    #[test]
    fn what_is_outside_the_schema_makes_a_request_native() {
        let profile = |fields: &str| {
            let body = format!(r#"{{"model":"m","input":"a"{fields}}}"#);
            decode(None, body.as_bytes()).unwrap().profile
        };
        let function = r#","tools":[{"type":"function","name":"f"}]"#;
        let strict = [
            "",
            function,
            r#","include":["reasoning.encrypted_content"],"reasoning":{"effort":"xhigh"}"#,
        ];
        for fields in strict {
            assert_eq!(profile(fields), Profile::Strict, "{fields}");
        }
        let native = [
            r#","tools":[{"type":"web_search"}]"#,
            r#","tools":[{"type":"custom","name":"c"}]"#,
            r#","include":["file_search_call.results"]"#,
            r#","reasoning":{"effort":"minimal"}"#,
            r#","user":"u""#,
        ];
        for fields in native {
            assert_eq!(profile(fields), Profile::Native, "{fields}");
        }
        let asked = decode(Some("native"), br#"{"model":"m","input":"a"}"#).unwrap();
        assert_eq!(asked.profile, Profile::Native);
        assert!(decode(Some("loose"), br#"{"model":"m","input":"a"}"#).is_err());
    }

    #[test]
    fn a_bare_json_schema_is_a_json_object() {
        let body = br#"{"model":"m","input":"a","text":{"format":{"type":"json_schema"}}}"#;
        let request = decode(None, body).unwrap();
        assert!(matches!(
            request.format(),
            Some(Open::Known(Format::JsonObject(_)))
        ));
    }
}
