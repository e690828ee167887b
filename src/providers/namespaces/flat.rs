//! A request with its tools in one flat list.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::Loss;
use crate::canonical::compose::{Names, ToolName};
use crate::canonical::extra::{Extra, Object};
use crate::canonical::ids;
use crate::canonical::item::{FunctionCall, Item};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::Request;
use crate::canonical::tool::{AllowedTool, Tool, ToolChoice};

/// OpenAI's namespace of the plain tools: its tools are known by their bare names.
const PLAIN: &str = "functions";

/// Names of functions are at most this long.
const LONGEST: usize = 64;

/// The request as a provider with one list of tools takes it, and the way back.
#[derive(Debug)]
pub(super) struct Flat {
    pub(super) request: Request,
    /// The clients' names of the tools that have another here.
    pub(super) names: Names,
    pub(super) losses: Vec<Loss>,
    /// Where the tools and the items of `request` stand in the client's request.
    tools: Vec<String>,
    items: Vec<usize>,
}

impl Flat {
    /// `None` if the request is flat already.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let is_flat = request.tools.iter().all(is_flat_tool)
            && request.input.iter().all(is_flat_item)
            && !has_namespaced_choice(request);
        if is_flat {
            return None;
        }
        let mut flat = Self {
            request: request.clone(),
            names: Names::default(),
            losses: Vec::new(),
            tools: Vec::new(),
            items: Vec::new(),
        };
        let (tools, input) = (
            std::mem::take(&mut flat.request.tools),
            std::mem::take(&mut flat.request.input),
        );
        for (at, tool) in tools.into_iter().enumerate() {
            flat.tool(tool, format!("tools[{at}]"));
        }
        let answered = answered(&input);
        for (at, item) in input.into_iter().enumerate() {
            flat.item(item, at, &answered);
        }
        flat.choice();
        Some(flat)
    }

    /// The path in the client's request of a path in this one.
    pub(super) fn place(&self, path: &str) -> String {
        let moved = |list: &str| -> Option<(usize, &str)> {
            let (at, rest) = path.strip_prefix(list)?.split_once(']')?;
            Some((at.parse().ok()?, rest))
        };
        if let Some((at, rest)) = moved("tools[")
            && let Some(place) = self.tools.get(at)
        {
            return format!("{place}{rest}");
        }
        if let Some((at, rest)) = moved("input[")
            && let Some(at) = self.items.get(at)
        {
            return format!("input[{at}]{rest}");
        }
        path.to_owned()
    }

    fn tool(&mut self, tool: Open<Tool>, path: String) {
        match tool {
            Open::Unknown(namespace) if tag_of(&namespace) == "namespace" => {
                self.namespace(namespace, &path);
            }
            tool => {
                self.request.tools.push(tool);
                self.tools.push(path);
            }
        }
    }

    /// The tools of a namespace, each by its flat name and with what the namespace says of itself.
    fn namespace(&mut self, mut namespace: Object, path: &str) {
        let mut text = |key: &str| match namespace.shift_remove(key) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (name, about) = (text("name"), text("description"));
        let tools = namespace.shift_remove("tools");
        for key in namespace.keys().filter(|key| *key != "type") {
            let what = "the provider's tools have no such field";
            self.losses.push(Loss::new(format!("{path}.{key}"), what));
        }
        for (at, tool) in list(tools).into_iter().enumerate() {
            let path = format!("{path}.tools[{at}]");
            let Some(mut tool) = read(&tool) else {
                let what = "this tool cannot be read";
                self.losses.push(Loss::new(path, what));
                continue;
            };
            let (own, description) = match &mut tool {
                Open::Known(Tool::Function(tool)) => (&mut tool.name, &mut tool.description),
                Open::Known(Tool::Custom(tool)) => (&mut tool.name, &mut tool.description),
                Open::Unknown(_) => {
                    self.tool(tool, path);
                    continue;
                }
            };
            if !about.trim().is_empty() {
                let own = description.take().unwrap_or_default();
                *description = Some(format!("{own}\n\nOne of the tools `{name}`: {about}"));
            }
            *own = self.named(&name, own);
            let flat = own.clone();
            // What is offered again is offered as it was last.
            match self
                .tool_named(&flat)
                .map(|at| self.request.tools.get_mut(at))
            {
                Some(Some(known)) => *known = tool,
                Some(None) | None => self.tool(tool, path),
            }
        }
    }

    fn tool_named(&self, name: &str) -> Option<usize> {
        let mut tools = self.request.tools.iter();
        tools.position(|tool| tool.known().is_some_and(|tool| tool.name() == name))
    }

    /// The flat name of a tool, and the way back from it. A plain tool of that name keeps it.
    fn named(&mut self, namespace: &str, name: &str) -> String {
        let mut flat = flat_name(namespace, name);
        let theirs = ToolName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        if !self.names.contains_key(&flat) && self.tool_named(&flat).is_some() {
            flat = marked_name(&flat, namespace, name);
        }
        self.names.insert(flat.clone(), theirs);
        flat
    }

    fn item(&mut self, item: Open<Item>, at: usize, answered: &HashSet<String>) {
        let item = match item {
            Open::Unknown(mut added) if tag_of(&added) == "additional_tools" => {
                let tools = list(added.shift_remove("tools"));
                for (number, tool) in tools.into_iter().enumerate() {
                    let path = format!("input[{at}].tools[{number}]");
                    match read(&tool) {
                        Some(tool) => self.tool(tool, path),
                        None => self
                            .losses
                            .push(Loss::new(path, "this tool cannot be read")),
                    }
                }
                return;
            }
            Open::Unknown(call) => match own_call(&call, answered) {
                Some(call) => Open::Known(Item::FunctionCall(call)),
                None => Open::Unknown(call),
            },
            Open::Known(Item::FunctionCall(mut call)) => {
                if let Some(namespace) = taken(&mut call.extra) {
                    call.name = self.named(&namespace, &call.name);
                }
                Open::Known(Item::FunctionCall(call))
            }
            Open::Known(Item::CustomToolCall(mut call)) => {
                if let Some(namespace) = taken(&mut call.extra) {
                    call.name = self.named(&namespace, &call.name);
                }
                Open::Known(Item::CustomToolCall(call))
            }
            item @ Open::Known(_) => item,
        };
        self.request.input.push(item);
        self.items.push(at);
    }

    fn choice(&mut self) {
        let mut choice = self.request.tool_choice.take();
        if let Some(ToolChoice::Allowed { tools, .. }) = &mut choice {
            for allowed in tools.iter_mut().filter_map(Open::known_mut) {
                let (AllowedTool::Function(tool) | AllowedTool::Custom(tool)) = allowed;
                if let Some(namespace) = taken(&mut tool.extra) {
                    tool.name = self.named(&namespace, &tool.name);
                }
            }
        }
        self.request.tool_choice = choice;
    }
}

