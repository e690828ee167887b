//! The choice among the tools: a hard promise, so it is carried or refused, never weakened.

use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::canonical::tool::{AllowedTool, ChoiceMode, Tool, ToolChoice};
use crate::catalog::anthropic::{Family, Feature};
use crate::error::Error;
use crate::wire::anthropic::request as wire;

/// Whether a tool may be called at all under this request's choice.
///
/// The API has no list of allowed tools, so the others are left out: the limit is hard, and the cost is that a prompt
/// cache does not reach past the tools.
pub(super) fn allows(request: &Request, tool: &Open<Tool>) -> bool {
    let Some(ToolChoice::Allowed { tools, .. }) = &request.tool_choice else {
        return true;
    };
    tools.iter().any(|allowed| match (allowed, tool) {
        (Open::Known(AllowedTool::Function(named)), Open::Known(Tool::Function(tool))) => {
            named.name == tool.name
        }
        (Open::Known(AllowedTool::Custom(named)), Open::Known(Tool::Custom(tool))) => {
            named.name == tool.name
        }
        // Entries of another type name hosted tools by `type` and, where they have one, by `name`.
        (Open::Unknown(allowed), Open::Unknown(tool)) => {
            allowed.get("type") == tool.get("type")
                && allowed
                    .get("name")
                    .is_none_or(|name| Some(name) == tool.get("name"))
        }
        (Open::Known(_), Open::Known(_) | Open::Unknown(_))
        | (Open::Unknown(_), Open::Known(_)) => false,
    })
}

/// Whether the choice forces a call.
pub(super) fn is_forced(request: &Request) -> bool {
    request
        .tool_choice
        .as_ref()
        .is_some_and(ToolChoice::is_forced)
}

/// The choice as it is sent. `tools` are those that are sent.
pub(super) fn translate<'a>(
    request: &'a Request,
    family: &Family,
    tools: &[wire::Tool<'_>],
) -> Result<Option<wire::ToolChoice<'a>>, Error> {
    let refuse =
        |why: &str| Err(Error::unsupported("tool_choice", why).with_code("unsupported_value"));
    let choice = request.tool_choice.as_ref();
    let forced = is_forced(request);
    if tools.is_empty() {
        return if forced {
            refuse("a tool call is required, but no tool can be called")
        } else {
            Ok(None)
        };
    }
    if forced && !family.has(Feature::ForcedChoice) {
        return refuse("this model cannot be made to call a tool");
    }
    let one = (request.parallel_tool_calls == Some(false)).then_some(true);
    let mode = |mode: ChoiceMode| match mode {
        // The default is not sent.
        ChoiceMode::Auto => one.map(|_| wire::ToolChoice::Auto {
            disable_parallel_tool_use: one,
        }),
        ChoiceMode::None => Some(wire::ToolChoice::None),
        ChoiceMode::Required => Some(wire::ToolChoice::Any {
            disable_parallel_tool_use: one,
        }),
    };
    match choice {
        None => Ok(mode(ChoiceMode::Auto)),
        Some(ToolChoice::Mode(chosen) | ToolChoice::Allowed { mode: chosen, .. }) => {
            Ok(mode(*chosen))
        }
        Some(ToolChoice::Function(name) | ToolChoice::Custom(name)) => {
            if tools.iter().any(|tool| is_named(tool, name)) {
                Ok(Some(wire::ToolChoice::Tool {
                    name,
                    disable_parallel_tool_use: one,
                }))
            } else {
                Err(Error::invalid(
                    "tool_choice.name",
                    format!("`{name}` is not among the tools"),
                ))
            }
        }
        Some(ToolChoice::Other(_)) => refuse("this provider knows no such choice"),
    }
}

fn is_named(tool: &wire::Tool<'_>, name: &str) -> bool {
    match tool {
        wire::Tool::Function(tool) => tool.name == name,
        wire::Tool::Typed(tool) => {
            tool.get("name").and_then(serde_json::Value::as_str) == Some(name)
        }
    }
}
