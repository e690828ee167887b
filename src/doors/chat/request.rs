//! A Chat Completions request becomes ours. Every field is carried, refused, or kept for an upstream that knows it.

use serde_json::{Map, Value};

use super::messages;
use super::stream::UsageChunk;
use crate::canonical::extra::{Extra, Object};
use crate::canonical::ids;
use crate::canonical::open::Open;
use crate::canonical::pairing;
use crate::canonical::part::Json;
use crate::canonical::request::{
    Beyond, Delivery, Effort, Format, PlainFormat, ReasoningSettings, Request, SchemaFormat,
    TextSettings,
};
use crate::canonical::tool::{
    AllowedTool, ChoiceMode, CustomTool, FunctionTool, NamedTool, Tool, ToolChoice,
};
use crate::error::Error;
use crate::wire::chat;
use crate::wire::chat::request as wire;

/// OpenAI's Responses API takes no smaller limit, and no answer worth having is shorter.
const FEWEST_TOKENS: u64 = 16;

/// Reads a body. The second value says whether the stream ends with a chunk of counts.
pub(super) fn decode(body: &[u8]) -> Result<(Request, UsageChunk), Error> {
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
    let usage = match stream_options.and_then(|options| options.include_usage) {
        Some(true) => UsageChunk::Sent,
        Some(false) | None => UsageChunk::Left,
    };
    let mut request = Request {
        model: model.0.into_owned(),
        input: messages::items(messages)?,
        tools: all_tools(tools, &mut extra)?,
        tool_choice: choice(tool_choice, &mut extra)?,
        parallel_tool_calls,
        max_output_tokens: max_completion_tokens
            .or(max_tokens)
            .map(|most| most.max(FEWEST_TOKENS)),
        temperature,
        top_p,
        presence_penalty,
        frequency_penalty,
        text: text(response_format, verbosity)?,
        reasoning: reasoning(reasoning_effort)?,
        service_tier: service_tier.map(owned),
        store,
        metadata,
        safety_identifier: safety_identifier.or(user).map(|user| short(owned(user))),
        prompt_cache_key: prompt_cache_key.map(|key| short(owned(key))),
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
            ..Beyond::default()
        },
        ..Request::default()
    };
    log_probabilities(&mut request, logprobs, top_logprobs)?;
    if let Some(Value::String(_)) = extra.get("provider")
        && let Some(Value::String(provider)) = extra.shift_remove("provider")
    {
        request.provider = Some(provider);
    }
    // `prediction` is a hint about speed alone, so nothing is lost where it is not understood.
    extra.shift_remove("prediction");
    request.beyond.chat = extra
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect::<Object>()
        .into();
    pairing::check(&request.input).map_err(in_messages)?;
    Ok((request, usage))
}

/// The pairing of calls is judged on items; a client of this door knows messages.
fn in_messages(error: Error) -> Error {
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
fn reasoning(effort: Option<chat::Text<'_>>) -> Result<Option<ReasoningSettings>, Error> {
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

/// Tools, and the legacy `functions`. Absent `strict` means no here, so it is said: elsewhere it means yes.
fn all_tools(
    tools: Option<Vec<wire::Tool<'_>>>,
    extra: &mut Map<String, Value>,
) -> Result<Vec<Open<Tool>>, Error> {
    let mut all = Vec::new();
    for (at, tool) in tools.unwrap_or_default().into_iter().enumerate() {
        all.push(match (tool.kind.as_str(), tool.function, tool.custom) {
            ("function", Some(function), _) => {
                Open::Known(Tool::Function(self::function(function)))
            }
            ("custom", _, Some(custom)) => Open::Known(Tool::Custom(CustomTool {
                name: custom.name.0.into_owned(),
                description: custom.description.map(owned),
                format: custom.format.map(flat_format),
                extra: Extra::new(),
            })),
            (kind @ ("function" | "custom"), ..) => {
                return Err(Error::invalid(
                    format!("tools[{at}].{kind}"),
                    format!("`{kind}` is missing"),
                )
                .with_code("missing_required_parameter"));
            }
            (kind, ..) => {
                let mut object = Object::new();
                object.insert("type".to_owned(), kind.into());
                object.extend(tool.extra);
                Open::Unknown(object)
            }
        });
    }
    let Some(legacy) = extra.shift_remove("functions") else {
        return Ok(all);
    };
    let text = legacy.to_string();
    let legacy: Vec<wire::Function<'_>> = serde_json::from_str(&text).map_err(|error| {
        Error::invalid("functions", format!("not a list of functions: {error}"))
    })?;
    all.extend(
        legacy
            .into_iter()
            .map(|legacy| Open::Known(Tool::Function(function(legacy)))),
    );
    Ok(all)
}

