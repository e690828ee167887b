//! The answer on its way to standard output: dressed for a person, as it was sent for a program.
//!
//! Either way it ends in exactly one newline, and each piece is flushed as it comes.

use std::io::{self, Write};

use super::failure::Outcome;
use super::render::{Renderer, clean};
use super::streams::{Kind, Streams, width};

/// How the answer is printed.
#[derive(Debug)]
pub(crate) enum Printer {
    /// Not at all: it is wanted whole.
    Silent,
    /// The bytes as sent; newlines at the end are held back, since there is to be exactly one.
    Bytes(Plain),
    /// The text as sent, without control characters.
    Clean(Plain),
    /// Markdown.
    Rendered(Box<Renderer>),
}

/// Text with its last newlines held back.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    newlines: usize,
    started: bool,
}

/// Is Markdown dressed on a terminal?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markdown {
    Dressed,
    AsSent,
}

impl Printer {
    /// The printer for this output.
    pub(crate) fn new(streams: Streams, markdown: Markdown) -> Self {
        match (streams.stdout, markdown) {
            (Kind::Pipe, _) => Self::Bytes(Plain::default()),
            (Kind::Terminal, Markdown::AsSent) => Self::Clean(Plain::default()),
            (Kind::Terminal, Markdown::Dressed) => {
                Self::Rendered(Box::new(Renderer::new(width(), streams.colour)))
            }
        }
    }

    /// Prints a piece.
    pub(crate) fn push(&mut self, text: &str) -> Outcome {
        let mut out = io::stdout().lock();
        match self {
            Self::Silent => {}
            Self::Bytes(plain) => plain.push(text, &mut out)?,
            Self::Clean(plain) => plain.push(&clean(text), &mut out)?,
            Self::Rendered(renderer) => {
                // The window may have another size by now.
                renderer.resize(width());
                renderer.push(text, &mut out)?;
            }
        }
        Ok(())
    }

    /// The answer is over.
    pub(crate) fn finish(&mut self) -> Outcome {
        let mut out = io::stdout().lock();
        match self {
            Self::Silent => {}
            Self::Bytes(plain) | Self::Clean(plain) => plain.finish(&mut out)?,
            Self::Rendered(renderer) => renderer.finish(&mut out)?,
        }
        Ok(())
    }
}

impl Plain {
    fn push(&mut self, text: &str, out: &mut impl Write) -> io::Result<()> {
        let body = text.trim_end_matches('\n');
        if !body.is_empty() {
            for _ in 0..self.newlines {
                out.write_all(b"\n")?;
            }
            self.newlines = 0;
            self.started = true;
            out.write_all(body.as_bytes())?;
            out.flush()?;
        }
        self.newlines += text.len() - body.len();
        Ok(())
    }

    fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.started {
            out.write_all(b"\n")?;
        }
        *self = Self::default();
        out.flush()
    }
}

/// The first fenced block of an answer, without its fence; the whole text if there is none.
pub(crate) fn first_block(text: &str) -> &str {
    let mut start = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let body = line.trim();
        let indented = line.trim_start_matches(' ');
        let mark = indented
            .bytes()
            .next()
            .filter(|mark| matches!(mark, b'`' | b'~'));
        let Some(mark) = mark else { continue };
        let length = indented.bytes().take_while(|byte| *byte == mark).count();
        match start {
            None if length >= 3 => start = Some((at, mark, length)),
            Some((from, opened, least))
                if opened == mark && length >= least && body.len() == length =>
            {
                return text.get(from..begin).unwrap_or(text);
            }
            None | Some(_) => {}
        }
    }
    match start {
        // The answer was cut inside of its block.
        Some((from, ..)) => text.get(from..).unwrap_or(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_exactly_one_newline_at_the_end() {
        let check = |pieces: &[&str], expect: &str| {
            let mut out = Vec::new();
            let mut plain = Plain::default();
            for piece in pieces {
                plain.push(piece, &mut out).unwrap();
            }
            plain.finish(&mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expect, "{pieces:?}");
        };
        check(&["a"], "a\n");
        check(&["a\n", "\n", "\nb\n\n"], "a\n\n\nb\n");
        check(&["\n", "\na"], "\n\na\n");
        check(&[], "");
        check(&["\n"], "");
    }

    #[test]
    fn the_first_block_is_taken_out() {
        let check = |text, expect| assert_eq!(first_block(text), expect, "{text:?}");
        check("text\n```sh\nls\n```\nmore\n```\nb\n```", "ls\n");
        check("~~~~\n~~~\n~~~~\n", "~~~\n");
        check("no block", "no block");
        check("```\ncut", "cut");
        check("``` and ``` inline\nx", "x");
    }
}
