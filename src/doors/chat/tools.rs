//! Tools and the choice among them, the legacy `functions` and `function_call` included.

use serde_json::{Map, Value};

use super::parts::owned;
use crate::canonical::extra::{Extra, Object};
use crate::canonical::open::Open;
use crate::canonical::part::Json;
use crate::canonical::tool::{
    AllowedTool, ChoiceMode, CustomTool, FunctionTool, NamedTool, Tool, ToolChoice,
};
use crate::error::Error;
use crate::wire::chat::request as wire;

/// Tools, and the legacy `functions`. Absent `strict` means no here, so it is said: elsewhere it means yes.
pub(super) fn all_tools(
    tools: Option<Vec<wire::Tool<'_>>>,
    extra: &mut Map<String, Value>,
) -> Result<Vec<Open<Tool>>, Error> {
    let mut all = Vec::new();
    for (at, tool) in tools.unwrap_or_default().into_iter().enumerate() {
        all.push(match (tool.kind.as_str(), tool.function, tool.custom) {
            // Mistral's clients leave the kind out.
            ("function" | "", Some(function), _) => {
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

pub(super) fn choice(
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
