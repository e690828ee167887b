//! `chat --list`: the conversations on disk, newest first.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::super::failure::Outcome;
use super::super::session;
use super::super::streams::{Kind, Streams, say};
use super::super::typo::shortened;

/// Lists them: columns for people, tabs for programs.
pub(super) fn list(streams: Streams) -> Outcome {
    let saved = session::list()?;
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
                let first = shortened(&one.first, 50);
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "{:<20} {:>8} {:>4} turns  {first}",
                    one.name,
                    ago(age),
                    one.turns
                );
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

fn ago(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
