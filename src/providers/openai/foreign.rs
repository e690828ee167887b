//! What only other protocols know: OpenAI refuses a field, a part or a tool that it does not know, so none of Anthropic's
//! goes up. Fields that nobody knows do: they may be newer than this gateway.

use std::borrow::Cow;

use super::super::Loss;
use crate::canonical::extra::Extra;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::tool::Tool;

/// Fields of items, parts and tools; those of the first list bear on caches alone.
const HINTS: [&str; 4] = [
    "cache_control",
    "caller",
    "eager_input_streaming",
    "input_examples",
];

const FIELDS: [&str; 4] = ["citations", "context", "name", "toolset_name"];

/// Fields that may go up, without nulls.
pub(super) fn own_fields(extra: &Extra, path: &str, losses: &mut Vec<Loss>) -> Extra {
    let mut own = extra.clone();
    own.retain(|key, value| {
        if FIELDS.contains(&key.as_str()) && !value.is_null() {
            losses.push(Loss::new(
                format!("{path}.{key}"),
                "left out: a field of another API",
            ));
            return false;
        }
        !value.is_null() && !HINTS.contains(&key.as_str())
    });
    own
}

/// The tools that may go up: Anthropic's hosted ones have a date in their type.
pub(super) fn own_tools<'a>(
    tools: &'a [Open<Tool>],
    losses: &mut Vec<Loss>,
) -> Cow<'a, [Open<Tool>]> {
    if tools.iter().all(is_plain) {
        return Cow::Borrowed(tools);
    }
    let mut own = Vec::with_capacity(tools.len());
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("tools[{at}]");
        let mut tool = tool.clone();
        match &mut tool {
            Open::Known(Tool::Function(it)) => it.extra = own_fields(&it.extra, &path, losses),
            Open::Known(Tool::Custom(it)) => it.extra = own_fields(&it.extra, &path, losses),
            Open::Unknown(it) if is_dated(tag_of(it)) => {
                let what = format!("OpenAI has no tool `{}`", tag_of(it));
                losses.push(Loss::new(path, what));
                continue;
            }
            Open::Unknown(_) => {}
        }
        own.push(tool);
    }
    Cow::Owned(own)
}

fn is_plain(tool: &Open<Tool>) -> bool {
    match tool {
        Open::Known(Tool::Function(tool)) => tool.extra.is_empty(),
        Open::Known(Tool::Custom(tool)) => tool.extra.is_empty(),
        Open::Unknown(tool) => !is_dated(tag_of(tool)),
    }
}

/// Content blocks of Anthropic's own tools.
pub(super) fn is_block(tag: &str) -> bool {
    tag.ends_with("_tool_result")
        || matches!(
            tag,
            "server_tool_use"
                | "mcp_tool_use"
                | "container_upload"
                | "tool_reference"
                | "browser_state"
                | "compaction"
                | "fallback"
        )
}

/// `bash_20250124`: OpenAI's dates have dashes.
fn is_dated(tag: &str) -> bool {
    let date = tag.rsplit_once('_').map_or("", |(_, date)| date);
    date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anthropics_tools_and_fields_stay_here() {
        let tools: Vec<Open<Tool>> = serde_json::from_str(
            r#"[{"type":"function","name":"f","cache_control":{"type":"ephemeral"},"newer":1},
                {"type":"bash_20250124","name":"bash"},{"type":"web_search_preview_2025_03_11"},
                {"type":"function","name":"g","defer_loading":true}]"#,
        )
        .unwrap();
        let mut losses = Vec::new();
        let own = own_tools(&tools, &mut losses);
        assert_eq!(
            serde_json::to_string(&own).unwrap(),
            r#"[{"type":"function","name":"f","newer":1},{"type":"web_search_preview_2025_03_11"},{"type":"function","name":"g","defer_loading":true}]"#
        );
        let lost: Vec<&str> = losses.iter().map(|loss| loss.field.as_str()).collect();
        assert_eq!(lost, ["tools[1]"]);
    }
}
