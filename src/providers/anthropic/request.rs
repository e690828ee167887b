//! Requests: every field of ours finds its place in the API's body, or its loss.

use std::borrow::Cow;

use super::decode::Asked;
use super::items::Gather;
use super::sampling::{self, Thinks};
use super::thinking::{self, Against, Show, Wish};
use super::turns::{Beginning, Drafts, Replay};
use super::{MOST_WHOLE, choice, output_schema, tools};
use crate::canonical::extra::{Extra, Object};
use crate::canonical::ids;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::{Delivery, Format, Request, SchemaFormat};
use crate::catalog::anthropic::{Family, Feature, family};
use crate::error::{Error, Remedy};
use crate::providers::{Loss, Remedies};
use crate::target::ModelId;
use crate::wire::anthropic::request as wire;

/// The version of the API that is spoken.
pub(super) const VERSION: &str = "2026-10-21";

/// The version before, which alone takes sampling parameters, and which other vendors' servers know.
const OLDER_VERSION: &str = "2023-06-01";

/// A request, ready to be sent.
pub(super) struct Encoded<'a> {
    pub(super) version: &'static str,
    pub(super) body: wire::Request<'a>,
    pub(super) losses: Vec<Loss>,
    pub(super) asked: Asked,
}

impl Encoded<'_> {
    /// The same prompt for counting, without what only shapes the answer.
    pub(super) fn counting(mut self) -> Self {
        self.body.max_tokens = None;
        self.body.stream = None;
        self.body.stop_sequences.clear();
        self.body.metadata = None;
        self.body.service_tier = None;
        self.body.own.retain(|key, _| key == "cache_control");
        self
    }
}

/// Fields of the API's own that are sent on where a client sets them. Any other unknown field is a 400 there.
const OWN: [&str; 5] = [
    "cache_control",
    "container",
    "diagnostics",
    "inference_geo",
    "speed",
];

/// Said to a model that is to answer in JSON without a schema, a mode that the API does not have.
const JSON_ONLY: &str = "Answer with a single JSON object and nothing else.";

/// Encodes a request for a model.
pub(super) fn encode<'a>(
    request: &'a Request,
    model: &'a ModelId,
    remedies: &Remedies,
) -> Result<Encoded<'a>, Error> {
    let family = family(model.as_str());
    let mut losses = Vec::new();
    verdicts(request, &mut losses)?;
    let allowed = |tool: &_| choice::allows(request, tool);
    let tools = tools::translate(request, family, allowed, &mut losses)?;
    let tool_choice = choice::translate(request, family, &tools.list)?;
    let format = format(request, family, &mut losses)?;
    let max_tokens = max_tokens(request, family, remedies, &mut losses);
    let replay = match remedies.has(&Remedy::DropReasoning) {
        true => Replay::Lost,
        false => Replay::Whole,
    };
    let mut gather = Gather {
        family,
        model: model.as_str(),
        replay,
        losses: &mut losses,
    };
    let mut drafts = gather.all(request)?;
    if let Some(Open::Known(Format::JsonObject(_))) = request.format() {
        drafts.system.push(wire::Block::Text {
            text: Cow::Borrowed(JSON_ONLY),
            cache_control: None,
        });
    }
    let wish = wish(request, remedies, tool_choice.as_ref(), max_tokens);
    let plan = plan_thinking(family, wish, &drafts, &mut losses);
    let thinks = match thinking::is_on(family, &plan) {
        true => Thinks::Yes,
        false => Thinks::No,
    };
    let goes_on = family.has(Feature::Prefill) && thinks == Thinks::No && format.is_none();
    let beginning = match goes_on {
        true => Beginning::GoesOn,
        false => Beginning::Refused,
    };
    let (system, messages) = drafts.finish(beginning, &mut losses)?;
    let sampling = sampling::plan(request, family, thinks, &mut losses);
    let version = match sampling.is_empty() && family.is_claude() {
        true => VERSION,
        false => OLDER_VERSION,
    };
    let streamed = request.delivery == Delivery::Streamed || max_tokens > MOST_WHOLE;
    let shaped = plan.effort.is_some() || format.is_some();
    let body = wire::Request {
        model: model.as_str(),
        max_tokens: Some(max_tokens),
        stream: streamed.then_some(true),
        system,
        messages,
        tools: tools.list,
        tool_choice,
        thinking: plan.thinking,
        output_config: shaped.then_some(wire::OutputConfig {
            effort: plan.effort,
            format,
        }),
        stop_sequences: stop(request, &mut losses),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        metadata: user_id(request).map(|user_id| wire::Metadata { user_id }),
        service_tier: (request.service_tier.as_deref() == Some("default"))
            .then_some("standard_only"),
        own: own(&request.extra),
    };
    Ok(Encoded {
        version,
        body,
        losses,
        asked: Asked {
            model: model.as_str().to_owned(),
            custom: tools.custom,
            profile: request.profile,
        },
    })
}

