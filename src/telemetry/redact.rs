//! Makes what was said fit for a log that asks for it: no keys, no files, no end of text.

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::providers::clean::without_keys;
use crate::secret::Secret;

/// So much of a request and of an answer is logged.
const MOST_BYTES: usize = 16 * 1024;

/// A run of base64 of this length is a file and nothing to read.
const LEAST_FILE: usize = 512;

/// Takes out of texts what no log may hold.
#[derive(Debug, Default)]
pub struct Redactor {
    secrets: ArcSwap<Vec<Secret>>,
}

impl Redactor {
    /// Knows the keys of this configuration besides the shapes of keys.
    pub fn of(config: &Config) -> Self {
        let redactor = Self::default();
        redactor.reload(config);
        redactor
    }

    /// Takes the keys of a new configuration.
    pub fn reload(&self, config: &Config) {
        let providers = config.providers.iter();
        let keys = providers.flat_map(|provider| provider.keys.iter().cloned());
        // Too short a key would blot out words.
        let keys = keys.filter(|key| key.expose().len() >= 8).collect();
        self.secrets.store(std::sync::Arc::new(keys));
    }

    /// The text without keys and files, up to a limit.
    pub fn redact(&self, text: &str) -> String {
        let mut text = without_keys(&without_files(text));
        for secret in self.secrets.load().iter() {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), "(redacted)");
            }
        }
        let Some((at, _)) = text.char_indices().find(|(at, _)| *at >= MOST_BYTES) else {
            return text;
        };
        let left = text.len() - at;
        text.truncate(at);
        text.push_str(&format!("… ({left} bytes more)"));
        text
    }
}

/// Long runs of base64 make way for their length.
fn without_files(text: &str) -> String {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    let mut out = String::with_capacity(text.len().min(2 * MOST_BYTES));
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.find(|c| !is_base64(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(run);
        if run >= LEAST_FILE {
            out.push_str(&format!("({run} bytes)"));
        } else {
            out.push_str(word);
        }
        let between = after.find(is_base64).unwrap_or(after.len());
        let (gap, next) = after.split_at(between);
        out.push_str(gap);
        rest = next;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_files_are_taken_out_and_the_rest_stands() {
        let redactor = Redactor::default();
        redactor
            .secrets
            .store(vec![Secret::new("a-key-of-no-known-shape")].into());
        let check = |text: &str, expect: &str| assert_eq!(redactor.redact(text), expect);
        check(r#"{"input":"say  hi"}"#, r#"{"input":"say  hi"}"#);
        check(
            "use sk-proj-0123456789abcdef, please",
            "use (redacted), please",
        );
        check("it is a-key-of-no-known-shape.", "it is (redacted).");
        let file = format!("data:image/png;base64,{}", "iVBORw0KGgo=".repeat(60));
        check(&file, "data:image/png;base64,(720 bytes)");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let redactor = Redactor::default();
        let text = "word ".repeat(10_000);
        let cut = redactor.redact(&text);
        assert!(cut.len() < MOST_BYTES + 40);
        assert!(cut.ends_with("… (33616 bytes more)"));
    }
}