fn is_flat_tool(tool: &Open<Tool>) -> bool {
    match tool {
        Open::Known(_) => true,
        Open::Unknown(tool) => tag_of(tool) != "namespace",
    }
}

fn is_flat_item(item: &Open<Item>) -> bool {
    match item {
        Open::Known(Item::FunctionCall(call)) => !call.extra.contains_key("namespace"),
        Open::Known(Item::CustomToolCall(call)) => !call.extra.contains_key("namespace"),
        Open::Known(_) => true,
        Open::Unknown(item) => {
            let tag = tag_of(item);
            tag != "additional_tools" && !tag.ends_with("_call")
        }
    }
}

fn has_namespaced_choice(request: &Request) -> bool {
    let Some(ToolChoice::Allowed { tools, .. }) = &request.tool_choice else {
        return false;
    };
    let is_namespaced = |tool: &AllowedTool| {
        let (AllowedTool::Function(tool) | AllowedTool::Custom(tool)) = tool;
        tool.extra.contains_key("namespace")
    };
    tools.iter().filter_map(Open::known).any(is_namespaced)
}

/// The calls that have an output of the client's.
fn answered(input: &[Open<Item>]) -> HashSet<String> {
    let outputs = input.iter().filter_map(|item| match item {
        Open::Known(Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output)) => {
            Some(output.call_id.clone())
        }
        Open::Known(_) | Open::Unknown(_) => None,
    });
    outputs.collect()
}

/// A call of another type that the client answered as it answers functions (`local_shell_call`), as a function's: its
/// output would stand alone without it.
fn own_call(call: &Object, answered: &HashSet<String>) -> Option<FunctionCall> {
    let name = tag_of(call).strip_suffix("_call")?;
    let call_id = call.get("call_id")?.as_str()?;
    if !answered.contains(call_id) {
        return None;
    }
    let arguments = match call.get("action") {
        Some(action @ Value::Object(_)) => action.to_string(),
        Some(other) => json!({ "action": other }).to_string(),
        None => "{}".to_owned(),
    };
    Some(FunctionCall {
        call_id: call_id.to_owned(),
        name: name.to_owned(),
        arguments,
        ..FunctionCall::default()
    })
}

/// The flat name: readable, the same each time whatever else is offered, and one that every provider takes.
fn flat_name(namespace: &str, name: &str) -> String {
    let joined = match namespace {
        "" | PLAIN => name.to_owned(),
        _ if namespace.ends_with('_') => format!("{namespace}{name}"),
        _ => format!("{namespace}__{name}"),
    };
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if joined.len() <= LONGEST && joined.chars().all(is_fit) {
        return joined;
    }
    let fit = joined.chars().map(|c| if is_fit(c) { c } else { '_' });
    marked_name(&fit.collect::<String>(), namespace, name)
}

/// A name that no other tool has.
fn marked_name(flat: &str, namespace: &str, name: &str) -> String {
    let mark = ids::digest(&["tool", namespace, name]);
    let kept: String = flat.chars().take(LONGEST - 1 - mark.len()).collect();
    format!("{kept}_{mark}")
}

/// Takes the namespace out of fields beyond the types.
fn taken(extra: &mut Extra) -> Option<String> {
    match extra.shift_remove("namespace")? {
        Value::String(namespace) => Some(namespace),
        _ => None,
    }
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// Through its text: the parameters of a tool are kept as text.
fn read(tool: &Value) -> Option<Open<Tool>> {
    serde_json::from_str(&tool.to_string()).ok()
}

#[cfg(test)]
mod tests;
