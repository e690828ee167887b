//! Counts of tokens, from several events, on the common basis.

use serde_json::Value;

use crate::canonical::usage::{HOUR_WRITES, Usage, WEB_SEARCHES};
use crate::wire::anthropic::reply::{self, ServiceTier, Speed};

/// Collects counts. They are cumulative on this wire, and a field that is absent or `null` says nothing new.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter {
    seen: Option<reply::Usage>,
}

impl Counter {
    pub(super) fn add(&mut self, more: &reply::Usage) {
        let all = self.seen.get_or_insert_default();
        all.input_tokens = more.input_tokens.or(all.input_tokens);
        all.cache_creation_input_tokens = more
            .cache_creation_input_tokens
            .or(all.cache_creation_input_tokens);
        all.cache_read_input_tokens = more.cache_read_input_tokens.or(all.cache_read_input_tokens);
        all.cache_creation = more.cache_creation.or(all.cache_creation);
        all.output_tokens = more.output_tokens.or(all.output_tokens);
        all.output_tokens_details = more.output_tokens_details.or(all.output_tokens_details);
        all.server_tool_use = more.server_tool_use.or(all.server_tool_use);
        all.service_tier = more.service_tier.or(all.service_tier);
        all.speed = more.speed.or(all.speed);
    }

    /// On what terms it was served; empty where nothing tells. That it was fast is what its price goes by.
    pub(super) fn tier(&self) -> &'static str {
        let seen = self.seen.as_ref();
        let told = seen.map(|seen| (seen.speed, seen.service_tier));
        match told.unwrap_or_default() {
            (Some(Speed::Fast), _) => "fast",
            (_, Some(ServiceTier::Priority)) => "priority",
            (_, Some(ServiceTier::Batch)) => "batch",
            (_, Some(ServiceTier::Standard)) => "standard",
            (Some(Speed::Standard) | None, None) => "",
        }
    }

    /// `None` where nothing was counted. What was written to a cache for an hour is priced apart, and so kept apart.
    pub(super) fn usage(&self) -> Option<Usage> {
        let seen = self.seen.as_ref()?;
        let fresh = seen.input_tokens.unwrap_or_default();
        let read = seen.cache_read_input_tokens.unwrap_or_default();
        let written = seen.cache_creation_input_tokens;
        let thinking = seen
            .output_tokens_details
            .and_then(|details| details.thinking_tokens)
            .unwrap_or_default();
        let input = fresh
            .saturating_add(read)
            .saturating_add(written.unwrap_or_default());
        let output = seen.output_tokens.unwrap_or_default();
        let mut usage = Usage::counted(input, read, written, output, thinking);
        let hour = seen
            .cache_creation
            .and_then(|creation| creation.ephemeral_1h_input_tokens)
            .filter(|tokens| *tokens > 0);
        if let Some(tokens) = hour {
            usage
                .input_tokens_details
                .extra
                .insert(HOUR_WRITES.to_owned(), Value::from(tokens));
        }
        let searches = seen
            .server_tool_use
            .and_then(|uses| uses.web_search_requests)
            .filter(|uses| *uses > 0);
        if let Some(uses) = searches {
            usage
                .extra
                .insert(WEB_SEARCHES.to_owned(), Value::from(uses));
        }
        Some(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(events: &[&str], expect: &str) {
        let mut counter = Counter::default();
        for json in events {
            counter.add(&serde_json::from_str(json).unwrap());
        }
        let usage = serde_json::to_string(&counter.usage().unwrap()).unwrap();
        assert_eq!(usage, expect);
    }

    #[test]
    fn cached_and_written_tokens_are_part_of_the_input() {
        check(
            &[
                r#"{"input_tokens":10,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,
                "cache_creation":{"ephemeral_5m_input_tokens":50,"ephemeral_1h_input_tokens":150},
                "output_tokens":7,"output_tokens_details":{"thinking_tokens":4}}"#,
            ],
            r#"{"input_tokens":3210,"input_tokens_details":{"cached_tokens":3000,"cache_write_tokens":200,"cache_write_1h_tokens":150},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":3217}"#,
        );
    }

    #[test]
    fn the_terms_of_an_answer_are_told() {
        let check = |json: &str, expect: &str| {
            let mut counter = Counter::default();
            counter.add(&serde_json::from_str(json).unwrap());
            // What comes later and tells nothing changes nothing.
            counter.add(&reply::Usage::default());
            assert_eq!(counter.tier(), expect, "{json}");
        };
        check("{}", "");
        check(r#"{"service_tier":null,"speed":null}"#, "");
        check(
            r#"{"service_tier":"standard","speed":"standard"}"#,
            "standard",
        );
        check(r#"{"service_tier":"standard","speed":"fast"}"#, "fast");
        check(r#"{"service_tier":"priority"}"#, "priority");
        check(r#"{"service_tier":"batch"}"#, "batch");
        check(r#"{"service_tier":"newer"}"#, "standard");
    }

    #[test]
    fn the_last_word_stands_and_null_is_no_word() {
        check(
            &[
                r#"{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}"#,
                r#"{"input_tokens":12,"cache_read_input_tokens":null,"output_tokens":30}"#,
            ],
            r#"{"input_tokens":17,"input_tokens_details":{"cached_tokens":5},"output_tokens":30,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":47}"#,
        );
    }
}
