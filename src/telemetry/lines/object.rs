//! JSON written by hand: a line has dozens of fields, there is one for each request, and a general writer costs as much
//! as everything else that is recorded of it.

use std::time::Duration;

use serde::Serialize;

/// An object that is being written. Keys are our own words, which need no escapes.
pub(super) struct Object<'a>(&'a mut Vec<u8>);

impl<'a> Object<'a> {
    /// Writes an object that has these fields.
    pub(super) fn write(out: &'a mut Vec<u8>, fields: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        fields(&mut Object(out));
        out.push(b'}');
    }

    /// A word that needs no escapes.
    pub(super) fn word(&mut self, key: &str, word: &str) {
        self.name(key);
        self.quoted(word);
    }

    /// Any text.
    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.name(key);
        self.escaped(text);
    }

    /// Any text; nothing at all if there is none.
    pub(super) fn text_if(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A whole number, or whatever else is plain.
    pub(super) fn value(&mut self, key: &str, value: impl Serialize) {
        self.key(key);
        // Numbers and texts: there is nothing in them that JSON could not hold.
        let _ = serde_json::to_writer(&mut *self.0, &value);
    }

    /// Milliseconds, to the microsecond.
    pub(super) fn millis(&mut self, key: &str, time: Duration) {
        self.key(key);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 500);
        let micros = (nanos + 500) / 1_000;
        let (whole, rest) = (micros / 1_000, micros % 1_000);
        let _ = serde_json::to_writer(&mut *self.0, &whole);
        let digits = [rest / 100, rest / 10 % 10, rest % 10];
        let shown = match digits {
            [_, 0, 0] => 1,
            [_, _, 0] => 2,
            _ => 3,
        };
        self.0.push(b'.');
        let digits = digits.iter().take(shown);
        // Each is below ten.
        self.0
            .extend(digits.map(|digit| b'0' + u8::try_from(*digit).unwrap_or(0)));
    }

    /// An object, or `null`.
    pub(super) fn object<T>(
        &mut self,
        key: &str,
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
        key: &str,
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

    /// A key and what stands before a value that is no text.
    fn key(&mut self, key: &str) {
        self.name(key);
        self.0.extend_from_slice(b"\":");
    }

    /// A key, up to its end.
    fn name(&mut self, key: &str) {
        // As few steps as can be: there are forty keys in a line.
        if self.0.last() == Some(&b'{') {
            self.0.push(b'"');
        } else {
            self.0.extend_from_slice(b",\"");
        }
        self.0.extend_from_slice(key.as_bytes());
    }

    /// The end of a key, and a text that needs no escapes.
    fn quoted(&mut self, text: &str) {
        self.0.extend_from_slice(b"\":\"");
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }

    /// The end of a key, and any text.
    fn escaped(&mut self, text: &str) {
        let special = |b: u8| u8::from(b < 0x20) | u8::from(b == b'"') | u8::from(b == b'\\');
        // All bytes are looked at, many at once.
        if text.bytes().fold(0, |found, b| found | special(b)) == 0 {
            self.quoted(text);
        } else {
            self.0.extend_from_slice(b"\":");
            let _ = serde_json::to_writer(&mut *self.0, text);
        }
    }
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
            let shown = written(|it| it.millis("t", Duration::from_nanos(nanos)));
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
            it.word("a", "b");
            it.text("q", "say \"hé\"\n");
            it.text_if("none", None);
            it.value("n", 7);
            it.object("no", None::<u8>, |_, _| {});
            it.object("o", Some(1), |it, one| it.value("one", one));
            it.objects("l", [1, 2], |it, number| it.value("n", number));
            it.objects("e", [0; 0], |it, number| it.value("n", number));
        });
        assert_eq!(
            shown,
            "{\"a\":\"b\",\"q\":\"say \\\"hé\\\"\\n\",\"n\":7,\"no\":null,\"o\":{\"one\":1},\
             \"l\":[{\"n\":1},{\"n\":2}],\"e\":[]}"
        );
    }
}
