//! Counts of tokens on the common basis, and the terms on which an answer was served.

use crate::canonical::usage::{AUDIO, PICTURES, Usage};
use crate::wire::gemini::usage::{Terms, UsageMetadata};

/// The counts; `None` if there are none, which is not the same as zero. Sound and pictures are told apart where there
/// are any, since some models charge them apart.
pub(super) fn usage(told: &UsageMetadata) -> Option<Usage> {
    let (prompt, said) = (told.prompt_token_count, told.candidates_token_count);
    let thought = told.thoughts_token_count;
    if prompt.is_none() && said.is_none() && thought.is_none() {
        return None;
    }
    let cached = told.cached_content_token_count;
    let tools = told.tool_use_prompt_token_count;
    let [prompt, cached, said, thought, tools] =
        [prompt, cached, said, thought, tools].map(Option::unwrap_or_default);
    let (input, output) = (prompt.saturating_add(tools), said.saturating_add(thought));
    let mut usage = Usage::counted(input, cached, None, output, thought);
    let heard = told.prompt_tokens_details.unwrap_or_default().audio;
    if heard > 0 {
        let details = &mut usage.input_tokens_details.extra;
        details.insert(AUDIO.to_owned(), heard.into());
    }
    let drawn = told.candidates_tokens_details.unwrap_or_default().pictures;
    if drawn > 0 {
        let details = &mut usage.output_tokens_details.extra;
        details.insert(PICTURES.to_owned(), drawn.into());
    }
    Some(usage)
}

/// The terms, by the word for their price; empty where nothing tells.
pub(super) fn tier(told: &UsageMetadata) -> &'static str {
    match told.service_tier.or(told.traffic_type) {
        None => "",
        Some(Terms::Flex) => "flex",
        Some(Terms::Priority) => "priority",
        Some(Terms::Provisioned) => "provisioned",
        Some(Terms::Standard) => "standard",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_and_pictures_are_told_apart() {
        let told = serde_json::from_str(
            r#"{"promptTokenCount":30,"candidatesTokenCount":12,
                "promptTokensDetails":[{"modality":"TEXT","tokenCount":10},{"modality":"AUDIO","tokenCount":20}],
                "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":9},{"tokenCount":1},{"modality":"TEXT"}]}"#,
        );
        let usage = serde_json::to_value(usage(&told.unwrap())).unwrap();
        assert_eq!(usage["input_tokens_details"]["audio_tokens"], 20);
        assert_eq!(usage["output_tokens_details"]["image_tokens"], 9);
        assert_eq!(
            (&usage["input_tokens"], &usage["output_tokens"]),
            (&30.into(), &12.into())
        );
    }

    #[test]
    fn both_of_googles_services_tell_their_terms() {
        let check = |json: &str, expect: &str| {
            let told = serde_json::from_str(json).unwrap();
            assert_eq!(tier(&told), expect, "{json}");
        };
        check("{}", "");
        check(r#"{"serviceTier":"standard"}"#, "standard");
        check(r#"{"serviceTier":"flex"}"#, "flex");
        check(r#"{"trafficType":"ON_DEMAND"}"#, "standard");
        check(r#"{"trafficType":"ON_DEMAND_FLEX"}"#, "flex");
        check(r#"{"trafficType":"ON_DEMAND_PRIORITY"}"#, "priority");
        check(r#"{"trafficType":"PROVISIONED_THROUGHPUT"}"#, "provisioned");
    }
}
