//! The request as OpenAI takes it: field by field what the client said, within the rules of the model's family.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::super::{Loss, Remedies, begins_anew};
use super::fields::{
    Sampling, beyond, extra, include, max_output_tokens, reasoning, replay, stream_options, text,
    tool_choice,
};
use super::foreign::own_tools;
use super::input::{self, Items};
use crate::canonical::beyond::LastMessage;
use crate::canonical::extra::Extra;
use crate::canonical::ids;
use crate::canonical::open::Open;
use crate::canonical::request::{
    Delivery, ReasoningSettings, Request, StreamOptions, TextSettings,
};
use crate::canonical::tool::{Tool, ToolChoice};
use crate::catalog::openai::{self, Family};
use crate::error::{Error, Kind, Remedy};
use crate::target::ModelId;

/// A body, and what it could not hold.
pub(super) struct Encoded {
    pub(super) body: Bytes,
    pub(super) losses: Vec<Loss>,
}

/// The body, in the order of OpenAI's own documentation.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    input: Items<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<&'a str>,
    #[serde(skip_serializing_if = "no_tools")]
    tools: Cow<'a, [Open<Tool>]>,
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
    safety_identifier: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<Cow<'a, str>>,
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
    // A prompt that is stored there may be all that there is to say.
    if request.input.is_empty() && request.extra.get("prompt").is_none() {
        let message = "`input` is empty: there is nothing to answer";
        return Err(Error::unsupported("input", message).with_code("empty_array"));
    }
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

/// The body of `POST /responses/compact`, which knows the conversation alone.
pub(super) fn compact(
    request: &Request,
    model: &ModelId,
    remedies: &Remedies,
) -> Result<Encoded, Error> {
    let family = openai::family(model.as_str());
    let mut losses = Vec::new();
    let whole = whole(request, model.as_str(), family, remedies, &mut losses)?;
    let body = Body {
        include: Vec::new(),
        tools: Cow::Borrowed(&[]),
        tool_choice: None,
        parallel_tool_calls: None,
        max_tool_calls: None,
        max_output_tokens: None,
        temperature: None,
        top_p: None,
        top_logprobs: None,
        text: None,
        reasoning: None,
        truncation: None,
        service_tier: None,
        safety_identifier: None,
        store: None,
        stream: None,
        stream_options: None,
        extra: Extra::new(),
        ..whole
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
    if request.beyond.last_message == LastMessage::Begun {
        return Err(begins_anew());
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
        tools: own_tools(&request.tools, losses),
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
        safety_identifier: short(request.safety_identifier.as_deref()),
        prompt_cache_key: short(request.prompt_cache_key.as_deref()),
        store: Some(false),
        stream: streamed.then_some(true),
        stream_options: stream_options(request, remedies),
        extra: extra(request),
    })
}

fn no_tools(tools: &[Open<Tool>]) -> bool {
    tools.is_empty()
}

/// OpenAI's limit for names of users and of caches, in characters.
fn short(name: Option<&str>) -> Option<Cow<'_, str>> {
    name.map(|name| ids::name(name, 64))
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

#[cfg(test)]
mod tests;
