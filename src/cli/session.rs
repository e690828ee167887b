//! Conversations on disk: one file each, one line a turn, readable by nobody else.
//!
//! A turn is appended in one write, so that a crash or a full disk loses at most the turn at hand. Undoing writes the
//! file anew beside the old one and moves it into its place.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::args::Conversation;
use super::failure::{Code, Failure, Outcome, Stop};
use super::places;
use super::streams::{Kind, Streams};
use crate::canonical::item::Item;
use crate::canonical::open::Open;

/// The unnamed conversation keeps so many turns.
const MOST_TURNS: usize = 100;

/// The file of the unnamed conversation, in the state directory.
pub(crate) const UNNAMED: &str = "last.jsonl";

/// The file that holds the path of the conversation which was last seen on a terminal.
const POINTER: &str = "last";

/// One question and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// The model as it was asked for, so that going on asks the same.
    pub(crate) model: String,
    /// The system prompt that held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<String>,
    /// What was said.
    pub(crate) input: Vec<Open<Item>>,
    /// What was answered, with the vendor's opaque state.
    pub(crate) output: Vec<Open<Item>>,
}

/// A conversation, and where it is kept.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) turns: Vec<Turn>,
    file: Option<Kept>,
}

/// The file of a conversation.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    /// How many turns stand in it for sure; with none it is written anew.
    written: usize,
    wish: Wish,
    place: Place,
}

/// Did the user ask for the conversation to be kept?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// By naming it or going on with it: that it cannot be kept is a failure.
    Spoken,
    /// It is kept as a service: that it cannot be kept is worth a warning.
    Unspoken,
}

/// Where the answers are read. Only those that somebody saw become "the last conversation": scripts never disturb `-c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Terminal,
    Elsewhere,
}

impl Session {
    /// The conversation that the flags mean. A new one without a name is kept only where somebody sees the answers.
    pub(crate) fn of(flags: &Conversation, streams: Streams) -> Outcome<Self> {
        let place = match streams.stdout {
            Kind::Terminal => Place::Terminal,
            Kind::Pipe => Place::Elsewhere,
        };
        let mut session = match (&flags.session, flags.go_on) {
            (Some(name), _) => Self::named(name, place)?,
            (None, true) => Self::last(place)?,
            (None, false) if flags.no_save => Self::default(),
            (None, false) => Self::fresh(streams),
        };
        if flags.no_save {
            session.file = None;
        }
        Ok(session)
    }

    /// A new unnamed conversation: it takes the place of the last one.
    pub(crate) fn fresh(streams: Streams) -> Self {
        if streams.stdout == Kind::Pipe {
            return Self::default();
        }
        let Ok(state) = places::state() else {
            streams.note("note: the conversation is not kept, for there is no home directory");
            return Self::default();
        };
        Self {
            turns: Vec::new(),
            file: Some(Kept {
                path: state.join(UNNAMED),
                written: 0,
                wish: Wish::Unspoken,
                place: Place::Terminal,
            }),
        }
    }

    /// The named one, empty if it is new.
    fn named(name: &str, place: Place) -> Outcome<Self> {
        let sound = !name.is_empty()
            && !name.starts_with('.')
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || "-_.".contains(c));
        if !sound {
            let message = format!(
                "a conversation cannot be named `{name}`: letters, digits, `-`, `_` and `.` may be used"
            );
            return Err(Failure::new(Code::Usage, message).into());
        }
        Self::open(&places::state()?, &file_of(name), place)
    }

    /// The one that was last seen on a terminal, whatever its name. In a pipe it is read and stays as it is.
    fn last(place: Place) -> Outcome<Self> {
        let state = places::state()?;
        let file = fs::read_to_string(state.join(POINTER)).unwrap_or_else(|_| UNNAMED.to_owned());
        let mut session = Self::open(&state, file.trim(), place)?;
        if session.turns.is_empty() {
            return Err(
                Failure::new(Code::Usage, "there is no conversation to continue")
                    .with_hint("-S NAME goes on with a named one; llmgw chat --list shows them")
                    .into(),
            );
        }
        if place == Place::Elsewhere {
            session.file = None;
        }
        Ok(session)
    }

    fn open(state: &Path, file: &str, place: Place) -> Outcome<Self> {
        let path = state.join(file);
        let (turns, end) = read(&path)?;
        let written = match end {
            FileEnd::Whole => turns.len(),
            FileEnd::Torn => 0,
        };
        Ok(Self {
            turns,
            file: Some(Kept {
                path,
                written,
                wish: Wish::Spoken,
                place,
            }),
        })
    }

    /// Everything said so far, as the beginning of the next request.
    pub(crate) fn items(&self) -> Vec<Open<Item>> {
        self.turns
            .iter()
            .flat_map(|turn| turn.input.iter().chain(&turn.output))
            .cloned()
            .collect()
    }

    /// Adds a turn and keeps it. Where nobody asked for it to be kept, that it cannot be is no failure of the answer.
    pub(crate) fn add(&mut self, turn: Turn, streams: Streams) -> Outcome {
        self.turns.push(turn);
        let Some(kept) = &mut self.file else {
            return Ok(());
        };
        let Err(error) = kept.add(&self.turns) else {
            return Ok(());
        };
        match kept.wish {
            Wish::Spoken => Err(kept.failure(&error)),
            Wish::Unspoken => {
                streams.warn(&kept.complaint(&error));
                self.file = None;
                Ok(())
            }
        }
    }

    /// Takes the last turn back.
    pub(crate) fn undo(&mut self) -> Outcome<Option<Turn>> {
        let turn = self.turns.pop();
        if turn.is_some()
            && let Some(kept) = &mut self.file
            && let Err(error) = kept.write(&self.turns)
        {
            return Err(kept.failure(&error));
        }
        Ok(turn)
    }
}

