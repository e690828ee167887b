//! A request becomes a Chat Completions body.

use bytes::Bytes;
use serde_json::Value;

use super::choice::Chosen;
use super::messages::Transcript;
use super::quirks::{EffortStyle, Field, Limit, Quirks, Replay, Takes};
use super::stream::{ChatDecoder, Parallel, Wanted};
use super::{fields, format, prefill, remedies};
use crate::canonical::extra::{Extra, Object};
use crate::canonical::ids;
use crate::canonical::native::Protocol;
use crate::canonical::request::Request;
use crate::catalog::openai::{self, Family};
use crate::error::{Error, Kind, Remedy};
use crate::providers::{Loss, Remedies};
use crate::wire::chat::Text;
use crate::wire::chat::request::{self as chat, StreamOptions};

/// The body, what it could not carry, and who understands the reply.
pub(super) struct Encoded {
    pub(super) body: Bytes,
    pub(super) losses: Vec<Loss>,
    pub(super) decoder: ChatDecoder,
}

/// What every part of the encoding looks at.
pub(super) struct Context<'a> {
    pub(super) request: &'a Request,
    pub(super) model: &'a str,
    /// The provider's configured name, which seals what it issues.
    pub(super) provider: &'a str,
    pub(super) quirks: &'static Quirks,
    /// The rules of OpenAI's models; everything is allowed to others.
    pub(super) family: &'static Family,
    pub(super) remedies: &'a Remedies,
    pub(super) losses: Vec<Loss>,
    /// Fields of messages as a client of this protocol wrote them, by the place of their first item.
    pub(super) notes: &'a [(usize, Object)],
}

impl Context<'_> {
    /// The client's own fields of the message that this item begins.
    pub(super) fn notes(&mut self, at: usize) -> Option<Object> {
        let (_, notes) = self.notes.iter().find(|(place, _)| *place == at)?;
        let mut notes = notes.clone();
        if self.quirks.replay != Replay::Details
            && notes.shift_remove("reasoning_details").is_some()
        {
            self.lose(format!("input[{at}].reasoning_details"), "not sent");
        }
        Some(notes)
    }

    /// Does the client speak this protocol?
    pub(super) fn is_spoken(&self) -> bool {
        self.request.spoken(Protocol::Chat).is_some()
    }

    pub(super) fn lose(&mut self, field: impl Into<String>, what: impl Into<String>) {
        self.losses.push(Loss::new(field, what));
    }

    /// Fields beyond the specification that Chat Completions has no place for. What only bears on caches is no loss.
    pub(super) fn lose_extra(&mut self, path: &str, extra: &Extra) {
        for (key, value) in extra.iter() {
            let is_hint = key == "cache_control" || key == "prompt_cache_breakpoint";
            if !is_hint && !value.is_null() {
                self.lose(format!("{path}.{key}"), "not sent");
            }
        }
    }

    /// Was it learnt that the server does not know this parameter?
    pub(super) fn is_dropped(&self, name: &str) -> bool {
        self.remedies
            .iter()
            .any(|remedy| matches!(remedy, Remedy::DropParameter(known) if known == name))
    }
}

/// Encodes the request for this vendor and model.
pub(super) fn encode(
    request: &Request,
    model: &str,
    provider: &str,
    quirks: &'static Quirks,
    remedies: &Remedies,
) -> Result<Encoded, Error> {
    let family = match quirks.effort {
        EffortStyle::OpenAi => openai::family(model),
        EffortStyle::Words(_)
        | EffortStyle::Object(_)
        | EffortStyle::Thinking(_)
        | EffortStyle::EnableThinking
        | EffortStyle::Template(_)
        | EffortStyle::Never => &openai::UNKNOWN,
    };
    let mut context = Context {
        request,
        model,
        provider,
        quirks,
        family,
        remedies,
        losses: Vec::new(),
        notes: request
            .as_came(Protocol::Chat)
            .map_or(&[], |native| native.notes.as_slice()),
    };
    if context.notes.is_empty() && context.is_spoken() {
        let lost = request.beyond.lost.iter();
        lost.for_each(|path| context.lose(path, "not known to this gateway"));
    }
    let chosen = Chosen::read(&mut context)?;
    let messages = Transcript::write(&mut context)?;
    let mut body = chat::Request {
        model: model.into(),
        messages,
        ..chat::Request::default()
    };
    let parallel = settings(&mut context, &chosen, &mut body)?;
    prefill::mark(&context, &mut body)?;
    body.tool_choice.clone_from(&chosen.choice);
    body.tools = (!chosen.tools.is_empty()).then_some(chosen.tools);
    remedies::apply(&mut context, &mut body);
    let json = serde_json::to_vec(&body)
        .map_err(|e| Error::new(Kind::Internal, format!("the body: {e}")))?;
    let decoder = ChatDecoder::new(Wanted {
        provider: provider.to_owned(),
        model: model.to_owned(),
        replay: quirks.replay,
        emulated: chosen.emulated,
        parallel,
        logprobs: body.logprobs.is_some(),
        turn: request.input.len(),
    });
    Ok(Encoded {
        body: json.into(),
        losses: context.losses,
        decoder,
    })
}

