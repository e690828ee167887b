//! The three standard streams: which are terminals, what dress each may wear, and the one way to write to them.
//!
//! Standard output carries the answer and nothing else; everything else goes to standard error. `println!` is not
//! used: it panics when the reader has gone.

use std::io::{self, IsTerminal as _, Write as _};

use super::args::{Global, When};
use super::failure::Outcome;
use super::fold::folded;
use super::render::{Colour, Style, clean, dressed};

/// Where a stream leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To a person.
    Terminal,
    /// To a program or a file.
    Pipe,
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talkative {
    Quiet,
    Normal,
    Verbose,
}

/// The facts, looked up once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    pub(crate) stdin: Kind,
    pub(crate) stdout: Kind,
    pub(crate) stderr: Kind,
    /// What standard output may wear.
    pub(crate) colour: Colour,
    error_colour: Colour,
    pub(crate) talkative: Talkative,
}

impl Streams {
    pub(crate) fn new(global: &Global) -> Self {
        let kind = |terminal| if terminal { Kind::Terminal } else { Kind::Pipe };
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        Self {
            stdin: kind(stdin.is_terminal()),
            stdout: kind(stdout.is_terminal()),
            stderr: kind(stderr.is_terminal()),
            colour: colour(global.color, anstream::AutoStream::choice(&stdout)),
            error_colour: colour(global.color, anstream::AutoStream::choice(&stderr)),
            talkative: match (global.quiet, global.verbose) {
                (true, _) => Talkative::Quiet,
                (false, 0) => Talkative::Normal,
                (false, _) => Talkative::Verbose,
            },
        }
    }

    /// Pipes all around.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self {
            stdin: Kind::Pipe,
            stdout: Kind::Pipe,
            stderr: Kind::Pipe,
            colour: Colour::Off,
            error_colour: Colour::Off,
            talkative: Talkative::Normal,
        }
    }

    /// Something worth knowing; not said with `--quiet`.
    pub(crate) fn note(self, text: &str) {
        if self.talkative != Talkative::Quiet {
            let text = folded(&clean(text), error_columns());
            tell(&format!("{}\n", self.error_dress(&text, Style::DIM)));
        }
    }

    /// Something that may be wrong; said always.
    pub(crate) fn warn(self, text: &str) {
        let label = self.error_dress("warning:", Style::BOLD);
        let text = folded(&format!("warning: {}", clean(text)), error_columns());
        let text = text.strip_prefix("warning:").unwrap_or(&text);
        tell(&format!("{label}{text}\n"));
    }

    /// The same, for what is told in other words.
    pub(crate) fn hushed(self) -> Self {
        Self {
            talkative: Talkative::Quiet,
            ..self
        }
    }

    /// Text for standard error, in a style if it may be.
    pub(crate) fn error_dress(self, text: &str, style: Style) -> String {
        dressed(text, style, self.error_colour)
    }
}

fn colour(when: When, auto: anstream::ColorChoice) -> Colour {
    let wanted = match when {
        When::Always => true,
        When::Never => false,
        When::Auto => auto != anstream::ColorChoice::Never,
    };
    if wanted { Colour::On } else { Colour::Off }
}

/// Columns of the terminal behind standard output; 0 if unknown.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size_of(io::stdout()).map_or(0, |(width, _)| usize::from(width.0))
}

/// Columns of the terminal behind standard error, or what is usual.
pub(crate) fn error_width() -> usize {
    match error_columns() {
        0 => 80,
        known => known,
    }
}

/// Columns of the terminal behind standard error; 0 if unknown.
pub(crate) fn error_columns() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(0, |(width, _)| usize::from(width.0))
}

/// Writes to standard error. A failure is dropped: there is nobody left to be told.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes to standard output, all of it, now.
pub(crate) fn say(text: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}
