//! A secret that cannot be printed by accident.
//!
//! There is no `Deref`, no `Serialize` and no `Display`: the only way to the text is [`Secret::expose`],
//! which is easy to find in a review.

use std::fmt;
use std::sync::Arc;

/// An API key or token. `Debug` prints `(redacted)`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes the text into keeping.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one header that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_redacted() {
        assert_eq!(
            format!("{:?}", Some(Secret::new("sk-abc"))),
            "Some((redacted))"
        );
    }
}
