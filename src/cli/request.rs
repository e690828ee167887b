//! Flags into a canonical request.

use std::fs;

use serde_json::Value;

use super::args::{Sampling, Talk};
use super::failure::{Code, Failure, Outcome};
use super::files;
use super::schema;
use super::typo::nearest;
use crate::canonical::beyond::Beyond;
use crate::canonical::extra::Object;
use crate::canonical::item::{Item, Message, Role};
use crate::canonical::open::Open;
use crate::canonical::part::{Json, Part};
use crate::canonical::request::{
    Delivery, Format, Profile, ReasoningSettings, Request, SchemaFormat, TextSettings,
};

/// Fields that flags and arguments set: `-p` may not set them behind their back.
const OWN: [(&str, &str); 8] = [
    ("model", "--model"),
    ("input", "the prompt"),
    ("instructions", "--system"),
    ("temperature", "--temperature"),
    ("max_output_tokens", "--max-tokens"),
    ("max_tokens", "--max-tokens"),
    ("stream", "--no-stream"),
    ("text", "--schema"),
];

/// Everything but the conversation and the model.
pub(crate) fn settings(talk: &Talk) -> Outcome<Request> {
    let mut request = parameters(&talk.sampling.param)?;
    request.instructions = match talk.system.as_deref() {
        Some(text) => match text.strip_prefix('@') {
            Some(path) => Some(files::read_text(path)?),
            None => Some(text.to_owned()),
        },
        None => None,
    };
    apply(&talk.sampling, &mut request);
    request.delivery = Delivery::Streamed;
    // At the terminal everything that a provider says is welcome.
    request.profile = Profile::Native;
    Ok(request)
}

/// A message of the user's.
pub(crate) fn message(parts: Vec<Part>) -> Open<Item> {
    Open::Known(Item::Message(Message {
        role: Role::User,
        content: parts.into_iter().map(Open::Known).collect(),
        ..Message::default()
    }))
}

/// Asks for reasoning to be shown.
pub(crate) fn show_reasoning(request: &mut Request) {
    let reasoning = request
        .reasoning
        .get_or_insert_with(ReasoningSettings::default);
    reasoning.summary.get_or_insert_with(|| "auto".to_owned());
}

/// Asks for an answer that fits a schema.
pub(crate) fn demand(request: &mut Request, schema: &Value) -> Outcome {
    let schema_json = Json::of(schema)
        .map_err(|error| Failure::new(Code::Usage, format!("--schema: {error}")))?;
    let text = request.text.get_or_insert_with(TextSettings::default);
    text.format = Some(Open::Known(Format::JsonSchema(SchemaFormat {
        name: Some("answer".to_owned()),
        schema: Some(schema_json),
        strict: Some(is_strict(schema)),
        ..SchemaFormat::default()
    })));
    Ok(())
}

/// Reads `--schema`: JSON as it stands, or a file of it.
pub(crate) fn read_schema(argument: &str) -> Outcome<Value> {
    let is_inline = argument.trim_start().starts_with('{');
    let text = if is_inline {
        argument.to_owned()
    } else {
        fs::read_to_string(argument).map_err(|error| {
            Failure::new(
                Code::Usage,
                format!("--schema: cannot read {argument}: {error}"),
            )
        })?
    };
    match serde_json::from_str::<Value>(&text) {
        Ok(schema @ Value::Object(_)) => {
            schema::check(&schema)?;
            Ok(schema)
        }
        Ok(_) => Err(Failure::new(Code::Usage, "--schema: a JSON schema is an object").into()),
        Err(error) => {
            Err(Failure::new(Code::Usage, format!("--schema is not JSON: {error}")).into())
        }
    }
}

fn apply(sampling: &Sampling, request: &mut Request) {
    if sampling.temperature.is_some() {
        request.temperature = sampling.temperature;
    }
    if sampling.max_tokens.is_some() {
        request.max_output_tokens = sampling.max_tokens;
    }
    if let Some(effort) = sampling.effort {
        request
            .reasoning
            .get_or_insert_with(ReasoningSettings::default)
            .effort = Some(effort.into());
    }
}

/// Reads `-p KEY=JSON`. What is no JSON and does not look like it is a string.
fn parameters(pairs: &[String]) -> Outcome<Request> {
    let mut fields = Object::new();
    for pair in pairs {
        let Some((key, text)) = pair.split_once('=') else {
            return Err(usage(format!("-p {pair}: expected KEY=JSON")));
        };
        if let Some((_, flag)) = OWN.iter().find(|(name, _)| *name == key) {
            return Err(usage(format!("-p {key}: that is set by {flag}")));
        }
        let value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) if text.starts_with(['{', '[', '"']) => {
                return Err(usage(format!("-p {key}: not JSON: {error}")));
            }
            Err(_) => Value::String(text.to_owned()),
        };
        fields.insert(key.to_owned(), value);
    }
    let beyond = take_beyond(&mut fields)?;
    let text = Value::Object(fields).to_string();
    let mut request: Request = serde_json::from_str(&text).map_err(|error| {
        let message = error
            .to_string()
            .replace(crate::canonical::open::PATH_MARK, ": ");
        usage(format!("-p: {message}"))
    })?;
    request.beyond = beyond;
    Ok(request)
}

