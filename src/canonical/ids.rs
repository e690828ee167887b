//! Ids: derived, never random, so that the whole and the streamed form of one answer have the same ones.

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// 26 characters (130 bits) of the hash of these parts, safe in every vendor's id.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hash = hash.finalize();
    let mut text = String::with_capacity(26);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in hash {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 5 && text.len() < 26 {
            held -= 5;
            let at = usize::try_from((bits >> held) & 31).unwrap_or_default();
            text.push(char::from(ALPHABET.get(at).copied().unwrap_or(b'a')));
        }
        if text.len() == 26 {
            break;
        }
        bits &= (1 << held) - 1;
    }
    text
}

/// Has this, an id without its prefix, the shape of those that [`item`] makes? No vendor's ids have it.
pub fn is_ours(rest: &str) -> bool {
    rest.len() == 26 && rest.bytes().all(|b| ALPHABET.contains(&b))
}

/// The id of a response: an upstream's own `resp_…` verbatim, otherwise one derived from its id.
pub fn response(upstream: &str) -> String {
    if upstream.starts_with("resp_") {
        return upstream.to_owned();
    }
    ["resp_", &digest(&["resp", upstream])].concat()
}

/// The id of an item that we compose, from the response's and the item's place.
pub fn item(prefix: &str, response: &str, output_index: u32) -> String {
    let place = output_index.to_string();
    [prefix, "_", &digest(&[prefix, response, &place])].concat()
}

/// A call id that every vendor takes: verbatim if it is 1 to `longest` characters of `[A-Za-z0-9_-]`, otherwise
/// derived from it, the same each time.
pub fn call(raw: &str, longest: usize) -> std::borrow::Cow<'_, str> {
    let fits = !raw.is_empty()
        && raw.len() <= longest
        && raw
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits {
        return raw.into();
    }
    format!("call_{}", digest(&["call", raw])).into()
}

/// A name of at most this many characters: a longer one is replaced by its hash, the same each time.
pub fn name(name: &str, longest: usize) -> std::borrow::Cow<'_, str> {
    if name.len() <= longest || name.chars().count() <= longest {
        name.into()
    } else {
        digest(&["name", name]).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_fit_their_alphabet() {
        let id = item("msg", "resp_1", 0);
        assert_eq!(id, item("msg", "resp_1", 0));
        assert_ne!(id, item("msg", "resp_1", 1));
        assert_eq!(id.len(), 4 + 26);
        assert!(is_ours(&id[4..]));
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    }

    #[test]
    fn parts_of_a_digest_do_not_run_together() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }

    #[test]
    fn a_call_id_that_fits_is_kept_and_others_are_replaced() {
        assert_eq!(call("toolu_01AbC-x", 64), "toolu_01AbC-x");
        let long = "x".repeat(65);
        assert_eq!(call(&long, 64).len(), 31);
        assert!(call("functions.get:0", 64).starts_with("call_"));
    }
}
