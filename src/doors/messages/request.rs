//! A Messages request becomes ours.

use serde_json::Value;

use super::blocks::Conversation;
use crate::canonical::beyond::Beyond;
use crate::canonical::extra::Extra;
use crate::canonical::native::{Native, Protocol};
use crate::canonical::open::Open;
use crate::canonical::pairing;
use crate::canonical::part::Json;
use crate::canonical::request::{
    Delivery, Effort, Format, Profile, ReasoningSettings, Request, SchemaFormat, TextSettings,
};
use crate::canonical::tool::{ChoiceMode, FunctionTool, Tool, ToolChoice};
use crate::error::Error;
use crate::wire::anthropic::inbound;

/// What the request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be answered; a limit is required.
    Answer,
    /// To be counted.
    Count,
}

/// Reads a body.
pub(super) fn decode(body: &[u8], purpose: Purpose) -> Result<Request, Error> {
    let raw: inbound::Request<'_> = crate::doors::parse::parse(body)?;
    let missing = |field: &str| {
        Error::invalid(field, format!("{field}: Field required"))
            .with_code("missing_required_parameter")
    };
    if raw.model.is_empty() {
        return Err(missing("model"));
    }
    let most = match (purpose, raw.max_tokens) {
        (Purpose::Answer, None) => return Err(missing("max_tokens")),
        (_, Some(0)) => {
            return Err(Error::invalid(
                "max_tokens",
                "`max_tokens` must be at least 1",
            ));
        }
        (_, most) => most,
    };
    let conversation = Conversation::of(raw.system, &raw.messages)?;
    let (tool_choice, parallel_tool_calls) = choice(raw.tool_choice)?;
    let (effort, schema) = match raw.output_config {
        Some(config) => (config.effort, config.format),
        None => (None, None),
    };
    let thinking_budget = raw
        .thinking
        .as_ref()
        .and_then(|thinking| thinking.budget_tokens);
    let items = conversation.items.len();
    let mut extra = raw.extra;
    let provider = match extra.get("provider") {
        Some(Value::String(_)) => extra.shift_remove("provider"),
        _ => None,
    };
    let request = Request {
        model: raw.model,
        input: conversation.items,
        tools: tools(raw.tools.as_deref().unwrap_or_default())?,
        tool_choice,
        parallel_tool_calls,
        max_output_tokens: most,
        temperature: raw.temperature,
        top_p: raw.top_p,
        text: schema.map(format).transpose()?,
        reasoning: reasoning(raw.thinking.as_ref(), effort)?,
        service_tier: raw.service_tier.map(|tier| match tier.as_str() {
            "standard_only" => "default".to_owned(),
            _ => tier,
        }),
        safety_identifier: raw.metadata.and_then(|metadata| metadata.user_id),
        delivery: if raw.stream == Some(true) {
            Delivery::Streamed
        } else {
            Delivery::Whole
        },
        beyond: Beyond {
            stop: raw.stop_sequences.unwrap_or_default(),
            top_k: raw.top_k,
            thinking_budget,
            messages: extra.into(),
            lost: conversation.lost,
            ..Beyond::default()
        },
        provider: provider.and_then(|name| name.as_str().map(str::to_owned)),
        native: Some(Native::new(Protocol::Messages, body, items)),
        // A client of this door never sees items, so nothing need be withheld.
        profile: Profile::Native,
        ..Request::default()
    };
    pairing::check(&request.input).map_err(|error| {
        Error::invalid("messages", error.message().to_owned()).with_code("invalid_value")
    })?;
    Ok(request)
}

