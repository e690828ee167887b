//! The attributes of a span, in the words of its record.

use super::peers::Peer;
use crate::canonical::request::Delivery;
use crate::gateway::journal::Tokens;
use crate::telemetry::record::Record;

/// The longest name of a model that goes into a span: longer ones are no names.
const LONGEST_NAME: usize = 200;

/// The value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    /// A list of one text.
    Listed(&'a str),
    Number(i64),
    Real(f64),
    Flag(bool),
}

/// The attributes of a span.
pub(super) type Pairs<'a> = Vec<(&'static str, Value<'a>)>;

/// The attributes of a span as they are being gathered; what is unknown is left out.
#[derive(Debug)]
pub(super) struct Attributes<'a>(pub(super) Pairs<'a>);

impl<'a> Attributes<'a> {
    /// None yet, in that room.
    pub(super) fn of(room: &mut Pairs<'a>) -> Self {
        let mut room = std::mem::take(room);
        room.clear();
        Self(room)
    }

    /// What was said, where that is wanted.
    pub(super) fn content(&mut self, record: &'a Record) {
        if let Some(messages) = &record.messages {
            let system = messages.system.as_deref();
            self.maybe("gen_ai.system_instructions", system);
            self.text("gen_ai.input.messages", &messages.input);
            self.maybe("gen_ai.output.messages", messages.output.as_deref());
            if messages.left_out > 0 {
                self.number("llmgw.messages_left_out", messages.left_out);
            }
        }
    }

    pub(super) fn text(&mut self, key: &'static str, value: &'a str) {
        self.0.push((key, Value::Text(value)));
    }

    pub(super) fn maybe(&mut self, key: &'static str, value: Option<&'a str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(super) fn name(&mut self, key: &'static str, value: &'a str) {
        self.maybe(key, Some(name(value)).filter(|name| !name.is_empty()));
    }

    pub(super) fn number(&mut self, key: &'static str, value: u64) {
        self.0
            .push((key, Value::Number(i64::try_from(value).unwrap_or(i64::MAX))));
    }

    pub(super) fn real(&mut self, key: &'static str, value: Option<f64>) {
        if let Some(value) = value {
            self.0.push((key, Value::Real(value)));
        }
    }

    pub(super) fn parameters(&mut self, record: &Record) {
        let asked = &record.parameters;
        if let Some(most) = asked.max_output_tokens {
            self.number("gen_ai.request.max_tokens", most);
        }
        self.real("gen_ai.request.temperature", asked.temperature);
        self.real("gen_ai.request.top_p", asked.top_p);
        self.real("gen_ai.request.presence_penalty", asked.presence_penalty);
        self.real("gen_ai.request.frequency_penalty", asked.frequency_penalty);
        if record.delivery == Delivery::Streamed {
            self.0.push(("gen_ai.request.stream", Value::Flag(true)));
        }
    }

    pub(super) fn answer(&mut self, record: &'a Record) {
        self.maybe("gen_ai.response.id", record.response_id.as_deref());
        let served = record.served.as_ref().map(|target| target.model.as_str());
        let named = record
            .response_model
            .as_deref()
            .filter(|model| !model.is_empty());
        self.name(
            "gen_ai.response.model",
            named.or(served).unwrap_or_default(),
        );
        if let Some(reason) = record.finish {
            let reasons = Value::Listed(reason.as_str());
            self.0.push(("gen_ai.response.finish_reasons", reasons));
        }
    }

    pub(super) fn tokens(&mut self, tokens: Option<Tokens>) {
        let Some(tokens) = tokens else {
            return;
        };
        self.number("gen_ai.usage.input_tokens", tokens.input);
        self.number("gen_ai.usage.output_tokens", tokens.output);
        let details = [
            ("gen_ai.usage.cache_read.input_tokens", tokens.cached),
            (
                "gen_ai.usage.cache_creation.input_tokens",
                tokens.write_5m + tokens.write_1h,
            ),
            ("gen_ai.usage.reasoning.output_tokens", tokens.reasoning),
        ];
        for (key, count) in details.into_iter().filter(|(_, count)| *count > 0) {
            self.number(key, count);
        }
    }

    pub(super) fn server(&mut self, peer: Peer<'a>) {
        if let Some((host, port)) = peer.server {
            self.text("server.address", host);
            self.number("server.port", u64::from(port));
        }
    }
}

/// As much of a name as a name has.
pub(super) fn name(text: &str) -> &str {
    text.get(..LONGEST_NAME.min(text.len())).unwrap_or_default()
}