fn function(function: wire::Function<'_>) -> FunctionTool {
    FunctionTool {
        name: function.name.0.into_owned(),
        description: function.description.map(owned),
        parameters: function.parameters.map(|raw| Json(raw.into_owned())),
        strict: Some(function.strict.unwrap_or(false)),
        extra: Extra::new(),
    }
}

/// `{type: grammar, grammar: {syntax, definition}}` here is `{type: grammar, syntax, definition}` there.
fn flat_format(mut format: Value) -> Value {
    if let Some(Value::Object(grammar)) = format
        .as_object_mut()
        .and_then(|object| object.shift_remove("grammar"))
        && let Some(object) = format.as_object_mut()
    {
        object.extend(grammar);
    }
    format
}

fn choice(
    choice: Option<Value>,
    extra: &mut Map<String, Value>,
) -> Result<Option<ToolChoice>, Error> {
    if let Some(choice) = choice {
        return tool_choice(&choice, "tool_choice").map(Some);
    }
    // The legacy form: a word, or `{name}`.
    match extra.shift_remove("function_call") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(named)) => match named.get("name").and_then(Value::as_str) {
            Some(name) => Ok(Some(ToolChoice::Function(name.to_owned()))),
            None => Err(Error::invalid("function_call.name", "`name` is missing")),
        },
        Some(word) => tool_choice(&word, "function_call").map(Some),
    }
}

fn tool_choice(choice: &Value, param: &str) -> Result<ToolChoice, Error> {
    let wrong = || {
        Error::invalid(
            param,
            "expected \"auto\", \"none\", \"required\", or an object that names tools",
        )
    };
    let named = |kind: &str| choice.get(kind)?.get("name")?.as_str().map(str::to_owned);
    match (choice.as_str(), choice.get("type").and_then(Value::as_str)) {
        (Some("auto"), _) => Ok(ToolChoice::Mode(ChoiceMode::Auto)),
        (Some("none"), _) => Ok(ToolChoice::Mode(ChoiceMode::None)),
        (Some("required" | "any"), _) => Ok(ToolChoice::Mode(ChoiceMode::Required)),
        (None, Some("function")) => named("function")
            .map(ToolChoice::Function)
            .ok_or_else(wrong),
        (None, Some("custom")) => named("custom").map(ToolChoice::Custom).ok_or_else(wrong),
        (None, Some("allowed_tools")) => {
            allowed(choice.get("allowed_tools").unwrap_or(choice)).ok_or_else(wrong)
        }
        (None, Some(_)) => choice
            .as_object()
            .cloned()
            .map(ToolChoice::Other)
            .ok_or_else(wrong),
        (Some(_), _) | (None, None) => Err(wrong()),
    }
}

fn allowed(allowed: &Value) -> Option<ToolChoice> {
    let mode = match allowed.get("mode").and_then(Value::as_str) {
        None | Some("auto") => ChoiceMode::Auto,
        Some("required") => ChoiceMode::Required,
        Some(_) => return None,
    };
    let mut tools = Vec::new();
    for tool in allowed.get("tools")?.as_array()? {
        let named = |kind: &str| {
            let name = tool.get(kind)?.get("name")?.as_str()?.to_owned();
            Some(NamedTool {
                name,
                extra: Extra::new(),
            })
        };
        tools.push(match tool.get("type").and_then(Value::as_str)? {
            "function" => Open::Known(AllowedTool::Function(named("function")?)),
            "custom" => Open::Known(AllowedTool::Custom(named("custom")?)),
            _ => Open::Unknown(tool.as_object()?.clone()),
        });
    }
    Some(ToolChoice::Allowed { mode, tools })
}

/// The specification allows 64 characters; a longer name is replaced by its hash, the same each time.
fn short(name: String) -> String {
    if name.chars().count() <= 64 {
        name
    } else {
        ids::digest(&["user", &name])
    }
}

fn owned(text: chat::Text<'_>) -> String {
    text.0.into_owned()
}
