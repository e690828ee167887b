//! A Chat Completions request becomes ours. Every field is carried, refused, or kept for an upstream that knows it.

use serde_json::Value;

use super::messages::Conversation;
use super::parts::owned;
use super::tools::{all_tools, choice};
use super::{Calls, Options, Padding, UsageChunk};
use crate::canonical::beyond::Beyond;
use crate::canonical::extra::{Extra, Object};
use crate::canonical::native::{Native, Protocol};
use crate::canonical::open::Open;
use crate::canonical::pairing;
use crate::canonical::part::Json;
use crate::canonical::request::{
    Delivery, Effort, Format, PlainFormat, Profile, ReasoningSettings, Request, SchemaFormat,
    StreamOptions, TextSettings,
};
use crate::error::Error;
use crate::wire::chat;
use crate::wire::chat::request as wire;

/// Reads a body. Taking it apart makes a field that is added later an error here.
#[expect(
    clippy::too_many_lines,
    reason = "a list of fields, each on a line of its own"
)]
pub(super) fn decode(body: &[u8]) -> Result<(Request, Options), Error> {
    let raw: wire::Request<'_> = crate::doors::parse::parse(body)?;
    if raw.model.as_str().is_empty() {
        return Err(
            Error::invalid("model", "`model` is missing").with_code("missing_required_parameter")
        );
    }
    if raw.messages.is_empty() {
        return Err(Error::invalid("messages", "`messages` is missing or empty")
            .with_code("missing_required_parameter"));
    }
    let wire::Request {
        model,
        messages,
        tools,
        tool_choice,
        parallel_tool_calls,
        max_tokens,
        max_completion_tokens,
        temperature,
        top_p,
        presence_penalty,
        frequency_penalty,
        logprobs,
        top_logprobs,
        logit_bias,
        stop,
        seed,
        n,
        response_format,
        reasoning_effort,
        verbosity,
        service_tier,
        store,
        metadata,
        safety_identifier,
        user,
        prompt_cache_key,
        stream,
        stream_options,
        mut extra,
    } = raw;
    choices(n)?;
    let options = options(stream_options.as_ref(), &extra);
    let conversation = Conversation::of(messages)?;
    let (items, notes) = (conversation.items.len(), conversation.notes);
    let mut request = Request {
        model: model.0.into_owned(),
        input: conversation.items,
        tools: all_tools(tools, &mut extra)?,
        tool_choice: choice(tool_choice, &mut extra)?,
        // The legacy form has room for one call.
        parallel_tool_calls: match options.calls {
            Calls::Tools => parallel_tool_calls,
            Calls::Legacy => Some(false),
        },
        max_output_tokens: max_completion_tokens.or(max_tokens),
        temperature,
        top_p,
        presence_penalty,
        frequency_penalty,
        text: text(response_format, verbosity)?,
        reasoning: reasoning(reasoning_effort.as_ref())?,
        service_tier: service_tier.map(owned),
        store,
        metadata,
        safety_identifier: safety_identifier.or(user).map(owned),
        prompt_cache_key: prompt_cache_key.map(owned),
        delivery: if stream == Some(true) {
            Delivery::Streamed
        } else {
            Delivery::Whole
        },
        beyond: Beyond {
            stop: match stop {
                Some(wire::Stop::One(one)) => vec![one],
                Some(wire::Stop::Several(several)) => several,
                None => Vec::new(),
            },
            seed,
            logit_bias: logit_bias.filter(|bias| !bias.is_empty()),
            lost: conversation.lost,
            ..Beyond::default()
        },
        native: Some(Native {
            notes,
            ..Native::new(Protocol::Chat, &[], items)
        }),
        // A client of this door never sees items, so nothing need be withheld.
        profile: Profile::Native,
        stream_options: stream_options
            .and_then(|options| options.include_obfuscation)
            .map(|wanted| StreamOptions {
                include_obfuscation: Some(wanted),
                ..StreamOptions::default()
            }),
        ..Request::default()
    };
    log_probabilities(&mut request, logprobs, top_logprobs)?;
    if let Some(Value::String(_)) = extra.get("provider")
        && let Some(Value::String(provider)) = extra.shift_remove("provider")
    {
        request.provider = Some(provider);
    }
    request.beyond.chat = extra
        .into_iter()
        .filter(|(key, value)| !is_default(key, value))
        .collect::<Object>()
        .into();
    pairing::check(&request.input).map_err(|error| in_messages(&error))?;
    Ok((request, options))
}

