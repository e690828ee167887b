//! Makes an upstream's message fit to be shown: no HTML, no control characters, nothing that looks like a key.
//!
//! Upstream texts reach clients and logs, and some providers quote the key that they refuse. What is cut here is cut
//! for good; the status and the class of the error carry the meaning.

/// At most this many characters of a message are kept.
const MOST_CHARS: usize = 500;

/// How the keys of the vendors begin. A bare prefix is no secret, so some characters must follow.
const KEY_PREFIXES: [&str; 10] = [
    "sk-", "sk_", "pk-", "AIza", "AQ.", "gsk_", "xai-", "hf_", "nvapi-", "r8_",
];

/// A key has at least this many characters after its prefix.
const LEAST_KEY: usize = 6;

/// Stands in a key's place.
const REDACTED: &str = "(redacted)";

/// One line of plain text, of at most 500 characters.
pub(crate) fn message(text: &str) -> String {
    let plain = if looks_like_html(text) {
        without_tags(text)
    } else {
        text.to_owned()
    };
    let mut cleaned = String::with_capacity(plain.len().min(MOST_CHARS));
    let mut after_bearer = false;
    for word in plain
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !cleaned.is_empty() {
            cleaned.push(' ');
        }
        if after_bearer && word.len() >= LEAST_KEY {
            cleaned.push_str(REDACTED);
        } else {
            push_without_keys(&mut cleaned, word);
        }
        after_bearer = word.eq_ignore_ascii_case("bearer") || word.ends_with("Bearer");
    }
    cap(cleaned)
}

fn cap(text: String) -> String {
    match text.char_indices().nth(MOST_CHARS) {
        Some((at, _)) => {
            let mut kept = text;
            // One character makes room for the mark, so that the cap holds.
            kept.truncate(at);
            kept.pop();
            kept.push('…');
            kept
        }
        None => text,
    }
}

fn looks_like_html(text: &str) -> bool {
    let head = text.trim_start().as_bytes();
    ["<!doctype", "<html", "<head", "<body", "<?xml"]
        .iter()
        .any(|mark| {
            head.get(..mark.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(mark.as_bytes()))
        })
}

/// The text of an HTML page: tags out, and what stands inside `script` and `style` with them.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        text.push(' ');
        let tag = &rest[open..];
        let hidden = ["script", "style"].into_iter().find(|name| {
            tag.as_bytes()
                .get(1..=name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        });
        let end = match hidden {
            Some(name) => {
                let close = format!("</{name}");
                find_ignoring_case(tag, &close)
                    .and_then(|at| tag[at..].find('>').map(|end| at + end))
            }
            None => tag.find('>'),
        };
        match end {
            Some(end) => rest = &tag[end + 1..],
            None => return text,
        }
    }
    text.push_str(rest);
    text
}

fn find_ignoring_case(text: &str, ascii: &str) -> Option<usize> {
    text.as_bytes()
        .windows(ascii.len())
        .position(|window| window.eq_ignore_ascii_case(ascii.as_bytes()))
}

/// The text as it is, but for keys.
pub(crate) fn without_keys(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        push_without_keys(&mut cleaned, word);
    }
    cleaned
}

/// Adds a word, with each key inside it (`key=sk-…`, `"sk-…"`) blotted out.
fn push_without_keys(out: &mut String, word: &str) {
    let mut rest = word;
    while let Some((start, end)) = find_key(rest) {
        out.push_str(&rest[..start]);
        out.push_str(REDACTED);
        rest = &rest[end..];
    }
    out.push_str(rest);
}

/// The first key in a word: a known prefix at the start of a run of key characters, and enough of them after it.
fn find_key(word: &str) -> Option<(usize, usize)> {
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '…');
    KEY_PREFIXES
        .iter()
        .flat_map(|prefix| {
            word.match_indices(prefix)
                .map(move |(at, _)| (at, prefix.len()))
        })
        .filter(|(at, _)| !word[..*at].ends_with(|c: char| c.is_ascii_alphanumeric()))
        .filter_map(|(at, prefix)| {
            let tail = &word[at + prefix..];
            let length = tail.find(|c| !is_key(c)).unwrap_or(tail.len());
            (length >= LEAST_KEY).then_some((at, at + prefix + length))
        })
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(message(text), expect);
    }

    #[test]
    fn a_plain_message_is_kept() {
        check(
            "max_tokens: 9 > 8, which is the maximum",
            "max_tokens: 9 > 8, which is the maximum",
        );
        check("expected a < b and x > y", "expected a < b and x > y");
    }

    #[test]
    fn keys_are_blotted_out() {
        check(
            "Incorrect API key provided: sk-proj-abc123DEF.",
            "Incorrect API key provided: (redacted)",
        );
        check("key=AIzaSyA1234567&x=1 is bad", "key=(redacted)&x=1 is bad");
        check(
            "header `Authorization: Bearer eyJhbGciOi` refused",
            "header `Authorization: Bearer (redacted) refused",
        );
        check(
            "task-oriented and risk-averse",
            "task-oriented and risk-averse",
        );
    }

    #[test]
    fn a_page_of_html_becomes_its_text() {
        check(
            "<!DOCTYPE html><html><head><style>a{b:c}</style><title>502 Bad Gateway</title></head>\n<body><h1>Bad</h1></body></html>",
            "502 Bad Gateway Bad",
        );
    }

    #[test]
    fn control_characters_and_line_ends_become_spaces() {
        check("a\u{1b}[31mb\r\n\tc\u{0}", "a [31mb c");
    }

    #[test]
    fn a_long_message_is_capped_by_characters() {
        let cleaned = message(&"é".repeat(900));
        assert_eq!(cleaned.chars().count(), MOST_CHARS);
        assert!(cleaned.ends_with('…'));
    }
}
