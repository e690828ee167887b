//! Fields without a translation of their own: carried as they are, dropped as a loss, or seen to by the gateway.

use std::borrow::Cow;

use crate::canonical::beyond::Beyond;
use crate::canonical::extra::Object;
use crate::canonical::ids;
use crate::canonical::request::{ReasoningSettings, Request, TextSettings};
use crate::error::Error;
use crate::providers::Loss;

/// Fields of the API's own that are sent on where a client sets them. Any other unknown field is a 400 there.
const OWN: [&str; 5] = [
    "cache_control",
    "container",
    "diagnostics",
    "inference_geo",
    "speed",
];

/// The verdict on each field that has no place in the body, or whose value may have none. Taking the request apart
/// makes a field that is added later an error here.
pub(super) fn verdicts(request: &Request, losses: &mut Vec<Loss>) -> Result<(), Error> {
    let Request {
        // Carried, each by its own function.
        model: _,
        input: _,
        instructions: _,
        tools: _,
        tool_choice: _,
        parallel_tool_calls: _,
        max_output_tokens: _,
        temperature: _,
        top_p: _,
        delivery: _,
        safety_identifier: _,
        profile: _,
        reasoning_names: _,
        native: _,
        // Ours: the gateway has seen to them before.
        previous_response_id: _,
        store: _,
        background: _,
        stream_options: _,
        provider: _,
        // They change nothing of what the model says; the response repeats them.
        metadata: _,
        prompt_cache_key: _,
        // It limits hosted calls only.
        max_tool_calls: _,
        include,
        presence_penalty,
        frequency_penalty,
        top_logprobs,
        text,
        reasoning,
        truncation,
        service_tier,
        beyond,
        extra,
    } = request;
    let mut lose = |field: &str, what: &str| losses.push(Loss::new(field, what));
    other_doors(beyond, &mut lose)?;
    for (field, penalty) in [
        ("presence_penalty", presence_penalty),
        ("frequency_penalty", frequency_penalty),
    ] {
        if penalty.is_some_and(|penalty| penalty.abs() > 0.0) {
            lose(field, ABSENT);
        }
    }
    let logprobs = include
        .iter()
        .any(|entry| entry == "message.output_text.logprobs");
    if top_logprobs.is_some_and(|count| count > 0) || logprobs {
        lose("top_logprobs", "the provider gives no log probabilities");
    }
    if truncation.as_deref().is_some_and(|word| word != "disabled") {
        lose("truncation", "the provider drops nothing by itself");
    }
    if let Some(tier) = service_tier.as_deref()
        && !matches!(tier, "auto" | "default")
    {
        lose("service_tier", "the provider has no such tier");
    }
    formed(text.as_ref(), reasoning.as_ref(), &mut lose);
    extra
        .keys()
        .filter(|key| !OWN.contains(&key.as_str()) && *key != "user")
        .for_each(|key| lose(key, "the provider has no such field"));
    Ok(())
}

/// What the other doors know.
fn other_doors(beyond: &Beyond, lose: &mut impl FnMut(&str, &str)) -> Result<(), Error> {
    let Beyond {
        // Carried, each by its own function.
        stop: _,
        top_k: _,
        thinking_budget: _,
        seed,
        logit_bias,
        choices,
        chat: _,
        messages: _,
        last_message: _,
        // Listed by the gateway.
        lost: _,
    } = beyond;
    if choices.is_some_and(|choices| choices > 1) {
        let error = Error::unsupported("n", "the provider gives one answer only");
        return Err(error.with_code("unsupported_value"));
    }
    if seed.is_some() {
        lose("seed", ABSENT);
    }
    if logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()) {
        lose("logit_bias", ABSENT);
    }
    for key in beyond.chat_only() {
        lose(key, ABSENT);
    }
    for key in beyond.messages_only().filter(|key| !OWN.contains(key)) {
        lose(key, "only a beta of the API has it");
    }
    Ok(())
}

/// The settings of text and reasoning that are not carried elsewhere.
fn formed(
    text: Option<&TextSettings>,
    reasoning: Option<&ReasoningSettings>,
    lose: &mut impl FnMut(&str, &str),
) {
    if let Some(text) = text {
        let verbosity = text.verbosity.as_deref();
        if verbosity.is_some_and(|word| word != "medium") {
            lose("text.verbosity", ABSENT);
        }
        for key in text.extra.keys() {
            lose(&format!("text.{key}"), ABSENT);
        }
    }
    for key in reasoning
        .iter()
        .flat_map(|reasoning| reasoning.extra.keys())
    {
        lose(&format!("reasoning.{key}"), ABSENT);
    }
}

/// What becomes of a field that the API does not have.
const ABSENT: &str = "the provider has no such setting";

/// The fields of the API's own that the client set.
pub(super) fn own(request: &Request) -> Object {
    let (fields, extra) = (&request.beyond.messages, &request.extra);
    fields
        .iter()
        .chain(extra.iter())
        .filter(|(key, _)| OWN.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The API refuses stop sequences of nothing but white space.
pub(super) fn stop<'a>(request: &'a Request, losses: &mut Vec<Loss>) -> Vec<&'a str> {
    let (blank, kept): (Vec<&str>, Vec<&str>) = request
        .beyond
        .stop
        .iter()
        .map(String::as_str)
        .partition(|text| text.trim().is_empty());
    if !blank.is_empty() {
        losses.push(Loss::new(
            "stop",
            "the provider takes no stop sequence of nothing but white space",
        ));
    }
    kept
}

/// The most characters of a user's id.
const MOST_USER_ID: usize = 256;

/// `user` is the older name of `safety_identifier`. One that is too long is told apart by its hash just as well.
pub(super) fn user_id(request: &Request) -> Option<Cow<'_, str>> {
    let id = request
        .safety_identifier
        .as_deref()
        .or_else(|| request.extra.get("user")?.as_str())
        .filter(|id| !id.is_empty())?;
    Some(if id.chars().count() <= MOST_USER_ID {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(ids::digest(&["user", id]))
    })
}
