//! Tools and the choice among them. What a server cannot be told is reached by another way where there is one: a list
//! of allowed tools becomes the list of tools, a free-form tool becomes a function of one string.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::quirks::{Required, Takes};
use super::request::Context;
use crate::canonical::extra::Object;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Json;
use crate::canonical::request::Effort;
use crate::canonical::tool::{AllowedTool, ChoiceMode, CustomTool, FunctionTool, Tool, ToolChoice};
use crate::error::{Error, Kind};
use crate::wire::chat::Text;
use crate::wire::chat::request::{self as chat, Custom, Function};

/// The tools as they are sent, and the choice.
pub(super) struct Chosen<'a> {
    pub(super) tools: Vec<chat::Tool<'a>>,
    pub(super) choice: Option<Value>,
    /// The free-form tools that are sent as functions.
    pub(super) emulated: Vec<String>,
    pub(super) thinking: Thinking,
}

/// What the choice demands of thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Nothing.
    Free,
    /// A forced choice is refused while the model thinks.
    MustBeOff,
}

/// Which tools are sent.
enum Which<'a> {
    All,
    None,
    Named(Vec<&'a str>),
}

impl Which<'_> {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Named(names) => names.contains(&name),
        }
    }
}

impl<'a> Chosen<'a> {
    /// Reads tools and choice.
    pub(super) fn read(context: &mut Context<'a>) -> Result<Self, Error> {
        let request = context.request;
        let sendable = |tool: &Open<Tool>| tool.known().is_some() || context.is_spoken();
        let sendable = request.tools.iter().any(sendable);
        if !sendable {
            for (at, tool) in request.tools.iter().enumerate() {
                lose_hosted(context, at, tool);
            }
            return match &request.tool_choice {
                Some(choice) if choice.is_forced() => Err(Error::unsupported(
                    "tool_choice",
                    "a tool must be called, but there is none that this server takes",
                )),
                Some(_) | None => Ok(Self::nothing()),
            };
        }
        let (which, choice) = choose(context, request.tool_choice.as_ref())?;
        let mut chosen = Self::nothing();
        for (at, tool) in request.tools.iter().enumerate() {
            match tool {
                Open::Known(tool) if !which.has(tool.name()) => {}
                Open::Known(Tool::Function(tool)) => {
                    let tool = function(context, at, tool)?;
                    chosen.tools.push(tool);
                }
                Open::Known(Tool::Custom(tool)) => match context.quirks.custom {
                    Takes::Yes => chosen.tools.push(custom(tool)),
                    Takes::No => {
                        chosen.emulated.push(tool.name.clone());
                        chosen.tools.push(emulated(context, at, tool)?);
                    }
                },
                // A client of this protocol asks for a tool of the server's own.
                Open::Unknown(map) if context.is_spoken() => chosen.tools.push(hosted(map)),
                Open::Unknown(_) => lose_hosted(context, at, tool),
            }
        }
        let forced = request
            .tool_choice
            .as_ref()
            .is_some_and(ToolChoice::is_forced);
        if forced && chosen.tools.is_empty() {
            return Err(Error::unsupported(
                "tool_choice",
                "the tool that must be called is not among `tools`",
            ));
        }
        if !chosen.tools.is_empty() {
            chosen.choice = choice;
        }
        let thinks = request.effort() != Some(Effort::None);
        if forced && thinks && context.quirks.required == Required::WithoutThinking {
            chosen.thinking = Thinking::MustBeOff;
        }
        Ok(chosen)
    }

    fn nothing() -> Self {
        Self {
            tools: Vec::new(),
            choice: None,
            emulated: Vec::new(),
            thinking: Thinking::Free,
        }
    }
}

fn hosted<'a>(map: &Object) -> chat::Tool<'a> {
    let mut extra = map.clone();
    extra.shift_remove("type");
    chat::Tool {
        kind: tag_of(map).to_owned().into(),
        extra,
        ..chat::Tool::default()
    }
}

fn lose_hosted(context: &mut Context<'_>, at: usize, tool: &Open<Tool>) {
    if let Open::Unknown(map) = tool {
        let what = format!("`{}`: this server has no such tool", tag_of(map));
        context.lose(format!("tools[{at}]"), what);
    }
}

/// Which tools are sent, and the choice in the server's own words.
fn choose<'a>(
    context: &Context<'a>,
    choice: Option<&'a ToolChoice>,
) -> Result<(Which<'a>, Option<Value>), Error> {
    let quirks = context.quirks;
    // A server that ignores the choice is not given the tools that must not be called.
    let ignores = quirks.required == Required::Never && quirks.named == Takes::No;
    Ok(match choice {
        None | Some(ToolChoice::Mode(ChoiceMode::Auto)) => (Which::All, None),
        Some(ToolChoice::Mode(ChoiceMode::None)) if ignores => (Which::None, None),
        Some(ToolChoice::Mode(ChoiceMode::None)) => (Which::All, Some("none".into())),
        Some(ToolChoice::Mode(ChoiceMode::Required)) => (Which::All, Some(required(context)?)),
        Some(ToolChoice::Function(name)) => named(context, "function", name)?,
        Some(ToolChoice::Custom(name)) => match quirks.custom {
            Takes::Yes => named(context, "custom", name)?,
            Takes::No => named(context, "function", name)?,
        },
        Some(ToolChoice::Allowed { mode, tools }) if quirks.custom == Takes::Yes => {
            (Which::All, Some(allowed(*mode, tools)))
        }
        Some(ToolChoice::Allowed { mode, tools }) => {
            let names = tools.iter().filter_map(Open::known).map(AllowedTool::name);
            let which = Which::Named(names.collect());
            match mode {
                ChoiceMode::Auto => (which, None),
                ChoiceMode::None => (Which::None, None),
                ChoiceMode::Required => (which, Some(required(context)?)),
            }
        }
        Some(ToolChoice::Other(map)) => {
            let message = format!("this server cannot be made to use `{}`", tag_of(map));
            return Err(Error::unsupported("tool_choice", message));
        }
    })
}

