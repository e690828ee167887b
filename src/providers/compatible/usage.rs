//! Counts of tokens: many forms, one basis.

use crate::canonical::usage::Usage;
use crate::wire::chat::reply;

/// The counts on the common basis; `None` where the server gave none.
pub(super) fn counted(usage: &reply::Usage) -> Option<Usage> {
    let (prompt, completion) = (usage.prompt_tokens, usage.completion_tokens);
    if prompt.is_none() && completion.is_none() {
        return None;
    }
    let input = prompt.unwrap_or_default();
    let reasoning = usage
        .completion_tokens_details
        .as_ref()
        .and_then(|details| details.reasoning_tokens)
        .or(usage.reasoning_tokens)
        .unwrap_or_default();
    let total = usage.total_tokens;
    let mut output = completion
        .or_else(|| total.map(|total| total.saturating_sub(input)))
        .unwrap_or_default();
    // xAI counts reasoning beside the completion, everybody else inside it; the total tells which.
    if reasoning > 0 && total == Some(input.saturating_add(output).saturating_add(reasoning)) {
        output = output.saturating_add(reasoning);
    }
    let details = usage.prompt_tokens_details.as_ref();
    let cached = details
        .and_then(|details| details.cached_tokens)
        .or(usage.prompt_cache_hit_tokens)
        .or(usage.cached_tokens)
        .or(usage.cache_read_input_tokens)
        .unwrap_or_default();
    let written = details.and_then(|details| details.cache_write_tokens);
    Some(Usage::counted(input, cached, written, output, reasoning))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input, cached, cache-written, output, reasoning.
    fn check(json: &str, expect: Option<(u64, u64, Option<u64>, u64, u64)>) {
        let usage = serde_json::from_str(json).unwrap();
        let expect = expect.map(|(i, c, w, o, r)| Usage::counted(i, c, w, o, r));
        assert_eq!(counted(&usage), expect, "{json}");
    }

    #[test]
    fn all_forms_of_usage_come_to_one_basis() {
        check(
            r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":2}}"#,
            Some((9, 4, Some(1), 5, 2)),
        );
        check(
            r#"{"prompt_tokens":9,"completion_tokens":5,"prompt_cache_hit_tokens":8}"#,
            Some((9, 8, None, 5, 0)),
        );
        check(
            r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":114,"completion_tokens_details":{"reasoning_tokens":100}}"#,
            Some((9, 0, None, 105, 100)),
        );
        check(
            r#"{"prompt_tokens":9,"completion_tokens":null,"total_tokens":11}"#,
            Some((9, 0, None, 2, 0)),
        );
        check(r#"{"prompt_tokens_details":null}"#, None);
    }
}
