//! Any text in any pieces is rendered alike, and nothing but attributes is written. The first byte is the size of the
//! pieces, the second the width.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [size, width, bytes @ ..] = data else {
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let mut pieces = Vec::new();
    let mut rest = text.as_ref();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(usize::from(*size).max(1)));
        pieces.push(piece);
        rest = after;
    }
    llmgw_fuzz::render(&text, &pieces, usize::from(*width));
});
