//! A Messages request whose client speaks this very protocol: its own body goes on, byte for byte.
//!
//! Changed are the model, what the route or a remedy sets, settings that the model is known to refuse (as losses), and
//! thinking: what we sealed is opened, and what another model made is left out. A conversation that must be put together
//! anew, because the gateway added to it or the model takes no such turns, is translated like any other.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::decode::Asked;
use super::request::{OLDER_VERSION, VERSION, max_tokens};
use super::thinking::{self, Against, Plan, Show, Thinks, Wish};
use super::thoughts::Thoughts;
use super::turns::Replay;
use super::{MOST_WHOLE, sampling};
use crate::canonical::native::{Native, Protocol};
use crate::canonical::open::Open;
use crate::canonical::request::{Delivery, Effort, Format, Request};
use crate::canonical::sealed::PREFIX;
use crate::canonical::tool::ToolChoice;
use crate::catalog::anthropic::{Family, Feature, Thinking, Unasked, family};
use crate::error::{Error, Remedy};
use crate::providers::{Loss, Remedies};
use crate::target::ModelId;
use crate::wire::anthropic::inbound;
use crate::wire::fields::Fields;

/// What the body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be answered.
    Answer,
    /// To be counted.
    Count,
}

/// A body, ready to be sent.
pub(super) struct Sent {
    pub(super) version: String,
    pub(super) body: Vec<u8>,
    pub(super) streamed: bool,
    pub(super) losses: Vec<Loss>,
    pub(super) asked: Asked,
}

/// The client's own body for this model. `None` if there is none, or if it cannot stand as it is.
pub(super) fn encode(
    request: &Request,
    purpose: Purpose,
    model: &ModelId,
    remedies: &Remedies,
) -> Result<Option<Sent>, Error> {
    let Some(native) = request.as_came(Protocol::Messages) else {
        return Ok(None);
    };
    let family = family(model.as_str());
    // What the door has read can be read again; if not, the translation will say what is wrong.
    let Ok(fields) = serde_json::from_slice::<Fields<'_>>(&native.body) else {
        return Ok(None);
    };
    if !stands(&fields, family) {
        return Ok(None);
    }
    promised(request, family)?;
    let mut body = Body {
        fields,
        request,
        family,
        remedies,
        losses: Vec::new(),
    };
    body.fields.set("model", model.as_str());
    if request.provider.is_some() {
        body.fields.remove("provider");
    }
    let limit = body.limit(purpose);
    let thinks = body.thinking(limit);
    let samples = body.sampling(thinks);
    body.settings();
    body.messages(model.as_str());
    let streamed = purpose == Purpose::Answer
        && (request.delivery == Delivery::Streamed || limit > MOST_WHOLE);
    if streamed && body.fields.get("stream").map(RawValue::get) != Some("true") {
        body.fields.set("stream", &true);
    }
    let asked = Asked {
        model: model.as_str().to_owned(),
        custom: Vec::new(),
        profile: request.profile,
    };
    Ok(Some(Sent {
        version: version(native, samples, family),
        // An object of JSON values can always be written.
        body: serde_json::to_vec(&body.fields).unwrap_or_default(),
        streamed,
        losses: body.losses,
        asked,
    }))
}

/// Whether sampling parameters are among the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Samples {
    Yes,
    No,
}

/// The client's version, but for sampling parameters, which only the older one takes.
fn version(native: &Native, samples: Samples, family: &Family) -> String {
    match (samples, native.header("anthropic-version")) {
        (Samples::No, Some(version)) => version,
        (Samples::No, None) if family.is_claude() => VERSION,
        (Samples::Yes, _) | (Samples::No, None) => OLDER_VERSION,
    }
    .to_owned()
}

#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow, default)]
    role: Cow<'a, str>,
}

/// Does the model take these turns as they are? Servers of other vendors have rules of their own.
fn stands(fields: &Fields<'_>, family: &Family) -> bool {
    if !family.is_claude() {
        return true;
    }
    let turns: Vec<Turn<'_>> = match fields.get("messages") {
        Some(raw) => serde_json::from_str(raw.get()).unwrap_or_default(),
        None => return true,
    };
    let has_system = turns.iter().any(|turn| turn.role == "system");
    let goes_on = turns.last().is_some_and(|turn| turn.role == "assistant");
    (family.has(Feature::SystemTurns) || !has_system) && (family.has(Feature::Prefill) || !goes_on)
}

