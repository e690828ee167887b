//! A request as `generateContent` takes it.

use super::contents::{self, Replay};
use super::tools::{self, Tools};
use super::{losses, settings};
use crate::canonical::beyond::Beyond;
use crate::canonical::open::Open;
use crate::canonical::request::{Format, Request};
use crate::catalog::google::Rules;
use crate::error::{Error, Remedy};
use crate::providers::{Loss, Remedies};
use crate::target::ModelId;
use crate::wire::gemini::request as gemini;
use gemini::Mode;

pub(super) use losses::Losses;

/// The body, and what could not be carried. What routing, the store and the doors deal with themselves (the model's
/// name, delivery, storage, metadata, …) changes nothing here.
pub(super) fn encode<'a>(
    request: &'a Request,
    model: &ModelId,
    rules: &Rules,
    remedies: &Remedies,
) -> Result<(gemini::GenerateContent<'a>, Vec<Loss>), Error> {
    let mut losses = Losses::default();
    unsupported(request, &mut losses)?;
    let replay = if remedies.has(&Remedy::DropReasoning) {
        Replay::Nothing
    } else {
        Replay::Signatures
    };
    let conversation = contents::encode(request, model, rules, replay, &mut losses)?;
    let mut tools = tools::encode(request, rules, &mut losses)?;
    let wants_json = matches!(
        request.format(),
        Some(Open::Known(Format::JsonObject(_) | Format::JsonSchema(_)))
    );
    if wants_json && !rules.json_with_tools.yes() && tools.mode() == Some(Mode::None) {
        // No call is wanted, and these models give JSON only where no function is declared.
        tools = Tools::default();
    }
    let generation_config = settings::encode(request, rules, remedies, &tools, &mut losses)?;
    let body = gemini::GenerateContent {
        model: None,
        system_instruction: conversation.system,
        contents: conversation.contents,
        tools: tools.tools,
        tool_config: tools.config,
        generation_config,
        service_tier: service_tier(request, &mut losses),
    };
    Ok((body, losses.into_inner()))
}

/// Fields that Google has nothing for. Destructured, so that a new field cannot be forgotten.
fn unsupported(request: &Request, losses: &mut Losses) -> Result<(), Error> {
    let Request {
        model: _,
        input: _,
        instructions: _,
        // The store has put the earlier turns into `input`.
        previous_response_id: _,
        include,
        tools: _,
        tool_choice: _,
        // Google has no switch: the decoder delivers the first call alone.
        parallel_tool_calls: _,
        // Limits hosted calls, of which there are none.
        max_tool_calls: _,
        max_output_tokens: _,
        temperature: _,
        top_p: _,
        presence_penalty: _,
        frequency_penalty: _,
        top_logprobs,
        text,
        reasoning,
        truncation,
        service_tier: _,
        store: _,
        delivery: _,
        stream_options: _,
        background: _,
        metadata: _,
        safety_identifier: _,
        prompt_cache_key: _,
        provider: _,
        beyond,
        profile: _,
        reasoning_names: _,
        native: _,
        extra,
    } = request;
    for (at, entry) in include.iter().enumerate() {
        if entry != "reasoning.encrypted_content" {
            losses.add(format!("include[{at}]"), format!("Google has no `{entry}`"));
        }
    }
    if top_logprobs.is_some_and(|n| n > 0) {
        losses.add("top_logprobs", "Google gives no log probabilities here");
    }
    if let Some(text) = text {
        losses.extra("text", &text.extra);
        if text.verbosity.as_deref().is_some_and(|v| v != "medium") {
            losses.add("text.verbosity", "Google has no such setting");
        }
    }
    if let Some(reasoning) = reasoning {
        losses.extra("reasoning", &reasoning.extra);
    }
    if truncation.as_deref().is_some_and(|t| t != "disabled") {
        losses.add("truncation", "nothing is cut: too long a prompt is refused");
    }
    losses.extra("", extra);
    beyond_the_specification(beyond, losses)
}

/// What other doors know.
fn beyond_the_specification(beyond: &Beyond, losses: &mut Losses) -> Result<(), Error> {
    let Beyond {
        stop: _,
        seed: _,
        top_k: _,
        logit_bias,
        choices,
        thinking_budget: _,
        chat: _,
        messages: _,
        // The conversation's matter.
        last_message: _,
        // Listed by the gateway.
        lost: _,
    } = beyond;
    for key in beyond.chat_only().chain(beyond.messages_only()) {
        losses.add(key, "unknown to Google: left out");
    }
    if logit_bias.as_ref().is_some_and(|biases| !biases.is_empty()) {
        losses.add("logit_bias", "Google has no such setting");
    }
    if choices.is_some_and(|n| n > 1) {
        return Err(Error::unsupported("n", "Google gives one answer a request")
            .with_code("unsupported_value"));
    }
    Ok(())
}

fn service_tier(request: &Request, losses: &mut Losses) -> Option<&'static str> {
    match request.service_tier.as_deref() {
        None | Some("auto") => None,
        Some("default" | "standard") => Some("standard"),
        Some("flex") => Some("flex"),
        Some("priority") => Some("priority"),
        Some(other) => {
            losses.add("service_tier", format!("Google has no tier `{other}`"));
            None
        }
    }
}
