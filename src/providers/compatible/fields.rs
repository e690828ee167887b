//! The optional settings: effort, sampling, verbosity, tier. Sent where the vendor and the model take them.

use serde_json::json;

use super::choice::{Chosen, Thinking};
use super::quirks::{EffortStyle, Field};
use super::request::Context;
use crate::canonical::request::Effort;
use crate::catalog::openai::{Reasons, Stop as StopRule, Verbosity};
use crate::error::{Error, Remedy};
use crate::wire::chat::Text;
use crate::wire::chat::request::{self as chat, Stop};

/// How hard to think.
pub(super) fn effort(
    context: &mut Context<'_>,
    chosen: &Chosen<'_>,
    body: &mut chat::Request<'_>,
) -> Result<(), Error> {
    if let Some(settings) = &context.request.reasoning {
        for key in settings.extra.keys() {
            context.lose(format!("reasoning.{key}"), "not sent");
        }
    }
    let mut asked = context.request.effort();
    let switched_off =
        context.remedies.has(&Remedy::NoReasoning) || chosen.thinking == Thinking::MustBeOff;
    if switched_off && asked != Some(Effort::None) {
        if asked.is_some() || chosen.thinking == Thinking::MustBeOff {
            context.lose("reasoning.effort", "none");
        }
        asked = Some(Effort::None);
    }
    if context.quirks.effort == EffortStyle::OpenAi {
        return openai_effort(context, chosen, asked, body);
    }
    let Some(asked) = asked else { return Ok(()) };
    match context.quirks.effort {
        EffortStyle::OpenAi => {}
        EffortStyle::Words(levels) => {
            body.reasoning_effort = Some(nearest(context, asked, levels).as_str().into());
        }
        EffortStyle::Object(levels) => {
            let effort = nearest(context, asked, levels);
            let settings = json!({ "effort": effort.as_str() });
            body.extra.insert("reasoning".to_owned(), settings);
        }
        EffortStyle::Thinking(levels) => {
            let on = if asked == Effort::None {
                "disabled"
            } else {
                "enabled"
            };
            body.extra
                .insert("thinking".to_owned(), json!({ "type": on }));
            graded(context, asked, levels, body);
        }
        EffortStyle::EnableThinking => {
            let on = asked != Effort::None;
            body.extra.insert("enable_thinking".to_owned(), on.into());
            graded(context, asked, &[], body);
        }
        EffortStyle::Template(levels) => {
            let on = asked != Effort::None;
            let settings = json!({ "enable_thinking": on });
            body.extra
                .insert("chat_template_kwargs".to_owned(), settings);
            graded(context, asked, levels, body);
        }
        EffortStyle::Never => {
            if asked != Effort::None {
                context.lose("reasoning.effort", "not sent");
            }
        }
    }
    Ok(())
}

/// The grade beside a switch, where there is one.
fn graded(
    context: &mut Context<'_>,
    asked: Effort,
    levels: &[Effort],
    body: &mut chat::Request<'_>,
) {
    if asked == Effort::None {
        return;
    }
    let levels: Vec<Effort> = levels
        .iter()
        .copied()
        .filter(|l| *l != Effort::None)
        .collect();
    if levels.is_empty() {
        context.lose("reasoning.effort", "thinking is switched on, in no grade");
    } else {
        body.reasoning_effort = Some(nearest(context, asked, &levels).as_str().into());
    }
}

/// The level itself, else the next lower one, else the next higher one; a loss where it is another.
fn nearest(context: &mut Context<'_>, asked: Effort, levels: &[Effort]) -> Effort {
    let lower = levels.iter().rev().find(|level| **level <= asked);
    let level = lower.or_else(|| levels.first()).copied().unwrap_or(asked);
    // A model that was to think is not told not to.
    let level = match (level, asked) {
        (Effort::None, asked) if asked != Effort::None => levels
            .iter()
            .copied()
            .find(|l| *l != Effort::None)
            .unwrap_or(level),
        (level, _) => level,
    };
    if level != asked {
        context.lose("reasoning.effort", level.as_str());
    }
    level
}

/// OpenAI's models refuse what their family does not take, and some refuse tools beside an effort.
fn openai_effort(
    context: &mut Context<'_>,
    chosen: &Chosen<'_>,
    asked: Option<Effort>,
    body: &mut chat::Request<'_>,
) -> Result<(), Error> {
    let family = context.family;
    let mut effort = match asked {
        None => None,
        Some(Effort::None) if family.reasons == Reasons::No => None,
        Some(_) if family.efforts.is_empty() => {
            context.lose("reasoning.effort", "this model does not reason");
            None
        }
        Some(asked) => Some(nearest(context, asked, family.efforts)),
    };
    if effort.is_some() && effort == family.default_effort {
        effort = None;
    }
    if !chosen.tools.is_empty() && !family.chats_with_tools_at(effort) {
        if family.chats_with_tools_at(None) {
            context.lose(
                "reasoning.effort",
                "not sent: this model takes no effort beside tools",
            );
            effort = None;
        } else if family.chats_with_tools_at(Some(Effort::None)) {
            context.lose(
                "reasoning.effort",
                "none: this model takes tools with no other",
            );
            effort = Some(Effort::None);
        } else {
            let message = "this model takes no function tools through Chat Completions";
            return Err(Error::unsupported("tools", message)
                .with_hint("ask it through the Responses API: `api: responses`"));
        }
    }
    body.reasoning_effort = effort.map(|effort| effort.as_str().into());
    Ok(())
}

