//! What the demo says: reasoning, calls of tools, JSON or a short page of Markdown, within the limit of tokens.

use std::fmt::Write as _;

use http::StatusCode;
use serde_json::Value;

use super::count::{self, Seen};
use super::faults::{Ending, Faults};
use super::pen::{Channel, Pen};
use super::sample;
use super::stream::Verb;
use crate::canonical::ids;
use crate::canonical::item::{CustomToolCall, Item, Role, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::{Json, Part};
use crate::canonical::request::{Effort, Format, Request};
use crate::canonical::sealed::{Block, Envelope};
use crate::canonical::tool::{ChoiceMode, Tool, ToolChoice};

/// A request that the peer answers with an error.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) param: Option<String>,
    pub(super) message: String,
}

impl Refused {
    /// A 400 with this message.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "invalid_value".to_owned(),
            param: None,
            message: message.into(),
        }
    }

    fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

/// At most so much of a prompt is quoted back, in characters.
const MOST_QUOTED: usize = 2000;

/// The answer, verb by verb.
pub(super) fn verbs(
    request: &Request,
    faults: &Faults,
    seed: &str,
) -> Result<Vec<Verb<'static>>, Refused> {
    own_state(request)?;
    let mut pen = Pen::new(request);
    pen.push(Verb::Begin {
        model: request.model.clone().into(),
    });
    if let Some(effort) = request.effort().filter(|effort| *effort != Effort::None) {
        think(request, effort, seed, &mut pen);
    }
    let calls = calls(request);
    match (faults.stop, calls.is_empty()) {
        (Some(Ending::Refusal), _) => pen.write(Channel::Refusal, "I cannot help with that."),
        (None | Some(Ending::ContentFilter), false) => {
            for (at, tool) in calls.iter().enumerate() {
                call(tool, &format!("{seed}{at}"), &mut pen)?;
            }
        }
        (None | Some(Ending::ContentFilter), true) => {
            pen.write(Channel::Text, &text(request, faults)?);
        }
    }
    Ok(pen.end(count::input_tokens(request), faults.stop))
}

/// Opaque state must come back as it was issued; another vendor's was taken out before.
fn own_state(request: &Request) -> Result<(), Refused> {
    for (at, item) in request.input.iter().enumerate() {
        let Open::Known(Item::Reasoning(item)) = item else {
            continue;
        };
        if item
            .encrypted_content
            .as_deref()
            .is_some_and(super::request::is_foreign)
        {
            return Err(Refused::new("this is not what the demo issued")
                .at(format!("input[{at}].encrypted_content")));
        }
    }
    Ok(())
}

fn think(request: &Request, effort: Effort, seed: &str, pen: &mut Pen) {
    let prompt = prompt(request);
    let mut thought = format!(
        "The prompt has {} words. ",
        prompt.split_whitespace().count()
    );
    thought.push_str("I have no model to ask, so I quote it back. ");
    for level in Effort::ALL.iter().filter(|level| **level < effort) {
        let _infallible = write!(thought, "Thinking at {} was not enough. ", level.as_str());
    }
    let thought = thought.trim_end();
    let channel = if request.wants_summary() {
        Channel::Reasoning
    } else {
        Channel::Silence
    };
    pen.write(channel, thought);
    let envelope = Envelope {
        vendor: super::request::VENDOR.to_owned(),
        model: request.model.clone(),
        blocks: vec![Block::Redacted {
            data: seed.to_owned(),
        }],
    };
    pen.seal(envelope.seal());
}

// === the text ===

fn text(request: &Request, faults: &Faults) -> Result<String, Refused> {
    if let Some(text) = &faults.text {
        return Ok(text.clone());
    }
    if let Some(words) = faults.words {
        let words = (0..words.min(100_000)).map(|at| format!("word{at}"));
        return Ok(words.collect::<Vec<_>>().join(" "));
    }
    match request.format() {
        Some(Open::Known(Format::JsonSchema(format))) => match &format.schema {
            Some(schema) => fitting(schema, "text.format.schema"),
            None => Ok(object(request)),
        },
        Some(Open::Known(Format::JsonObject(_))) => Ok(object(request)),
        Some(Open::Known(Format::Text(_)) | Open::Unknown(_)) | None => Ok(page(request)),
    }
}

fn object(request: &Request) -> String {
    serde_json::json!({ "answer": "This is the demo.", "prompt": quoted(&prompt(request)) })
        .to_string()
}

fn fitting(schema: &Json, param: &str) -> Result<String, Refused> {
    let schema: Value = serde_json::from_str(schema.get())
        .map_err(|error| Refused::new(error.to_string()).at(param))?;
    match sample::fitting(&schema) {
        Some(value) => Ok(value.to_string()),
        None => Err(Refused::new("the demo finds no value that fits this schema").at(param)),
    }
}

