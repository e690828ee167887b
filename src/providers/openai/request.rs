//! The request as OpenAI takes it: field by field what the client said, within the rules of the model's family.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::super::{Loss, Remedies};
use super::input::{self, Items, Replay};
use crate::canonical::extra::Extra;
use crate::canonical::open::Open;
use crate::canonical::request::{
    Delivery, Effort, Format, ReasoningSettings, Request, StreamOptions, TextSettings,
};
use crate::canonical::tool::{Tool, ToolChoice};
use crate::catalog::openai::{self, Family, Reasons, Verbosity};
use crate::error::{Error, Kind, Remedy};
use crate::target::ModelId;

/// A body, and what it could not hold.
pub(super) struct Encoded {
    pub(super) body: Bytes,
    pub(super) losses: Vec<Loss>,
}

/// OpenAI's least `max_output_tokens`.
const LEAST_OUTPUT: u64 = 16;

const ENCRYPTED: &str = "reasoning.encrypted_content";
const LOGPROBS: &str = "message.output_text.logprobs";

/// The body, in the order of OpenAI's own documentation.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Items<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tools: &'a [Open<Tool>],
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'a ToolChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tool_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningSettings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    extra: Extra,
}

/// The body of `POST /responses`.
pub(super) fn respond(
    request: &Request,
    model: &ModelId,
    remedies: &Remedies,
) -> Result<Encoded, Error> {
    let family = openai::family(model.as_str());
    let mut losses = Vec::new();
    let mut body = whole(request, model.as_str(), family, remedies, &mut losses)?;
    beyond(request, &mut losses)?;
    for remedy in remedies.iter() {
        if let Remedy::DropParameter(name) = remedy {
            drop_parameter(&mut body, name, &mut losses);
        }
    }
    encode(&body, losses)
}

/// The body of `POST /responses/input_tokens`, which knows only what decides the count.
pub(super) fn count(
    request: &Request,
    model: &ModelId,
    remedies: &Remedies,
) -> Result<Encoded, Error> {
    let family = openai::family(model.as_str());
    let mut losses = Vec::new();
    let body = Body {
        include: Vec::new(),
        max_tool_calls: None,
        max_output_tokens: None,
        temperature: None,
        top_p: None,
        top_logprobs: None,
        service_tier: None,
        safety_identifier: None,
        prompt_cache_key: None,
        store: None,
        stream: None,
        stream_options: None,
        extra: Extra::new(),
        ..whole(request, model.as_str(), family, remedies, &mut losses)?
    };
    encode(&body, losses)
}

fn encode(body: &Body<'_>, losses: Vec<Loss>) -> Result<Encoded, Error> {
    let body = serde_json::to_vec(body).map_err(|error| {
        Error::new(
            Kind::Internal,
            format!("the request cannot be written: {error}"),
        )
    })?;
    Ok(Encoded {
        body: body.into(),
        losses,
    })
}

fn whole<'a>(
    request: &'a Request,
    model: &'a str,
    family: &Family,
    remedies: &Remedies,
    losses: &mut Vec<Loss>,
) -> Result<Body<'a>, Error> {
    if let Some(id) = &request.previous_response_id {
        return Err(Error::unsupported(
            "previous_response_id",
            format!("response `{id}` is not known here"),
        )
        .with_code("previous_response_not_found"));
    }
    let replay = replay(request, family, remedies, losses);
    let reasoning = reasoning(request, family, remedies, losses);
    let effort = reasoning.as_ref().and_then(|reasoning| reasoning.effort);
    let sampling = Sampling::of(request, family, effort, losses);
    let streamed = request.delivery == Delivery::Streamed;
    Ok(Body {
        model,
        input: input::items(&request.input, replay, losses)?,
        instructions: request.instructions.as_deref(),
        include: include(request, family, &sampling, losses),
        tools: &request.tools,
        tool_choice: tool_choice(request)?,
        parallel_tool_calls: request.parallel_tool_calls,
        max_tool_calls: request.max_tool_calls,
        max_output_tokens: max_output_tokens(request, remedies, losses),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_logprobs: sampling.top_logprobs,
        text: text(request, family, losses),
        reasoning,
        truncation: request.truncation.as_deref(),
        service_tier: request.service_tier.as_deref(),
        safety_identifier: request.safety_identifier.as_deref(),
        prompt_cache_key: request.prompt_cache_key.as_deref(),
        store: Some(false),
        stream: streamed.then_some(true),
        stream_options: stream_options(request, remedies),
        extra: extra(request),
    })
}

