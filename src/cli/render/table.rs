//! A table, held back whole: its columns are as wide as what stands in them.
//!
//! Cells keep their marks. A table wider than the terminal wraps inside its widest columns.

use super::inline::Inline;
use super::style::{Colour, Style, dressed};
use super::wrap::{Margin, Wrap, visible};

/// Columns are not made narrower than this.
const NARROWEST: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Centre,
    Right,
}

/// One line of a cell, dressed, and the columns that it takes.
struct Line {
    text: String,
    width: usize,
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
    let columns = aligns.len();
    let read = |row: &String| {
        let mut cells = split(row);
        cells.resize(columns.max(cells.len()), String::new());
        cells.truncate(columns);
        cells
    };
    let mut grid = vec![read(head)];
    grid.extend(body.iter().map(read));
    let widths = widths(&grid, columns, wrap.room(margin), wrap.colour);
    for (at, cells) in grid.iter().enumerate() {
        let base = if at == 0 { Style::BOLD } else { Style::PLAIN };
        write_row(cells, &widths, &aligns, base, margin, wrap);
        if at == 0 {
            let bars: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            let rule = dressed(&bars.join("─┼─"), Style::DIM, wrap.colour);
            wrap.begin(margin, "");
            wrap.verbatim(&rule, Style::PLAIN);
            wrap.end();
        }
    }
}

fn write_row(
    cells: &[String],
    widths: &[usize],
    aligns: &[Align],
    base: Style,
    margin: Margin,
    wrap: &mut Wrap,
) {
    let lines: Vec<Vec<Line>> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| lay_out(cell, *width, base, wrap.colour))
        .collect();
    let height = lines.iter().map(Vec::len).max().unwrap_or(0);
    let bar = dressed(" │ ", Style::DIM, wrap.colour);
    for at in 0..height {
        let mut row = String::new();
        for (column, (cell, (width, align))) in
            lines.iter().zip(widths.iter().zip(aligns)).enumerate()
        {
            if column > 0 {
                row.push_str(&bar);
            }
            let (text, taken) = cell
                .get(at)
                .map_or(("", 0), |line| (line.text.as_str(), line.width));
            let room = width.saturating_sub(taken);
            let before = match align {
                Align::Left => 0,
                Align::Centre => room / 2,
                Align::Right => room,
            };
            row.extend(std::iter::repeat_n(' ', before));
            row.push_str(text);
            row.extend(std::iter::repeat_n(' ', room - before));
        }
        wrap.begin(margin, "");
        wrap.verbatim(row.trim_end(), Style::PLAIN);
        wrap.end();
    }
}

/// The natural widths, the widest made narrower until the row fits.
fn widths(grid: &[Vec<String>], columns: usize, room: usize, colour: Colour) -> Vec<usize> {
    let mut widths = vec![1; columns];
    for row in grid {
        for (width, cell) in widths.iter_mut().zip(row) {
            let natural = lay_out(cell, usize::MAX / 4, Style::PLAIN, colour);
            *width = natural
                .iter()
                .map(|line| line.width)
                .fold(*width, usize::max);
        }
    }
    let room = room.saturating_sub(3 * columns.saturating_sub(1));
    loop {
        let total: usize = widths.iter().sum();
        let Some(widest) = widths.iter_mut().max() else {
            return widths;
        };
        if total <= room || *widest <= NARROWEST {
            return widths;
        }
        *widest = (*widest - 1)
            .min((*widest).saturating_sub((total - room) / columns))
            .max(NARROWEST);
    }
}

/// The cell's text as lines of at most this width, where its words allow.
fn lay_out(cell: &str, width: usize, base: Style, colour: Colour) -> Vec<Line> {
    let mut wrap = Wrap::new(width, colour);
    let mut inline = Inline::default();
    inline.block(base);
    wrap.begin(Margin::default(), "");
    inline.feed(cell, &mut wrap);
    inline.end_line(&mut wrap);
    wrap.out
        .split('\n')
        .map(|line| Line {
            text: line.to_owned(),
            width: visible(line),
        })
        .collect()
}

/// The cells between the bars; a bar after a backslash or inside code is text.
fn split(row: &str) -> Vec<String> {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let mut cells = Vec::new();
    let mut cell = String::new();
    let (mut code, mut escaped) = (false, false);
    for c in row.chars() {
        match c {
            '|' if escaped => {
                cell.pop();
                cell.push('|');
            }
            '|' if !code => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            _ => cell.push(c),
        }
        code ^= c == '`' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    if !cell.trim().is_empty() {
        cells.push(cell.trim().to_owned());
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
