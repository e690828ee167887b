//! Regular expressions of a schema. Rust's and not ECMA's: what only the latter know (looking around, references back)
//! is refused before anything is sent, and the rest means the same.

use regex_automata::nfa::thompson::pikevm::PikeVM;

/// Why this is no pattern that can be used here; `None` if it can.
pub(super) fn fault(written: &str) -> Option<String> {
    let error = PikeVM::new(written).err()?;
    // The library's own words are its last source.
    let mut source: &dyn std::error::Error = &error;
    while let Some(deeper) = source.source() {
        source = deeper;
    }
    let last = source.to_string();
    Some(
        last.lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned(),
    )
}

/// Is the pattern somewhere in the text?
pub(super) fn matches(written: &str, text: &str) -> bool {
    // A pattern that cannot be read has been refused.
    PikeVM::new(written).is_ok_and(|pattern| pattern.is_match(&mut pattern.create_cache(), text))
}
