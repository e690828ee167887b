//! What a server refused is left out the next time, where the answer is worth having without it; and how a refusal
//! tells what that is.

use super::request::Context;
use crate::error::Remedy;
use crate::wire::chat::request as chat;

/// Parameters whose loss is allowed, by the field of the request that they come from. Never the conversation, the
/// tools, a forced choice or the form of the answer.
const DROPPABLE: [(&str, &str); 22] = [
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("top_logprobs", "top_logprobs"),
    ("logprobs", "top_logprobs"),
    ("logit_bias", "logit_bias"),
    ("stop", "stop"),
    ("random_seed", "seed"),
    ("seed", "seed"),
    ("top_k", "top_k"),
    ("reasoning_effort", "reasoning.effort"),
    ("enable_thinking", "reasoning.effort"),
    ("chat_template_kwargs", "reasoning.effort"),
    ("thinking", "reasoning.effort"),
    ("reasoning", "reasoning.effort"),
    ("verbosity", "text.verbosity"),
    ("service_tier", "service_tier"),
    ("prompt_cache_key", "prompt_cache_key"),
    ("safety_identifier", "safety_identifier"),
    ("parallel_tool_calls", "parallel_tool_calls"),
    ("user", "safety_identifier"),
];

/// Leaves out what was learnt to be refused, and says so.
pub(super) fn apply(context: &mut Context<'_>, body: &mut chat::Request<'_>) {
    let learnt: Vec<&str> = context
        .remedies
        .iter()
        .filter_map(|remedy| match remedy {
            Remedy::DropParameter(name) => Some(name.as_str()),
            Remedy::MaxTokens(_)
            | Remedy::NoStreamUsage
            | Remedy::DropReasoning
            | Remedy::NoReasoning
            | Remedy::NoPrefill
            | Remedy::OtherMaxTokensField => None,
        })
        .collect();
    for name in learnt {
        if drop(body, name) {
            let field = DROPPABLE
                .iter()
                .find(|(known, _)| *known == name)
                .map_or(name, |(_, field)| *field);
            context.lose(field, format!("this server does not know `{name}`"));
        }
    }
}

/// False if the body does not have it.
fn drop(body: &mut chat::Request<'_>, name: &str) -> bool {
    match name {
        "temperature" => body.temperature.take().is_some(),
        "top_p" => body.top_p.take().is_some(),
        "presence_penalty" => body.presence_penalty.take().is_some(),
        "frequency_penalty" => body.frequency_penalty.take().is_some(),
        "top_logprobs" => body.top_logprobs.take().is_some(),
        "logprobs" => body.logprobs.take().is_some() | body.top_logprobs.take().is_some(),
        "logit_bias" => body.logit_bias.take().is_some(),
        "stop" => body.stop.take().is_some(),
        "seed" => body.seed.take().is_some(),
        "reasoning_effort" => body.reasoning_effort.take().is_some(),
        "verbosity" => body.verbosity.take().is_some(),
        "service_tier" => body.service_tier.take().is_some(),
        "prompt_cache_key" => body.prompt_cache_key.take().is_some(),
        "safety_identifier" => body.safety_identifier.take().is_some(),
        "user" => body.user.take().is_some(),
        other => body.extra.shift_remove(other).is_some(),
    }
}

