//! Markdown at the terminal, while it is still being written.
//!
//! A state machine over the characters of an answer: what it has written it never touches again, so that nothing
//! flickers and scroll-back stays whole. It holds back the beginning of a line until its kind is known, the current
//! word, an undecided delimiter, an open link, and a table; the output is the same however the text was cut. It knows
//! the Markdown that models write (`CommonMark` with tables), and shows as plain text what it does not know. A line
//! break stays a line break. Control characters of the model's never reach the terminal.

use std::io::{self, Write};

mod block;
mod cells;
mod clean;
mod fence;
mod inline;
mod opening;
mod state;
mod style;
mod table;
mod wrap;

#[cfg(test)]
mod tests;

pub(crate) use self::clean::clean;
use self::fence::{Within, within};
use self::inline::Inline;
use self::opening::{Line, Opening};
use self::state::{Place, State};
pub use self::style::Colour;
pub(crate) use self::style::{Style, dressed};
use self::table::Table;
use self::wrap::{Margin, Wrap};

/// Prose is not set wider than this, however wide the terminal is.
const WIDEST: usize = 100;

/// Renders one answer.
#[derive(Debug)]
pub struct Renderer {
    state: State,
    /// The beginning of a line, undecided.
    held: String,
    /// Of the line at hand: its quotes so far, and the columns of a list marker that came before.
    margin: Margin,
    /// The marker that the line at hand still has to write, in the margin's last columns.
    marker: String,
    in_list: bool,
    after_blank: bool,
    table: Table,
    inline: Inline,
    wrap: Wrap,
}

impl Renderer {
    /// A renderer for a terminal of this many columns; 0 means unknown.
    pub fn new(width: usize, colour: Colour) -> Self {
        let mut inline = Inline::default();
        inline.block(Style::PLAIN);
        Self {
            state: State::Start,
            held: String::new(),
            margin: Margin::default(),
            marker: String::new(),
            in_list: false,
            after_blank: true,
            table: Table::new(colour),
            inline,
            wrap: Wrap::new(prose_width(width), colour),
        }
    }

    /// From the next line on the terminal has this many columns; 0 means unknown.
    pub fn resize(&mut self, width: usize) {
        self.wrap.width = prose_width(width);
    }

    /// Takes a piece of the answer and writes what is decided.
    pub fn push(&mut self, text: &str, out: &mut impl Write) -> io::Result<()> {
        self.take(&clean(text));
        self.write_out(out)
    }