/// What the specification does not know but some providers do.
fn take_beyond(fields: &mut Object) -> Outcome<Beyond> {
    fn read<T: serde::de::DeserializeOwned>(fields: &mut Object, key: &str) -> Outcome<Option<T>> {
        fields
            .remove(key)
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| usage(format!("-p {key}: {error}")))
    }
    if let Some(Value::String(one)) = fields.get("stop") {
        let list = Value::Array(vec![Value::String(one.clone())]);
        fields.insert("stop".to_owned(), list);
    }
    Ok(Beyond {
        stop: read(fields, "stop")?.unwrap_or_default(),
        seed: read(fields, "seed")?,
        top_k: read(fields, "top_k")?,
        logit_bias: read(fields, "logit_bias")?,
        choices: read(fields, "n")?,
        thinking_budget: read(fields, "thinking_budget")?,
        ..Beyond::default()
    })
}

fn usage(message: String) -> super::failure::Stop {
    Failure::new(Code::Usage, message).into()
}

/// OpenAI's strict mode takes only schemas whose objects are closed and whose properties are all required
/// (<https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>); others are asked for as they are.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let closed = match map.get("properties").and_then(Value::as_object) {
                Some(properties) => {
                    let required = map.get("required").and_then(Value::as_array);
                    map.get("additionalProperties") == Some(&Value::Bool(false))
                        && properties.keys().all(|name| {
                            required
                                .is_some_and(|list| list.iter().any(|entry| entry == name.as_str()))
                        })
                }
                None => true,
            };
            closed && map.values().all(is_strict)
        }
        Value::Array(list) => list.iter().all(is_strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Sets one thing of a conversation by name, as `/set` does.
pub(crate) fn set(request: &mut Request, key: &str, value: &str) -> Result<(), String> {
    use crate::canonical::request::Effort;
    let number = |text: &str| {
        text.parse::<f64>()
            .map_err(|_| format!("{text} is no number"))
    };
    match key {
        "temperature" => match number(value)? {
            number if (0.0..=2.0).contains(&number) => request.temperature = Some(number),
            _ => return Err("temperature goes from 0 to 2".to_owned()),
        },
        "max_tokens" => {
            let limit = value.parse().ok().filter(|limit| *limit > 0);
            let limit = limit.ok_or_else(|| format!("{value} is no number of tokens"))?;
            request.max_output_tokens = Some(limit);
        }
        "effort" => {
            let effort = Effort::ALL
                .into_iter()
                .find(|effort| effort.as_str() == value);
            let words: Vec<&str> = Effort::ALL.iter().map(|effort| effort.as_str()).collect();
            let effort =
                effort.ok_or_else(|| format!("{value} is none of {}", words.join(", ")))?;
            request
                .reasoning
                .get_or_insert_with(ReasoningSettings::default)
                .effort = Some(effort);
        }
        _ => {
            let names = ["temperature", "max_tokens", "effort", "usage"];
            let meant = nearest(key, names, 1);
            return Err(match meant.first() {
                Some(name) => format!("no setting {key}: did you mean {name}?"),
                None => format!("no setting {key}: there are {}", names.join(", ")),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[&str]) -> Outcome<Request> {
        parameters(
            &pairs
                .iter()
                .map(|pair| (*pair).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn parameters_are_request_fields() {
        let request = read(&[
            "top_p=0.5",
            "service_tier=flex",
            "stop=END",
            "seed=7",
            "delay_ms=0",
        ])
        .expect("sound");
        assert_eq!(request.top_p, Some(0.5));
        assert_eq!(request.service_tier.as_deref(), Some("flex"));
        assert_eq!(request.beyond.stop, ["END"]);
        assert_eq!(request.beyond.seed, Some(7));
        assert_eq!(request.extra.get("delay_ms"), Some(&Value::from(0)));
    }

    #[test]
    fn a_parameter_that_a_flag_sets_is_refused() {
        assert!(read(&["model=x"]).is_err());
        assert!(read(&["novalue"]).is_err());
        assert!(read(&["metadata={broken"]).is_err());
        assert!(read(&["top_p=high"]).is_err());
    }

    #[test]
    fn strict_is_asked_for_only_where_it_is_taken() {
        let check = |schema: &str, strict| {
            assert_eq!(
                is_strict(&serde_json::from_str(schema).unwrap()),
                strict,
                "{schema}"
            );
        };
        check(
            r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}"#,
            false,
        );
        check(
            r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#,
            true,
        );
    }
}
