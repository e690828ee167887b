//! A table, held back whole: its columns are as wide as what stands in them.
//!
//! Cells keep their marks. A table wider than the terminal wraps inside its widest columns. The room in which one is
//! laid out is kept for the next: cells are small and many.

use unicode_width::UnicodeWidthStr as _;

use super::cells::{Align, Cells, alignment};
use super::inline::{self, Inline};
use super::style::{Colour, RESET, Style};
use super::wrap::{Margin, Wrap, spaces, visible};

/// Columns are not made narrower than this.
const NARROWEST: usize = 6;

/// A width that no cell has.
const ENDLESS: usize = usize::MAX / 4;

/// Where a text stands: among the rows as they came, or on the desk.
#[derive(Debug, Clone, Copy)]
enum Text {
    Row { from: usize, to: usize },
    Desk { from: usize, to: usize },
}

/// One line of a cell, dressed, and the columns that it takes.
#[derive(Debug, Clone, Copy)]
struct Line {
    text: Text,
    width: usize,
}

/// A cell as it was written, and as it is on one line.
#[derive(Debug, Clone, Copy)]
struct Cell {
    source: Text,
    natural: Line,
}

/// Is it a table so far?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Table,
    Text,
}

/// The rows that are held back.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) margin: Margin,
    /// One row after the other, and where each of them ends.
    rows: String,
    ends: Vec<usize>,
    /// One for each column, once the rule under the head is there.
    aligns: Vec<Align>,
    widths: Vec<usize>,
    /// All but the rule's, row by row.
    cells: Vec<Cell>,
    /// Of the row at hand: the lines of its cells, and where each cell's begin.
    lines: Vec<Line>,
    begins: Vec<usize>,
    desk: Desk,
}

