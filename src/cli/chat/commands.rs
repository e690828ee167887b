//! What begins with a slash. A line is a command only if its first word is `/` and lower-case letters, so that
//! `/etc/passwd holds…` is text; an unknown one is never sent to a model.

use std::fmt::Write as _;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Runtime;

use super::super::failure::{Code, Failure, Outcome};
use super::super::files;
use super::super::fold::{folded, listed};
use super::super::printer::first_block;
use super::super::request;
use super::super::session::said;
use super::super::streams::{Kind, say, width};
use super::super::typo::{nearest, shortened};
use super::editor;
use super::talk::{Conversation, Counts};

/// One command, for `/help`, completion and did-you-mean.
pub(super) struct Command {
    pub(super) name: &'static str,
    argument: &'static str,
    help: &'static str,
}

const fn command(name: &'static str, argument: &'static str, help: &'static str) -> Command {
    Command {
        name,
        argument,
        help,
    }
}

/// All of them.
pub(super) const COMMANDS: [Command; 15] = [
    command("help", "", "commands and keys"),
    command("model", "[NAME]", "show or switch; what was said stays"),
    command("system", "[TEXT]", "show or set the system prompt"),
    command("file", "PATH…", "attach to the next message"),
    command("edit", "", "write the message in $EDITOR"),
    command("set", "KEY VALUE", "temperature, max_tokens, effort, usage"),
    command("retry", "[MODEL]", "ask the last question again"),
    command("undo", "", "drop the last question and answer"),
    command(
        "copy",
        "[code]",
        "last answer or its first code block to the clipboard",
    ),
    command("save", "FILE", "write the conversation as Markdown"),
    command("clear", "", "new conversation"),
    command("usage", "", "tokens, context used, cost so far"),
    command("exit", "", "leave"),
    command("quit", "", "leave"),
    command("bye", "", "leave"),
];

const KEYS: &str = "Enter send · Alt-Enter, Ctrl-J or \\ at the end: new line · Tab complete\n\
                    → take the hint · ↑ Ctrl-R history · Ctrl-X Ctrl-E editor\n\
                    Ctrl-C clear the line, or stop the answer · Ctrl-D leave\n";

/// On a narrower terminal what a command does stands under it.
const SIDE_BY_SIDE: usize = 72;

/// A terminal takes so many bytes into its clipboard; some take fewer.
const LONGEST_COPY: usize = 74_994;

/// What a typed line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Nothing,
    Text(&'a str),
    Command(&'a str, &'a str),
}

/// Does the conversation go on?
pub(super) enum Done {
    Stay,
    Leave,
}

/// Tells commands from text.
pub(super) fn read(line: &str) -> Line<'_> {
    if line.trim().is_empty() {
        return Line::Nothing;
    }
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    match first.strip_prefix('/') {
        Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()) => {
            Line::Command(name, rest.trim())
        }
        Some(_) | None => Line::Text(line),
    }
}

/// Does what a command says.
pub(super) fn run(
    name: &str,
    argument: &str,
    runtime: &Runtime,
    talk: &mut Conversation,
) -> Outcome<Done> {
    match name {
        "help" => help()?,
        "model" => model(argument, talk)?,
        "system" => system(argument, talk)?,
        "file" => attach(argument, talk)?,
        "edit" => {
            let text = editor::edit("")?;
            if !text.trim().is_empty() {
                say(&format!("{text}\n"))?;
                super::turn(runtime, talk, &text)?;
            }
        }
        "set" => set(argument, talk)?,
        "retry" => retry(argument, runtime, talk)?,
        "undo" => match talk.session.undo()? {
            Some(turn) => say(&format!(
                "dropped: {}\n",
                shortened(question(&said(&turn.input)), 60)
            ))?,
            None => say("there is nothing to undo\n")?,
        },
        "copy" => copy(argument, talk)?,
        "save" => save(argument, talk)?,
        "clear" => {
            talk.clear();
            say("a new conversation\n")?;
        }
        "usage" => usage(talk)?,
        "exit" | "quit" | "bye" => return Ok(Done::Leave),
        other => {
            let names = COMMANDS.iter().map(|command| command.name);
            let message = format!("there is no command /{other}");
            let failure = Failure::new(Code::Usage, message);
            return Err(match nearest(other, names, 1).first() {
                Some(name) => failure.with_hint(format!("did you mean /{name}?")),
                None => failure.with_hint("/help lists them"),
            }
            .into());
        }
    }
    Ok(Done::Stay)
}

/// What was typed, without the files that went along.
fn question(message: &str) -> &str {
    message
        .rsplit_once("</file>\n")
        .map_or(message, |(_, typed)| typed)
}

