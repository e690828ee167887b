//! Tools: functions, free-form tools that are emulated by functions, and tools that the API knows by type.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{input_schema, output_schema};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Json;
use crate::canonical::request::Request;
use crate::canonical::tool::{CustomTool, FunctionTool, Tool};
use crate::catalog::anthropic::{Family, Feature};
use crate::error::Error;
use crate::providers::Loss;
use crate::wire::anthropic::request as wire;

/// The tools as they are sent.
#[derive(Debug, Default)]
pub(super) struct Tools<'a> {
    pub(super) list: Vec<wire::Tool<'a>>,
    /// Names of the free-form tools among them.
    pub(super) custom: Vec<String>,
}

/// How the types of the API's own tools begin; each ends in the date of its version.
const TYPED: [&str; 9] = [
    "web_search_2",
    "web_fetch_2",
    "code_execution_2",
    "tool_search_tool_",
    "bash_2",
    "text_editor_2",
    "memory_2",
    "computer_toolset_2",
    "browser_toolset_2",
];

/// The API compiles at most this many strict tools.
const MOST_STRICT: usize = 20;

/// Translates the tools that `keep` lets through, in their order.
pub(super) fn translate<'a>(
    request: &'a Request,
    family: &Family,
    keep: impl Fn(&Open<Tool>) -> bool,
    losses: &mut Vec<Loss>,
) -> Result<Tools<'a>, Error> {
    let mut tools = Tools::default();
    let mut strict = 0;
    for (at, tool) in request.tools.iter().enumerate() {
        if !keep(tool) {
            continue;
        }
        let path = format!("tools[{at}]");
        match tool {
            Open::Known(Tool::Function(tool)) => {
                let wish = wish(tool, family, strict, &path, losses);
                strict += usize::from(matches!(wish, Wish::Strict(_)));
                let tool = function(tool, wish, &path, losses)?;
                tools.list.push(wire::Tool::Function(tool));
            }
            Open::Known(Tool::Custom(tool)) => {
                tools.custom.push(tool.name.clone());
                let tool = emulated(tool, &path, losses)?;
                tools.list.push(wire::Tool::Function(tool));
            }
            Open::Unknown(tool) => match typed(tool, &path, losses) {
                Some(tool) => tools.list.push(wire::Tool::Typed(tool)),
                None => losses.push(Loss::new(
                    path,
                    format!("this provider has no tool `{}`", tag_of(tool)),
                )),
            },
        }
    }
    Ok(tools)
}

/// Whether the arguments must fit their schema, and the schema that the API can hold them to.
enum Wish {
    Strict(Json),
    Loose,
}

fn wish(
    tool: &FunctionTool,
    family: &Family,
    strict: usize,
    path: &str,
    losses: &mut Vec<Loss>,
) -> Wish {
    if tool.strict != Some(true) {
        return Wish::Loose;
    }
    let mut loose = |why: String| {
        losses.push(Loss::new(format!("{path}.strict"), why));
        Wish::Loose
    };
    if !family.has(Feature::StructuredOutput) {
        return loose("the model has no strict tools".to_owned());
    }
    if strict >= MOST_STRICT {
        return loose(format!(
            "the provider takes at most {MOST_STRICT} strict tools"
        ));
    }
    let Some(parameters) = &tool.parameters else {
        return Wish::Loose;
    };
    let rooted = match input_schema::rooted(parameters.get()) {
        Ok(rooted) => rooted,
        Err(why) => return loose(why),
    };
    match output_schema::translate(rooted.get()) {
        Ok(translated) => {
            if !translated.described.is_empty() {
                losses.push(Loss::new(
                    format!("{path}.parameters"),
                    translated.what_is_lost(),
                ));
            }
            Wish::Strict(Json(translated.schema))
        }
        Err(why) => loose(format!("the provider cannot enforce the schema: {why}")),
    }
}

