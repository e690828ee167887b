//! Server-sent events: bytes to frames (WHATWG HTML, section "Server-sent events").
//!
//! Takes CR, LF and CRLF, a byte order mark, comments, several `data:` lines, and any split of the bytes. Frames borrow
//! from the buffer where they can. Validity of UTF-8 is the JSON reader's business: a split character never is a fault.

use std::borrow::Cow;

use bytes::{Buf, BytesMut};

/// A frame larger than this is refused: nobody sends one, and memory is finite.
pub const MOST_BYTES: usize = 16 * 1024 * 1024;

/// One event with data. Frames without data (comments, `retry:`, lone `id:`) are not handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The `event:` field; empty if there was none.
    pub event: Cow<'a, [u8]>,
    /// The joined `data:` fields.
    pub data: Cow<'a, [u8]>,
}

/// The frame grew beyond [`MOST_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Collects bytes and hands out whole frames.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: BytesMut,
    /// How much of the buffer the last frame took; dropped at the next call.
    taken: usize,
    /// Where the search for the frame's end goes on.
    searched: usize,
    started: bool,
}

impl Reader {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.release();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame.
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, TooLarge> {
        loop {
            self.release();
            self.skip_mark();
            let Some((body, end)) = find_end(&self.buffer, self.searched) else {
                // An end may straddle the next read by up to three bytes (`\r\n\r`).
                self.searched = self.buffer.len().saturating_sub(3);
                return if self.buffer.len() > MOST_BYTES {
                    Err(TooLarge)
                } else {
                    Ok(None)
                };
            };
            self.taken = end;
            self.searched = 0;
            if is_frame(&self.buffer[..body]) {
                return Ok(Some(parse(&self.buffer[..body])));
            }
        }
    }

    /// What is left when the bytes have ended: a last frame without its blank line.
    pub fn rest(&mut self) -> Option<Frame<'_>> {
        self.release();
        self.skip_mark();
        self.taken = self.buffer.len();
        is_frame(&self.buffer).then(|| parse(&self.buffer))
    }

    fn release(&mut self) {
        self.buffer.advance(self.taken);
        self.taken = 0;
    }

    /// Drops a byte order mark at the very start. While the bytes may still become one, the question stays open.
    fn skip_mark(&mut self) {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if self.started || (self.buffer.len() < MARK.len() && MARK.starts_with(&self.buffer)) {
            return;
        }
        self.started = true;
        if self.buffer.starts_with(MARK) {
            self.buffer.advance(MARK.len());
        }
    }
}

/// The first blank line at or after `from`: where the frame's text ends, and where the next frame begins.
fn find_end(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(found) = memchr::memchr2(b'\n', b'\r', bytes.get(at..)?) {
        let line_end = at + found;
        let next = after_line_break(bytes, line_end)?;
        match bytes.get(next) {
            Some(b'\n' | b'\r') => return Some((line_end, after_line_break_at_end(bytes, next))),
            Some(_) => at = next,
            None => return None,
        }
    }
    None
}

/// Where the line after the break at `at` begins; `None` where a `\r` ends the bytes and a `\n` may follow.
fn after_line_break(bytes: &[u8], at: usize) -> Option<usize> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Some(at + 2),
        (Some(b'\r'), None) => None,
        _ => Some(at + 1),
    }
}

/// The same for the blank line itself. A `\n` that follows a final `\r` in the next read is one more blank line, which
/// is no frame, so there is no need to wait for it.
fn after_line_break_at_end(bytes: &[u8], at: usize) -> usize {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => at + 2,
        _ => at + 1,
    }
}

fn is_frame(block: &[u8]) -> bool {
    has_data(block) || bare_json(block).is_some()
}

/// Google breaks a stream off with an error that is JSON outside of any field, and some servers answer a request for a
/// stream with a plain document. To the letter both are fields of no name; dropped, they would be false successes.
fn bare_json(block: &[u8]) -> Option<&[u8]> {
    let text = block.trim_ascii();
    text.starts_with(b"{").then_some(text)
}

fn has_data(block: &[u8]) -> bool {
    let mut rest = block;
    loop {
        // The line itself is long, and where it ends says nothing.
        if rest.starts_with(b"data") && matches!(rest.get(4), None | Some(b':' | b'\n' | b'\r')) {
            return true;
        }
        let Some(at) = memchr::memchr2(b'\n', b'\r', rest) else {
            return false;
        };
        rest = rest.get(at + 1..).unwrap_or_default();
    }
}

