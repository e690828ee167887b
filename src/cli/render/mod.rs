//! Markdown at the terminal, while it is still being written.
//!
//! A state machine over the characters of an answer: what it has written it never touches again, so that nothing
//! flickers and scroll-back stays whole. It holds back the beginning of a line until its kind is known, the current
//! word, an undecided delimiter, an open link, and a table; the output is the same however the text was cut. It knows
//! the Markdown that models write (`CommonMark` with tables), and shows as plain text what it does not know. A line
//! break stays a line break. Control characters of the model's never reach the terminal.

use std::io::{self, Write};

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
use self::fence::{Fence, Within, within};
use self::inline::Inline;
use self::opening::{Line, Opening};
use self::state::{Place, State};
pub use self::style::Colour;
pub(crate) use self::style::{Style, dressed};
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
    table: Vec<String>,
    table_margin: Margin,
    inline: Inline,
    wrap: Wrap,
}

impl Renderer {
    /// A renderer for a terminal of this many columns; 0 means unknown.
    pub fn new(width: usize, colour: Colour) -> Self {
        let width = match width {
            0 => 80,
            known => known.clamp(20, WIDEST),
        };
        let mut inline = Inline::default();
        inline.block(Style::PLAIN);
        Self {
            state: State::Start,
            held: String::new(),
            margin: Margin::default(),
            marker: String::new(),
            in_list: false,
            after_blank: true,
            table: Vec::new(),
            table_margin: Margin::default(),
            inline,
            wrap: Wrap::new(width, colour),
        }
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
                // The rest of a row cannot change what it is.
                State::Start if self.held.trim_start().starts_with('|') => {
                    self.held.push_str(&text[..line]);
                }
                State::Start
                | State::Fence {
                    place: Place::LineStart,
                    ..
                } => {
                    self.held.push(first);
                    self.decide(Line::Open);
                    text = &text[first.len_utf8()..];
                    continue;
                }
            }
            text = &text[line..];
        }
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
            Opening::Blank if self.marker.is_empty() => {
                self.wrap.blank();
                self.inline.block(Style::PLAIN);
            }
            Opening::Blank => self.begin_prose(0, 0, Style::PLAIN),
            Opening::Heading { level, taken } => self.begin_heading(level, taken),
            Opening::Bullet { indent, taken } => {
                let marker = match self.wrap.colour {
                    Colour::On => "• ",
                    Colour::Off => "- ",
                };
                return self.begin_item(indent, taken, marker.to_owned());
            }
            Opening::Ordered {
                indent,
                from,
                to,
                taken,
            } => {
                let marker = format!("{} ", &self.held[from..to]);
                return self.begin_item(indent, taken, marker);
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

    /// A line that does not begin a block continues the paragraph above, with its open emphasis.
    fn begin_text(&mut self, indent: usize, taken: usize) {
        if indent >= 4 && !self.in_list && self.marker.is_empty() && self.after_blank {
            self.state = State::Indented;
            self.begin(indent);
            let code = self.held.split_off(taken);
            self.wrap.verbatim(&code, Style::CODE);
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
        let rest = self.held.split_off(taken);
        self.begin(indent);
        self.state = State::Prose;
        self.held.clear();
        self.inline.feed(&rest, &mut self.wrap);
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

    fn begin_item(&mut self, indent: usize, taken: usize, marker: String) -> bool {
        self.in_list = true;
        self.inline.block(Style::PLAIN);
        if !self.marker.is_empty() {
            // An item inside an item's first line: the outer marker stands on a line of its own.
            self.begin(0);
            self.wrap.end();
        }
        self.held.drain(..taken);
        let columns = marker.chars().count();
        self.margin.indent += indent + columns;
        self.marker = marker;
        true
    }

    fn begin_fence(&mut self, mark: char, length: usize, indent: usize) {
        let margin = Margin {
            quotes: self.margin.quotes,
            indent: self.margin.indent + indent,
        };
        self.begin(indent);
        let opened = self.held.trim_start().to_owned();
        self.wrap.verbatim(&opened, Style::DIM);
        self.wrap.end();
        self.held.clear();
        self.inline.block(Style::PLAIN);
        self.state = State::Fence {
            fence: Fence {
                mark,
                length,
                margin,
                strip: margin.indent,
            },
            place: Place::LineStart,
        };
    }

    fn begin_code(&mut self, fence: Fence, taken: usize) {
        self.wrap.begin(fence.margin, "");
        self.wrap.verbatim(&self.held[taken..], Style::CODE);
        self.held.clear();
        self.state = State::Fence {
            fence,
            place: Place::Code,
        };
    }

    fn close_fence(&mut self, fence: &Fence) {
        self.wrap.begin(fence.margin, "");
        let closing: String = std::iter::repeat_n(fence.mark, fence.length).collect();
        self.wrap.verbatim(&closing, Style::DIM);
        self.wrap.end();
        self.held.clear();
        self.after_blank = false;
        self.state = State::Start;
    }

    fn write_rule(&mut self) {
        self.in_list = false;
        self.inline.block(Style::PLAIN);
        let width = self.wrap.room(self.margin);
        self.begin(0);
        self.wrap.verbatim(&"─".repeat(width), Style::DIM);
        self.wrap.end();
        self.held.clear();
    }

    fn add_row(&mut self, indent: usize) {
        if self.table.is_empty() {
            self.table_margin = Margin {
                quotes: self.margin.quotes,
                indent: self.margin.indent + indent,
            };
            if !self.marker.is_empty() {
                self.begin(0);
                self.wrap.end();
            }
        }
        self.table.push(std::mem::take(&mut self.held));
        if let [_, second] = self.table.as_slice()
            && !table::is_rule(second)
        {
            self.end_table();
        }
    }

    /// Writes the table that was held back; rows that are no table are lines of text.
    fn end_table(&mut self) {
        let rows = std::mem::take(&mut self.table);
        if rows.is_empty() {
            return;
        }
        self.inline.block(Style::PLAIN);
        if rows.get(1).is_some_and(|second| table::is_rule(second)) {
            table::write(&rows, self.table_margin, &mut self.wrap);
            return;
        }
        for row in rows {
            self.wrap.begin(self.table_margin, "");
            self.inline.feed(row.trim_start(), &mut self.wrap);
            self.inline.end_line(&mut self.wrap);
        }
    }

    /// Writes the margin of a line, with the marker that waits for it.
    fn begin(&mut self, indent: usize) {
        let margin = Margin {
            quotes: self.margin.quotes,
            indent: self.margin.indent + indent,
        };
        let marker = std::mem::take(&mut self.marker);
        self.wrap.begin(margin, &marker);
    }
}