fn function<'a>(
    tool: &'a FunctionTool,
    wish: Wish,
    path: &str,
    losses: &mut Vec<Loss>,
) -> Result<wire::Function<'a>, Error> {
    lose_extra(&tool.extra, path, losses);
    let (input_schema, strict) = match wish {
        Wish::Strict(schema) => (Cow::Owned(schema.0), Some(true)),
        Wish::Loose => {
            let parameters = tool.parameters.as_ref().map_or("null", Json::get);
            let schema = input_schema::rooted(parameters)
                .map_err(|why| Error::unsupported(format!("{path}.parameters"), why))?;
            (schema, None)
        }
    };
    Ok(wire::Function {
        name: &tool.name,
        description: described(tool.description.as_deref()),
        input_schema,
        strict,
        cache_control: tool.extra.get("cache_control"),
    })
}

/// An empty description says nothing.
fn described(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.filter(|text| !text.trim().is_empty())
        .map(Cow::Borrowed)
}

/// A free-form tool as a function of one text. A grammar cannot be enforced, so it is told to the model.
fn emulated<'a>(
    tool: &'a CustomTool,
    path: &str,
    losses: &mut Vec<Loss>,
) -> Result<wire::Function<'a>, Error> {
    lose_extra(&tool.extra, path, losses);
    let schema = json!({
        "type": "object",
        "properties": {"input": {"type": "string", "description": "The input of the tool, as plain text."}},
        "required": ["input"],
        "additionalProperties": false,
    });
    let grammar = tool
        .format
        .as_ref()
        .filter(|format| format.get("type").and_then(Value::as_str) == Some("grammar"));
    let mut description = described(tool.description.as_deref());
    if let Some(grammar) = grammar {
        losses.push(Loss::new(
            format!("{path}.format"),
            "the grammar is described to the model, not enforced",
        ));
        let nested = grammar.get("grammar").unwrap_or(grammar);
        let text = |key| nested.get(key).and_then(Value::as_str).unwrap_or_default();
        description = Some(Cow::Owned(format!(
            "{}\n\nThe input must follow this {} grammar:\n{}",
            description.unwrap_or_default(),
            text("syntax"),
            text("definition"),
        )));
    }
    let schema = Json::of(&schema).map_err(|fault| {
        Error::unsupported(path, format!("the tool cannot be written: {fault}"))
    })?;
    Ok(wire::Function {
        name: &tool.name,
        description,
        input_schema: Cow::Owned(schema.0),
        strict: None,
        cache_control: tool.extra.get("cache_control"),
    })
}

/// A tool of the API's own, verbatim; OpenAI's `web_search` becomes the API's.
fn typed<'a>(
    tool: &'a Map<String, Value>,
    path: &str,
    losses: &mut Vec<Loss>,
) -> Option<Cow<'a, Map<String, Value>>> {
    let tag = tag_of(tool);
    if TYPED.iter().any(|prefix| tag.starts_with(prefix)) {
        return Some(Cow::Borrowed(tool));
    }
    if !tag.starts_with("web_search") {
        return None;
    }
    let mut ours = Map::new();
    // This version searches without running code, so its results need nothing more than they show.
    ours.insert("type".to_owned(), "web_search_20250305".into());
    ours.insert("name".to_owned(), "web_search".into());
    for (key, value) in tool {
        match (key.as_str(), value) {
            ("type", _) | (_, Value::Null) => {}
            ("filters", Value::Object(filters)) => {
                for (key, value) in filters {
                    match key.as_str() {
                        "allowed_domains" | "blocked_domains" => {
                            ours.insert(key.clone(), value.clone());
                        }
                        _ => losses.push(Loss::new(
                            format!("{path}.filters.{key}"),
                            "the provider's search has no such filter",
                        )),
                    }
                }
            }
            ("user_location", Value::Object(_)) => {
                ours.insert(key.clone(), value.clone());
            }
            _ => losses.push(Loss::new(
                format!("{path}.{key}"),
                "the provider's search has no such setting",
            )),
        }
    }
    Some(Cow::Owned(ours))
}

fn lose_extra(extra: &Map<String, Value>, path: &str, losses: &mut Vec<Loss>) {
    for key in extra.keys().filter(|key| *key != "cache_control") {
        losses.push(Loss::new(
            format!("{path}.{key}"),
            "the provider's tools have no such field",
        ));
    }
}

#[cfg(test)]
#[path = "tools_tests.rs"]
mod tests;
