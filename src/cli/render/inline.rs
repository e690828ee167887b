//! Marks inside a line: emphasis, code and links, decided as early as a stream allows.
//!
//! A run of delimiters waits for the character after it, a link for its closing parenthesis; nothing else waits. What
//! opens and never closes ends with its paragraph. Without colour all marks stay as they were written.

use super::style::{Colour, Style};
use super::wrap::Wrap;

/// Longer texts and addresses are no links: they are written as they came.
const LONGEST_LINK: usize = 4096;

/// Bytes that end a run of letters: where words break, and where a character is more than one byte.
const BREAKS: [bool; 256] = special(b" \t");

/// The same, with the marks.
const MARKS: [bool; 256] = special(b" \t*_~`[\\");

const fn special(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = at >= 0x80;
        at += 1;
    }
    at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// Is the text one that looks the same once it is laid out on one line?
pub(crate) fn is_plain(text: &str, colour: Colour) -> bool {
    let is_text = |b: u8| b == b' ' || b >= 0x80 || !MARKS[usize::from(b)];
    match colour {
        Colour::On => text.bytes().all(is_text),
        Colour::Off => !text.contains('\t'),
    }
}

/// The state within one paragraph.
#[derive(Debug, Default)]
pub(crate) struct Inline {
    base: Style,
    style: Style,
    /// The length of the backtick run that opened the code; 0 outside of code.
    code: usize,
    run: Option<(char, usize)>,
    escaped: bool,
    previous: Option<char>,
    link: Option<Link>,
}

#[derive(Debug, Default)]
struct Link {
    image: bool,
    text: String,
    depth: usize,
    url: Option<String>,
    closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    Read,
    Literal,
}

impl Inline {
    /// Begins a paragraph, a heading or an item.
    pub(crate) fn block(&mut self, base: Style) {
        *self = Self {
            base,
            style: base,
            ..Self::default()
        };
    }

    /// Takes text of one line.
    pub(crate) fn feed(&mut self, mut text: &str, wrap: &mut Wrap) {
        while !text.is_empty() {
            let plain = self.plain_run(text, wrap.colour);
            if plain > 0 {
                let (run, rest) = text.split_at(plain);
                wrap.set_style(self.shown());
                if rest.starts_with(' ') {
                    wrap.whole_word(run);
                } else {
                    wrap.text(run);
                }
                self.previous = run.chars().next_back();
                text = rest;
                continue;
            }
            if text.starts_with(' ') && self.is_settled() {
                wrap.space();
                self.previous = Some(' ');
                text = &text[1..];
                continue;
            }
            let mut chars = text.chars();
            if let Some(c) = chars.next() {
                self.character(c, wrap, Links::Read);
            }
            text = chars.as_str();
        }
    }

    /// The line is over: what waits is decided, and code ends.
    pub(crate) fn end_line(&mut self, wrap: &mut Wrap) {
        self.end_link(wrap);
        self.end_run(None, wrap);
        if std::mem::take(&mut self.escaped) {
            self.put('\\', wrap);
        }
        self.code = 0;
        self.previous = None;
        wrap.end();
        // A heading is one line; a paragraph's emphasis may go on in the next.
        if self.base != Style::PLAIN {
            self.block(Style::PLAIN);
        }
    }

    /// Does nothing wait for the next character?
    fn is_settled(&self) -> bool {
        self.run.is_none() && !self.escaped && self.link.is_none()
    }

    /// How many bytes at the front are letters and digits that need no decision.
    fn plain_run(&self, text: &str, colour: Colour) -> usize {
        if !self.is_settled() {
            return 0;
        }
        let special = match colour {
            Colour::On => &MARKS,
            Colour::Off => &BREAKS,
        };
        let is_special = |b: u8| special[usize::from(b)];
        text.bytes().position(is_special).unwrap_or(text.len())
    }

    fn character(&mut self, c: char, wrap: &mut Wrap, links: Links) {
        if wrap.colour == Colour::Off {
            self.put(c, wrap);
            return;
        }
        if self.link.is_some() && links == Links::Read {
            self.in_link(c, wrap);
            return;
        }
        if let Some((mark, length)) = self.run {
            if c == mark {
                self.run = Some((mark, length + 1));
                return;
            }
            self.end_run(Some(c), wrap);
        }
        if std::mem::take(&mut self.escaped) {
            if !"*_`[]#~|<>\\-+.!".contains(c) {
                self.put('\\', wrap);
            }
            self.put(c, wrap);
            return;
        }
        match c {
            '`' => self.run = Some((c, 1)),
            _ if self.code > 0 => self.put(c, wrap),
            '*' | '_' | '~' => self.run = Some((c, 1)),
            '\\' => self.escaped = true,
            '[' if links == Links::Read => {
                self.link = Some(Link {
                    image: wrap.take_back('!'),
                    ..Link::default()
                });
            }
            _ => self.put(c, wrap),
        }
    }

