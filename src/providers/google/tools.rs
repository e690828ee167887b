//! Tools, their names, and the choice among them.
//!
//! Google's names must begin with a letter or an underscore, and it knows functions only: names are changed on the way
//! out and changed back on the way in, and a free-form tool becomes a function of one string.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::request::Losses;
use super::schema;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::Request;
use crate::canonical::tool::{AllowedTool, ChoiceMode, CustomTool, FunctionTool, Tool, ToolChoice};
use crate::catalog::google::Rules;
use crate::error::Error;
use crate::wire::gemini::request as gemini;
use gemini::{FunctionCallingConfig, FunctionDeclaration, Mode};

/// What stands for a free-form tool's parameters.
const FREE_TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// Google's longest function name.
const LONGEST_NAME: usize = 128;

/// What a name that Google sees stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The client's own name.
    pub(super) name: String,
    /// What kind of call it makes.
    pub(super) kind: Kind,
}

/// The kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A function's.
    Function,
    /// A free-form tool's.
    Custom,
}

/// Google's names that differ from the client's, and those of free-form tools.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    back: HashMap<String, Meaning>,
}

impl Names {
    /// The names of this request's tools.
    pub(super) fn of(request: &Request) -> Self {
        let mut names = Self::default();
        for tool in request.tools.iter().filter_map(Open::known) {
            let kind = match tool {
                Tool::Function(_) => Kind::Function,
                Tool::Custom(_) => Kind::Custom,
            };
            let wire = wire_name(tool.name());
            if kind == Kind::Custom || wire != tool.name() {
                let name = tool.name().to_owned();
                names.back.insert(wire.into_owned(), Meaning { name, kind });
            }
        }
        names
    }

    /// What a name of Google's means; `None` for a function that has the same name here.
    pub(super) fn meaning(&self, wire: &str) -> Option<&Meaning> {
        self.back.get(wire)
    }
}

/// The name as Google takes it.
pub(super) fn wire_name(name: &str) -> Cow<'_, str> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    if first && name.len() <= LONGEST_NAME && name.chars().all(fits) {
        return name.into();
    }
    let mut wire = String::with_capacity(name.len() + 1);
    if !first {
        wire.push('_');
    }
    wire.extend(name.chars().map(|c| if fits(c) { c } else { '_' }));
    wire.truncate(LONGEST_NAME);
    wire.into()
}

/// What a request says of its tools.
#[derive(Debug, Default)]
pub(super) struct Tools<'a> {
    /// The declarations.
    pub(super) tools: Vec<gemini::Tool<'a>>,
    /// The choice among them.
    pub(super) config: Option<gemini::ToolConfig>,
}

impl Tools<'_> {
    /// Are functions declared?
    pub(super) fn has_functions(&self) -> bool {
        self.tools
            .iter()
            .any(|tool| matches!(tool, gemini::Tool::FunctionDeclarations(_)))
    }

    /// The mode, where it is not the default.
    pub(super) fn mode(&self) -> Option<Mode> {
        let config = self.config.as_ref()?;
        Some(config.function_calling_config.mode)
    }
}

/// Encodes the tools and the choice.
pub(super) fn encode<'a>(
    request: &'a Request,
    rules: &Rules,
    losses: &mut Losses,
) -> Result<Tools<'a>, Error> {
    let mut functions = Vec::new();
    let mut search = None;
    let mut strict = None;
    for (at, tool) in request.tools.iter().enumerate() {
        let path = format!("tools[{at}]");
        match tool {
            Open::Known(Tool::Function(tool)) => {
                functions.push(function(tool, &path, losses));
                if tool.strict == Some(true) {
                    strict.get_or_insert(path);
                }
            }
            Open::Known(Tool::Custom(tool)) => functions.push(custom(tool, &path, losses)),
            Open::Unknown(map) if tag_of(map).starts_with("web_search") => {
                for key in map.keys().filter(|key| *key != "type") {
                    losses.add(format!("{path}.{key}"), "Google's search takes no settings");
                }
                search = Some(path);
            }
            Open::Unknown(map) => losses.add(
                path,
                format!("Google has no hosted tool `{}`: left out", tag_of(map)),
            ),
        }
    }
    let mut tools = Vec::new();
    if let Some(path) = search {
        if functions.is_empty() {
            tools.push(gemini::Tool::GoogleSearch(gemini::GoogleSearch {}));
        } else {
            losses.add(path, "no hosted search beside functions: left out");
        }
    }
    if let (Some(path), false) = (&strict, rules.validated.yes()) {
        losses.add(
            format!("{path}.strict"),
            "this model does not enforce schemas",
        );
    }
    let strict = strict.is_some() && rules.validated.yes();
    let config = choice(request, &mut functions, strict, rules, losses)?;
    if !functions.is_empty() {
        tools.insert(0, gemini::Tool::FunctionDeclarations(functions));
    }
    Ok(Tools {
        tools,
        config: config.map(|function_calling_config| gemini::ToolConfig {
            function_calling_config,
        }),
    })
}

