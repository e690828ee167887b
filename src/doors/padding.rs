//! Padding of deltas against observers of their lengths, for the clients that ask for it.

use bytes::{BufMut as _, BytesMut};

/// Padding is shorter than this.
const LONGEST_PADDING: u64 = 24;

/// Padding of a length that somebody who sees only lengths cannot foretell: it hangs on the text itself. Nothing here
/// is random, so that the same answer gives the same bytes; FNV-1a is not meant to be a secret's keeper.
pub(super) fn pad(sequence: u64, text: &str, out: &mut BytesMut) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in sequence.to_le_bytes().iter().chain(text.as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The low bits of FNV mix badly, so the length comes from the high ones.
    for _ in 0..(hash >> 32) % LONGEST_PADDING {
        hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = usize::try_from(hash >> 58).unwrap_or_default();
        out.put_u8(ALPHABET.get(at).copied().unwrap_or(b'A'));
    }
}