fn required(context: &Context<'_>) -> Result<Value, Error> {
    match context.quirks.required {
        Required::Required | Required::WithoutThinking => Ok("required".into()),
        Required::Any => Ok("any".into()),
        Required::Never => Err(Error::unsupported(
            "tool_choice",
            "this server cannot be made to call a tool",
        )),
    }
}

fn named<'a>(
    context: &Context<'a>,
    kind: &str,
    name: &'a str,
) -> Result<(Which<'a>, Option<Value>), Error> {
    Ok(match context.quirks.named {
        Takes::Yes => (
            Which::All,
            Some(json!({ "type": kind, kind: { "name": name } })),
        ),
        // The only tool that there is must be called: the same, said otherwise.
        Takes::No => (Which::Named(vec![name]), Some(required(context)?)),
    })
}

/// OpenAI's `allowed_tools`, which Chat Completions nests one level deeper.
fn allowed(mode: ChoiceMode, tools: &[Open<AllowedTool>]) -> Value {
    let tools: Vec<Value> = tools
        .iter()
        .map(|tool| match tool {
            Open::Known(AllowedTool::Function(tool)) => {
                json!({ "type": "function", "function": { "name": tool.name } })
            }
            Open::Known(AllowedTool::Custom(tool)) => {
                json!({ "type": "custom", "custom": { "name": tool.name } })
            }
            Open::Unknown(map) => Value::Object(map.clone()),
        })
        .collect();
    json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": tools } })
}

fn function<'a>(
    context: &mut Context<'a>,
    at: usize,
    tool: &'a FunctionTool,
) -> Result<chat::Tool<'a>, Error> {
    let FunctionTool {
        name,
        description,
        parameters,
        strict,
        extra,
    } = tool;
    for key in extra.keys() {
        context.lose(format!("tools[{at}].{key}"), "not sent");
    }
    let strict = match (strict, context.quirks.strict) {
        (strict, Takes::Yes) => *strict,
        (Some(true), Takes::No) => {
            context.lose(format!("tools[{at}].strict"), "false");
            None
        }
        (Some(false) | None, Takes::No) => None,
    };
    let parameters = match parameters {
        Some(json) if json.get() != "null" => Cow::Borrowed(&*json.0),
        Some(_) | None => Cow::Owned(schema(&json!({ "type": "object", "properties": {} }))?.0),
    };
    Ok(chat::Tool {
        kind: "function".into(),
        function: Some(Function {
            name: name.as_str().into(),
            description: description.as_deref().map(Text::from),
            parameters: Some(parameters),
            strict,
        }),
        ..chat::Tool::default()
    })
}

fn schema(value: &Value) -> Result<Json, Error> {
    Json::of(value).map_err(|e| Error::new(Kind::Internal, format!("the schema: {e}")))
}

/// The grammar of a free-form tool: how it is called, and what it says.
fn grammar(format: &Value) -> Option<(&str, &str)> {
    let text = |key| format.get(key).and_then(Value::as_str);
    (text("type") == Some("grammar"))
        .then(|| Some((text("syntax")?, text("definition")?)))
        .flatten()
}

/// OpenAI's own form, in which Chat Completions nests the grammar one level deeper.
fn custom(tool: &CustomTool) -> chat::Tool<'_> {
    let format = tool.format.as_ref().map(|format| match grammar(format) {
        Some((syntax, definition)) => json!({
            "type": "grammar",
            "grammar": { "syntax": syntax, "definition": definition },
        }),
        None => format.clone(),
    });
    chat::Tool {
        kind: "custom".into(),
        custom: Some(Custom {
            name: tool.name.as_str().into(),
            description: tool.description.as_deref().map(Text::from),
            format,
        }),
        ..chat::Tool::default()
    }
}

/// A function of one string, whose calls are turned back by the decoder.
fn emulated<'a>(
    context: &mut Context<'a>,
    at: usize,
    tool: &'a CustomTool,
) -> Result<chat::Tool<'a>, Error> {
    let mut description = tool.description.clone().unwrap_or_default();
    if let Some((syntax, definition)) = tool.format.as_ref().and_then(grammar) {
        context.lose(
            format!("tools[{at}].format"),
            "the grammar is told to the model, not enforced",
        );
        if !description.is_empty() {
            description.push_str("\n\n");
        }
        let told = format!("`input` must match this {syntax} grammar:\n{definition}");
        description.push_str(&told);
    }
    let parameters = schema(&json!({
        "type": "object",
        "properties": { "input": { "type": "string" } },
        "required": ["input"],
        "additionalProperties": false,
    }))?;
    Ok(chat::Tool {
        kind: "function".into(),
        function: Some(Function {
            name: tool.name.as_str().into(),
            description: (!description.is_empty()).then(|| description.into()),
            parameters: Some(Cow::Owned(parameters.0)),
            strict: None,
        }),
        ..chat::Tool::default()
    })
}