fn replay(
    request: &Request,
    family: &Family,
    remedies: &Remedies,
    losses: &mut Vec<Loss>,
) -> Replay {
    use crate::canonical::item::Item;
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
fn reasoning(
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
struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_logprobs: Option<u64>,
}

impl Sampling {
    fn of(
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
fn include<'a>(
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
fn tool_choice(request: &Request) -> Result<Option<&ToolChoice>, Error> {
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

fn max_output_tokens(
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

fn text(request: &Request, family: &Family, losses: &mut Vec<Loss>) -> Option<TextSettings> {
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
fn stream_options(request: &Request, remedies: &Remedies) -> Option<StreamOptions> {
    if request.delivery == Delivery::Whole || remedies.has(&Remedy::NoStreamUsage) {
        return None;
    }
    let mut options = request.stream_options.clone().unwrap_or_default();
    options.include_obfuscation = Some(false);
    options.extra.retain(|_, value| !value.is_null());
    Some(options)
}

fn extra(request: &Request) -> Extra {
    let mut extra = request.extra.clone();
    extra.retain(|_, value| !value.is_null());
    extra
}

/// What only other doors and other protocols know.
fn beyond(request: &Request, losses: &mut Vec<Loss>) -> Result<(), Error> {
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
    Ok(())
}

/// May this parameter be left out where the provider refuses it? Without these the answer is still an answer to what
/// was asked; the fields that say what is asked stay, and the refusal reaches the client.
pub(super) fn is_droppable(name: &str) -> bool {
    const ASKED: [&str; 10] = [
        "background",
        "conversation",
        "input",
        "instructions",
        "model",
        "prompt",
        "stream",
        "text",
        "tool_choice",
        "tools",
    ];
    let top = name.split(['.', '[']).next().unwrap_or(name);
    match name {
        "text.verbosity" | "reasoning.summary" => true,
        _ => top == name && !ASKED.contains(&name),
    }
}

fn drop_parameter(body: &mut Body<'_>, name: &str, losses: &mut Vec<Loss>) {
    let dropped = match name {
        "include" => !std::mem::take(&mut body.include).is_empty(),
        "parallel_tool_calls" => body.parallel_tool_calls.take().is_some(),
        "max_tool_calls" => body.max_tool_calls.take().is_some(),
        "max_output_tokens" => body.max_output_tokens.take().is_some(),
        "temperature" => body.temperature.take().is_some(),
        "top_p" => body.top_p.take().is_some(),
        "top_logprobs" => body.top_logprobs.take().is_some(),
        "text.verbosity" => {
            let verbosity = body.text.as_mut().and_then(|text| text.verbosity.take());
            verbosity.is_some()
        }
        "reasoning" => body.reasoning.take().is_some(),
        "reasoning.summary" => {
            let summary = body.reasoning.as_mut().and_then(|it| it.summary.take());
            summary.is_some()
        }
        "truncation" => body.truncation.take().is_some(),
        "service_tier" => body.service_tier.take().is_some(),
        "safety_identifier" => body.safety_identifier.take().is_some(),
        "prompt_cache_key" => body.prompt_cache_key.take().is_some(),
        // Neither was the client's: its padding and its storage are ours to do.
        "store" => {
            body.store = None;
            false
        }
        "stream_options" => {
            body.stream_options = None;
            false
        }
        other => body
            .extra
            .shift_remove(other)
            .is_some_and(|value| value != Value::Null),
    };
    if dropped {
        losses.push(Loss::new(name, "left out: the provider refused it"));
    }
}
