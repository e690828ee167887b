//! What a request loses on its way to Google, collected while it is encoded.

use crate::canonical::extra::Extra;
use crate::providers::Loss;

/// Fields beyond the specification that cannot change what the model says.
const HARMLESS: [&str; 5] = [
    "cache_control",
    "prompt_cache_breakpoint",
    "prompt_cache_options",
    "prompt_cache_retention",
    "user",
];

/// The losses so far.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<Loss>);

impl Losses {
    /// Adds one.
    pub(super) fn add(&mut self, field: impl Into<String>, what: impl Into<String>) {
        self.0.push(Loss::new(field, what));
    }

    /// Fields beyond the specification are lost, but for those that cannot matter.
    pub(super) fn extra(&mut self, path: &str, extra: &Extra) {
        for key in extra.keys().filter(|key| !HARMLESS.contains(&key.as_str())) {
            let dot = if path.is_empty() { "" } else { "." };
            self.add(format!("{path}{dot}{key}"), "unknown to Google: left out");
        }
    }

    /// All of them.
    pub(super) fn into_inner(self) -> Vec<Loss> {
        self.0
    }
}
