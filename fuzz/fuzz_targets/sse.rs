//! Any split of any bytes gives the same frames. The first byte is the size of the pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llmgw::wire::sse::Reader;

fuzz_target!(|data: &[u8]| {
    let Some((size, bytes)) = data.split_first() else {
        return;
    };
    let whole = frames([bytes]);
    assert_eq!(
        whole,
        frames(bytes.chunks(usize::from(*size).max(1))),
        "in pieces of {size}"
    );
    let (left, right) = bytes.split_at(usize::from(*size).min(bytes.len()));
    assert_eq!(whole, frames([left, right]), "split at {size}");
});

fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut reader = Reader::default();
    let mut found = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(frame) = reader.frame().expect("no frame of this size is refused") {
            found.push((frame.event.to_vec(), frame.data.to_vec()));
        }
    }
    found.extend(
        reader
            .rest()
            .map(|frame| (frame.event.to_vec(), frame.data.to_vec())),
    );
    found
}
