//! What a model may not send to a terminal.

use std::borrow::Cow;

/// Drops control characters, which could reach the clipboard, the title or the cursor; keeps `\n` and `\t`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if is_plain(text.as_bytes()) || text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| harmless(*c)).collect())
}

/// Nothing but ASCII that may pass. Whole pieces at once: that is how it becomes fast code.
fn is_plain(text: &[u8]) -> bool {
    let is_strange = |b: &u8| !matches!(b, b'\n' | b'\t' | 0x20..=0x7e);
    let has_strange = |piece: &[u8]| piece.iter().fold(false, |found, b| found | is_strange(b));
    !text.chunks(64).any(has_strange)
}
