//! Conversations on disk: one file each, one line a turn, readable by nobody else.
//!
//! A turn is appended in one write, so that a crash loses at most the turn at hand. Undoing writes the file anew
//! beside the old one and moves it into its place.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::failure::{Code, Failure, Outcome};
use super::places;
use crate::canonical::item::Item;
use crate::canonical::open::Open;

/// The unnamed conversation keeps so many turns.
const MOST_TURNS: usize = 100;

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
    path: Option<PathBuf>,
}

/// A saved conversation, for the list.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) name: String,
    pub(crate) changed: SystemTime,
    pub(crate) turns: usize,
    pub(crate) first: String,
}

impl Session {
    /// A conversation that is kept nowhere.
    pub(crate) fn unsaved() -> Self {
        Self::default()
    }

    /// A new unnamed conversation: it takes the place of the last one.
    pub(crate) fn fresh() -> Outcome<Self> {
        Ok(Self {
            turns: Vec::new(),
            path: Some(places::state()?.join("last.jsonl")),
        })
    }

    /// The named one, empty if it is new.
    pub(crate) fn named(name: &str) -> Outcome<Self> {
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
        let path = places::state()?
            .join("sessions")
            .join(format!("{name}.jsonl"));
        Self::open(path)
    }

    /// The one that was used last, whatever its name.
    pub(crate) fn last() -> Outcome<Self> {
        let newest = files()?.into_iter().max_by_key(|(_, changed)| *changed);
        match newest {
            Some((path, _)) => Self::open(path),
            None => Err(Failure::new(Code::Usage, "there is no conversation to continue").into()),
        }
    }

    fn open(path: PathBuf) -> Outcome<Self> {
        let turns = read(&path)?;
        Ok(Self {
            turns,
            path: Some(path),
        })
    }

    /// From here on nothing is written.
    pub(crate) fn keep_in_memory(&mut self) {
        self.path = None;
    }

    /// Everything said so far, as the beginning of the next request.
    pub(crate) fn items(&self) -> Vec<Open<Item>> {
        self.turns
            .iter()
            .flat_map(|turn| turn.input.iter().chain(&turn.output))
            .cloned()
            .collect()
    }

    /// Adds a turn and keeps it.
    pub(crate) fn add(&mut self, turn: Turn) -> Outcome {
        let line = line(&turn)?;
        let first = self.turns.is_empty();
        self.turns.push(turn);
        let Some(path) = &self.path else {
            return Ok(());
        };
        if first || (path.ends_with("last.jsonl") && self.turns.len() > MOST_TURNS) {
            let surplus = self.turns.len().saturating_sub(MOST_TURNS);
            return self.write(surplus);
        }
        append(path, &line).map_err(|error| cannot_save(path, &error))
    }

    /// Takes the last turn back.
    pub(crate) fn undo(&mut self) -> Outcome<Option<Turn>> {
        let turn = self.turns.pop();
        if turn.is_some() && self.path.is_some() {
            self.write(0)?;
        }
        Ok(turn)
    }

    /// Writes the file anew, without its first turns.
    fn write(&self, surplus: usize) -> Outcome {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut text = String::new();
        for turn in self.turns.iter().skip(surplus) {
            text.push_str(&line(turn)?);
        }
        replace(path, &text).map_err(|error| cannot_save(path, &error))
    }
}

/// All saved conversations, newest first.
pub(crate) fn list() -> Outcome<Vec<Saved>> {
    let mut saved = Vec::new();
    for (path, changed) in files()? {
        let turns = read(&path)?;
        let first = turns
            .first()
            .map(|turn| said(&turn.input))
            .unwrap_or_default();
        saved.push(Saved {
            name: path
                .file_stem()
                .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
            changed,
            turns: turns.len(),
            first,
        });
    }
    saved.sort_by_key(|one| std::cmp::Reverse(one.changed));
    Ok(saved)
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

fn files() -> Outcome<Vec<(PathBuf, SystemTime)>> {
    let state = places::state()?;
    let mut found = Vec::new();
    let named = fs::read_dir(state.join("sessions"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    for path in named.chain([state.join("last.jsonl")]) {
        let is_session = path.extension().is_some_and(|ending| ending == "jsonl");
        if let Ok(changed) = fs::metadata(&path).and_then(|metadata| metadata.modified())
            && is_session
        {
            found.push((path, changed));
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Outcome<Vec<Turn>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::new(
                Code::Bug,
                format!("cannot read {}: {error}", path.display()),
            )
            .into());
        }
    };
    let mut turns = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let turn = serde_json::from_str(line).map_err(|error| {
            let place = format!("{}:{}", path.display(), at + 1);
            Failure::new(
                Code::Bug,
                format!("{place} is no turn of a conversation: {error}"),
            )
            .with_hint("use another name with -S, or remove that line")
        })?;
        turns.push(turn);
    }
    Ok(turns)
}

fn line(turn: &Turn) -> Outcome<String> {
    let mut line = serde_json::to_string(turn)
        .map_err(|error| Failure::new(Code::Bug, format!("cannot write the turn down: {error}")))?;
    line.push('\n');
    Ok(line)
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    places::private_file(path, fs::OpenOptions::new().append(true))?.write_all(line.as_bytes())
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    places::private_file(&beside, fs::OpenOptions::new().write(true).truncate(true))?
        .write_all(text.as_bytes())?;
    fs::rename(&beside, path)
}

fn cannot_save(path: &Path, error: &io::Error) -> super::failure::Stop {
    Failure::new(
        Code::Bug,
        format!(
            "cannot save the conversation in {}: {error}",
            path.display()
        ),
    )
    .with_hint("--no-save keeps nothing on disk")
    .into()
}