/// A page with one of everything that a renderer must know: heading, quote, list, code, table.
fn page(request: &Request) -> String {
    let outputs = outputs(request);
    let (heading, said) = if outputs.is_empty() {
        ("You said", quoted(&prompt(request)))
    } else {
        ("The tool said", quoted(&outputs.join("\n")))
    };
    let quote: Vec<String> = said.lines().map(|line| format!("> {line}")).collect();
    let seen = Seen::of(request);
    let mut page = format!("# {heading}\n\n{}\n\n", quote.join("\n"));
    page.push_str("- This is the built-in **demo**: offline, no key, no model.\n");
    page.push_str("- The same request always gets the same answer.\n");
    for (count, what) in [
        (seen.images, "image"),
        (seen.files, "file"),
        (seen.others, "recording"),
    ] {
        if count > 0 {
            let plural = if count == 1 { "" } else { "s" };
            let _infallible = writeln!(page, "- I see {count} {what}{plural}.");
        }
    }
    page.push_str("\nSet a key, and ask a real model:\n\n");
    page.push_str("```sh\nexport OPENAI_API_KEY=…\nllmgw ask \"why is the sky blue?\"\n```\n\n");
    let _infallible = write!(
        page,
        "| what | count |\n|---|---:|\n| items | {} |\n| words | {} |\n",
        request.input.len(),
        said.split_whitespace().count()
    );
    page
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(MOST_QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The text of the last user message.
fn prompt(request: &Request) -> String {
    let mut items = request.input.iter().rev().filter_map(Open::known);
    let last = items.find_map(|item| match item {
        Item::Message(message) if message.role == Role::User => Some(message),
        _ => None,
    });
    match last {
        Some(message) => joined(&message.content),
        None => request.instructions.clone().unwrap_or_default(),
    }
}

/// The outputs of tools at the end of the conversation.
fn outputs(request: &Request) -> Vec<String> {
    let mut outputs: Vec<String> = request
        .input
        .iter()
        .rev()
        .map_while(|item| match item {
            Open::Known(Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output)) => {
                Some(match &output.output {
                    ToolOutput::Text(text) => text.clone(),
                    ToolOutput::Parts(parts) => joined(parts),
                })
            }
            _ => None,
        })
        .collect();
    outputs.reverse();
    outputs
}

fn joined(parts: &[Open<Part>]) -> String {
    let texts = parts.iter().filter_map(|part| part.known()?.text());
    texts.collect::<Vec<_>>().join("\n")
}

// === calls ===

/// The tools that this answer calls; none where it answers in text.
fn calls(request: &Request) -> Vec<&Tool> {
    let tools: Vec<&Tool> = request.tools.iter().filter_map(Open::known).collect();
    let answered = !outputs(request).is_empty();
    let (mode, mut tools) = match &request.tool_choice {
        None => (ChoiceMode::Auto, tools),
        Some(ToolChoice::Mode(mode)) => (*mode, tools),
        Some(ToolChoice::Function(name) | ToolChoice::Custom(name)) => {
            (ChoiceMode::Required, named(tools, &[name]))
        }
        Some(ToolChoice::Allowed {
            mode,
            tools: allowed,
        }) => {
            let allowed = allowed.iter().filter_map(|tool| Some(tool.known()?.name()));
            (*mode, named(tools, &allowed.collect::<Vec<_>>()))
        }
        Some(ToolChoice::Other(_)) => (ChoiceMode::None, tools),
    };
    match mode {
        ChoiceMode::None => return Vec::new(),
        ChoiceMode::Auto if answered => return Vec::new(),
        ChoiceMode::Auto | ChoiceMode::Required => {}
    }
    let parallel = request.parallel_tool_calls != Some(false)
        && prompt(request).to_lowercase().contains("parallel");
    match (parallel, tools.as_slice()) {
        (true, [only]) => tools.push(only),
        (true, _) => tools.truncate(2),
        (false, _) => tools.truncate(1),
    }
    tools
}

fn named<'a, S: AsRef<str>>(tools: Vec<&'a Tool>, names: &[S]) -> Vec<&'a Tool> {
    let wanted = |tool: &&Tool| names.iter().any(|name| name.as_ref() == tool.name());
    tools.into_iter().filter(wanted).collect()
}

fn call(tool: &Tool, seed: &str, pen: &mut Pen) -> Result<(), Refused> {
    let call_id = format!("call_{}", ids::digest(&["call", seed]));
    match tool {
        Tool::Function(tool) => {
            let arguments = match &tool.parameters {
                Some(schema) => fitting(schema, &format!("tools `{}`", tool.name))?,
                None => "{}".to_owned(),
            };
            pen.call(&call_id, &tool.name, &arguments);
        }
        Tool::Custom(tool) => {
            let item = Item::CustomToolCall(CustomToolCall {
                call_id,
                name: tool.name.clone(),
                input: "demo".to_owned(),
                ..CustomToolCall::default()
            });
            if let Ok(json) = Json::of(&item) {
                pen.item(json);
            }
        }
    }
    Ok(())
}