    fn put(&mut self, c: char, wrap: &mut Wrap) {
        if c == ' ' || c == '\t' {
            wrap.space();
        } else {
            wrap.set_style(self.shown());
            wrap.character(c);
        }
        self.previous = Some(c);
    }

    fn shown(&self) -> Style {
        if self.code > 0 {
            self.style.with(Style::CODE)
        } else {
            self.style
        }
    }

    // === Delimiters ===

    /// The character after the run is known: the run opens, closes, or is text.
    fn end_run(&mut self, next: Option<char>, wrap: &mut Wrap) {
        let Some((mark, length)) = self.run.take() else {
            return;
        };
        let decided = if mark == '`' {
            self.backticks(length, next)
        } else {
            self.code == 0 && self.emphasis(mark, length, next)
        };
        if !decided {
            for _ in 0..length {
                self.put(mark, wrap);
            }
        }
        self.previous = Some(mark);
    }

    fn backticks(&mut self, length: usize, next: Option<char>) -> bool {
        if self.code == length {
            self.code = 0;
            return true;
        }
        if self.code == 0 && next.is_some() {
            self.code = length;
            return true;
        }
        false
    }

    /// The rules of `CommonMark` 6.2, as far as they can be known without the text that follows.
    fn emphasis(&mut self, mark: char, length: usize, next: Option<char>) -> bool {
        let style = match (mark, length) {
            ('~', 2) => Style::STRIKE,
            ('*' | '_', 1) => Style::ITALIC,
            ('*' | '_', 2) => Style::BOLD,
            ('*' | '_', 3) => Style::BOLD.with(Style::ITALIC),
            _ => return false,
        };
        let spaced = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let wordlike = |c: Option<char>| {
            c.is_some_and(|c| c.is_alphanumeric() && (c.is_ascii() || mark == '_'))
        };
        let inside = wordlike(self.previous) && wordlike(next);
        // A heading is bold already: its marks still go away.
        let open = self.style.without(self.base);
        if open.meets(style) && !spaced(self.previous) && !(mark == '_' && inside) {
            self.style = self.style.without(style).with(self.base);
            return true;
        }
        if !spaced(next) && !inside {
            self.style = self.style.with(style);
            return true;
        }
        self.base.meets(style) && !spaced(self.previous) && !inside
    }

    // === Links ===

    fn in_link(&mut self, c: char, wrap: &mut Wrap) {
        let Some(link) = &mut self.link else {
            return;
        };
        let done = match &mut link.url {
            None if link.closed => {
                if c == '(' {
                    link.url = Some(String::new());
                } else {
                    self.end_link(wrap);
                    self.character(c, wrap, Links::Read);
                }
                return;
            }
            None => {
                match c {
                    ']' if link.depth == 0 => link.closed = true,
                    ']' => link.depth -= 1,
                    '[' => link.depth += 1,
                    _ => {}
                }
                if !link.closed {
                    link.text.push(c);
                }
                false
            }
            Some(_) if c == ')' && link.depth == 0 => true,
            Some(url) => {
                match c {
                    '(' => link.depth += 1,
                    ')' => link.depth -= 1,
                    _ => {}
                }
                url.push(c);
                false
            }
        };
        if done {
            self.write_link(wrap);
        } else if link.text.len() + link.url.as_ref().map_or(0, String::len) > LONGEST_LINK {
            self.end_link(wrap);
        }
    }

    /// No link after all: what was held is text.
    fn end_link(&mut self, wrap: &mut Wrap) {
        let Some(link) = self.link.take() else {
            return;
        };
        let mut text = String::from(if link.image { "![" } else { "[" });
        text.push_str(&link.text);
        if link.closed {
            text.push(']');
        }
        if let Some(url) = &link.url {
            text.push('(');
            text.push_str(url);
        }
        for c in text.chars() {
            self.character(c, wrap, Links::Literal);
        }
    }

    fn write_link(&mut self, wrap: &mut Wrap) {
        let Some(Link { text, url, .. }) = self.link.take() else {
            return;
        };
        // A title may follow the address: `(https://… "title")`.
        let url = url.unwrap_or_default();
        let address = url.split_whitespace().next().unwrap_or_default();
        let before = self.style;
        self.style = before.with(Style::UNDERLINE);
        for c in text.chars() {
            self.character(c, wrap, Links::Literal);
        }
        self.end_run(None, wrap);
        self.code = 0;
        self.style = before;
        if text != address && !address.is_empty() {
            wrap.space();
            wrap.set_style(before.with(Style::DIM));
            wrap.text("(");
            wrap.text(address);
            wrap.text(")");
        }
        self.previous = Some(')');
    }
}
