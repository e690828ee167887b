//! The settings that depend on the model's family, each brought within its rules, with a loss where that changes it.

use super::super::{Loss, Remedies};
use super::input::Replay;
use crate::canonical::extra::Extra;
use crate::canonical::item::Item;
use crate::canonical::open::Open;
use crate::canonical::request::{
    Delivery, Effort, Format, ReasoningSettings, Request, StreamOptions, TextSettings,
};
use crate::canonical::tool::ToolChoice;
use crate::catalog::openai::{Family, Reasons, Verbosity};
use crate::error::{Error, Remedy};

/// OpenAI's least `max_output_tokens`.
const LEAST_OUTPUT: u64 = 16;

const ENCRYPTED: &str = "reasoning.encrypted_content";
const LOGPROBS: &str = "message.output_text.logprobs";

pub(super) fn replay(
    request: &Request,
    family: &Family,
    remedies: &Remedies,
    losses: &mut Vec<Loss>,
) -> Replay {
    if !remedies.has(&Remedy::DropReasoning) {
        return match family.reasons {
            Reasons::Yes | Reasons::Unknown => Replay::Yes,
            Reasons::No => Replay::No,
        };
    }
    let first = request
        .input
        .iter()
        .position(|item| matches!(item, Open::Known(Item::Reasoning(_))));
    if let Some(at) = first {
        losses.push(Loss::new(
            format!("input[{at}]"),
            "the provider refused the reasoning of earlier turns, so it was left out",
        ));
    }
    Replay::No
}

/// The client's effort, or what a budget for thinking comes to.
pub(super) fn reasoning(
    request: &Request,
    family: &Family,
    remedies: &Remedies,
    losses: &mut Vec<Loss>,
) -> Option<ReasoningSettings> {
    let mut settings = request.reasoning.clone().unwrap_or_default();
    if let (None, Some(budget)) = (settings.effort, request.beyond.thinking_budget) {
        settings.effort = Some(match budget {
            0..4_000 => Effort::Low,
            4_000..16_000 => Effort::Medium,
            _ => Effort::High,
        });
        losses.push(Loss::new("thinking.budget_tokens", "given as an effort"));
    }
    settings.extra.retain(|_, value| !value.is_null());
    if family.reasons == Reasons::No || remedies.has(&Remedy::NoReasoning) {
        if let Some(effort) = settings.effort.filter(|effort| *effort != Effort::None) {
            let what = format!(
                "`{}` was left out: the model does not reason",
                effort.as_str()
            );
            losses.push(Loss::new("reasoning.effort", what));
        }
        losses.extend(settings.extra.keys().map(|key| {
            Loss::new(
                format!("reasoning.{key}"),
                "left out: the model does not reason",
            )
        }));
        return None;
    }
    if let Some(asked) = settings.effort {
        settings.effort = family.nearest(asked);
        if let Some(given) = settings.effort.filter(|given| *given != asked) {
            let what = format!("`{}` became `{}`", asked.as_str(), given.as_str());
            losses.push(Loss::new("reasoning.effort", what));
        }
    }
    (settings != ReasoningSettings::default()).then_some(settings)
}

/// What the family takes of the sampling settings.
pub(super) struct Sampling {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_logprobs: Option<u64>,
}

impl Sampling {
    pub(super) fn of(
        request: &Request,
        family: &Family,
        effort: Option<Effort>,
        losses: &mut Vec<Loss>,
    ) -> Self {
        if family.samples_at(effort) {
            return Self {
                temperature: request.temperature,
                top_p: request.top_p,
                top_logprobs: request.top_logprobs,
            };
        }
        let set =
            |value: Option<f64>| value.is_some_and(|value| (value - 1.0).abs() > f64::EPSILON);
        let lost = [
            ("temperature", set(request.temperature)),
            ("top_p", set(request.top_p)),
            ("top_logprobs", request.top_logprobs.is_some_and(|n| n > 0)),
        ];
        for (field, _) in lost.into_iter().filter(|(_, lost)| *lost) {
            losses.push(Loss::new(
                field,
                "left out: the model refuses it while it reasons",
            ));
        }
        Self {
            temperature: None,
            top_p: None,
            top_logprobs: None,
        }
    }
}

