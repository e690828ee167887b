//! `chat --list`: the conversations on disk, newest first.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::super::failure::Outcome;
use super::super::places;
use super::super::session::{UNNAMED, read, said};
use super::super::streams::{Kind, Streams, say, width};
use super::super::typo::shortened;

/// On a narrower terminal what is known of a conversation stands under its name.
const SIDE_BY_SIDE: usize = 64;

/// The columns in front of the first question.
const TAKEN: usize = 43;

/// The first question has no fewer and no more characters than these.
const SHORTEST: usize = 20;
const LONGEST: usize = 50;

/// A saved conversation, for the list.
#[derive(Debug)]
struct Saved {
    name: String,
    changed: SystemTime,
    turns: usize,
    first: String,
}

/// Lists them: columns for people, tabs for programs.
pub(super) fn list(streams: Streams) -> Outcome {
    let saved = saved()?;
    if saved.is_empty() {
        streams.note("no saved conversations");
    }
    let mut text = String::new();
    for one in saved {
        let age = SystemTime::now()
            .duration_since(one.changed)
            .unwrap_or_default();
        match streams.stdout {
            Kind::Terminal => {
                let turns = match one.turns {
                    1 => "1 turn".to_owned(),
                    more => format!("{more} turns"),
                };
                // Writing to a string cannot fail.
                let _ = match width() {
                    columns @ 1..SIDE_BY_SIDE => {
                        let first = shortened(&one.first, columns.saturating_sub(3));
                        writeln!(text, "{}\n  {} · {turns}\n  {first}", one.name, ago(age))
                    }
                    columns => {
                        let room = columns.saturating_sub(TAKEN).clamp(SHORTEST, LONGEST);
                        let first = shortened(&one.first, room);
                        let (name, age) = (one.name, ago(age));
                        writeln!(text, "{name:<20} {age:>8} {turns:>10}  {first}")
                    }
                };
            }
            Kind::Pipe => {
                let first = one.first.split_whitespace().collect::<Vec<_>>().join(" ");
                let _ = writeln!(
                    text,
                    "{}\t{}\t{}\t{first}",
                    one.name,
                    age.as_secs(),
                    one.turns
                );
            }
        }
    }
    say(&text)
}

/// All saved conversations, newest first.
fn saved() -> Outcome<Vec<Saved>> {
    let mut saved = Vec::new();
    for (path, changed) in files()? {
        let (turns, _) = read(&path)?;
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

fn files() -> Outcome<Vec<(PathBuf, SystemTime)>> {
    let state = places::state()?;
    let mut found = Vec::new();
    let named = fs::read_dir(state.join("sessions"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    for path in named.chain([state.join(UNNAMED)]) {
        let is_session = path.extension().is_some_and(|ending| ending == "jsonl");
        if let Ok(changed) = fs::metadata(&path).and_then(|metadata| metadata.modified())
            && is_session
        {
            found.push((path, changed));
        }
    }
    Ok(found)
}

fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