impl Table {
    pub(crate) fn new(colour: Colour) -> Self {
        Self {
            margin: Margin::default(),
            rows: String::new(),
            ends: Vec::new(),
            aligns: Vec::new(),
            widths: Vec::new(),
            cells: Vec::new(),
            lines: Vec::new(),
            begins: Vec::new(),
            desk: Desk {
                wrap: Wrap::new(ENDLESS, colour),
                inline: Inline::default(),
                row: String::new(),
            },
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Takes a row. Without a rule under its head it is no table.
    pub(crate) fn add(&mut self, row: &str) -> Found {
        self.rows.push_str(row);
        self.ends.push(self.rows.len());
        if self.ends.len() == 2 {
            for cell in Cells::of(row) {
                let Some(align) = alignment(&row[cell.from..cell.to]) else {
                    self.aligns.clear();
                    break;
                };
                self.aligns.push(align);
            }
        }
        match (self.ends.len(), self.aligns.is_empty()) {
            (2.., true) => Found::Text,
            (_, _) => Found::Table,
        }
    }

    /// Writes the table, or its rows where they are none, and forgets them.
    pub(crate) fn write(&mut self, inline: &mut Inline, wrap: &mut Wrap) {
        if self.aligns.is_empty() {
            let mut from = 0;
            for end in &self.ends {
                wrap.begin(self.margin, "");
                inline.feed(self.rows[from..*end].trim_start(), wrap);
                inline.end_line(wrap);
                from = *end;
            }
        } else {
            self.read();
            fit(&mut self.widths, wrap.room(self.margin));
            // The rule is one of the rows.
            for row in 0..self.ends.len() - 1 {
                self.write_row(row, wrap);
            }
        }
        self.rows.clear();
        self.ends.clear();
        self.aligns.clear();
        self.desk.wrap.out.clear();
    }

    /// Takes the rows apart.
    fn read(&mut self) {
        self.widths.clear();
        self.widths.resize(self.aligns.len(), 1);
        self.cells.clear();
        let mut from = 0;
        for (at, end) in self.ends.iter().enumerate() {
            let row = &self.rows[from..*end];
            let mut cells = Cells::of(row);
            for widest in self.widths.iter_mut().filter(|_| at != 1) {
                let cell = match cells.next() {
                    None => Cell::EMPTY,
                    Some(cell) if cell.has_bars => {
                        let text = row[cell.from..cell.to].replace("\\|", "|");
                        let source = self.desk.keep(&text);
                        Cell {
                            source,
                            natural: self.desk.on_one_line(&text, source, base(at)),
                        }
                    }
                    Some(cell) => {
                        let text = &row[cell.from..cell.to];
                        let source = Text::Row {
                            from: from + cell.from,
                            to: from + cell.to,
                        };
                        Cell {
                            source,
                            natural: self.desk.on_one_line(text, source, base(at)),
                        }
                    }
                };
                *widest = cell.natural.width.max(*widest);
                self.cells.push(cell);
            }
            from = *end;
        }
    }

    /// Writes a row, with the line under it if it is the head.
    fn write_row(&mut self, row: usize, wrap: &mut Wrap) {
        self.lines.clear();
        self.begins.clear();
        let columns = self.widths.len();
        let mut height = 1;
        for (cell, width) in self.cells[row * columns..].iter().zip(&self.widths) {
            let begin = self.lines.len();
            self.begins.push(begin);
            if cell.natural.width <= *width {
                self.lines.push(cell.natural);
            } else {
                let source = text_of(cell.source, &self.rows, &self.desk).to_owned();
                self.desk
                    .on_lines(&source, *width, base(row), &mut self.lines);
            }
            height = height.max(self.lines.len() - begin);
        }
        self.begins.push(self.lines.len());
        let mut shown = std::mem::take(&mut self.desk.row);
        for at in 0..height {
            shown.clear();
            self.set_line(at, &mut shown);
            wrap.begin(self.margin, "");
            wrap.verbatim(shown.trim_end(), Style::PLAIN);
            wrap.end();
        }
        if row == 0 {
            shown.clear();
            set_rule(&self.widths, wrap.colour, &mut shown);
            wrap.begin(self.margin, "");
            wrap.verbatim(&shown, Style::PLAIN);
            wrap.end();
        }
        self.desk.row = shown;
    }

    /// One line of the row at hand.
    fn set_line(&self, at: usize, shown: &mut String) {
        let bar = match self.desk.wrap.colour {
            Colour::On => "\x1b[0;2m │ \x1b[0m",
            Colour::Off => " │ ",
        };
        let columns = self.widths.iter().zip(&self.aligns);
        for (column, (width, align)) in columns.enumerate() {
            if column > 0 {
                shown.push_str(bar);
            }
            let cell = &self.lines[self.begins[column]..self.begins[column + 1]];
            let (text, taken) = cell.get(at).map_or(("", 0), |line| {
                (text_of(line.text, &self.rows, &self.desk), line.width)
            });
            let room = width.saturating_sub(taken);
            let before = match align {
                Align::Left => 0,
                Align::Centre => room / 2,
                Align::Right => room,
            };
            spaces(shown, before);
            shown.push_str(text);
            spaces(shown, room - before);
        }
    }
}

/// What a row wears: the first is the head.
fn base(row: usize) -> Style {
    if row == 0 { Style::BOLD } else { Style::PLAIN }
}

fn text_of<'a>(text: Text, rows: &'a str, desk: &'a Desk) -> &'a str {
    match text {
        Text::Row { from, to } => &rows[from..to],
        Text::Desk { from, to } => &desk.wrap.out[from..to],
    }
}

/// The line under the head.
fn set_rule(widths: &[usize], colour: Colour, shown: &mut String) {
    if colour == Colour::On {
        Style::DIM.switch(shown);
    }
    for (column, width) in widths.iter().enumerate() {
        shown.push_str(if column > 0 { "─┼─" } else { "" });
        (0..*width).for_each(|_| shown.push('─'));
    }
    if colour == Colour::On {
        shown.push_str(RESET);
    }
}

/// Makes the widest columns narrower until a row fits.
fn fit(widths: &mut [usize], room: usize) {
    let columns = widths.len();
    let room = room.saturating_sub(3 * columns.saturating_sub(1));
    loop {
        let total: usize = widths.iter().sum();
        let Some(widest) = widths.iter_mut().max() else {
            return;
        };
        if total <= room || *widest <= NARROWEST {
            return;
        }
        *widest = (*widest - 1)
            .min((*widest).saturating_sub((total - room) / columns))
            .max(NARROWEST);
    }
}

impl Cell {
    const EMPTY: Self = {
        let text = Text::Row { from: 0, to: 0 };
        Self {
            source: text,
            natural: Line { text, width: 0 },
        }
    };
}

/// Where cells are laid out, one behind the other.
#[derive(Debug)]
struct Desk {
    wrap: Wrap,
    inline: Inline,
    /// The line at hand.
    row: String,
}

impl Desk {
    /// Keeps a text as it is.
    fn keep(&mut self, text: &str) -> Text {
        let from = self.wrap.out.len();
        self.wrap.out.push_str(text);
        Text::Desk {
            from,
            to: self.wrap.out.len(),
        }
    }

    fn on_one_line(&mut self, cell: &str, source: Text, base: Style) -> Line {
        let colour = self.wrap.colour;
        if !inline::is_plain(cell, colour) {
            return self.lay_out(cell, ENDLESS, base);
        }
        let width = if cell.is_ascii() {
            cell.len()
        } else {
            cell.width()
        };
        if base == Style::PLAIN || colour == Colour::Off || cell.is_empty() {
            return Line {
                text: source,
                width,
            };
        }
        let from = self.wrap.out.len();
        base.switch(&mut self.wrap.out);
        self.wrap.out.push_str(cell);
        self.wrap.out.push_str(RESET);
        Line {
            text: Text::Desk {
                from,
                to: self.wrap.out.len(),
            },
            width,
        }
    }

    /// The cell's text as lines of at most this width, where its words allow.
    fn on_lines(&mut self, cell: &str, width: usize, base: Style, lines: &mut Vec<Line>) {
        let Text::Desk { mut from, to } = self.lay_out(cell, width, base).text else {
            return;
        };
        for line in self.wrap.out[from..to].split('\n') {
            let end = from + line.len();
            lines.push(Line {
                text: Text::Desk { from, to: end },
                width: visible(line),
            });
            from = end + 1;
        }
    }

    fn lay_out(&mut self, cell: &str, width: usize, base: Style) -> Line {
        let from = self.wrap.out.len();
        self.wrap.restart(width);
        self.inline.block(base);
        self.wrap.begin(Margin::default(), "");
        self.inline.feed(cell, &mut self.wrap);
        self.inline.end_line(&mut self.wrap);
        Line {
            text: Text::Desk {
                from,
                to: self.wrap.out.len(),
            },
            width: self.wrap.column(),
        }
    }
}
