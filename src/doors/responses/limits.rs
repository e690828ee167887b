//! The limits of the specification's schema (2026-04-24), each refusal naming the field.

use std::fmt::{Arguments, Display};

use crate::canonical::extra::Object;
use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::{Format, Request};
use crate::canonical::tool::{Tool, ToolChoice};
use crate::error::Error;

/// The longest text of an input, in characters.
const LONGEST_TEXT: usize = 10_485_760;

/// The longest image URL, in characters.
const LONGEST_IMAGE: usize = 20_971_520;

/// The longest base64 of a file, in characters.
const LONGEST_FILE: usize = 33_554_432;

/// The longest name, call id, key and identifier, in characters.
const LONGEST_NAME: usize = 64;

/// Checks a whole request.
pub(super) fn check(request: &Request) -> Result<(), Error> {
    if request.model.is_empty() {
        return Err(
            Error::invalid("model", "missing required parameter `model`")
                .with_code("missing_required_parameter"),
        );
    }
    numbers(request)?;
    words(request)?;
    for (at, item) in request.input.iter().enumerate() {
        if let Open::Known(item) = item {
            check_item(item, format_args!("input[{at}]"))?;
        }
    }
    for (at, tool) in request.tools.iter().enumerate() {
        if let Open::Known(Tool::Function(tool)) = tool {
            name(format_args!("tools[{at}].name"), &tool.name)?;
            if let Some(parameters) = &tool.parameters
                && !parameters.get().starts_with('{')
            {
                return Err(Error::invalid(
                    format!("tools[{at}].parameters"),
                    "expected a JSON Schema object",
                )
                .with_code("invalid_type"));
            }
        }
    }
    if let Some(ToolChoice::Allowed { tools, .. }) = &request.tool_choice {
        let count = u64::try_from(tools.len()).unwrap_or(u64::MAX);
        between("tool_choice.tools", Some(count), 1, 128)?;
    }
    if let Some(Open::Known(Format::JsonSchema(schema))) = request.format()
        && let Some(label) = &schema.name
    {
        name(format_args!("text.format.name"), label)?;
    }
    match &request.metadata {
        Some(pairs) => metadata(pairs),
        None => Ok(()),
    }
}

fn numbers(request: &Request) -> Result<(), Error> {
    between("max_output_tokens", request.max_output_tokens, 16, u64::MAX)?;
    between("max_tool_calls", request.max_tool_calls, 1, u64::MAX)?;
    between("top_logprobs", request.top_logprobs, 0, 20)?;
    let ranges = [
        ("temperature", request.temperature, 2.0),
        ("top_p", request.top_p, 1.0),
    ];
    for (field, value, most) in ranges {
        if let Some(value) = value.filter(|value| !(0.0..=most).contains(value)) {
            return Err(Error::invalid(
                field,
                format!("{value} is not between 0 and {most}"),
            ));
        }
    }
    Ok(())
}

fn words(request: &Request) -> Result<(), Error> {
    let summary = request
        .reasoning
        .as_ref()
        .and_then(|it| it.summary.as_ref());
    let verbosity = request.text.as_ref().and_then(|it| it.verbosity.as_ref());
    one_of(
        "truncation",
        request.truncation.as_ref(),
        &["auto", "disabled"],
    )?;
    one_of(
        "reasoning.summary",
        summary,
        &["auto", "concise", "detailed"],
    )?;
    one_of("text.verbosity", verbosity, &["low", "medium", "high"])?;
    let key = request.prompt_cache_key.as_deref().unwrap_or_default();
    at_most("prompt_cache_key", key, LONGEST_NAME)?;
    let user = request.safety_identifier.as_deref().unwrap_or_default();
    at_most("safety_identifier", user, LONGEST_NAME)
}

/// A path is only written out where something is wrong with what is there.
fn check_item(item: &Item, path: Arguments<'_>) -> Result<(), Error> {
    match item {
        Item::Message(message) => check_parts(&message.content, format_args!("{path}.content")),
        Item::FunctionCall(call) => {
            call_id(path, &call.call_id)?;
            name(format_args!("{path}.name"), &call.name)
        }
        Item::CustomToolCall(call) => call_id(path, &call.call_id),
        Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
            call_id(path, &output.call_id)?;
            let path = format_args!("{path}.output");
            match &output.output {
                ToolOutput::Text(text) => at_most(path, text, LONGEST_TEXT),
                ToolOutput::Parts(parts) => check_parts(parts, path),
            }
        }
        Item::Compaction(compaction) => at_most(
            format_args!("{path}.encrypted_content"),
            &compaction.encrypted_content,
            LONGEST_TEXT,
        ),
        Item::Reasoning(_) | Item::ItemReference(_) => Ok(()),
    }
}