/// Every field of the request but the conversation and the tools. Destructured, so that a new field cannot be
/// forgotten here.
fn settings<'a>(
    context: &mut Context<'a>,
    chosen: &Chosen<'a>,
    body: &mut chat::Request<'a>,
) -> Result<Parallel, Error> {
    let Request {
        // Routing and the gateway's own state; what is left of them never concerns a provider.
        model: _,
        previous_response_id: _,
        store: _,
        background: _,
        provider: _,
        profile: _,
        reasoning_names: _,
        native: _,
        // The conversation and the tools are written elsewhere.
        input: _,
        instructions: _,
        tools: _,
        tool_choice: _,
        // Limits hosted tools alone, and there are none.
        max_tool_calls: _,
        // The client's notes are echoed, not sent.
        metadata: _,
        // Its one entry that bears on the request goes with the sampling.
        include: _,
        parallel_tool_calls,
        max_output_tokens,
        temperature: _,
        top_p: _,
        presence_penalty: _,
        frequency_penalty: _,
        top_logprobs: _,
        text,
        reasoning: _,
        truncation,
        service_tier,
        delivery,
        // Padding is the door's business.
        stream_options: _,
        safety_identifier,
        prompt_cache_key,
        beyond: _,
        extra,
    } = context.request;
    limit(context, *max_output_tokens, body);
    fields::effort(context, chosen, body)?;
    fields::sampling(context, body)?;
    if let Some(text) = text {
        body.response_format = match &text.format {
            Some(format) => format::response_format(context, format)?,
            None => None,
        };
        fields::verbosity(context, text.verbosity.as_deref(), body);
        for key in text.extra.keys() {
            context.lose(format!("text.{key}"), "not sent");
        }
    }
    if truncation.as_deref().is_some_and(|word| word != "disabled") {
        context.lose("truncation", "the conversation is never shortened");
    }
    fields::tier(context, service_tier.as_deref(), body);
    if context.quirks.takes(Field::SafetyIdentifier) {
        body.safety_identifier = safety_identifier.as_deref().map(short);
    } else if context.quirks.takes(Field::User) {
        body.user = safety_identifier.as_deref().map(short);
    }
    if context.quirks.takes(Field::PromptCacheKey) {
        body.prompt_cache_key = prompt_cache_key.as_deref().map(short);
    }
    if !delivery.is_whole() {
        body.stream = Some(true);
        body.stream_options = stream_options(context);
    }
    own(context, extra, body);
    Ok(parallel(context, chosen, *parallel_tool_calls, body))
}

/// Fields beyond the specification, of whichever door.
fn own(context: &mut Context<'_>, extra: &Extra, body: &mut chat::Request<'_>) {
    for (key, value) in extra.iter() {
        if RESPONSES_ONLY.contains(&key.as_str()) {
            context.lose(key, "not a field of Chat Completions");
        } else {
            beyond(context, key, value, body);
        }
    }
    let request = context.request;
    for (key, value) in request.beyond.chat.iter() {
        // Elsewhere it would be refused, and it makes no difference to the answer.
        if key != "prediction" || context.quirks.effort == EffortStyle::OpenAi {
            beyond(context, key, value, body);
        }
    }
    for key in request.beyond.messages_only() {
        context.lose(key, "not a field of Chat Completions");
    }
}

/// OpenAI's limit for names of users and of caches, in characters.
fn short(name: &str) -> Text<'_> {
    ids::name(name, 64).into()
}

/// Fields of OpenAI's Responses API that Chat Completions has no place for.
const RESPONSES_ONLY: [&str; 9] = [
    "prompt",
    "conversation",
    "context_management",
    "moderation",
    "access_programs",
    "prompt_cache_options",
    "prompt_cache_retention",
    "image",
    "generate",
];

/// A field beyond the specification is meant for the server, and sent as it came: servers have many of their own. One
/// that is known to belong to another API is not.
fn beyond(context: &mut Context<'_>, key: &str, value: &Value, body: &mut chat::Request<'_>) {
    let is_known = matches!(key, "messages" | "stop" | "n" | "user");
    if key == "user" && context.quirks.takes(Field::User) && body.user.is_none() {
        body.user = value.as_str().map(|user| user.to_owned().into());
    } else if is_known {
        if key != "user" {
            context.lose(key, "not a field of Chat Completions");
        }
    } else if !value.is_null() {
        body.extra.insert(key.to_owned(), value.clone());
    }
}

fn limit(context: &mut Context<'_>, asked: Option<u64>, body: &mut chat::Request<'_>) {
    let most = context.remedies.max_tokens();
    let tokens = match (asked, most) {
        (Some(asked), Some(most)) if asked > most => {
            context.lose(
                "max_output_tokens",
                format!("the model's maximum is {most}"),
            );
            Some(most)
        }
        (asked, _) => asked,
    };
    let other = context.remedies.has(&Remedy::OtherMaxTokensField);
    match (context.quirks.limit, other) {
        (Limit::MaxTokens, false) | (Limit::MaxCompletionTokens, true) => body.max_tokens = tokens,
        (Limit::MaxCompletionTokens, false) | (Limit::MaxTokens, true) => {
            body.max_completion_tokens = tokens;
        }
    }
}

fn stream_options(context: &Context<'_>) -> Option<StreamOptions> {
    let usage =
        context.quirks.stream_usage == Takes::Yes && !context.remedies.has(&Remedy::NoStreamUsage);
    usage.then(|| StreamOptions {
        include_usage: Some(true),
        include_obfuscation: context.quirks.takes(Field::Obfuscation).then_some(false),
    })
}

/// One call at a time is asked for where the server understands it, and otherwise kept by the decoder.
fn parallel(
    context: &Context<'_>,
    chosen: &Chosen<'_>,
    asked: Option<bool>,
    body: &mut chat::Request<'_>,
) -> Parallel {
    if asked != Some(false) || chosen.tools.is_empty() {
        return Parallel::Many;
    }
    match context.quirks.parallel {
        Takes::Yes if !context.is_dropped("parallel_tool_calls") => {
            body.parallel_tool_calls = Some(false);
            Parallel::Many
        }
        Takes::Yes | Takes::No => Parallel::First,
    }
}

#[cfg(test)]
mod tests;
