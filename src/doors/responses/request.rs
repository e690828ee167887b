//! Bytes to a request: what the specification's types do not say by themselves.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Task, limits};
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::pairing;
use crate::canonical::request::{
    Delivery, Effort, Format, INCLUDES, PlainFormat, Profile, Request,
};
use crate::canonical::tool::{Tool, ToolChoice};
use crate::doors::parse::parse;
use crate::error::Error;

/// Reads a request.
pub(super) fn decode(profile: Option<&str>, body: &[u8]) -> Result<Request, Error> {
    let mut request: Request = parse(body)?;
    limits::check(&request)?;
    plain_format(&mut request);
    if request.previous_response_id.is_none() {
        // What goes on after an earlier response is checked once that stands before it.
        pairing::check(&request.input)?;
    }
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

/// Reads a message of a WebSocket: `response.create` with the fields of a request, but for those that only HTTP has.
/// `stream: true` says what is so anyway; OpenAI takes it, and Codex sends it.
pub(super) fn decode_message(profile: Option<&str>, text: &str) -> Result<(Request, Task), Error> {
    /// Present, also as `null`: the schema of a message does not know these fields at all.
    fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        T::deserialize(from).map(Some)
    }

    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "type", default)]
        tag: Option<String>,
        #[serde(default, deserialize_with = "present")]
        stream: Option<Value>,
        #[serde(default, deserialize_with = "present")]
        stream_options: Option<IgnoredAny>,
        #[serde(default, deserialize_with = "present")]
        background: Option<IgnoredAny>,
        #[serde(default)]
        generate: Option<bool>,
    }

    let head: Head = parse(text.as_bytes())?;
    if head.tag.as_deref() != Some("response.create") {
        return Err(Error::invalid(
            "type",
            "a message must be of type `response.create`",
        ));
    }
    let fields = [
        ("stream", head.stream.is_some_and(|stream| stream != true)),
        ("stream_options", head.stream_options.is_some()),
        ("background", head.background.is_some()),
    ];
    if let Some((field, _)) = fields.iter().find(|(_, is_foreign)| *is_foreign) {
        let message = format!("`{field}` has no meaning on a WebSocket, which always streams");
        return Err(Error::invalid(*field, message).with_code("unsupported_parameter"));
    }
    let mut request = decode(profile, text.as_bytes())?;
    // What belongs to the message is no field of the request, and makes it no native one.
    for field in ["type", "generate"] {
        request.extra.shift_remove(field);
    }
    if profile.is_none() {
        request.profile = profile_of(&request);
    }
    request.delivery = Delivery::Streamed;
    let task = match head.generate {
        Some(false) => Task::Remember,
        Some(true) | None => Task::Answer,
    };
    Ok((request, task))
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
    fn a_continuation_is_not_checked_before_it_is_whole() {
        let output = r#"{"type":"function_call_output","call_id":"c1","output":"1"}"#;
        let body = format!(r#"{{"model":"m","input":[{output}],"previous_response_id":"resp_1"}}"#);
        assert!(decode(None, body.as_bytes()).is_ok());
        let body = format!(r#"{{"model":"m","input":[{output}]}}"#);
        assert!(decode(None, body.as_bytes()).is_err());
    }

    #[test]
    fn a_message_of_a_socket_is_a_request_without_what_only_http_has() {
        let read = |text: &str| decode_message(None, text);
        let sound = |fields: &str| {
            let body = format!(r#"{{"type":"response.create","model":"m","input":"a"{fields}}}"#);
            let (request, task) = read(&body).unwrap();
            assert_eq!(request.profile, Profile::Strict);
            assert!(request.extra.is_empty());
            assert_eq!(request.delivery, Delivery::Streamed);
            task
        };
        assert_eq!(sound(""), Task::Answer);
        assert_eq!(sound(r#","stream":true,"generate":true"#), Task::Answer);
        assert_eq!(sound(r#","generate":false"#), Task::Remember);
        let refused = |text: &str, param: &str| {
            let error = read(text).unwrap_err();
            assert_eq!(
                (error.status(), error.param()),
                (400, Some(param)),
                "{text}: {error}"
            );
        };
        refused(r#"{"model":"m"}"#, "type");
        refused(r#"{"type":"response.cancel"}"#, "type");
        let foreign = ["stream", "stream_options", "background"].map(|field| (field, "null"));
        for (field, value) in foreign
            .into_iter()
            .chain([("stream", "false"), ("generate", "1")])
        {
            let body = format!(r#"{{"type":"response.create","model":"m","{field}":{value}}}"#);
            refused(&body, field);
        }
        assert_eq!(read("{").unwrap_err().code(), "invalid_json");
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
