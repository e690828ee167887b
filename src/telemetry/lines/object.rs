//! JSON written by hand: a line has dozens of fields, there is one for each request, and a general writer costs as much
//! as everything else that is recorded of it.

use std::time::Duration;

use serde::Serialize;

/// An object that is being written.
pub(super) struct Object<'a>(&'a mut Vec<u8>);

/// A key with all that stands around it, made by [`key!`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(pub(super) &'static str);

/// A key, of a word that needs no escapes. There are forty in a line, so each is one piece.
macro_rules! key {
    ($word:literal) => {
        $crate::telemetry::lines::object::Key(concat!(",\"", $word, "\":"))
    };
}
pub(super) use key;

impl<'a> Object<'a> {
    /// Writes an object that has these fields.
    pub(super) fn write(out: &'a mut Vec<u8>, fields: impl FnOnce(&mut Object<'_>)) {
        let begin = out.len();
        fields(&mut Object(out));
        // Each key brings the comma before it; in the place of the first the object begins.
        match out.get_mut(begin) {
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }

    /// A word that needs no escapes.
    pub(super) fn word(&mut self, key: Key, word: &str) {
        self.key(key);
        self.quoted([word]);
    }

    /// Any text.
    pub(super) fn text(&mut self, key: Key, text: &str) {
        self.texts(key, [text]);
    }

    /// One text in several pieces.
    pub(super) fn texts<const N: usize>(&mut self, key: Key, pieces: [&str; N]) {
        self.key(key);
        if pieces.iter().all(|piece| is_plain(piece)) {
            self.quoted(pieces);
        } else {
            // There is nothing in a text that JSON could not hold.
            let _ = serde_json::to_writer(&mut *self.0, &pieces.concat());
        }
    }

    /// Any text; nothing at all if there is none.
    pub(super) fn text_if(&mut self, key: Key, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A whole number, or whatever else is plain.
    pub(super) fn value(&mut self, key: Key, value: impl Serialize) {
        self.key(key);
        // There is nothing in numbers and texts that JSON could not hold.
        let _ = serde_json::to_writer(&mut *self.0, &value);
    }

    /// Milliseconds, to the microsecond.
    pub(super) fn millis(&mut self, key: Key, time: Duration) {
        self.key(key);
        let of_second = u64::from(time.subsec_nanos()) + 500;
        let micros = time.as_secs().saturating_mul(1_000_000);
        let micros = micros.saturating_add(of_second / 1_000);
        let (whole, rest) = (micros / 1_000, micros % 1_000);
        let _ = serde_json::to_writer(&mut *self.0, &whole);
        let digit = |place: u64| b'0' + u8::try_from(rest / place % 10).unwrap_or(0);
        let [tenths, hundredths, thousandths] = [digit(100), digit(10), digit(1)];
        self.0.extend_from_slice(&[b'.', tenths]);
        if (hundredths, thousandths) != (b'0', b'0') {
            self.0.push(hundredths);
        }
        if thousandths != b'0' {
            self.0.push(thousandths);
        }
    }

    /// An object, or `null`.
    pub(super) fn object<T>(
        &mut self,
        key: Key,
        of: Option<T>,
        fields: impl FnOnce(&mut Object<'_>, T),
    ) {
        self.key(key);
        match of {
            Some(of) => Object::write(self.0, |inner| fields(inner, of)),
            None => self.0.extend_from_slice(b"null"),
        }
    }

    /// A list of objects.
    pub(super) fn objects<T>(
        &mut self,
        key: Key,
        all: impl IntoIterator<Item = T>,
        fields: impl Fn(&mut Object<'_>, T),
    ) {
        self.key(key);
        self.0.push(b'[');
        for (at, one) in all.into_iter().enumerate() {
            if at > 0 {
                self.0.push(b',');
            }
            Object::write(self.0, |inner| fields(inner, one));
        }
        self.0.push(b']');
    }

    fn key(&mut self, Key(key): Key) {
        self.0.extend_from_slice(key.as_bytes());
    }

    /// A text that needs no escapes.
    fn quoted<const N: usize>(&mut self, pieces: [&str; N]) {
        self.0.push(b'"');
        for piece in pieces {
            self.0.extend_from_slice(piece.as_bytes());
        }
        self.0.push(b'"');
    }
}

fn is_plain(text: &str) -> bool {
    let special = |b: u8| u8::from(b < 0x20) | u8::from(b == b'"') | u8::from(b == b'\\');
    // All bytes are looked at, many at once.
    text.bytes().fold(0, |found, b| found | special(b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fields: impl FnOnce(&mut Object<'_>)) -> String {
        let mut out = Vec::new();
        Object::write(&mut out, fields);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn milliseconds_have_the_digits_that_they_need() {
        let check = |nanos, expect: &str| {
            let shown = written(|it| it.millis(key!("t"), Duration::from_nanos(nanos)));
            assert_eq!(shown, format!("{{\"t\":{expect}}}"));
        };
        check(0, "0.0");
        check(499, "0.0");
        check(500, "0.001");
        check(12_345_678, "12.346");
        check(250_000_000, "250.0");
        check(1_020_000, "1.02");
        check(1_002_000, "1.002");
        check(1_000_100_000, "1000.1");
    }

    #[test]
    fn an_object_is_what_a_general_writer_makes_of_it() {
        let shown = written(|it| {
            it.word(key!("a"), "b");
            it.text(key!("q"), "say \"hé\"\n");
            it.text_if(key!("none"), None);
            it.texts(key!("p"), ["a", "/", "b"]);
            it.texts(key!("x"), ["a", "/\\"]);
            it.object(key!("empty"), Some(()), |_, ()| {});
            it.value(key!("n"), 7);
            it.object(key!("no"), None::<u8>, |_, _| {});
            it.object(key!("o"), Some(1), |it, one| it.value(key!("one"), one));
            it.objects(key!("l"), [1, 2], |it, number| it.value(key!("n"), number));
            it.objects(key!("e"), [0; 0], |it, number| it.value(key!("n"), number));
        });
        assert_eq!(
            shown,
            "{\"a\":\"b\",\"q\":\"say \\\"hé\\\"\\n\",\"p\":\"a/b\",\"x\":\"a/\\\\\",\"empty\":{},\
             \"n\":7,\"no\":null,\"o\":{\"one\":1},\
             \"l\":[{\"n\":1},{\"n\":2}],\"e\":[]}"
        );
    }
}