impl Kept {
    /// Appends the last turn.
    fn add(&mut self, turns: &[Turn]) -> io::Result<()> {
        let [earlier @ .., last] = turns else {
            return Ok(());
        };
        let is_full = self.path.ends_with(UNNAMED) && turns.len() > MOST_TURNS;
        if self.written == 0 || self.written != earlier.len() || is_full {
            self.write(turns)?;
        } else {
            append(&self.path, &line(last)?)?;
            self.written += 1;
        }
        self.point()
    }

    /// Writes the file anew.
    fn write(&mut self, turns: &[Turn]) -> io::Result<()> {
        let most = if self.path.ends_with(UNNAMED) {
            MOST_TURNS
        } else {
            usize::MAX
        };
        let mut text = String::new();
        for turn in turns.iter().skip(turns.len().saturating_sub(most)) {
            text.push_str(&line(turn)?);
        }
        replace(&self.path, &text)?;
        self.written = turns.len();
        Ok(())
    }

    /// Makes this the last conversation, if somebody saw it.
    fn point(&self) -> io::Result<()> {
        let folder = self.path.parent();
        let is_unnamed = self.path.ends_with(UNNAMED);
        let state = if is_unnamed {
            folder
        } else {
            folder.and_then(Path::parent)
        };
        let (Place::Terminal, Some(state), Some(file)) = (self.place, state, self.path.file_stem())
        else {
            return Ok(());
        };
        let file = if is_unnamed {
            UNNAMED.to_owned()
        } else {
            file_of(&file.to_string_lossy())
        };
        let pointer = state.join(POINTER);
        if fs::read_to_string(&pointer).is_ok_and(|known| known == file) {
            return Ok(());
        }
        replace(&pointer, &file)
    }

    fn complaint(&self, error: &io::Error) -> String {
        let path = self.path.display();
        format!("cannot save the conversation in {path}: {error}")
    }

    fn failure(&self, error: &io::Error) -> Stop {
        Failure::new(Code::Bug, self.complaint(error))
            .with_hint("--no-save keeps nothing on disk")
            .into()
    }
}

/// The text of the messages among these items.
pub(crate) fn said(items: &[Open<Item>]) -> String {
    let mut text = String::new();
    for item in items.iter().filter_map(Open::known) {
        if let Item::Message(message) = item {
            for part in message.content.iter().filter_map(Open::known) {
                text.push_str(part.text().unwrap_or_default());
            }
        }
    }
    text
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileEnd {
    /// After a turn.
    Whole,
    /// In the middle of a turn, since something broke off its writing.
    Torn,
}

/// The turns of a file, none if it is not there.
pub(crate) fn read(path: &Path) -> Outcome<(Vec<Turn>, FileEnd)> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Failure::new(
                Code::Bug,
                format!("cannot read {}: {error}", path.display()),
            )
            .into());
        }
    };
    let mut turns = Vec::new();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(turn) => turns.push(turn),
            Err(_) if !line.ends_with('\n') => return Ok((turns, FileEnd::Torn)),
            Err(error) => {
                let place = format!("{}:{}", path.display(), at + 1);
                let message = format!("{place} is no turn of a conversation: {error}");
                return Err(Failure::new(Code::Bug, message)
                    .with_hint("use another name with -S, or remove that line")
                    .into());
            }
        }
    }
    let end = if text.is_empty() || text.ends_with('\n') {
        FileEnd::Whole
    } else {
        FileEnd::Torn
    };
    Ok((turns, end))
}

fn line(turn: &Turn) -> io::Result<String> {
    let mut line = serde_json::to_string(turn)?;
    line.push('\n');
    Ok(line)
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    places::private_file(path, fs::OpenOptions::new().append(true))?.write_all(line.as_bytes())
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = places::private_file(&beside, fs::OpenOptions::new().write(true).truncate(true))
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What could not be written whole is of no use; that it may not be there either makes no difference.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn file_of(name: &str) -> String {
    format!("sessions/{name}.jsonl")
}