fn parse(block: &[u8]) -> Frame<'_> {
    let mut event: &[u8] = b"";
    let mut data: Option<Cow<'_, [u8]>> = None;
    for line in lines(block) {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match name {
            b"event" => event = value,
            b"data" => match &mut data {
                None => data = Some(Cow::Borrowed(value)),
                Some(more) => {
                    let more = more.to_mut();
                    more.push(b'\n');
                    more.extend_from_slice(value);
                }
            },
            _ => {}
        }
    }
    Frame {
        event: Cow::Borrowed(event),
        data: data.unwrap_or_else(|| Cow::Borrowed(bare_json(block).unwrap_or_default())),
    }
}

fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(block);
    std::iter::from_fn(move || {
        let block = rest?;
        if let Some(at) = memchr::memchr2(b'\n', b'\r', block) {
            let next = if block[at..].starts_with(b"\r\n") {
                at + 2
            } else {
                at + 1
            };
            rest = Some(&block[next..]);
            Some(&block[..at])
        } else {
            rest = None;
            Some(block)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Frames = Vec<(String, String)>;

    fn owned(frame: &Frame<'_>) -> (String, String) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&frame.event), text(&frame.data))
    }

    fn read(chunks: &[&[u8]]) -> Frames {
        let mut reader = Reader::default();
        let mut frames = Frames::new();
        for chunk in chunks {
            reader.push(chunk);
            while let Some(frame) = reader.frame().unwrap() {
                frames.push(owned(&frame));
            }
        }
        frames.extend(reader.rest().map(|frame| owned(&frame)));
        frames
    }

    fn check(stream: &str, expect: &[(&str, &str)]) {
        let expect: Frames = expect
            .iter()
            .map(|(e, d)| ((*e).to_owned(), (*d).to_owned()))
            .collect();
        let bytes = stream.as_bytes();
        assert_eq!(read(&[bytes]), expect, "in one piece");
        for split in 0..=bytes.len() {
            assert_eq!(
                read(&[&bytes[..split], &bytes[split..]]),
                expect,
                "split at {split}"
            );
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single), expect, "byte by byte");
    }

    #[test]
    fn frames_come_out_whole_at_every_split() {
        check(
            "event: a\ndata: {\"x\":1}\n\ndata: [DONE]\n\n",
            &[("a", "{\"x\":1}"), ("", "[DONE]")],
        );
    }

    #[test]
    fn all_line_ends_are_taken() {
        check(
            "data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n",
            &[("", "1"), ("", "2"), ("", "3")],
        );
    }

    #[test]
    fn a_mark_is_one_at_the_very_start_alone() {
        check("\u{feff}data: 1\n\n", &[("", "1")]);
        check("\n\n\u{feff}data: 1\n\n", &[]);
    }

    #[test]
    fn comments_and_bare_fields_are_no_frames() {
        check(": hello\n\nretry: 5\n\nid: 7\n\ndata: x\n\n", &[("", "x")]);
    }

    #[test]
    fn several_data_lines_are_joined() {
        check("data: a\ndata:b\ndata\n\n", &[("", "a\nb\n")]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        check("\u{feff}data: é\n\n", &[("", "é")]);
    }

    #[test]
    fn json_outside_of_any_field_is_a_frame_of_its_own() {
        check(
            "data: a\r\n\r\n{\n \"b\": 1\n}\n\n",
            &[("", "a"), ("", "{\n \"b\": 1\n}")],
        );
        check("{\"c\":2}", &[("", "{\"c\":2}")]);
    }

    #[test]
    fn a_last_frame_without_its_blank_line_is_kept() {
        check("data: a\n\nevent: e\ndata: b", &[("", "a"), ("e", "b")]);
    }

    #[test]
    fn a_frame_that_never_ends_is_refused() {
        let mut reader = Reader::default();
        reader.push(b"data: ");
        let chunk = vec![b'x'; 1024 * 1024];
        let mut refused = false;
        for _ in 0..17 {
            reader.push(&chunk);
            refused |= reader.frame().is_err();
        }
        assert!(refused);
    }
}
