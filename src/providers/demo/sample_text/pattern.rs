//! A string that matches a regular expression: literals, classes, groups, alternatives and quantifiers.
//!
//! Look-around and back references are not understood; then there is no string, and the schema is refused.

use std::iter::Peekable;
use std::str::Chars;

/// A string that matches. Open quantifiers repeat `more` times beyond their least, and the `nth` character of a class
/// is taken, so that several strings may differ.
pub(super) fn matching(pattern: &str, more: usize, nth: usize) -> Option<String> {
    let mut reader = Reader {
        chars: pattern.chars().peekable(),
        more,
        nth,
        depth: 0,
    };
    let text = reader.alternatives()?;
    reader.chars.next().is_none().then_some(text)
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    more: usize,
    nth: usize,
    depth: usize,
}

/// What an escape stands for.
enum Escape {
    /// One of these characters.
    Set(Vec<(char, char)>),
    /// A place between characters, such as `\b`.
    Place,
}

impl Escape {
    fn set(self) -> Option<Vec<(char, char)>> {
        match self {
            Self::Set(set) => Some(set),
            Self::Place => None,
        }
    }
}

/// How deep groups may nest.
const DEEPEST: usize = 32;

impl Reader<'_> {
    /// The first alternative; the others are read and left.
    fn alternatives(&mut self) -> Option<String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let first = self.sequence()?;
        while self.chars.next_if_eq(&'|').is_some() {
            self.sequence()?;
        }
        self.depth -= 1;
        Some(first)
    }

    fn sequence(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Some(next) = self.chars.peek().copied() {
            if matches!(next, '|' | ')') {
                break;
            }
            self.chars.next();
            let piece = match next {
                '^' | '$' => continue,
                '(' => self.group()?,
                '[' => self.class()?.to_string(),
                '\\' => match self.escape()? {
                    Escape::Set(set) => self.pick(&set)?.to_string(),
                    Escape::Place => continue,
                },
                '.' => self.pick(&[('a', 'z')])?.to_string(),
                plain => plain.to_string(),
            };
            let times = self.times()?;
            text.push_str(&piece.repeat(times));
        }
        Some(text)
    }

    fn group(&mut self) -> Option<String> {
        if self.chars.next_if_eq(&'?').is_some() {
            match self.chars.next()? {
                ':' => {}
                'P' | '<' => {
                    let named = self
                        .chars
                        .by_ref()
                        .take_while(|c| *c != '>')
                        .collect::<String>();
                    if named.starts_with(['=', '!']) {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        let text = self.alternatives()?;
        self.chars.next_if_eq(&')')?;
        Some(text)
    }

    /// What comes after a backslash.
    fn escape(&mut self) -> Option<Escape> {
        let one = |c: char| Some(Escape::Set(vec![(c, c)]));
        match self.chars.next()? {
            'd' => Some(Escape::Set(vec![('0', '9')])),
            'w' => Some(Escape::Set(vec![('a', 'z'), ('A', 'Z'), ('0', '9')])),
            's' => one(' '),
            'D' | 'S' => Some(Escape::Set(vec![('a', 'z')])),
            'W' => one('-'),
            'n' => one('\n'),
            't' => one('\t'),
            'r' => one('\r'),
            'b' | 'B' | 'A' | 'Z' | 'z' => Some(Escape::Place),
            '1'..='9' | 'k' | 'p' | 'P' | 'u' | 'x' => None,
            other => one(other),
        }
    }

    fn class(&mut self) -> Option<char> {
        let negated = self.chars.next_if_eq(&'^').is_some();
        let mut set: Vec<(char, char)> = Vec::new();
        loop {
            let low = match self.chars.next()? {
                ']' if !set.is_empty() => break,
                '\\' => {
                    let escaped = self.escape()?.set()?;
                    match escaped.as_slice() {
                        [(low, high)] if low == high => *low,
                        _ => {
                            set.extend(escaped);
                            continue;
                        }
                    }
                }
                plain => plain,
            };
            let mut ahead = self.chars.clone();
            let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            if !is_range {
                set.push((low, low));
                continue;
            }
            self.chars.next();
            let high = match self.chars.next()? {
                '\\' => self.escape()?.set()?.first()?.0,
                plain => plain,
            };
            set.push((low, high));
        }
        if !negated {
            return self.pick(&set);
        }
        let is_in = |c: char| set.iter().any(|(low, high)| (*low..=*high).contains(&c));
        ('a'..='z')
            .chain('A'..='Z')
            .chain('0'..='9')
            .chain(" -_.".chars())
            .find(|c| !is_in(*c))
    }

    /// The `nth` character of a set.
    fn pick(&self, set: &[(char, char)]) -> Option<char> {
        let all = set.iter().flat_map(|(low, high)| *low..=*high);
        let count = all.clone().take(128).count();
        let at = self.nth.checked_rem(count)?;
        all.clone().nth(at)
    }

    /// How often the piece before is repeated.
    fn times(&mut self) -> Option<usize> {
        let (least, most): (usize, usize) = match self.chars.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => return self.counted(),
            _ => return Some(1),
        };
        self.chars.next();
        self.lazy();
        Some(least.saturating_add(self.more).min(most))
    }

    fn counted(&mut self) -> Option<usize> {
        self.chars.next();
        let text: String = self.chars.by_ref().take_while(|c| *c != '}').collect();
        self.lazy();
        let (least, most) = match text.split_once(',') {
            None => (text.parse().ok()?, text.parse().ok()?),
            Some((least, "")) => (least.parse().ok()?, usize::MAX),
            Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
        };
        let times: usize = usize::min(usize::saturating_add(least, self.more), most);
        (times <= 10_000).then_some(times)
    }

    fn lazy(&mut self) {
        if self.chars.next_if_eq(&'?').is_none() {
            self.chars.next_if_eq(&'+');
        }
    }
}