/// The verdict on each field that has no place in the body, or whose value may have none. Taking the request apart
/// makes a field that is added later an error here.
fn verdicts(request: &Request, losses: &mut Vec<Loss>) -> Result<(), Error> {
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
    if beyond.choices.is_some_and(|choices| choices > 1) {
        return Err(
            Error::unsupported("n", "the provider gives one answer only")
                .with_code("unsupported_value"),
        );
    }
    let absent = "the provider has no such setting";
    for (field, penalty) in [
        ("presence_penalty", presence_penalty),
        ("frequency_penalty", frequency_penalty),
    ] {
        if penalty.is_some_and(|penalty| penalty.abs() > 0.0) {
            lose(field, absent);
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
    if beyond.seed.is_some() {
        lose("seed", absent);
    }
    if beyond
        .logit_bias
        .as_ref()
        .is_some_and(|bias| !bias.is_empty())
    {
        lose("logit_bias", absent);
    }
    if let Some(text) = text {
        let verbosity = text.verbosity.as_deref();
        if verbosity.is_some_and(|word| word != "medium") {
            lose("text.verbosity", absent);
        }
        text.extra
            .keys()
            .for_each(|key| lose(&format!("text.{key}"), absent));
    }
    let reasoning = reasoning
        .iter()
        .flat_map(|reasoning| reasoning.extra.keys());
    reasoning.for_each(|key| lose(&format!("reasoning.{key}"), absent));
    extra
        .keys()
        .filter(|key| !OWN.contains(&key.as_str()) && *key != "user")
        .for_each(|key| lose(key, "the provider has no such field"));
    Ok(())
}

fn own(extra: &Extra) -> Object {
    extra
        .iter()
        .filter(|(key, _)| OWN.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn wish(
    request: &Request,
    remedies: &Remedies,
    choice: Option<&wire::ToolChoice<'_>>,
    max_tokens: u64,
) -> Wish {
    let against = match choice {
        Some(wire::ToolChoice::Any { .. } | wire::ToolChoice::Tool { .. }) => Against::ForcedChoice,
        _ if remedies.has(&Remedy::NoReasoning) => Against::Refusal,
        Some(wire::ToolChoice::Auto { .. } | wire::ToolChoice::None) | None => Against::Nothing,
    };
    Wish {
        effort: request.effort(),
        budget: request.beyond.thinking_budget,
        show: match request.wants_summary() {
            true => Show::Summary,
            false => Show::Nothing,
        },
        against,
        max_tokens,
    }
}

/// A model that thinks within a budget refuses a tool loop whose earlier thinking is gone, unless it is off.
fn plan_thinking(
    family: &Family,
    wish: Wish,
    drafts: &Drafts<'_>,
    losses: &mut Vec<Loss>,
) -> thinking::Plan {
    let mut lost = Vec::new();
    let mut plan = thinking::plan(family, &wish, &mut lost);
    if matches!(plan.thinking, Some(wire::Thinking::Enabled { .. })) && drafts.lacks_thinking() {
        lost.clear();
        let against = Against::Refusal;
        plan = thinking::plan(family, &Wish { against, ..wish }, &mut lost);
    }
    losses.append(&mut lost);
    plan
}

/// The API demands a limit: the model's own where the client sets none. One that was learnt from a refusal is surer
/// than the catalogue.
fn max_tokens(
    request: &Request,
    family: &Family,
    remedies: &Remedies,
    losses: &mut Vec<Loss>,
) -> u64 {
    let most = match remedies.max_tokens() {
        Some(learnt) => Some(learnt),
        None => family.is_listed().then_some(family.max_output),
    };
    let asked = request.max_output_tokens;
    let wanted = asked.unwrap_or(family.max_output);
    let most = most.unwrap_or(wanted);
    if asked.is_some_and(|asked| asked > most) {
        losses.push(Loss::new(
            "max_output_tokens",
            format!("{wanted} became {most}, the most that the model takes"),
        ));
    }
    wanted.min(most)
}

fn format(
    request: &Request,
    family: &Family,
    losses: &mut Vec<Loss>,
) -> Result<Option<wire::OutputFormat>, Error> {
    match request.format() {
        None | Some(Open::Known(Format::Text(_))) => Ok(None),
        Some(Open::Known(Format::JsonObject(_))) => {
            losses.push(Loss::new(
                "text.format",
                "the model is told to answer in JSON, and not held to it",
            ));
            Ok(None)
        }
        Some(Open::Known(Format::JsonSchema(format))) => json_schema(format, family, losses),
        Some(Open::Unknown(format)) => {
            let what = format!("the provider has no format `{}`", tag_of(format));
            losses.push(Loss::new("text.format", what));
            Ok(None)
        }
    }
}

/// The format's name and description are labels, which the API does not take.
fn json_schema(
    format: &SchemaFormat,
    family: &Family,
    losses: &mut Vec<Loss>,
) -> Result<Option<wire::OutputFormat>, Error> {
    if !family.has(Feature::StructuredOutput) {
        let error = Error::unsupported("text.format", "this model has no structured output");
        return Err(error.with_code("unsupported_value"));
    }
    let schema = format.schema.as_ref().ok_or_else(|| {
        Error::unsupported("text.format.schema", "the provider needs a schema")
            .with_code("invalid_json_schema")
    })?;
    let translated = output_schema::translate(schema.get()).map_err(|why| {
        let message = format!("the provider cannot enforce this schema: {why}");
        Error::unsupported("text.format.schema", message).with_code("invalid_json_schema")
    })?;
    if !translated.described.is_empty() {
        losses.push(Loss::new("text.format.schema", translated.what_is_lost()));
    }
    Ok(Some(wire::OutputFormat::JsonSchema {
        schema: translated.schema,
    }))
}

/// The API refuses stop sequences of nothing but white space.
fn stop<'a>(request: &'a Request, losses: &mut Vec<Loss>) -> Vec<&'a str> {
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
fn user_id(request: &Request) -> Option<Cow<'_, str>> {
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

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
