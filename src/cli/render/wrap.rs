//! Words into lines: append-only, by the width that a terminal shows, never moving the cursor.
//!
//! Only the current word is held back. A line that is full ends in the style "plain" and the next one takes the style
//! up again, so that every line stands for itself.

use unicode_width::UnicodeWidthStr;

use super::style::{Colour, RESET, Style};

/// A word longer than this many bytes is written before its end is known: it fills lines of its own anyway.
const LONGEST_HELD: usize = 4096;

/// What stands before each line of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Margin {
    /// Bars of quotes.
    pub(crate) quotes: usize,
    /// Columns after the bars.
    pub(crate) indent: usize,
}

/// The end of the output: lines under construction.
#[derive(Debug)]
pub(crate) struct Wrap {
    pub(crate) out: String,
    pub(crate) colour: Colour,
    pub(crate) width: usize,
    margin: Margin,
    column: usize,
    spaces: usize,
    word: String,
    /// Bytes of escapes in the word.
    escapes: usize,
    /// The style in force before the word.
    word_style: Style,
    style: Style,
    written: Style,
    newlines: usize,
    /// Newlines in front of the line at hand. They wait for something to be written on it, so that lines without
    /// anything are none at the end.
    waiting: usize,
    /// The quotes that an empty line stands in.
    blank_quotes: usize,
    started: bool,
    fresh: bool,
}

impl Wrap {
    pub(crate) fn new(width: usize, colour: Colour) -> Self {
        Self {
            out: String::new(),
            colour,
            width,
            margin: Margin::default(),
            column: 0,
            spaces: 0,
            word: String::new(),
            escapes: 0,
            word_style: Style::PLAIN,
            style: Style::PLAIN,
            written: Style::PLAIN,
            newlines: 0,
            waiting: 0,
            blank_quotes: 0,
            started: false,
            fresh: true,
        }
    }

    /// Begins anew, behind what was written, in lines of this width.
    pub(crate) fn restart(&mut self, width: usize) {
        let (out, word) = (
            std::mem::take(&mut self.out),
            std::mem::take(&mut self.word),
        );
        *self = Self {
            out,
            word,
            ..Self::new(width, self.colour)
        };
    }

    /// The column behind what was last written.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// Columns to the right of this margin.
    pub(crate) fn room(&self, margin: Margin) -> usize {
        self.width.saturating_sub(margin.columns()).max(8)
    }

    /// Begins a line. `marker` stands in the margin's last columns: a bullet, a number, or nothing.
    pub(crate) fn begin(&mut self, margin: Margin, marker: &str) {
        let colour = self.colour;
        let newlines = if self.started { self.newlines } else { 0 };
        self.waiting += newlines;
        self.newlines = 0;
        self.started = true;
        self.margin = Margin {
            quotes: margin.quotes,
            indent: margin.indent.saturating_sub(marker.width()),
        };
        self.column = self.margin.columns() + marker.width();
        if self.column > 0 {
            // The bars of a quote go on where the quote does.
            let quotes = self.blank_quotes.min(margin.quotes);
            if newlines > 1 && quotes > 0 {
                self.waiting -= 1;
                self.break_line();
                bars(&mut self.out, quotes, colour);
                self.waiting = 1;
            }
            self.break_line();
            lead(&mut self.out, self.margin, colour);
            self.out.push_str(marker);
        }
        self.margin = margin;
        self.fresh = true;
    }

    /// Changes the style of what follows.
    pub(crate) fn set_style(&mut self, style: Style) {
        self.style = style;
    }

