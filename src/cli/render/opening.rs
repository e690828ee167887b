//! What kind of line begins here? Decided from as few characters as the line needs.

/// A line that is undecided for longer than this many bytes is text.
const LONGEST_UNDECIDED: usize = 1024;

/// How a line begins. The numbers are the bytes that the marks take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Nothing but spaces.
    Blank,
    /// `>`: what follows is inside of a quote.
    Quote { taken: usize },
    /// `#` to `######`.
    Heading { level: usize, taken: usize },
    /// `-`, `*` or `+`.
    Bullet { indent: usize, taken: usize },
    /// `1.` or `1)`: the number and its mark stand in `held[from..to]`.
    Ordered {
        indent: usize,
        from: usize,
        to: usize,
        taken: usize,
    },
    /// Three or more backticks or tildes.
    Fence {
        mark: char,
        length: usize,
        indent: usize,
    },
    /// `---` and its kin.
    Rule,
    /// A line that begins with a bar, whole.
    Row { indent: usize },
    /// Anything else.
    Text { indent: usize, taken: usize },
}

/// Is there more of the line to come?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Open,
    Ended,
}

/// The kind of the line that begins with `held`; `None` while it is undecided, never for a line that has ended.
pub(crate) fn decide(held: &str, line: Line) -> Option<Opening> {
    let body = held.trim_start_matches([' ', '\t']);
    let space = held.len() - body.len();
    let indent = columns(&held[..space]);
    let ended = line == Line::Ended;
    let text = Opening::Text {
        indent,
        taken: space,
    };
    let Some(first) = body.chars().next() else {
        return ended.then_some(Opening::Blank);
    };
    match first {
        '|' => ended.then_some(Opening::Row { indent }),
        _ if held.len() > LONGEST_UNDECIDED => Some(text),
        '>' => quote(body, space, line),
        '#' => heading(body, space, line).or(text),
        '`' | '~' => fence(body, first, indent, line).or(text),
        '-' | '*' | '+' | '_' => marker(body, first, space, indent, line).or(text),
        '0'..='9' => number(body, space, indent, line).or(text),
        _ => Some(text),
    }
}

/// Is it the beginning of a table's row?
pub(crate) fn is_row(held: &str) -> bool {
    held.starts_with('|') || held.trim_start().starts_with('|')
}

/// How many bytes of the rest of a line decide nothing: what follows the mark of a fence.
pub(crate) fn settled(held: &str, rest: &str) -> usize {
    let body = held.trim_start();
    if body.starts_with("```") || body.starts_with("~~~") {
        let end = memchr::memchr(b'`', rest.as_bytes()).unwrap_or(rest.len());
        // What is undecided for too long is text, at the same place however the line was cut.
        let room = LONGEST_UNDECIDED.saturating_sub(held.len());
        return rest.floor_char_boundary(end.min(room));
    }
    0
}

/// A tab goes to the next multiple of four.
pub(crate) fn columns(space: &str) -> usize {
    space.chars().fold(0, |column, c| match c {
        '\t' => (column / 4 + 1) * 4,
        _ => column + 1,
    })
}

fn quote(body: &str, space: usize, line: Line) -> Option<Opening> {
    match (body.as_bytes().get(1), line) {
        (None, Line::Open) => None,
        (Some(b' '), _) => Some(Opening::Quote { taken: space + 2 }),
        (_, Line::Open | Line::Ended) => Some(Opening::Quote { taken: space + 1 }),
    }
}

/// Whether a line is of one kind.
enum Found {
    Undecided,
    No,
    Yes(Opening),
}

impl Found {
    /// The kind, or else that one, once it is decided.
    fn or(self, other: Opening) -> Option<Opening> {
        match self {
            Self::Undecided => None,
            Self::No => Some(other),
            Self::Yes(opening) => Some(opening),
        }
    }
}

fn heading(body: &str, space: usize, line: Line) -> Found {
    let level = body.bytes().take_while(|b| *b == b'#').count();
    if level > 6 {
        return Found::No;
    }
    let rest = &body[level..];
    let spaces = rest.len() - rest.trim_start_matches(' ').len();
    match (rest.len() > spaces, spaces > 0, line) {
        // Waits for the first letter, so that spaces after the mark are dropped however the text is cut.
        (false, _, Line::Open) => Found::Undecided,
        (true, false, _) => Found::No,
        (true, true, _) | (false, _, Line::Ended) => Found::Yes(Opening::Heading {
            level,
            taken: space + level + spaces,
        }),
    }
}

fn fence(body: &str, mark: char, indent: usize, line: Line) -> Found {
    let length = body.chars().take_while(|c| *c == mark).count();
    let info = &body[length..];
    if length < 3 {
        return if info.is_empty() && line == Line::Open {
            Found::Undecided
        } else {
            Found::No
        };
    }
    if mark == '`' && info.contains('`') {
        return Found::No;
    }
    match line {
        Line::Open => Found::Undecided,
        Line::Ended => Found::Yes(Opening::Fence {
            mark,
            length,
            indent,
        }),
    }
}

fn marker(body: &str, mark: char, space: usize, indent: usize, line: Line) -> Found {
    let marks = body.chars().filter(|c| *c == mark).count();
    let only_marks = body.chars().all(|c| c == mark || c == ' ');
    if only_marks && line == Line::Open {
        return Found::Undecided;
    }
    if only_marks && marks >= 3 && mark != '+' {
        return Found::Yes(Opening::Rule);
    }
    let rest = &body[1..];
    let spaces = rest.len() - rest.trim_start_matches(' ').len();
    if mark != '_' && (spaces > 0 || rest.is_empty()) {
        return Found::Yes(Opening::Bullet {
            indent,
            taken: space + 1 + spaces,
        });
    }
    Found::No
}

fn number(body: &str, space: usize, indent: usize, line: Line) -> Found {
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 9 {
        return Found::No;
    }
    let rest = &body[digits..];
    let open = line == Line::Open;
    match rest.as_bytes() {
        [] => {
            if open {
                Found::Undecided
            } else {
                Found::No
            }
        }
        [b'.' | b')'] if open => Found::Undecided,
        [b'.' | b')', b' ', ..] => {
            let after = &rest[1..];
            let spaces = after.len() - after.trim_start_matches(' ').len();
            if spaces == after.len() && open {
                return Found::Undecided;
            }
            Found::Yes(Opening::Ordered {
                indent,
                from: space,
                to: space + digits + 1,
                taken: space + digits + 1 + spaces,
            })
        }
        _ => Found::No,
    }
}
