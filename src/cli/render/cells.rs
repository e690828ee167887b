//! The cells of a table's row, as they were written.

/// Where a column's cells stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// Where a cell stands in its row, without the spaces around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// It has bars that are text, behind backslashes.
    pub(crate) has_bars: bool,
}

/// The cells between the bars; a bar after a backslash or inside code is text.
#[derive(Debug)]
pub(crate) struct Cells<'a> {
    row: &'a str,
    /// Where the next cell begins; past the end once there is none.
    begin: usize,
}

impl<'a> Cells<'a> {
    pub(crate) fn of(row: &'a str) -> Self {
        let row = row.trim_end();
        let first = row.len() - row.trim_start().len();
        let has_first_bar = row.as_bytes().get(first) == Some(&b'|');
        Self {
            row,
            begin: first + usize::from(has_first_bar),
        }
    }

    fn place(&self, from: usize, to: usize, has_bars: bool) -> Place {
        let cell = &self.row[from..to];
        let begun = cell.trim_start();
        let from = to - begun.len();
        Place {
            from,
            to: from + begun.trim_end().len(),
            has_bars,
        }
    }
}

impl Iterator for Cells<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let begin = self.begin;
        let (mut code, mut escaped, mut has_bars) = (false, false, false);
        for (at, byte) in self.row.bytes().enumerate().skip(begin) {
            match byte {
                b'|' if escaped => has_bars = true,
                b'|' if !code => {
                    self.begin = at + 1;
                    return Some(self.place(begin, at, has_bars));
                }
                b'`' if !escaped => code = !code,
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
        }
        self.begin = self.row.len();
        let last = self.place(begin, self.row.len(), has_bars);
        (last.from < last.to).then_some(last)
    }
}

/// `---`, `:--`, `:-:` and `--:`; `None` for a cell that is none of them.
pub(crate) fn alignment(cell: &str) -> Option<Align> {
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
