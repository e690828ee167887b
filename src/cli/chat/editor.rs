//! The prompt: lines, history, completion and hints. The terminal is in raw mode only while a line is being read.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event,
    EventContext, EventHandler, Helper, KeyCode, KeyEvent, Modifiers, RepeatCount,
};

use super::super::config;
use super::super::failure::{Code, Failure, Outcome, Stop};
use super::super::places;
use super::super::render::Colour;
use super::super::streams::{Streams, tell};
use super::commands::COMMANDS;
use crate::config::load::Env;

/// So many lines are remembered.
const MOST_LINES: usize = 1000;

/// What came of asking for a line.
pub(super) enum Asked {
    Line(String),
    Interrupted,
    End,
}

/// The prompt.
pub(super) struct Prompt {
    editor: Editor<Words, FileHistory>,
    history: Option<PathBuf>,
    wants_editor: Arc<AtomicBool>,
}

impl Prompt {
    pub(super) fn new(
        names: impl Fn() -> Vec<String> + 'static,
        history: Option<PathBuf>,
        streams: Streams,
    ) -> Outcome<Self> {
        let colour = match streams.colour {
            Colour::On => ColorMode::Enabled,
            Colour::Off => ColorMode::Disabled,
        };
        // The cursor's position is never asked for: under tmux and over ssh the answer may not come.
        let config = Config::builder()
            .max_history_size(MOST_LINES)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(|error| failed(&error))?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .color_mode(colour)
            .build();
        let mut editor = Editor::with_config(config).map_err(|error| failed(&error))?;
        editor.set_helper(Some(Words {
            names: Box::new(names),
            known: OnceCell::new(),
            files: FilenameCompleter::new(),
            hints: HistoryHinter::new(),
        }));
        editor.bind_sequence(KeyEvent::ctrl('J'), Cmd::Newline);
        editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), Cmd::Newline);
        let wants_editor = Arc::new(AtomicBool::new(false));
        editor.bind_sequence(
            Event::KeySeq(vec![KeyEvent::ctrl('X'), KeyEvent::ctrl('E')]),
            EventHandler::Conditional(Box::new(OpenEditor(wants_editor.clone()))),
        );
        if let Some(path) = &history
            && path.exists()
        {
            // A history that cannot be read is a history that is not there.
            let _ = editor.load_history(path);
        }
        Ok(Self {
            editor,
            history,
            wants_editor,
        })
    }

    /// Reads a message, of one line or several.
    pub(super) fn read(&mut self) -> Outcome<Asked> {
        let mut initial = String::new();
        loop {
            let line = match self.editor.readline_with_initial("> ", (&initial, "")) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => return Ok(Asked::Interrupted),
                Err(ReadlineError::Eof) => return Ok(Asked::End),
                Err(error) => return Err(failed(&error)),
            };
            if self.wants_editor.swap(false, Ordering::Relaxed) {
                edit(&line)?.trim_end().clone_into(&mut initial);
                continue;
            }
            let line = line.replace("\\\n", "\n");
            self.remember(&line);
            return Ok(Asked::Line(line));
        }
    }

    /// A line that cannot be remembered is told once, and is no reason to stop.
    fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || !matches!(self.editor.add_history_entry(line), Ok(true)) {
            return;
        }
        let Some(path) = &self.history else { return };
        let kept = places::private_file(path, fs::OpenOptions::new().append(true))
            .map_err(ReadlineError::from)
            .and_then(|_| self.editor.append_history(path));
        if let Err(error) = kept {
            tell(&format!(
                "warning: cannot keep the history in {}: {error}\n",
                path.display()
            ));
            self.history = None;
        }
    }
}

/// Lets the user write in an editor; what is in the file when the editor ends is the text.
pub(super) fn edit(text: &str) -> Outcome<String> {
    let path = std::env::temp_dir().join(format!("llmgw-{}.md", std::process::id()));
    let io = |error: std::io::Error| {
        Failure::new(
            Code::Bug,
            format!("cannot edit {}: {error}", path.display()),
        )
    };
    // Not an old file, nor somebody else's link.
    let _ = fs::remove_file(&path);
    places::private_file(&path, fs::OpenOptions::new().write(true).create_new(true))
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(io)?;
    let status = config::editor(&Env::of_process())
        .arg(&path)
        .status()
        .map_err(io)?;
    let written = fs::read_to_string(&path).map_err(io)?;
    // The text has been read; a file that stays behind does no harm.
    let _ = fs::remove_file(&path);
    if status.success() {
        Ok(written)
    } else {
        Ok(text.to_owned())
    }
}

fn failed(error: &ReadlineError) -> Stop {
    Failure::new(Code::Bug, format!("cannot read from the terminal: {error}")).into()
}

/// Ends the line and says that it goes to the editor.
struct OpenEditor(Arc<AtomicBool>);

impl ConditionalEventHandler for OpenEditor {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        self.0.store(true, Ordering::Relaxed);
        Some(Cmd::AcceptLine)
    }
}

/// Completes commands, models and paths; hints what was typed before.
struct Words {
    names: Box<dyn Fn() -> Vec<String>>,
    known: OnceCell<Vec<String>>,
    files: FilenameCompleter,
    hints: HistoryHinter,
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..pos).unwrap_or(line);
        let (start, word) = match typed.rfind(' ') {
            Some(at) => (at + 1, typed.get(at + 1..).unwrap_or_default()),
            None => (0, typed),
        };
        let pair = |text: &str| Pair {
            display: text.to_owned(),
            replacement: text.to_owned(),
        };
        if start == 0 && word.starts_with('/') {
            let names = COMMANDS.iter().map(|command| format!("/{}", command.name));
            return Ok((
                0,
                names
                    .filter(|name| name.starts_with(word))
                    .map(|name| pair(&name))
                    .collect(),
            ));
        }
        if typed.starts_with("/model ") || typed.starts_with("/retry ") {
            let names = self.known.get_or_init(|| (self.names)());
            return Ok((
                start,
                names
                    .iter()
                    .filter(|name| name.contains(word))
                    .map(|name| pair(name))
                    .collect(),
            ));
        }
        if typed.starts_with("/file ") || typed.starts_with("/save ") {
            return self.files.complete(line, pos, context);
        }
        Ok((pos, Vec::new()))
    }
}

impl Hinter for Words {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        let single = !line.is_empty() && !line.contains('\n');
        single
            .then(|| self.hints.hint(line, pos, context))
            .flatten()
            .filter(|hint| !hint.contains('\n'))
    }
}

impl Highlighter for Words {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }
}

impl Validator for Words {
    /// A backslash at the end asks for one more line.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if context.input().ends_with('\\') {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Helper for Words {}
