//! Where the text of one attempt joins that of another: nothing is said twice, nothing is left out.

use super::Diverged;

/// At most so many characters of an overlap are looked for.
const MOST_OVERLAP: usize = 400;

/// What has to happen to the new text before it may follow what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joint {
    state: State,
    dropped: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The new text goes on from where it is.
    Done,
    /// This white space was said, and may come again.
    Seam(String),
    /// All of this was said, and has to come again.
    Skip(String),
    /// The end of what was said, some of which may come again, and what has come so far.
    Overlap { tail: String, heard: String },
}

impl Joint {
    /// The new text follows as it comes.
    pub fn plain() -> Self {
        Self::of(State::Done)
    }

    /// After a prefill, from whose end white space was taken, since some vendors refuse it: the model says it again,
    /// and maybe not all of it.
    pub fn seam(said: &str) -> Self {
        let white = said.get(said.trim_end().len()..).unwrap_or_default();
        Self::of(State::Seam(white.to_owned()))
    }

    /// Of a new answer to the same question: what was said is skipped. White space alone is no beginning to hold an
    /// answer to.
    pub fn skip(said: &str) -> Self {
        if said.trim().is_empty() {
            return Self::of(State::Seam(said.to_owned()));
        }
        Self::of(State::Skip(said.to_owned()))
    }

    /// Of an answer that was asked to go on: what it repeats of the end is trimmed.
    pub fn overlap(said: &str) -> Self {
        let start = said.char_indices().rev().take(MOST_OVERLAP).last();
        let tail = start.and_then(|(at, _)| said.get(at..)).unwrap_or_default();
        Self::of(State::Overlap {
            tail: tail.to_owned(),
            heard: String::new(),
        })
    }

    fn of(state: State) -> Self {
        let state = match state {
            State::Seam(white) if white.is_empty() => State::Done,
            State::Skip(said) if said.is_empty() => State::Done,
            State::Overlap { tail, .. } if tail.is_empty() => State::Done,
            state => state,
        };
        Self { state, dropped: 0 }
    }

    /// Does the new text follow as it comes from here on?
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Must something come again that has not come yet?
    pub fn is_owed(&self) -> bool {
        matches!(self.state, State::Skip(_))
    }

    /// How many characters of the new text were left out, since they were said before.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// More of the new text: what of it follows what was said.
    pub fn push(&mut self, more: &str) -> Result<String, Diverged> {
        match &mut self.state {
            State::Done => Ok(more.to_owned()),
            State::Seam(white) => {
                let (known, fresh) = common(white, more);
                if fresh.is_empty() && known < white.len() {
                    white.drain(..known);
                } else {
                    self.state = State::Done;
                }
                Ok(self.drop_of(more, known))
            }
            State::Skip(said) => {
                let (known, fresh) = common(said, more);
                if known < said.len() {
                    if !fresh.is_empty() {
                        return Err(Diverged);
                    }
                    said.drain(..known);
                } else {
                    self.state = State::Done;
                }
                Ok(self.drop_of(more, known))
            }
            State::Overlap { tail, heard } => {
                heard.push_str(more);
                match overlap(tail, heard) {
                    Overlap::Unknown(_) => Ok(String::new()),
                    Overlap::Known(length) => Ok(self.settle(length)),
                }
            }
        }
    }

    /// The new text is over: what was held back of it.
    pub fn finish(&mut self) -> Result<String, Diverged> {
        match &self.state {
            State::Done | State::Seam(_) => Ok(String::new()),
            State::Skip(_) => Err(Diverged),
            State::Overlap { tail, heard } => {
                let (Overlap::Known(length) | Overlap::Unknown(length)) = overlap(tail, heard);
                Ok(self.settle(length))
            }
        }
    }

    fn settle(&mut self, length: usize) -> String {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Overlap { heard, .. } => self.drop_of(&heard, length),
            State::Done | State::Seam(_) | State::Skip(_) => String::new(),
        }
    }

    fn drop_of(&mut self, text: &str, length: usize) -> String {
        let (known, fresh) = text.split_at_checked(length).unwrap_or((text, ""));
        self.dropped += known.chars().count();
        fresh.to_owned()
    }
}

/// How many bytes both begin with, and what the second has after them.
fn common<'a>(one: &str, other: &'a str) -> (usize, &'a str) {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    let length = same.map(|(a, _)| a.len_utf8()).sum();
    (length, other.get(length..).unwrap_or_default())
}

/// What is known of an overlap, in bytes.
enum Overlap {
    Known(usize),
    /// More of the text may show a longer one; as it stands it is this.
    Unknown(usize),
}

/// The longest end of `tail` that `heard` begins with.
fn overlap(tail: &str, heard: &str) -> Overlap {
    let mut open = false;
    for (at, _) in tail.char_indices() {
        let Some(end) = tail.get(at..) else { continue };
        if heard.starts_with(end) && is_evidence(tail, at) {
            return if open {
                Overlap::Unknown(end.len())
            } else {
                Overlap::Known(end.len())
            };
        }
        open |= end.len() > heard.len() && end.starts_with(heard);
    }
    if open {
        Overlap::Unknown(0)
    } else {
        Overlap::Known(0)
    }
}

/// One character in the middle of a word comes again by chance, as the `0` of `10|0` does. A model that repeats
/// something repeats a word from its beginning, or a space.
fn is_evidence(tail: &str, at: usize) -> bool {
    let mut end = tail.get(at..).unwrap_or_default().chars();
    match (end.next(), end.next()) {
        (Some(only), None) => {
            let before = tail.get(..at).and_then(|before| before.chars().next_back());
            only == ' ' || before.is_none_or(char::is_whitespace)
        }
        _ => true,
    }
}

#[cfg(test)]
#[path = "joint_tests.rs"]
mod tests;