fn tools(tools: &[&serde_json::value::RawValue]) -> Result<Vec<Open<Tool>>, Error> {
    let mut all = Vec::with_capacity(tools.len());
    for (at, raw) in tools.iter().enumerate() {
        let wrong =
            |error: serde_json::Error| Error::invalid(format!("tools[{at}]"), error.to_string());
        let tool: inbound::Tool<'_> = serde_json::from_str(raw.get()).map_err(wrong)?;
        match tool.kind.as_deref() {
            None | Some("custom") => all.push(Open::Known(Tool::Function(FunctionTool {
                name: tool.name,
                description: tool.description,
                parameters: tool.input_schema.map(Json),
                // Absent means no in this protocol, and yes in ours.
                strict: Some(tool.strict.unwrap_or(false)),
                extra: Extra::from(tool.extra),
            }))),
            Some(_) => all.push(Open::Unknown(
                serde_json::from_str(raw.get()).map_err(wrong)?,
            )),
        }
    }
    Ok(all)
}

fn choice(
    choice: Option<inbound::ToolChoice>,
) -> Result<(Option<ToolChoice>, Option<bool>), Error> {
    let Some(choice) = choice else {
        return Ok((None, None));
    };
    let parallel = choice.disable_parallel_tool_use.map(|disabled| !disabled);
    let choice = match (choice.kind.as_str(), choice.name) {
        ("auto", _) => ToolChoice::Mode(ChoiceMode::Auto),
        ("any", _) => ToolChoice::Mode(ChoiceMode::Required),
        ("none", _) => ToolChoice::Mode(ChoiceMode::None),
        ("tool", Some(name)) => ToolChoice::Function(name),
        ("tool", None) => {
            return Err(Error::invalid(
                "tool_choice.name",
                "tool_choice.name: Field required",
            ));
        }
        (other, _) => {
            let message = format!("`{other}` is not one of `auto`, `any`, `tool`, `none`");
            return Err(Error::invalid("tool_choice.type", message));
        }
    };
    Ok((Some(choice), parallel))
}

/// Thinking and effort are one setting of ours. A budget becomes the level that fits it, and stays known besides.
fn reasoning(
    thinking: Option<&inbound::Thinking>,
    effort: Option<String>,
) -> Result<Option<ReasoningSettings>, Error> {
    let mut settings = ReasoningSettings::default();
    if let Some(thinking) = thinking {
        settings.effort = match (thinking.kind.as_str(), thinking.budget_tokens) {
            ("disabled", _) => Some(Effort::None),
            ("between_tools", _) | ("enabled", Some(..4_000)) => Some(Effort::Low),
            ("enabled", Some(4_000..16_000)) => Some(Effort::Medium),
            ("enabled", Some(_)) => Some(Effort::High),
            ("enabled", None) => {
                let param = "thinking.budget_tokens";
                return Err(Error::invalid(
                    param,
                    "thinking.enabled.budget_tokens: Field required",
                ));
            }
            ("adaptive", _) => None,
            (other, _) => {
                let known = "`enabled`, `adaptive`, `disabled`, `between_tools`";
                return Err(Error::invalid(
                    "thinking.type",
                    format!("`{other}` is not one of {known}"),
                ));
            }
        };
        if thinking.kind != "disabled" && thinking.display.as_deref() != Some("omitted") {
            settings.summary = Some("auto".to_owned());
        }
    }
    if let Some(word) = effort {
        let level = Effort::ALL
            .into_iter()
            .find(|effort| effort.as_str() == word)
            .ok_or_else(|| {
                Error::invalid(
                    "output_config.effort",
                    format!("`{word}` is no level of effort"),
                )
            })?;
        if settings.effort != Some(Effort::None) {
            settings.effort = Some(level);
        }
    }
    Ok((settings != ReasoningSettings::default()).then_some(settings))
}

fn format(format: inbound::OutputFormat<'_>) -> Result<TextSettings, Error> {
    let inbound::OutputFormat { kind, schema } = format;
    let (true, Some(schema)) = (kind == "json_schema", schema) else {
        let message = "expected `{\"type\": \"json_schema\", \"schema\": {…}}`";
        return Err(Error::invalid("output_config.format", message));
    };
    let schema = SchemaFormat {
        name: Some("response".to_owned()),
        schema: Some(Json(schema)),
        strict: Some(true),
        ..SchemaFormat::default()
    };
    Ok(TextSettings {
        format: Some(Open::Known(Format::JsonSchema(schema))),
        ..TextSettings::default()
    })
}