fn check_parts(parts: &[Open<Part>], path: Arguments<'_>) -> Result<(), Error> {
    for (at, part) in parts.iter().enumerate() {
        let (field, text, most) = match part {
            Open::Known(Part::InputImage(part)) => {
                ("image_url", part.image_url.as_deref(), LONGEST_IMAGE)
            }
            Open::Known(Part::InputFile(part)) => {
                ("file_data", part.file_data.as_deref(), LONGEST_FILE)
            }
            Open::Known(part) => ("text", part.text(), LONGEST_TEXT),
            Open::Unknown(_) => continue,
        };
        let text = text.unwrap_or_default();
        at_most(format_args!("{path}[{at}].{field}"), text, most)?;
    }
    Ok(())
}

fn call_id(path: Arguments<'_>, id: &str) -> Result<(), Error> {
    let path = format_args!("{path}.call_id");
    if id.is_empty() {
        let message = "a call_id has at least one character";
        return Err(Error::invalid(path.to_string(), message));
    }
    at_most(path, id, LONGEST_NAME)
}

fn name(path: Arguments<'_>, name: &str) -> Result<(), Error> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(Error::invalid(
            path.to_string(),
            format!("`{name}` does not match the pattern `^[a-zA-Z0-9_-]+$`"),
        ));
    }
    at_most(path, name, LONGEST_NAME)
}

fn metadata(pairs: &Object) -> Result<(), Error> {
    let count = u64::try_from(pairs.len()).unwrap_or(u64::MAX);
    between("metadata", Some(count), 0, 16)?;
    for (key, value) in pairs {
        at_most("metadata", key, LONGEST_NAME)?;
        let path = format_args!("metadata.{key}");
        let Some(text) = value.as_str() else {
            let error = Error::invalid(path.to_string(), "expected a string");
            return Err(error.with_code("invalid_type"));
        };
        at_most(path, text, 512)?;
    }
    Ok(())
}

fn one_of(path: &str, word: Option<&String>, known: &[&str]) -> Result<(), Error> {
    match word {
        Some(word) if !known.contains(&word.as_str()) => Err(Error::invalid(
            path,
            format!("`{word}` is not one of `{}`", known.join("`, `")),
        )),
        _ => Ok(()),
    }
}

fn between(path: &str, value: Option<u64>, least: u64, most: u64) -> Result<(), Error> {
    let message = match value {
        Some(value) if value < least => format!("{value} is less than {least}"),
        Some(value) if value > most => format!("{value} is more than {most}"),
        _ => return Ok(()),
    };
    Err(Error::invalid(path, message))
}

/// Characters are never more than bytes, so most texts need no counting.
fn at_most(path: impl Display, text: &str, most: usize) -> Result<(), Error> {
    if text.len() <= most {
        return Ok(());
    }
    let length = text.chars().count();
    if length <= most {
        return Ok(());
    }
    Err(Error::invalid(
        path.to_string(),
        format!("{length} characters where {most} are allowed"),
    )
    .with_code("string_above_max_length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_limit(fields: &str, param: &str) {
        let good = format!(r#"{{"model":"m"{fields}}}"#);
        let request: Request = serde_json::from_str(&good).unwrap();
        let error = check(&request).unwrap_err();
        assert_eq!(error.param(), Some(param), "{fields}");
    }

    #[test]
    fn each_limit_names_its_field() {
        let long = "x".repeat(65);
        check_limit(r#","max_output_tokens":15"#, "max_output_tokens");
        check_limit(r#","temperature":2.1"#, "temperature");
        check_limit(r#","top_p":-0.1"#, "top_p");
        check_limit(r#","top_logprobs":21"#, "top_logprobs");
        check_limit(r#","truncation":"middle""#, "truncation");
        check_limit(r#","reasoning":{"summary":"long"}"#, "reasoning.summary");
        check_limit(r#","text":{"verbosity":"loud"}"#, "text.verbosity");
        check_limit(r#","metadata":{"a":1}"#, "metadata.a");
        check_limit(
            &format!(r#","prompt_cache_key":"{long}""#),
            "prompt_cache_key",
        );
        check_limit(
            r#","tools":[{"type":"function","name":"a b"}]"#,
            "tools[0].name",
        );
        check_limit(
            r#","tool_choice":{"type":"allowed_tools","tools":[]}"#,
            "tool_choice.tools",
        );
        check_limit(
            r#","input":[{"type":"function_call","call_id":"","name":"f","arguments":"{}"}]"#,
            "input[0].call_id",
        );
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let key = "é".repeat(64);
        let json = format!(r#"{{"model":"m","prompt_cache_key":"{key}"}}"#);
        let request: Request = serde_json::from_str(&json).unwrap();
        assert!(check(&request).is_ok());
    }
}
