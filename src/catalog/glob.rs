//! The one pattern language of names: `*` is any text, `#` one digit, everything else itself.
//!
//! It serves the catalogue's further names, the wildcards of `prices` and the models that a client key may use.

/// Does the whole of `text` fit the pattern?
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how much of the text it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(b'#'), Some(digit)) if digit.is_ascii_digit() => {
                p += 1;
                t += 1;
            }
            (Some(want), Some(is)) if want == is && *want != b'#' => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_none_or(|rest| rest.iter().all(|&byte| byte == b'*'))
}

/// Does the text fit one of the blank-separated patterns, and none of those that `!` takes out?
pub fn any(patterns: &str, text: &str) -> bool {
    let mut fits = false;
    for pattern in patterns.split_ascii_whitespace() {
        match pattern.strip_prefix('!') {
            Some(out) if matches(out, text) => return false,
            Some(_) => {}
            None => fits = fits || matches(pattern, text),
        }
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expect: bool) {
        assert_eq!(matches(pattern, text), expect, "{pattern} on {text}");
    }

    #[test]
    fn a_star_is_any_text_and_a_hash_one_digit() {
        check("gpt-6-sol", "gpt-6-sol", true);
        check("gpt-6-sol", "gpt-6-sol-2", false);
        check("gpt-6-sol-####-##-##", "gpt-6-sol-2026-05-01", true);
        check("gpt-6-sol-####-##-##", "gpt-6-sol-2026-05-xx", false);
        check("gpt-6-sol-####-##-##", "gpt-6-sol-2026-05-010", false);
        check("claude-3-haiku*", "claude-3-haiku", true);
        check("*gemini-2.0-flash-0*", "models/gemini-2.0-flash-001", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-b-b-d", false);
        check("ollama/*", "ollama/llama3.2:3b", true);
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
    }

    #[test]
    fn an_exclamation_mark_takes_out() {
        let patterns = "gemini-2.5-pro* !*-tts !*-tts-*";
        assert!(any(patterns, "gemini-2.5-pro-preview"));
        assert!(!any(patterns, "gemini-2.5-pro-preview-tts"));
        assert!(!any("", "gemini"));
    }
}