fn function<'a>(
    tool: &'a FunctionTool,
    path: &str,
    losses: &mut Losses,
) -> FunctionDeclaration<'a> {
    let FunctionTool {
        name,
        description,
        parameters,
        strict,
        extra,
    } = tool;
    losses.extra(path, extra);
    let adapted = parameters.as_ref().and_then(schema::adapt);
    if parameters.is_some() && adapted.is_none() {
        losses.add(
            format!("{path}.parameters"),
            "no schema of an object: left out",
        );
    }
    if let (Some(true), Some(adapted)) = (strict, &adapted)
        && !adapted.unenforced.is_empty()
    {
        losses.add(
            format!("{path}.parameters"),
            format!("not enforced: {}", adapted.unenforced.join(", ")),
        );
    }
    FunctionDeclaration {
        name: wire_name(name),
        description: description.as_deref().unwrap_or_default().into(),
        parameters_json_schema: adapted
            .map(|adapted| adapted.schema)
            .filter(|schema| !schema::is_empty(schema)),
    }
}

fn custom<'a>(tool: &'a CustomTool, path: &str, losses: &mut Losses) -> FunctionDeclaration<'a> {
    let CustomTool {
        name,
        description,
        format,
        extra,
    } = tool;
    losses.extra(path, extra);
    let mut description = Cow::Borrowed(description.as_deref().unwrap_or_default());
    let format = format.as_ref().and_then(Value::as_object);
    if let Some(format) = format
        && tag_of(format) != "text"
    {
        losses.add(
            format!("{path}.format"),
            "Google enforces no grammar: told to the model instead",
        );
        let definition = format.get("definition").and_then(Value::as_str);
        description = format!(
            "{description}\n\n`input` must match this grammar:\n{}",
            definition.unwrap_or_default()
        )
        .into();
    }
    FunctionDeclaration {
        name: wire_name(name),
        description,
        // A constant that is JSON does not fail.
        parameters_json_schema: RawValue::from_string(FREE_TEXT.to_owned())
            .ok()
            .map(Cow::Owned),
    }
}

fn choice(
    request: &Request,
    functions: &mut Vec<FunctionDeclaration<'_>>,
    strict: bool,
    rules: &Rules,
    losses: &mut Losses,
) -> Result<Option<FunctionCallingConfig>, Error> {
    let auto = || strict.then(|| config(Mode::Validated, Vec::new()));
    let Some(choice) = &request.tool_choice else {
        return Ok(auto());
    };
    if functions.is_empty() {
        return if choice.is_forced() {
            Err(forced(
                "a call is demanded, but Google has none of the tools",
            ))
        } else {
            Ok(None)
        };
    }
    Ok(match choice {
        ToolChoice::Mode(ChoiceMode::Auto) => auto(),
        ToolChoice::Mode(ChoiceMode::None) => Some(config(Mode::None, Vec::new())),
        ToolChoice::Mode(ChoiceMode::Required) => Some(config(Mode::Any, Vec::new())),
        ToolChoice::Function(name) | ToolChoice::Custom(name) => {
            let name = wire_name(name).into_owned();
            if !functions.iter().any(|function| function.name == name) {
                return Err(forced(format!("no tool is called `{name}`")));
            }
            Some(config(Mode::Any, vec![name]))
        }
        ToolChoice::Allowed { mode, tools } => {
            let names = allowed(tools, functions, losses);
            match mode {
                ChoiceMode::None => Some(config(Mode::None, Vec::new())),
                ChoiceMode::Required if names.is_empty() => {
                    return Err(forced("Google has none of the allowed tools"));
                }
                ChoiceMode::Required => Some(config(Mode::Any, names)),
                ChoiceMode::Auto if names.is_empty() => Some(config(Mode::None, Vec::new())),
                ChoiceMode::Auto if rules.validated.yes() => Some(config(Mode::Validated, names)),
                ChoiceMode::Auto => {
                    functions.retain(|function| names.iter().any(|name| *name == function.name));
                    None
                }
            }
        }
        ToolChoice::Other(map) => {
            return Err(forced(format!(
                "Google cannot be made to use `{}`",
                tag_of(map)
            )));
        }
    })
}

/// The allowed names that are declared.
fn allowed(
    tools: &[Open<AllowedTool>],
    functions: &[FunctionDeclaration<'_>],
    losses: &mut Losses,
) -> Vec<String> {
    let mut names = Vec::new();
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("tool_choice.tools[{at}]");
        match tool {
            Open::Known(tool) => {
                let name = wire_name(tool.name()).into_owned();
                if functions.iter().any(|function| function.name == name) {
                    names.push(name);
                } else {
                    losses.add(path, "no such tool is declared: left out");
                }
            }
            Open::Unknown(map) => losses.add(
                path,
                format!("Google has no hosted tool `{}`: left out", tag_of(map)),
            ),
        }
    }
    names
}

fn config(mode: Mode, allowed_function_names: Vec<String>) -> FunctionCallingConfig {
    FunctionCallingConfig {
        mode,
        allowed_function_names,
    }
}

fn forced(message: impl Into<String>) -> Error {
    Error::unsupported("tool_choice", message).with_code("unsupported_value")
}
