//! Requests: every field of ours finds its place in the API's body, or its loss.

use std::borrow::Cow;

use super::decode::Asked;
use super::fields;
use super::items::Gather;
use super::sampling;
use super::thinking::{self, Against, Show, Thinks, Wish};
use super::turns::{Beginning, Drafts, Replay};
use super::{MOST_WHOLE, choice, output_schema, tools};
use crate::canonical::beyond::LastMessage;
use crate::canonical::open::{Open, tag_of};
use crate::canonical::request::{Delivery, Format, Request, SchemaFormat};
use crate::catalog::anthropic::{Family, Feature, family};
use crate::error::{Error, Remedy};
use crate::providers::{Loss, Remedies, begins_anew};
use crate::target::ModelId;
use crate::wire::anthropic::request as wire;

/// The version of the API that is spoken.
pub(super) const VERSION: &str = "2026-10-21";

/// The version before, which alone takes sampling parameters, and which other vendors' servers know.
pub(super) const OLDER_VERSION: &str = "2023-06-01";

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
    fields::verdicts(request, &mut losses)?;
    let allowed = |tool: &_| choice::allows(request, tool);
    let tools = tools::translate(request, family, allowed, &mut losses)?;
    let tool_choice = choice::translate(request, family, &tools.list)?;
    let format = format(request, family, &mut losses)?;
    let max_tokens = max_tokens(request, family, remedies, &mut losses);
    let drafts = gather(request, family, model, remedies, &mut losses)?;
    let wish = wish(request, remedies, tool_choice.as_ref(), max_tokens);
    let plan = plan_thinking(family, wish, &drafts, &mut losses);
    let thinks = thinking::thinks(family, &plan);
    let goes_on = family.has(Feature::Prefill) && thinks == Thinks::No && format.is_none();
    let beginning = match (goes_on, request.beyond.last_message) {
        (true, _) => Beginning::GoesOn,
        (false, LastMessage::Said) => Beginning::Refused,
        (false, LastMessage::Begun) => return Err(begins_anew()),
    };
    let (system, messages) = drafts.finish(beginning, &mut losses)?;
    let sampling = sampling::plan(request, family, thinks, &mut losses);
    let version = if sampling.is_empty() && family.is_claude() {
        VERSION
    } else {
        OLDER_VERSION
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
        stop_sequences: fields::stop(request, &mut losses),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        metadata: fields::user_id(request).map(|user_id| wire::Metadata { user_id }),
        service_tier: (request.service_tier.as_deref() == Some("default"))
            .then_some("standard_only"),
        own: fields::own(request),
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
        show: if request.wants_summary() {
            Show::Summary
        } else {
            Show::Nothing
        },
        against,
        max_tokens,
    }
}

fn gather<'a>(
    request: &'a Request,
    family: &'static Family,
    model: &'a ModelId,
    remedies: &Remedies,
    losses: &mut Vec<Loss>,
) -> Result<Drafts<'a>, Error> {
    let replay = if remedies.has(&Remedy::DropReasoning) {
        Replay::Lost
    } else {
        Replay::Whole
    };
    let mut gather = Gather {
        family,
        model: model.as_str(),
        replay,
        losses,
    };
    let mut drafts = gather.all(request)?;
    if let Some(Open::Known(Format::JsonObject(_))) = request.format() {
        drafts.system.push(wire::Block::Text {
            text: Cow::Borrowed(JSON_ONLY),
            cache_control: None,
        });
    }
    Ok(drafts)
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
pub(super) fn max_tokens(
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

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