/// The client's entries, and the opaque state of reasoning wherever there is any: nothing is stored upstream, so only
/// that brings the reasoning back.
pub(super) fn include<'a>(
    request: &'a Request,
    family: &Family,
    sampling: &Sampling,
    losses: &mut Vec<Loss>,
) -> Vec<&'a str> {
    let mut include: Vec<&str> = request.include.iter().map(String::as_str).collect();
    match family.reasons {
        Reasons::Yes if !include.contains(&ENCRYPTED) => include.push(ENCRYPTED),
        // There is nothing that it could encrypt.
        Reasons::No => include.retain(|entry| *entry != ENCRYPTED),
        Reasons::Yes | Reasons::Unknown => {}
    }
    if sampling.top_logprobs.is_none() && request.top_logprobs.is_some_and(|n| n > 0) {
        include.retain(|entry| *entry != LOGPROBS);
        if request.includes(LOGPROBS) {
            losses.push(Loss::new("include", "the model gives no log probabilities"));
        }
    }
    include
}

/// Without tools there is no choice, and OpenAI refuses the field.
pub(super) fn tool_choice(request: &Request) -> Result<Option<&ToolChoice>, Error> {
    match &request.tool_choice {
        Some(choice) if request.tools.is_empty() && !is_in_extra(request) => {
            if choice.is_forced() {
                return Err(Error::unsupported(
                    "tool_choice",
                    "a tool must be called, but there are no tools",
                ));
            }
            Ok(None)
        }
        choice => Ok(choice.as_ref()),
    }
}

/// A stored prompt brings tools along.
fn is_in_extra(request: &Request) -> bool {
    request.extra.contains_key("prompt")
}

pub(super) fn max_output_tokens(
    request: &Request,
    remedies: &Remedies,
    losses: &mut Vec<Loss>,
) -> Option<u64> {
    let asked = request.max_output_tokens?;
    let most = remedies.max_tokens().unwrap_or(u64::MAX);
    let given = asked.min(most).max(LEAST_OUTPUT);
    if given != asked {
        losses.push(Loss::new(
            "max_output_tokens",
            format!("{asked} became {given}"),
        ));
    }
    Some(given)
}

pub(super) fn text(
    request: &Request,
    family: &Family,
    losses: &mut Vec<Loss>,
) -> Option<TextSettings> {
    let mut text = request.text.clone()?;
    match &mut text.format {
        Some(Open::Known(Format::JsonSchema(schema))) => {
            schema.extra.retain(|_, value| !value.is_null());
            // OpenAI requires one; any will do.
            schema.name.get_or_insert_with(|| "response".to_owned());
        }
        Some(Open::Known(Format::Text(plain) | Format::JsonObject(plain))) => {
            plain.extra.retain(|_, value| !value.is_null());
        }
        Some(Open::Unknown(object)) => object.retain(|_, value| !value.is_null()),
        None => {}
    }
    text.extra.retain(|_, value| !value.is_null());
    if family.verbosity == Verbosity::Medium
        && let Some(verbosity) = text.verbosity.take()
        && verbosity != "medium"
    {
        let what = format!("`{verbosity}` was left out: the model has one verbosity");
        losses.push(Loss::new("text.verbosity", what));
    }
    (text != TextSettings::default()).then_some(text)
}

/// Padding against observers is between us and the client: upstream it would only be parsed and thrown away.
pub(super) fn stream_options(request: &Request, remedies: &Remedies) -> Option<StreamOptions> {
    if request.delivery == Delivery::Whole || remedies.has(&Remedy::NoStreamUsage) {
        return None;
    }
    let mut options = request.stream_options.clone().unwrap_or_default();
    options.include_obfuscation = Some(false);
    options.extra.retain(|_, value| !value.is_null());
    Some(options)
}

pub(super) fn extra(request: &Request) -> Extra {
    let mut extra = request.extra.clone();
    extra.retain(|_, value| !value.is_null());
    extra
}

/// What only other doors and other protocols know.
pub(super) fn beyond(request: &Request, losses: &mut Vec<Loss>) -> Result<(), Error> {
    let beyond = &request.beyond;
    if beyond.choices.is_some_and(|choices| choices > 1) {
        return Err(Error::unsupported(
            "n",
            "the Responses API gives one answer",
        ));
    }
    let penalty = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let lost = [
        ("presence_penalty", penalty(request.presence_penalty)),
        ("frequency_penalty", penalty(request.frequency_penalty)),
        ("stop", !beyond.stop.is_empty()),
        ("seed", beyond.seed.is_some()),
        ("top_k", beyond.top_k.is_some()),
        (
            "logit_bias",
            beyond
                .logit_bias
                .as_ref()
                .is_some_and(|bias| !bias.is_empty()),
        ),
    ];
    for (field, _) in lost.into_iter().filter(|(_, lost)| *lost) {
        losses.push(Loss::new(
            field,
            "left out: OpenAI's Responses API does not know it",
        ));
    }
    for key in beyond.chat_only().chain(beyond.messages_only()) {
        losses.push(Loss::new(key, "left out: a field of another API"));
    }
    Ok(())
}
