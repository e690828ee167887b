//! A table, held back whole: its columns are as wide as what stands in them.
//!
//! Cells keep their marks. A table wider than the terminal wraps inside its widest columns.

use std::borrow::Cow;

use super::inline::{self, Inline};
use super::style::{Colour, Style, dressed};
use super::wrap::{Margin, Wrap, spaces, visible};

/// Columns are not made narrower than this.
const NARROWEST: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Centre,
    Right,
}

/// One line of a cell, dressed, and the columns that it takes.
#[derive(Debug, Clone)]
struct Line<'a> {
    text: Cow<'a, str>,
    width: usize,
}

/// A cell as it was written, and as it is on one line.
struct Cell<'a> {
    source: Cow<'a, str>,
    natural: Line<'a>,
}

/// What a cell takes in its column: one line nearly always.
enum Lines<'a> {
    One(Line<'a>),
    Many(Vec<Line<'static>>),
}

impl<'a> Lines<'a> {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(lines) => lines.len(),
        }
    }

    fn get(&self, at: usize) -> Option<&Line<'a>> {
        match self {
            Self::One(line) => (at == 0).then_some(line),
            Self::Many(lines) => lines.get(at),
        }
    }
}

/// Is this the row under a table's head?
pub(crate) fn is_rule(row: &str) -> bool {
    let cells = split(row);
    !cells.is_empty() && cells.iter().all(|cell| alignment(cell).is_some())
}

/// Writes the rows; the second is the rule under the head.
pub(crate) fn write(rows: &[String], margin: Margin, wrap: &mut Wrap) {
    let [head, rule, body @ ..] = rows else {
        return;
    };
    let aligns: Vec<Align> = split(rule)
        .iter()
        .filter_map(|cell| alignment(cell))
        .collect();
    let colour = wrap.colour;
    let mut widths = vec![1; aligns.len()];
    let mut read = |row, base| -> Vec<Cell<'_>> {
        let mut cells = split(row);
        cells.resize(aligns.len(), Cow::Borrowed(""));
        let cells = cells.into_iter().zip(&mut widths).map(|(source, widest)| {
            let natural = on_one_line(source.clone(), base, colour);
            *widest = natural.width.max(*widest);
            Cell { source, natural }
        });
        cells.collect()
    };
    let head = read(head, Style::BOLD);
    let body: Vec<_> = body.iter().map(|row| read(row, Style::PLAIN)).collect();
    fit(&mut widths, wrap.room(margin));
    write_row(head, &widths, &aligns, Style::BOLD, margin, wrap);
    write_line(&widths, margin, wrap);
    for cells in body {
        write_row(cells, &widths, &aligns, Style::PLAIN, margin, wrap);
    }
}

/// The line under the head.
fn write_line(widths: &[usize], margin: Margin, wrap: &mut Wrap) {
    let bars: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    wrap.begin(margin, "");
    wrap.verbatim(
        &dressed(&bars.join("─┼─"), Style::DIM, wrap.colour),
        Style::PLAIN,
    );
    wrap.end();
}

fn write_row(
    cells: Vec<Cell<'_>>,
    widths: &[usize],
    aligns: &[Align],
    base: Style,
    margin: Margin,
    wrap: &mut Wrap,
) {
    let colour = wrap.colour;
    let lines: Vec<Lines<'_>> = cells
        .into_iter()
        .zip(widths)
        .map(|(cell, width)| {
            if cell.natural.width <= *width {
                Lines::One(cell.natural)
            } else {
                Lines::Many(on_lines(&cell.source, *width, base, colour))
            }
        })
        .collect();
    let height = lines.iter().map(Lines::len).max().unwrap_or(0);
    let bar = match colour {
        Colour::On => "\x1b[0;2m │ \x1b[0m",
        Colour::Off => " │ ",
    };
    let mut row = String::new();
    for at in 0..height {
        row.clear();
        let columns = lines.iter().zip(widths.iter().zip(aligns));
        for (column, (cell, (width, align))) in columns.enumerate() {
            if column > 0 {
                row.push_str(bar);
            }
            let (text, taken) = cell
                .get(at)
                .map_or(("", 0), |line| (line.text.as_ref(), line.width));
            let room = width.saturating_sub(taken);
            let before = match align {
                Align::Left => 0,
                Align::Centre => room / 2,
                Align::Right => room,
            };
            spaces(&mut row, before);
            row.push_str(text);
            spaces(&mut row, room - before);
        }
        wrap.begin(margin, "");
        wrap.verbatim(row.trim_end(), Style::PLAIN);
        wrap.end();
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

fn lay_out(cell: &str, width: usize, base: Style, colour: Colour) -> Wrap {
    let mut wrap = Wrap::new(width, colour);
    let mut inline = Inline::default();
    inline.block(base);
    wrap.begin(Margin::default(), "");
    inline.feed(cell, &mut wrap);
    inline.end_line(&mut wrap);
    wrap
}

fn on_one_line(cell: Cow<'_, str>, base: Style, colour: Colour) -> Line<'_> {
    if (base == Style::PLAIN || colour == Colour::Off) && inline::is_plain(&cell) {
        return Line {
            width: cell.len(),
            text: cell,
        };
    }
    let wrap = lay_out(&cell, usize::MAX / 4, base, colour);
    Line {
        width: wrap.column(),
        text: Cow::Owned(wrap.out),
    }
}

/// The cell's text as lines of at most this width, where its words allow.
fn on_lines(cell: &str, width: usize, base: Style, colour: Colour) -> Vec<Line<'static>> {
    lay_out(cell, width, base, colour)
        .out
        .split('\n')
        .map(|line| Line {
            text: Cow::Owned(line.to_owned()),
            width: visible(line),
        })
        .collect()
}

/// The cells between the bars; a bar after a backslash or inside code is text.
fn split(row: &str) -> Vec<Cow<'_, str>> {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let mut cells = Vec::new();
    let mut begin = 0;
    let (mut code, mut escaped, mut has_bars) = (false, false, false);
    let mut cell = |from: usize, to: usize, has_bars: &mut bool| {
        let cell = row[from..to].trim();
        cells.push(if std::mem::take(has_bars) {
            Cow::Owned(cell.replace("\\|", "|"))
        } else {
            Cow::Borrowed(cell)
        });
    };
    for (at, byte) in row.bytes().enumerate() {
        match byte {
            b'|' if escaped => has_bars = true,
            b'|' if !code => {
                cell(begin, at, &mut has_bars);
                begin = at + 1;
            }
            _ => {}
        }
        code ^= byte == b'`' && !escaped;
        escaped = byte == b'\\' && !escaped;
    }
    if !row[begin..].trim().is_empty() {
        cell(begin, row.len(), &mut has_bars);
    }
    cells
}

/// `---`, `:--`, `:-:` and `--:`; `None` for a cell that is none of them.
fn alignment(cell: &str) -> Option<Align> {
    let left = cell.starts_with(':');
    let right = cell.len() > 1 && cell.ends_with(':');
    let dashes = cell.trim_start_matches(':').trim_end_matches(':');
    if dashes.is_empty() || dashes.bytes().any(|b| b != b'-') {
        return None;
    }
    Some(match (left, right) {
        (true, true) => Align::Centre,
        (false, true) => Align::Right,
        (true | false, false) => Align::Left,
    })
}