    /// The answer is whole: writes what was held back, and one final newline if there was anything.
    pub fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !(self.is_at_line_start() && self.held.is_empty() && self.marker.is_empty()) {
            self.end_line();
        }
        self.end_table();
        self.wrap.finish();
        self.write_out(out)
    }

    fn write_out(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.wrap.out.is_empty() {
            return Ok(());
        }
        out.write_all(self.wrap.out.as_bytes())?;
        self.wrap.out.clear();
        out.flush()
    }

    fn take(&mut self, mut text: &str) {
        while let Some(first) = text.chars().next() {
            let line = memchr::memchr(b'\n', text.as_bytes()).unwrap_or(text.len());
            if line == 0 {
                self.end_line();
                text = &text[1..];
                continue;
            }
            match &self.state {
                State::Prose => self.inline.feed(&text[..line], &mut self.wrap),
                State::Indented
                | State::Fence {
                    place: Place::Code, ..
                } => {
                    self.wrap.verbatim(&text[..line], Style::CODE);
                }
                // Nothing in a row decides anything before its end.
                State::Start if opening::is_row(&self.held) => self.held.push_str(&text[..line]),
                State::Start
                | State::Fence {
                    place: Place::LineStart,
                    ..
                } => {
                    let taken = match self.settled(&text[..line]) {
                        0 => first.len_utf8(),
                        settled => settled,
                    };
                    self.held.push_str(&text[..taken]);
                    self.decide(Line::Open);
                    text = &text[taken..];
                    continue;
                }
            }
            text = &text[line..];
        }
    }

    /// How many bytes of the line can be taken at once, since they decide nothing by themselves.
    fn settled(&self, line: &str) -> usize {
        let spaces = line.bytes().take_while(|b| *b == b' ').count();
        if spaces > 0 || !matches!(self.state, State::Start) {
            return spaces;
        }
        opening::settled(&self.held, line)
    }

    fn is_at_line_start(&self) -> bool {
        match self.state {
            State::Start => true,
            State::Fence { place, .. } => place == Place::LineStart,
            State::Prose | State::Indented => false,
        }
    }

    /// The line is over.
    fn end_line(&mut self) {
        if self.is_at_line_start() {
            self.decide(Line::Ended);
        }
        match &mut self.state {
            State::Start => {}
            State::Prose => {
                self.inline.end_line(&mut self.wrap);
                self.state = State::Start;
            }
            State::Indented => {
                self.wrap.end();
                self.state = State::Start;
            }
            State::Fence { place, .. } => {
                if *place == Place::Code {
                    self.wrap.end();
                }
                *place = Place::LineStart;
            }
        }
        self.margin = Margin::default();
        self.marker.clear();
        self.held.clear();
    }

    // === The beginning of a line ===

    fn decide(&mut self, line: Line) {
        if let State::Fence { fence, .. } = self.state {
            match within(&self.held, &fence, line) {
                Within::Undecided => return,
                Within::Closes => return self.close_fence(&fence),
                Within::Code { taken } => return self.begin_code(fence, taken),
                // A line without the quote's mark ends the quote and what is in it.
                Within::Leaves => self.state = State::Start,
            }
        }
        while let Some(opening) = opening::decide(&self.held, line) {
            if let Opening::Quote { taken } = opening {
                self.margin.quotes += 1;
                self.held.drain(..taken);
                continue;
            }
            if !matches!(opening, Opening::Row { .. }) {
                self.end_table();
            }
            let blank = opening == Opening::Blank && self.marker.is_empty();
            let more = self.open(opening);
            self.after_blank = blank;
            if !more {
                return;
            }
        }
    }

    /// Acts on the kind of the line; true if what follows a list marker must be looked at in turn.
    fn open(&mut self, opening: Opening) -> bool {
        match opening {
            Opening::Quote { .. } => {}
            Opening::Blank if self.marker.is_empty() => self.blank(),
            // A heading without words shows nothing once its marks are gone.
            Opening::Heading { taken, .. }
                if taken == self.held.len()
                    && self.marker.is_empty()
                    && self.wrap.colour == Colour::On =>
            {
                self.blank();
            }
            Opening::Blank => self.begin_prose(0, 0, Style::PLAIN),
            Opening::Heading { level, taken } => self.begin_heading(level, taken),
            Opening::Bullet { indent, taken } => {
                self.begin_item();
                self.marker.push_str(match self.wrap.colour {
                    Colour::On => "• ",
                    Colour::Off => "- ",
                });
                return self.go_on_in_item(indent, taken);
            }
            Opening::Ordered {
                indent,
                from,
                to,
                taken,
            } => {
                self.begin_item();
                self.marker.push_str(&self.held[from..to]);
                self.marker.push(' ');
                return self.go_on_in_item(indent, taken);
            }
            Opening::Fence {
                mark,
                length,
                indent,
            } => self.begin_fence(mark, length, indent),
            Opening::Rule => self.write_rule(),
            Opening::Row { indent } => self.add_row(indent),
            Opening::Text { indent, taken } => self.begin_text(indent, taken),
        }
        false
    }

    fn blank(&mut self) {
        self.wrap.blank(self.margin.quotes);
        self.inline.block(Style::PLAIN);
    }

    /// A line that does not begin a block continues the paragraph above, with its open emphasis.
    fn begin_text(&mut self, indent: usize, taken: usize) {
        if indent >= 4 && !self.in_list && self.marker.is_empty() && self.after_blank {
            self.state = State::Indented;
            self.begin(indent);
            self.wrap.verbatim(&self.held[taken..], Style::CODE);
            self.held.clear();
            return;
        }
        if indent == 0 && self.marker.is_empty() && self.after_blank {
            self.in_list = false;
        }
        self.prose(indent, taken);
    }

    fn begin_prose(&mut self, indent: usize, taken: usize, base: Style) {
        self.inline.block(base);
        self.prose(indent, taken);
    }

    fn prose(&mut self, indent: usize, taken: usize) {
        self.begin(indent);
        self.state = State::Prose;
        self.inline.feed(&self.held[taken..], &mut self.wrap);
        self.held.clear();
    }

    fn begin_heading(&mut self, level: usize, taken: usize) {
        self.in_list = false;
        let first = if level == 1 {
            Style::UNDERLINE
        } else {
            Style::PLAIN
        };
        let taken = if self.wrap.colour == Colour::On {
            taken
        } else {
            0
        };
        self.begin_prose(0, taken, Style::BOLD.with(first));
    }

    fn begin_item(&mut self) {
        self.in_list = true;
        self.inline.block(Style::PLAIN);
        if !self.marker.is_empty() {
            // An item inside an item's first line: the outer marker stands on a line of its own.
            self.begin(0);
            self.wrap.end();
        }
    }

    /// What follows the marker is looked at in turn.
    fn go_on_in_item(&mut self, indent: usize, taken: usize) -> bool {
        self.held.drain(..taken);
        self.margin.indent += indent + self.marker.chars().count();
        true
    }

    /// Writes the margin of a line, with the marker that waits for it.
    fn begin(&mut self, indent: usize) {
        let margin = Margin {
            quotes: self.margin.quotes,
            indent: self.margin.indent + indent,
        };
        self.wrap.begin(margin, &self.marker);
        self.marker.clear();
    }
}

/// How wide prose is set on a terminal of this many columns.
fn prose_width(columns: usize) -> usize {
    match columns {
        0 => 80,
        known => known.clamp(20, WIDEST),
    }
}
