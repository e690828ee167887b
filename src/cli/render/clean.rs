//! What a model may not send to a terminal.

use std::borrow::Cow;

/// Drops control characters, which could reach the clipboard, the title or the cursor; keeps `\n` and `\t`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    let plain = |b: u8| matches!(b, b'\n' | b'\t' | 0x20..=0x7e);
    if text.bytes().all(plain) || text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| harmless(*c)).collect())
}
