//! JSON of the plainest form, read in one pass: the deltas that streams consist of.
//!
//! A general reader costs more for one delta than everything else that is done with it. This one takes a strict part of
//! JSON and gives up at anything else, so that its caller asks the general reader: nothing passes here that would be
//! refused there, and nothing is judged twice.

use std::borrow::Cow;

/// What is read, and how far. Every method gives `None` where the text is not as plain as it must be; then the whole of
/// it is for the general reader.
#[derive(Debug)]
pub struct Plain<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Plain<'a> {
    /// Reads one object, which must be all of the text.
    pub fn whole(
        json: &'a str,
        member: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        let mut reader = Self { json, at: 0 };
        reader.object(member)?;
        reader.peek().is_none().then_some(())
    }

    /// Reads an object: `member` is told each name and must read its value.
    pub fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a str) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = self.word()?;
            self.eat(b':')?;
            member(self, name)?;
            if self.eat(b',').is_none() {
                return self.eat(b'}');
            }
        }
    }

    /// Reads a string without escapes.
    pub fn word(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let rest = self.json.as_bytes().get(self.at..)?;
        let end = self.at + memchr::memchr2(b'"', b'\\', rest)?;
        let word = self.json.get(self.at..end)?;
        if has_control(word) {
            return None;
        }
        self.at = end;
        self.eat(b'"')?;
        Some(word)
    }

    /// Reads a string, escapes and all.
    pub fn text(&mut self) -> Option<Cow<'a, str>> {
        self.peek();
        let from = self.at;
        if let Some(word) = self.word() {
            return Some(Cow::Borrowed(word));
        }
        let bytes = self.json.as_bytes();
        let mut at = from + 1;
        loop {
            match bytes.get(at)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        self.at = at + 1;
        let string = self.json.get(from..self.at)?;
        serde_json::from_str(string).ok().map(Cow::Owned)
    }

    /// Reads a whole number that is not negative.
    pub fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.peek();
        let rest = self.json.as_bytes().get(self.at..)?;
        let length = rest.iter().position(|b| !b.is_ascii_digit())?;
        let digits = self.json.get(self.at..self.at + length)?;
        let is_odd = digits.len() > 1 && digits.starts_with('0');
        if is_odd || matches!(rest.get(length), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.at += length;
        T::try_from(digits.parse().ok()?).ok()
    }

    /// Reads `null`, or a list with nothing in it.
    pub fn nothing(&mut self) -> Option<()> {
        if self.peek() == Some(b'n') {
            let rest = self.json.get(self.at..)?;
            rest.starts_with("null").then(|| self.at += 4)
        } else {
            self.eat(b'[')?;
            self.eat(b']')
        }
    }

    /// Reads over a value of no interest.
    pub fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'0'..=b'9' => self.number::<u64>().map(drop),
            _ => self.nothing(),
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.json.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }
}

/// Is there a character that no string may have bare? All bytes are looked at, many at once.
fn has_control(text: &str) -> bool {
    text.bytes()
        .fold(0, |found, byte| found | u8::from(byte < 0x20))
        != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of `{"n":…,"s":…}`, members of other names skipped.
    fn read(json: &str) -> Option<(u32, String)> {
        let (mut number, mut text) = (0, String::new());
        Plain::whole(json, |reader, name| {
            match name {
                "n" => number = reader.number()?,
                "s" => text = reader.text()?.into_owned(),
                "e" => reader.nothing()?,
                _ => reader.skip()?,
            }
            Some(())
        })?;
        Some((number, text))
    }

    #[test]
    fn plain_objects_are_read() {
        let check = |json: &str, number, text: &str| {
            assert_eq!(read(json), Some((number, text.to_owned())), "{json}");
        };
        check(r#"{"n":7,"s":"hé"}"#, 7, "hé");
        check(" { \"s\" : \"\" , \"n\":0}\n", 0, "");
        check("{}", 0, "");
        check(
            r#"{"x":"\"","y":12,"e":[],"z":null,"s":"a\n\"é\\"}"#,
            0,
            "a\n\"é\\",
        );
    }

    #[test]
    fn what_is_not_plain_or_not_json_is_left_to_the_general_reader() {
        for json in [
            "",
            "[]",
            "{",
            "{}x",
            r#"{"n":1,}"#,
            r#"{"n" 1}"#,
            r#"{"n":1 "s":""}"#,
            r#"{"n":01}"#,
            r#"{"n":1.0}"#,
            r#"{"n":1e3}"#,
            r#"{"n":-1}"#,
            r#"{"n":"1"}"#,
            r#"{"n":4294967296}"#,
            r#"{"n":}"#,
            r#"{"s":"\x"}"#,
            r#"{"s":"\ud800"}"#,
            r#"{"s":"open}"#,
            r#"{"s":"open\"}"#,
            "{\"s\":\"a\nb\"}",
            r#"{"s":1}"#,
            r#"{"e":[1]}"#,
            r#"{"e":"x"}"#,
            r#"{"x":{}}"#,
            r#"{"x":nul}"#,
            "{n:1}",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
