//! Inside a fence: which line closes it, and what of a line is code.

use super::opening::Line;
use super::wrap::Margin;

#[derive(Debug, Clone, Copy)]
pub(super) struct Fence {
    pub(super) mark: char,
    pub(super) length: usize,
    pub(super) margin: Margin,
    /// Columns of indentation that every line of it has.
    pub(super) strip: usize,
}

/// What a line inside a fence turns out to be.
pub(super) enum Within {
    Undecided,
    Closes,
    Leaves,
    Code { taken: usize },
}

/// What the beginning of a line inside a fence means.
pub(super) fn within(held: &str, fence: &Fence, line: Line) -> Within {
    let mut rest = held;
    for _ in 0..fence.margin.quotes {
        let body = rest.trim_start_matches(' ');
        match body.strip_prefix('>') {
            Some(inner) => rest = inner.strip_prefix(' ').unwrap_or(inner),
            None if body.is_empty() && line == Line::Open => return Within::Undecided,
            None => return Within::Leaves,
        }
    }
    let mut stripped = 0;
    while stripped < fence.strip && rest.starts_with(' ') {
        rest = &rest[1..];
        stripped += 1;
    }
    let taken = held.len() - rest.len();
    let body = rest.trim_start_matches(' ');
    let marks = body.chars().take_while(|c| *c == fence.mark).count();
    let after = body[marks * fence.mark.len_utf8()..].trim_start_matches(' ');
    match (after.is_empty(), line) {
        (true, Line::Open) => Within::Undecided,
        (true, Line::Ended) if marks >= fence.length => Within::Closes,
        (true, Line::Ended) | (false, _) => Within::Code { taken },
    }
}