    /// Adds to the current word.
    pub(crate) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.word.is_empty() {
            self.word_style = self.written;
        }
        if self.colour == Colour::On && self.style != self.written {
            let before = self.word.len();
            self.style.switch(&mut self.word);
            self.escapes += self.word.len() - before;
            self.written = self.style;
        }
        self.word.push_str(text);
        if self.word.len() > LONGEST_HELD {
            self.end_word();
        }
    }

    /// Adds one character; a line may break on either side of an ideograph.
    pub(crate) fn character(&mut self, c: char) {
        let breaks = match self.word.chars().next_back() {
            Some(last) => {
                (is_ideograph(c) && !is_closing(c)) || (is_ideograph(last) && c.is_alphanumeric())
            }
            None => false,
        };
        if breaks {
            self.end_word();
        }
        self.text(c.encode_utf8(&mut [0; 4]));
    }

    /// Takes the last character of the held word back, if it is this one.
    pub(crate) fn take_back(&mut self, c: char) -> bool {
        if self.word.ends_with(c) {
            self.word.pop();
            return true;
        }
        false
    }

    /// Ends the word.
    pub(crate) fn space(&mut self) {
        self.end_word();
        if !self.fresh {
            self.spaces += 1;
        }
    }

    /// Ends the line.
    pub(crate) fn end(&mut self) {
        self.end_word();
        self.plain_style();
        self.spaces = 0;
        self.newlines = self.newlines.max(1);
    }

    /// An empty line within so many quotes stands between this and what follows; several are one.
    pub(crate) fn blank(&mut self, quotes: usize) {
        let before = if self.newlines == 2 {
            self.blank_quotes
        } else {
            quotes
        };
        self.blank_quotes = quotes.min(before);
        self.newlines = 2;
    }

    /// Writes text that is neither wrapped nor broken, in one style.
    pub(crate) fn verbatim(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        self.break_line();
        if self.colour == Colour::On && self.written != style {
            style.switch(&mut self.out);
            self.written = style;
        }
        self.out.push_str(text);
    }

    /// Something is about to be written on the line at hand.
    fn break_line(&mut self) {
        while self.waiting > 0 {
            self.out.push('\n');
            self.waiting -= 1;
        }
    }

    /// Ends the output: exactly one newline, if there was anything.
    pub(crate) fn finish(&mut self) {
        if self.started {
            self.out.push('\n');
        }
        self.started = false;
        self.newlines = 0;
        self.waiting = 0;
    }

    /// Adds letters that end a word; they are ASCII.
    pub(crate) fn whole_word(&mut self, text: &str) {
        if self.word.is_empty() && (self.colour == Colour::Off || self.style == self.written) {
            self.write_word(text, text.len(), self.written);
        } else {
            self.text(text);
            self.end_word();
        }
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let mut word = std::mem::take(&mut self.word);
        let width = if word.is_ascii() {
            word.len() - self.escapes
        } else {
            visible(&word)
        };
        self.write_word(&word, width, self.word_style);
        word.clear();
        self.word = word;
        self.escapes = 0;
    }

    /// Writes a word, on the next line if this one is full. `before` is the style in force in front of it.
    fn write_word(&mut self, mut word: &str, width: usize, before: Style) {
        self.break_line();
        let full = self.column + self.spaces + width > self.width && !self.fresh;
        let gap = if full { 0 } else { self.spaces };
        let changes = word.starts_with('\x1b');
        let dressed = before != Style::PLAIN;
        // A line never ends dressed, and a space between two styles has neither.
        if dressed && (full || (changes && gap > 0)) {
            self.out.push_str(RESET);
            word = word.strip_prefix(RESET).unwrap_or(word);
        }
        if full {
            self.out.push('\n');
            lead(&mut self.out, self.margin, self.colour);
            self.column = self.margin.columns();
            if dressed && !changes {
                before.switch(&mut self.out);
            }
        }
        spaces(&mut self.out, gap);
        self.out.push_str(word);
        self.column += gap + width;
        self.spaces = 0;
        self.fresh = false;
    }

    fn plain_style(&mut self) {
        if self.colour == Colour::On && self.written != Style::PLAIN {
            self.out.push_str(RESET);
            self.written = Style::PLAIN;
        }
    }
}

impl Margin {
    fn columns(self) -> usize {
        2 * self.quotes + self.indent
    }
}

/// Writes the margin of one line.
fn lead(out: &mut String, margin: Margin, colour: Colour) {
    bars(out, margin.quotes, colour);
    if margin.quotes > 0 {
        out.push(' ');
    }
    spaces(out, margin.indent);
}

/// Writes the bars of quotes, with spaces between them.
fn bars(out: &mut String, quotes: usize, colour: Colour) {
    if quotes == 0 {
        return;
    }
    if colour == Colour::On {
        Style::DIM.switch(out);
    }
    for at in 0..quotes {
        out.push_str(if at == 0 { "│" } else { " │" });
    }
    if colour == Colour::On {
        out.push_str(RESET);
    }
}

/// Writes so many spaces.
pub(super) fn spaces(out: &mut String, mut count: usize) {
    const MANY: &str = "                                ";
    while count > MANY.len() {
        out.push_str(MANY);
        count -= MANY.len();
    }
    out.push_str(&MANY[..count]);
}

/// Characters between which East Asian text breaks its lines (UAX 14, class ID and its kin).
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}')
}

/// Punctuation that must not begin a line (UAX 14, classes CL and NS, the common ones).
fn is_closing(c: char) -> bool {
    "、。，．：；？！）］｝」』】〕〉》・ー々".contains(c)
}

/// The width without our own escape sequences, which all end in `m`.
pub(super) fn visible(line: &str) -> usize {
    let mut width = 0;
    for (at, piece) in line.split('\x1b').enumerate() {
        let text = if at == 0 {
            piece
        } else {
            piece.split_once('m').map_or("", |(_, text)| text)
        };
        width += text.width();
    }
    width
}