/// Everything that bears on how the next token is drawn.
pub(super) fn sampling(
    context: &mut Context<'_>,
    body: &mut chat::Request<'_>,
) -> Result<(), Error> {
    let request = context.request;
    let is_openai = context.quirks.effort == EffortStyle::OpenAi;
    let effort = body.reasoning_effort.as_ref().and_then(|word| {
        Effort::ALL
            .into_iter()
            .find(|e| e.as_str() == word.as_str())
    });
    let samples = context.family.samples_at(effort);
    for (field, asked, default, place) in [
        (
            "temperature",
            request.temperature,
            1.0,
            &mut body.temperature,
        ),
        ("top_p", request.top_p, 1.0, &mut body.top_p),
    ] {
        // Elsewhere the default is the server's own, so that 1 is worth saying.
        let Some(asked) = asked.filter(|asked| !is_openai || !same(*asked, default)) else {
            continue;
        };
        if samples {
            *place = Some(asked);
        } else {
            context.lose(field, "this model takes none while it reasons");
        }
    }
    let plain = context.family.reasons != Reasons::Yes;
    for (field, asked, place) in [
        (
            "presence_penalty",
            request.presence_penalty,
            &mut body.presence_penalty,
        ),
        (
            "frequency_penalty",
            request.frequency_penalty,
            &mut body.frequency_penalty,
        ),
    ] {
        let Some(asked) = asked.filter(|asked| !same(*asked, 0.0)) else {
            continue;
        };
        if plain && context.quirks.takes(Field::Penalties) {
            *place = Some(asked);
        } else {
            context.lose(field, "not sent: refused here");
        }
    }
    logprobs(context, samples, body);
    beyond(context, body)
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < f64::EPSILON
}

fn logprobs(context: &mut Context<'_>, samples: bool, body: &mut chat::Request<'_>) {
    let request = context.request;
    let top = request.top_logprobs.filter(|top| *top > 0);
    let included = request.includes("message.output_text.logprobs");
    if top.is_none() && !included {
        return;
    }
    if samples && context.quirks.takes(Field::Logprobs) {
        body.logprobs = Some(true);
        body.top_logprobs = top;
        return;
    }
    if top.is_some() {
        context.lose("top_logprobs", "not sent: refused here");
    }
    if included {
        context.lose("include", "message.output_text.logprobs: refused here");
    }
}

/// What only other doors know.
fn beyond(context: &mut Context<'_>, body: &mut chat::Request<'_>) -> Result<(), Error> {
    let beyond = &context.request.beyond;
    let plain = context.family.reasons != Reasons::Yes;
    if beyond.choices.is_some_and(|n| n > 1) {
        return Err(Error::unsupported("n", "only one answer is given"));
    }
    if !beyond.stop.is_empty() {
        if context.family.stop == StopRule::Yes && context.quirks.takes(Field::Stop) {
            body.stop = Some(match beyond.stop.as_slice() {
                [one] => Stop::One(one.clone()),
                several => Stop::Several(several.to_vec()),
            });
        } else {
            context.lose("stop", "not sent: refused here");
        }
    }
    match beyond.seed {
        Some(seed) if context.quirks.takes(Field::Seed) => body.seed = Some(seed),
        Some(seed) if context.quirks.takes(Field::RandomSeed) => {
            body.extra.insert("random_seed".to_owned(), seed.into());
        }
        Some(_) => context.lose("seed", "not sent: refused here"),
        None => {}
    }
    match beyond.top_k {
        Some(k) if context.quirks.takes(Field::TopK) => {
            body.extra.insert("top_k".to_owned(), k.into());
        }
        Some(_) => context.lose("top_k", "not sent: refused here"),
        None => {}
    }
    match &beyond.logit_bias {
        Some(bias) if plain && context.quirks.takes(Field::LogitBias) => {
            body.logit_bias = Some(bias.clone());
        }
        Some(bias) if !bias.is_empty() => context.lose("logit_bias", "not sent: refused here"),
        Some(_) | None => {}
    }
    if beyond.thinking_budget.is_some() && context.request.effort().is_none() {
        context.lose("thinking.budget_tokens", "this server takes no budget");
    }
    Ok(())
}

/// How many words to make.
pub(super) fn verbosity<'a>(
    context: &mut Context<'a>,
    asked: Option<&'a str>,
    body: &mut chat::Request<'a>,
) {
    let Some(asked) = asked.filter(|asked| *asked != "medium") else {
        return;
    };
    if context.quirks.takes(Field::Verbosity) && context.family.verbosity == Verbosity::Any {
        body.verbosity = Some(asked.into());
    } else {
        context.lose("text.verbosity", "medium");
    }
}

/// The price and latency class.
pub(super) fn tier<'a>(
    context: &mut Context<'a>,
    asked: Option<&'a str>,
    body: &mut chat::Request<'a>,
) {
    let Some(asked) = asked.filter(|asked| *asked != "auto") else {
        return;
    };
    if context.quirks.takes(Field::ServiceTier) {
        body.service_tier = Some(Text::from(asked));
    } else if asked != "default" {
        context.lose("service_tier", "this server has no tiers");
    }
}