fn help() -> Outcome {
    let mut text = String::new();
    let columns = width();
    for command in &COMMANDS {
        let usage = format!("/{} {}", command.name, command.argument);
        // Writing to a string cannot fail.
        let _ = match columns {
            1..SIDE_BY_SIDE => writeln!(text, "{}\n  {}", usage.trim_end(), command.help),
            _ => writeln!(text, "{usage:<18} {}", command.help),
        };
    }
    say(&folded(&format!("{text}\n{KEYS}"), columns))
}

fn model(argument: &str, talk: &mut Conversation) -> Outcome {
    if argument.is_empty() {
        return say(&format!("{}\n", talk.model()));
    }
    talk.switch(argument)?;
    say(&format!("now {}\n", talk.model()))
}

fn system(argument: &str, talk: &mut Conversation) -> Outcome {
    if !argument.is_empty() {
        talk.settings.instructions = Some(argument.to_owned());
    }
    match &talk.settings.instructions {
        Some(text) => say(&format!("{text}\n")),
        None => say("there is no system prompt\n"),
    }
}

fn attach(argument: &str, talk: &mut Conversation) -> Outcome {
    if argument.is_empty() {
        return Err(Failure::new(Code::Usage, "/file needs a path").into());
    }
    // A path may have spaces in it: it is one path if there is such a file.
    let whole = std::path::Path::new(argument).exists();
    let paths = if whole {
        vec![argument]
    } else {
        argument.split_whitespace().collect()
    };
    for path in paths {
        talk.attach(files::read(path)?);
        say(&format!("attached {path}\n"))?;
    }
    Ok(())
}

fn set(argument: &str, talk: &mut Conversation) -> Outcome {
    let (key, value) = argument
        .split_once(char::is_whitespace)
        .unwrap_or((argument, ""));
    let value = value.trim();
    let why = match (key, value) {
        (_, "") => Err("/set needs a key and a value: /set temperature 0.2".to_owned()),
        ("usage", "on") => {
            talk.counts = Counts::Shown;
            Ok(())
        }
        ("usage", "off") => {
            talk.counts = Counts::Hidden;
            Ok(())
        }
        ("usage", _) => Err("usage is on or off".to_owned()),
        (key, value) => request::set(&mut talk.settings, key, value),
    };
    why.map_err(|why| Failure::new(Code::Usage, why))?;
    say(&format!("{key} {value}\n"))
}

fn retry(argument: &str, runtime: &Runtime, talk: &mut Conversation) -> Outcome {
    if !argument.is_empty() {
        model(argument, talk)?;
    }
    match talk.again()? {
        Some(question) => super::ask(runtime, talk, question),
        None => say("there is nothing to ask again\n"),
    }
}

/// OSC 52 reaches the clipboard of the terminal's own machine, also over ssh.
fn copy(argument: &str, talk: &Conversation) -> Outcome {
    let usage = |what: &str| Err(Failure::new(Code::Usage, what).into());
    let Some(answer) = talk.last_answer() else {
        return usage("there is no answer yet");
    };
    let text = match argument {
        "" => answer.as_str(),
        "code" => first_block(&answer),
        _ => return usage("/copy takes nothing, or `code`"),
    };
    if talk.streams.stdout == Kind::Pipe {
        return usage("there is no terminal whose clipboard could be used");
    }
    let encoded = STANDARD.encode(text);
    if encoded.len() > LONGEST_COPY {
        return usage("that is too long for a terminal's clipboard: /save writes it to a file");
    }
    say(&format!("\x1b]52;c;{encoded}\x07"))?;
    talk.streams
        .note(&format!("copied {} characters", text.chars().count()));
    Ok(())
}

fn save(argument: &str, talk: &Conversation) -> Outcome {
    if argument.is_empty() {
        return Err(Failure::new(Code::Usage, "/save needs a file").into());
    }
    let mut text = String::new();
    for turn in &talk.session.turns {
        let (question, answer) = (said(&turn.input), said(&turn.output));
        let _ = write!(
            text,
            "## You\n\n{}\n\n## {}\n\n{}\n\n",
            question.trim(),
            turn.model,
            answer.trim()
        );
    }
    fs::write(argument, text)
        .map_err(|error| Failure::new(Code::Bug, format!("cannot write {argument}: {error}")))?;
    say(&format!("wrote {argument}\n"))
}

fn usage(talk: &Conversation) -> Outcome {
    let mut words = talk.account.words();
    words.extend(talk.context_used());
    say(&format!("{}\n", listed(&words, width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slash_and_letters_are_a_command() {
        assert_eq!(read("/model sonnet"), Line::Command("model", "sonnet"));
        assert_eq!(read("/help"), Line::Command("help", ""));
        assert_eq!(
            read("/etc/passwd holds users"),
            Line::Text("/etc/passwd holds users")
        );
        assert_eq!(read("/ is the root"), Line::Text("/ is the root"));
        assert_eq!(read("/Users"), Line::Text("/Users"));
        assert_eq!(read("  "), Line::Nothing);
        assert_eq!(read("hello"), Line::Text("hello"));
    }
}