/// What may not be weakened is refused before anything is sent, so that another target can be asked.
fn promised(request: &Request, family: &Family) -> Result<(), Error> {
    let refuse = |field, why| Err(Error::unsupported(field, why).with_code("unsupported_value"));
    let forced = request
        .tool_choice
        .as_ref()
        .is_some_and(ToolChoice::is_forced);
    if forced && !family.has(Feature::ForcedChoice) {
        return refuse("tool_choice", "this model cannot be made to call a tool");
    }
    let schema = matches!(request.format(), Some(Open::Known(Format::JsonSchema(_))));
    if schema && !family.has(Feature::StructuredOutput) {
        return refuse(
            "output_config.format",
            "this model has no structured output",
        );
    }
    Ok(())
}

/// The body while it is being changed.
struct Body<'a> {
    fields: Fields<'a>,
    request: &'a Request,
    family: &'static Family,
    remedies: &'a Remedies,
    losses: Vec<Loss>,
}

impl Body<'_> {
    fn lose(&mut self, field: &str, what: &str) {
        self.losses.push(Loss::new(field, what));
    }

    /// The limit of the answer, no higher than the model takes.
    fn limit(&mut self, purpose: Purpose) -> u64 {
        if purpose == Purpose::Count {
            return 0;
        }
        let limit = max_tokens(self.request, self.family, self.remedies, &mut self.losses);
        if self.request.max_output_tokens != Some(limit) {
            self.fields.set("max_tokens", &limit);
        }
        limit
    }

    /// Thinking and effort as the client wrote them, where the model takes them so.
    fn thinking(&mut self, limit: u64) -> Thinks {
        let read = |raw: &RawValue| serde_json::from_str::<inbound::Thinking>(raw.get()).ok();
        let asked = self.fields.get("thinking").and_then(read);
        let off = self.remedies.has(&Remedy::NoReasoning);
        let too_low = asked
            .as_ref()
            .and_then(|thinking| thinking.budget_tokens)
            .is_some_and(|budget| {
                limit > 0 && self.request.max_output_tokens != Some(limit) && budget >= limit
            });
        let kind = asked.as_ref().map(|thinking| thinking.kind.as_str());
        let taken = !self.family.is_listed() || kind.is_none_or(|kind| takes(self.family, kind));
        let settled = self.fields.get("output_config").is_some() || kind.is_some();
        let set_by_route = !settled && self.request.effort().is_some();
        if taken && !off && !too_low && !set_by_route {
            self.effort();
            return match (kind, self.family.unasked) {
                (Some("enabled" | "adaptive"), _) | (None, Unasked::Thinks) => Thinks::Yes,
                (Some(_), _) | (None, Unasked::Answers) => Thinks::No,
            };
        }
        let against = if off {
            Against::Refusal
        } else {
            Against::Nothing
        };
        let plan = self.plan(limit, against);
        match &plan.thinking {
            Some(thinking) => self.fields.set("thinking", thinking),
            None => self.fields.remove("thinking"),
        }
        self.put_effort(plan.effort);
        thinking::thinks(self.family, &plan)
    }

    fn plan(&mut self, limit: u64, against: Against) -> Plan {
        let show = if self.request.wants_summary() {
            Show::Summary
        } else {
            Show::Nothing
        };
        let wish = Wish {
            effort: self.request.effort(),
            budget: self.request.beyond.thinking_budget,
            show,
            against,
            max_tokens: limit,
        };
        thinking::plan(self.family, &wish, &mut self.losses)
    }

    /// An effort that the model does not have becomes its nearest.
    fn effort(&mut self) {
        let written = self.fields.get("output_config").is_some_and(|raw| {
            serde_json::from_str::<Value>(raw.get())
                .is_ok_and(|config| config["effort"].is_string())
        });
        let asked = self
            .request
            .effort()
            .filter(|effort| *effort != Effort::None);
        let Some(asked) = asked.filter(|_| written) else {
            return;
        };
        if !self.family.is_listed() || self.family.efforts.contains(&asked) {
            return;
        }
        let found = thinking::nearest(self.family, asked, None, &mut self.losses);
        if found.is_none() {
            self.lose("output_config.effort", "the model knows no effort");
        }
        self.put_effort(found);
    }

    fn put_effort(&mut self, effort: Option<&str>) {
        let config = self.fields.get("output_config").map(RawValue::get);
        let mut config: Value = config
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_else(|| json!({}));
        let Some(object) = config.as_object_mut() else {
            return;
        };
        match effort {
            Some(effort) => object.insert("effort".to_owned(), effort.into()),
            None => object.shift_remove("effort"),
        };
        if object.is_empty() {
            self.fields.remove("output_config");
        } else {
            self.fields.set("output_config", &config);
        }
    }

    /// What the model refuses is left out; what the route sets is put in.
    fn sampling(&mut self, thinks: Thinks) -> Samples {
        let before = self.losses.len();
        let plan = sampling::plan(self.request, self.family, thinks, &mut self.losses);
        let lost: Vec<String> = self
            .losses
            .iter()
            .skip(before)
            .map(|loss| loss.field.clone())
            .collect();
        for field in &lost {
            self.fields.remove(field);
        }
        if self.fields.get("temperature").is_none() && plan.temperature.is_some() {
            self.fields.set("temperature", &plan.temperature);
        }
        if self.fields.get("top_p").is_none() && plan.top_p.is_some() {
            self.fields.set("top_p", &plan.top_p);
        }
        let sampled = ["temperature", "top_p", "top_k"].iter().any(|field| {
            self.fields
                .get(field)
                .is_some_and(|raw| raw.get() != "null")
        });
        if sampled { Samples::Yes } else { Samples::No }
    }

    /// What the route sets besides.
    fn settings(&mut self) {
        let request = self.request;
        for remedy in self.remedies.iter() {
            if let Remedy::DropParameter(name) = remedy
                && self.fields.get(name).is_some()
            {
                self.fields.remove(name);
                self.lose(name, "the server does not know it");
            }
        }
        if let Some(instructions) = &request.instructions {
            self.instruct(instructions);
        }
        if self.fields.get("service_tier").is_none()
            && request.service_tier.as_deref() == Some("default")
        {
            self.fields.set("service_tier", "standard_only");
        }
        let penalties = [request.presence_penalty, request.frequency_penalty];
        if penalties
            .iter()
            .flatten()
            .any(|penalty| penalty.abs() > 0.0)
        {
            self.lose("presence_penalty", "the provider has no such setting");
        }
        let verbosity = request
            .text
            .as_ref()
            .and_then(|text| text.verbosity.as_deref());
        if verbosity.is_some_and(|word| word != "medium") {
            self.lose("text.verbosity", "the provider has no such setting");
        }
    }

    /// Puts instructions before the client's own.
    fn instruct(&mut self, instructions: &str) {
        let mut blocks = vec![json!({ "type": "text", "text": instructions })];
        let system = self.fields.get("system").map(RawValue::get);
        match system.and_then(|json| serde_json::from_str(json).ok()) {
            Some(Value::Array(own)) => blocks.extend(own),
            Some(Value::String(text)) if !text.is_empty() => {
                blocks.push(json!({ "type": "text", "text": text }));
            }
            _ => {}
        }
        self.fields.set("system", &blocks);
    }

    /// The conversation, its thinking such that this model can read it.
    fn messages(&mut self, model: &str) {
        let replay = if self.remedies.has(&Remedy::DropReasoning) {
            Replay::Lost
        } else {
            Replay::Whole
        };
        let thoughts = Thoughts::of(&self.request.input, model, replay);
        let Some(raw) = self.fields.get("messages") else {
            return;
        };
        let sealed = memmem::find(raw.get().as_bytes(), PREFIX.as_bytes()).is_some();
        if !sealed && thoughts.may_stay() {
            return;
        }
        let Ok(messages) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            return;
        };
        let messages: Vec<Cow<'_, RawValue>> = messages
            .into_iter()
            .filter_map(|message| thoughts.message(message))
            .collect();
        if let Ok(messages) = serde_json::value::to_raw_value(&messages) {
            self.fields.put("messages", Cow::Owned(messages));
        }
    }
}

/// Does the model take this kind of thinking? A kind of a newer version is for the API to judge.
fn takes(family: &Family, kind: &str) -> bool {
    match kind {
        "adaptive" => family.takes(Thinking::Adaptive),
        "enabled" => family.takes(Thinking::Enabled),
        "disabled" => family.takes(Thinking::Disabled) || family.unasked == Unasked::Answers,
        "between_tools" => family.takes(Thinking::BetweenTools),
        _ => true,
    }
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;