fn options(stream: Option<&wire::StreamOptions>, extra: &Object) -> Options {
    let asked = |field: Option<bool>| field == Some(true);
    Options {
        usage: if asked(stream.and_then(|options| options.include_usage)) {
            UsageChunk::Sent
        } else {
            UsageChunk::Left
        },
        padding: if asked(stream.and_then(|options| options.include_obfuscation)) {
            Padding::Deltas
        } else {
            Padding::None
        },
        calls: if extra.get("functions").is_some_and(Value::is_array) {
            Calls::Legacy
        } else {
            Calls::Tools
        },
    }
}

/// Said or unsaid, the answer is the same.
fn is_default(key: &str, value: &Value) -> bool {
    value.is_null() || (key == "modalities" && *value == serde_json::json!(["text"]))
}

/// The pairing of calls is judged on items; a client of this door knows messages.
fn in_messages(error: &Error) -> Error {
    Error::invalid("messages", error.message().to_owned()).with_code("invalid_value")
}

fn choices(n: Option<u64>) -> Result<(), Error> {
    match n {
        None | Some(1) => Ok(()),
        Some(n) => Err(Error::unsupported(
            "n",
            format!("`n` is {n}: one answer is given for each request"),
        )
        .with_code("unsupported_value")
        .with_hint("send the request as often as answers are wanted")),
    }
}

fn log_probabilities(
    request: &mut Request,
    wanted: Option<bool>,
    top: Option<u64>,
) -> Result<(), Error> {
    match (wanted, top) {
        (Some(true), top) => {
            request
                .include
                .push("message.output_text.logprobs".to_owned());
            request.top_logprobs = top;
            Ok(())
        }
        (_, Some(top)) if top > 0 => Err(Error::invalid(
            "top_logprobs",
            "`top_logprobs` needs `logprobs: true`",
        )),
        _ => Ok(()),
    }
}

fn text(
    format: Option<wire::ResponseFormat<'_>>,
    verbosity: Option<chat::Text<'_>>,
) -> Result<Option<TextSettings>, Error> {
    if format.is_none() && verbosity.is_none() {
        return Ok(None);
    }
    let format = match format {
        None => None,
        Some(format) => Some(match (format.kind.as_str(), format.json_schema) {
            ("text", _) => Format::Text(PlainFormat::default()),
            ("json_object", _) => Format::JsonObject(PlainFormat::default()),
            ("json_schema", Some(schema)) => Format::JsonSchema(SchemaFormat {
                name: Some(schema.name.0.into_owned()).filter(|name| !name.is_empty()),
                description: schema.description.map(owned),
                schema: schema.schema.map(|raw| Json(raw.into_owned())),
                strict: schema.strict,
                extra: Extra::new(),
            }),
            ("json_schema", None) => {
                return Err(Error::invalid(
                    "response_format.json_schema",
                    "`json_schema` is missing",
                )
                .with_code("missing_required_parameter"));
            }
            (other, _) => {
                return Err(Error::invalid(
                    "response_format.type",
                    format!("`{other}` is not one of `text`, `json_object`, `json_schema`"),
                ));
            }
        }),
    };
    Ok(Some(TextSettings {
        format: format.map(Open::Known),
        verbosity: verbosity.map(owned),
        extra: Extra::new(),
    }))
}

/// Clients of this door see reasoning as `reasoning_content`, so a summary is asked for along with an effort.
fn reasoning(effort: Option<&chat::Text<'_>>) -> Result<Option<ReasoningSettings>, Error> {
    let Some(word) = effort else { return Ok(None) };
    let Some(effort) = Effort::ALL
        .into_iter()
        .find(|effort| effort.as_str() == word.as_str())
    else {
        let known = Effort::ALL
            .map(|effort| format!("`{}`", effort.as_str()))
            .join(", ");
        return Err(Error::invalid(
            "reasoning_effort",
            format!("`{}` is not one of {known}", word.as_str()),
        ));
    };
    let summary = (effort != Effort::None).then(|| "auto".to_owned());
    Ok(Some(ReasoningSettings {
        effort: Some(effort),
        summary,
        extra: Extra::new(),
    }))
}
