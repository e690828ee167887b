//! The blocks that are not prose: fences, rules and tables.

use super::Renderer;
use super::fence::Fence;
use super::state::{Place, State};
use super::style::Style;
use super::table::Found;
use super::wrap::Margin;

impl Renderer {
    pub(super) fn begin_fence(&mut self, mark: char, length: usize, indent: usize) {
        let margin = Margin {
            quotes: self.margin.quotes,
            indent: self.margin.indent + indent,
        };
        self.begin(indent);
        self.wrap.verbatim(self.held.trim_start(), Style::DIM);
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

    pub(super) fn begin_code(&mut self, fence: Fence, taken: usize) {
        self.wrap.begin(fence.margin, "");
        self.wrap.verbatim(&self.held[taken..], Style::CODE);
        self.held.clear();
        self.state = State::Fence {
            fence,
            place: Place::Code,
        };
    }

    pub(super) fn close_fence(&mut self, fence: &Fence) {
        self.wrap.begin(fence.margin, "");
        let closing: String = std::iter::repeat_n(fence.mark, fence.length).collect();
        self.wrap.verbatim(&closing, Style::DIM);
        self.wrap.end();
        self.held.clear();
        self.after_blank = false;
        self.state = State::Start;
    }

    pub(super) fn write_rule(&mut self) {
        self.in_list = false;
        self.inline.block(Style::PLAIN);
        let width = self.wrap.room(self.margin);
        self.begin(0);
        self.wrap.verbatim(&"─".repeat(width), Style::DIM);
        self.wrap.end();
        self.held.clear();
    }

    pub(super) fn add_row(&mut self, indent: usize) {
        if self.table.is_empty() {
            self.table.margin = Margin {
                quotes: self.margin.quotes,
                indent: self.margin.indent + indent,
            };
            if !self.marker.is_empty() {
                self.begin(0);
                self.wrap.end();
            }
        }
        let found = self.table.add(&self.held);
        self.held.clear();
        if found == Found::Text {
            self.end_table();
        }
    }

    /// Writes the table that was held back; rows that are no table are lines of text.
    pub(super) fn end_table(&mut self) {
        if !self.table.is_empty() {
            self.inline.block(Style::PLAIN);
            self.table.write(&mut self.inline, &mut self.wrap);
        }
    }
}
