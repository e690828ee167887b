//! How text is dressed: a small set of attributes, and the one escape sequence that switches to a set.

use std::fmt::Write as _;

/// May escape sequences be written?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Text stays as the model marked it up: legible without any attribute.
    Off,
    /// Marks become attributes.
    On,
}

/// The sequence that switches everything off.
pub(crate) const RESET: &str = "\x1b[0m";

/// A set of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style(u8);

impl Style {
    pub(crate) const PLAIN: Self = Self(0);
    pub(crate) const BOLD: Self = Self(1);
    pub(crate) const ITALIC: Self = Self(1 << 1);
    pub(crate) const CODE: Self = Self(1 << 2);
    pub(crate) const STRIKE: Self = Self(1 << 3);
    pub(crate) const UNDERLINE: Self = Self(1 << 4);
    pub(crate) const DIM: Self = Self(1 << 5);

    /// Attributes and their SGR parameters (ECMA-48 8.3.117).
    const PARAMETERS: [(Self, &'static str); 6] = [
        (Self::BOLD, ";1"),
        (Self::DIM, ";2"),
        (Self::ITALIC, ";3"),
        (Self::UNDERLINE, ";4"),
        (Self::STRIKE, ";9"),
        (Self::CODE, ";36"),
    ];

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Writes the sequence that leaves exactly this set switched on.
    pub(crate) fn switch(self, out: &mut String) {
        out.push_str("\x1b[0");
        for (attribute, parameter) in Self::PARAMETERS {
            if self.has(attribute) {
                out.push_str(parameter);
            }
        }
        out.push('m');
    }
}

/// Text in one style, for the few places that dress a whole string.
pub(crate) fn dressed(text: &str, style: Style, colour: Colour) -> String {
    if colour == Colour::Off || style == Style::PLAIN {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 12);
    style.switch(&mut out);
    // Writing to a string cannot fail.
    let _ = write!(out, "{text}\x1b[0m");
    out
}