/// What the refusal says that must change. `param` is the server's own word for the field, `text` all of its words.
pub(super) fn learn(param: Option<&str>, text: &str) -> Option<Remedy> {
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["reasoning_content", "reasoning_details"]) {
        // A thinking model that wants its reasoning back, which nobody has any more, may still answer without thinking.
        let wanted = says(&["must be passed back", "missing reasoning", "is missing"]);
        return Some(if wanted {
            Remedy::NoReasoning
        } else {
            Remedy::DropReasoning
        });
    }
    let limit = says(&["max_tokens", "max_completion_tokens"])
        || param.is_some_and(|param| param.starts_with("max_"));
    let unknown = says(&[
        "unknown",
        "unrecognized",
        "unsupported",
        "not supported",
        "not support",
        "not permitted",
        "not allowed",
        "unexpected",
        "extra_forbidden",
        "not enabled",
        "no such parameter",
        "must be one of",
        "use 'max_",
    ]);
    if limit {
        if let Some(most) = most(&text) {
            return Some(Remedy::MaxTokens(most));
        }
        if unknown {
            return Some(Remedy::OtherMaxTokensField);
        }
    }
    if !unknown {
        return None;
    }
    if says(&["stream_options"]) || param == Some("stream_options") {
        return Some(Remedy::NoStreamUsage);
    }
    let named = DROPPABLE
        .iter()
        .find(|(name, _)| param == Some(*name))
        .or_else(|| DROPPABLE.iter().find(|(name, _)| quotes(&text, name)))?;
    Some(Remedy::DropParameter(named.0.to_owned()))
}

/// Does the text name this parameter, and not merely use the word? Names with an underscore never are mere words.
fn quotes(text: &str, name: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + name.len()..)
            .and_then(|text| text.chars().next());
        let whole = !before.is_some_and(is_name) && !after.is_some_and(is_name);
        let marked =
            before.is_some_and(|c| "'\"`[.".contains(c)) || text.contains(&format!(": {name}"));
        whole && (name.contains('_') || name == "logprobs" || marked)
    })
}

/// The model's maximum, where the refusal tells it: `at most 16384`, `[1, 8192]`, `less than or equal to 4096`.
fn most(text: &str) -> Option<u64> {
    [
        "at most ",
        "[1, ",
        "less than or equal to ",
        "<= ",
        "maximum value for `max_tokens` is ",
    ]
    .iter()
    .filter_map(|phrase| text.split_once(phrase))
    .find_map(|(_, rest)| {
        let digits: String = rest
            .trim_start_matches('`')
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().ok().filter(|most| *most > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(param: Option<&str>, text: &str, expect: Option<&Remedy>) {
        assert_eq!(learn(param, text).as_ref(), expect, "{text}");
    }

    fn dropped(name: &str) -> Remedy {
        Remedy::DropParameter(name.to_owned())
    }

    #[test]
    fn a_refused_parameter_is_left_out() {
        check(
            Some("stop"),
            "Unsupported parameter: 'stop' is not supported with this model.",
            Some(&dropped("stop")),
        );
        check(
            None,
            "property 'logprobs' is unsupported",
            Some(&dropped("logprobs")),
        );
        check(
            None,
            "Unrecognized request argument supplied: verbosity",
            Some(&dropped("verbosity")),
        );
        check(
            None,
            "Extra inputs are not permitted: body.seed",
            Some(&dropped("seed")),
        );
        check(
            None,
            "`reasoning_effort` is not supported with this model",
            Some(&dropped("reasoning_effort")),
        );
    }

    #[test]
    fn what_must_not_be_lost_is_not_left_out() {
        check(
            Some("tools"),
            "Unsupported parameter: 'tools' is not supported with this model.",
            None,
        );
        check(
            Some("response_format"),
            "'response_format' is not supported; stop using it",
            None,
        );
        check(
            Some("temperature"),
            "temperature must be between 0 and 2",
            None,
        );
    }

    #[test]
    fn limits_and_stream_options_have_remedies_of_their_own() {
        check(
            Some("max_tokens"),
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            Some(&Remedy::OtherMaxTokensField),
        );
        check(
            None,
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
            Some(&Remedy::MaxTokens(16384)),
        );
        check(
            None,
            "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
            Some(&Remedy::MaxTokens(8192)),
        );
        check(
            None,
            "Extra inputs are not permitted: body.stream_options",
            Some(&Remedy::NoStreamUsage),
        );
    }

    #[test]
    fn reasoning_that_is_wanted_or_refused_has_its_remedy() {
        check(
            None,
            "The `reasoning_content` in the thinking mode must be passed back to the API.",
            Some(&Remedy::NoReasoning),
        );
        check(
            None,
            "unknown field reasoning_content in input messages",
            Some(&Remedy::DropReasoning),
        );
    }
}
