//! What the decoders found in a reply, and which laws it broke.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use llmgw::canonical::compose::{ReasoningChannel, Setup};
use llmgw::canonical::fold::Fold;
use llmgw::canonical::grammar::Grammar;
use llmgw::canonical::item::Item;
use llmgw::canonical::open::Open;
use llmgw::canonical::part::Part;
use llmgw::canonical::request::{Delivery, Profile};
use llmgw::canonical::response::{Response, Status};
use llmgw::canonical::sealed::{Block, Envelope};
use llmgw::canonical::settings::Echo;
use llmgw::error::Error;
use llmgw::providers::{Answer, AskKind};
use serde_json::{Value, json};

use crate::cost;
use crate::door;
use crate::drive::{self, Outcome};
use crate::names;
use crate::recording::{Bytes, Recording};
use crate::schema::Schema;

/// The composer's setting for a replay.
pub(crate) fn setup(delivery: Delivery, profile: Profile) -> Setup {
    Setup {
        delivery,
        profile,
        reasoning: ReasoningChannel::Summary,
        native: None,
        seed: "replay".to_owned(),
        created_at: 1,
        echo: Echo::of(&names::request(delivery)),
        ..Setup::default()
    }
}

/// All that is found in one recording.
pub(crate) fn of(recording: &Recording, schema: Option<&Schema>) -> Value {
    let mut row = json!({"id": recording.id, "api": recording.api});
    let found = if recording.response.status >= 400 {
        refusal(recording)
    } else if recording.api == "models-list" {
        answer(recording, AskKind::Models)
    } else if recording.api.ends_with("-count") {
        answer(recording, AskKind::Count)
    } else if recording.api == "openai-compact" {
        json!({"kind": "other"})
    } else {
        reply(recording, schema)
    };
    if let (Value::Object(row), Value::Object(found)) = (&mut row, found) {
        row.extend(found);
    }
    row
}

fn told(error: &Error) -> Value {
    json!({
        "class": format!("{:?}", error.kind()),
        "status": error.status(),
        "code": error.code(),
        "message": error.message(),
    })
}

fn refusal(recording: &Recording) -> Value {
    let Bytes::Whole(body) = recording.bytes() else {
        return json!({"kind": "error", "violations": ["a refusal is no stream"]});
    };
    let status = StatusCode::from_u16(recording.response.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut headers = HeaderMap::new();
    for (name, value) in recording.response.headers.iter().flatten() {
        if let (Ok(name), Some(Ok(value))) = (
            HeaderName::from_bytes(name.as_bytes()),
            value.as_str().map(HeaderValue::from_str),
        ) {
            headers.append(name, value);
        }
    }
    let error = names::provider(recording).error(status, &headers, &body);
    json!({"kind": "error", "error": told(&error)})
}

fn answer(recording: &Recording, kind: AskKind) -> Value {
    let Bytes::Whole(body) = recording.bytes() else {
        return json!({"kind": "error", "violations": ["an answer is no stream"]});
    };
    match names::provider(recording).read(kind, &body) {
        Ok(Answer::Tokens(tokens)) => json!({"kind": "count", "tokens": tokens}),
        Ok(Answer::Models(models, _)) => {
            let ids: Vec<_> = models.into_iter().map(|model| model.id).collect();
            json!({"kind": "models", "models": ids})
        }
        Ok(Answer::Embeddings(_) | Answer::Compacted(..)) => {
            json!({"kind": "error", "violations": ["nothing recorded asks for embeddings or a compaction"]})
        }
        Err(error) => json!({"kind": "error", "error": told(&error)}),
    }
}

/// Decodes a reply once for each delivery and profile.
fn outcome(recording: &Recording, delivery: Delivery, profile: Profile) -> Result<Outcome, Error> {
    let setup = setup(delivery, profile);
    Ok(match recording.bytes() {
        Bytes::Stream(bytes) => {
            let mut decoder = names::decoder(recording, Delivery::Streamed)?;
            drive::stream(decoder.as_mut(), setup, [bytes.as_slice()])
        }
        Bytes::Whole(body) => {
            let mut decoder = names::decoder(recording, Delivery::Whole)?;
            drive::whole(decoder.as_mut(), setup, &body)
        }
    })
}

fn reply(recording: &Recording, schema: Option<&Schema>) -> Value {
    let run = |delivery, profile| outcome(recording, delivery, profile);
    let runs = run(Delivery::Streamed, Profile::Native).and_then(|native| {
        let whole = run(Delivery::Whole, Profile::Native)?;
        Ok((native, whole, run(Delivery::Streamed, Profile::Strict)?))
    });
    let (native, whole, strict) = match runs {
        Ok(runs) => runs,
        Err(error) => {
            return json!({"kind": "reply", "violations": ["the request was refused"], "error": told(&error)});
        }
    };
    let mut violations = Vec::new();
    for (name, outcome) in [("native", &native), ("strict", &strict)] {
        laws(name, outcome, &mut violations);
    }
    if to_json(whole.response()) != to_json(native.response()) {
        violations.push("whole delivery gives another response than streamed delivery".to_owned());
    }
    let (reply, faults) = door::written(&native, Profile::Native, schema);
    violations.extend(faults.into_iter().map(|fault| format!("native: {fault}")));
    let (_, faults) = door::written(&strict, Profile::Strict, schema);
    violations.extend(faults.into_iter().map(|fault| format!("strict: {fault}")));
    let Some(response) = native.response() else {
        return json!({"kind": "reply", "violations": ["no terminal event"]});
    };
    let mut row = described(response);
    row["kind"] = json!("reply");
    row["error"] = native.error.as_ref().map_or(Value::Null, told);
    row["violations"] = json!(violations);
    row["response"] = reply;
    row["cost"] = cost::of(recording, response);
    row
}

fn to_json(response: Option<&Response>) -> Value {
    serde_json::to_value(response).unwrap_or_default()
}

/// Grammar, and that the fold of the events is the response that the terminal event carries.
fn laws(name: &str, outcome: &Outcome, violations: &mut Vec<String>) {
    if let Err(violation) = Grammar::check_all(&outcome.events) {
        violations.push(format!("{name}: grammar: {violation}"));
    }
    let terminal = outcome
        .events
        .last()
        .and_then(|last| last.event.known()?.terminal());
    if terminal.is_none() {
        violations.push(format!("{name}: the last event is not terminal"));
    }
    let folded = Fold::of(outcome.known().filter(|event| event.terminal().is_none()));
    if let Some(response) = terminal {
        // Items that this version does not know may arrive without events of their own.
        let streamed = serde_json::to_value(&folded.output).unwrap_or_default();
        if streamed != serde_json::to_value(&response.output).unwrap_or_default() {
            violations.push(format!(
                "{name}: the fold of the events is not the terminal output"
            ));
        }
    }
}

/// The facts, in the words of the independent reader.
fn described(response: &Response) -> Value {
    let mut found = Found::default();
    let items: Vec<String> = response
        .output
        .iter()
        .map(|item| found.item(item))
        .collect();
    let reason = response
        .incomplete_details
        .as_ref()
        .map(|details| details.reason.as_str());
    let end = match response.status {
        Status::Completed => "completed".to_owned(),
        Status::Incomplete => format!("incomplete:{}", reason.unwrap_or("*")),
        Status::Failed => "failed".to_owned(),
        Status::Queued => "queued".to_owned(),
        Status::InProgress => "in_progress".to_owned(),
        Status::Cancelled => "cancelled".to_owned(),
    };
    let usage = response.usage.as_ref().map(|usage| {
        json!({
            "input": usage.input_tokens,
            "cached": usage.input_tokens_details.cached_tokens,
            "written": usage.input_tokens_details.cache_write_tokens.unwrap_or(0),
            "output": usage.output_tokens,
            "reasoning": usage.output_tokens_details.reasoning_tokens,
        })
    });
    json!({
        "text": found.text, "refusal": found.refusal, "reasoning": found.reasoning, "calls": found.calls, "customs": found.customs,
        "opaque": found.opaque, "details": found.details, "usage": usage, "end": end, "model": response.model,
        "items": items,
    })
}

#[derive(Default)]
struct Found {
    text: String,
    refusal: String,
    reasoning: String,
    calls: Vec<Value>,
    customs: Vec<Value>,
    opaque: Vec<String>,
    details: Vec<String>,
}

impl Found {
    /// Takes an item in; returns its kind.
    fn item(&mut self, item: &Open<Item>) -> String {
        let item = match item {
            Open::Known(item) => item,
            Open::Unknown(fields) => {
                return fields
                    .get("type")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
            }
        };
        match item {
            Item::Message(message) => message.content.iter().for_each(|part| self.part(part)),
            Item::Reasoning(reasoning) => {
                let content = reasoning.content.iter().flatten();
                reasoning
                    .summary
                    .iter()
                    .chain(content)
                    .for_each(|part| self.part(part));
                if let Some(sealed) = &reasoning.encrypted_content {
                    self.open(sealed);
                }
            }
            Item::Compaction(compaction) => self.opaque.push(compaction.encrypted_content.clone()),
            Item::FunctionCall(call) => {
                let arguments = serde_json::from_str(&call.arguments)
                    .unwrap_or_else(|_| json!({"unreadable": call.arguments}));
                self.calls.push(
                    json!({"name": call.name, "arguments": arguments, "call_id": call.call_id}),
                );
            }
            Item::CustomToolCall(call) => self.customs.push(json!({
                "name": call.name, "input": call.input, "call_id": call.call_id,
            })),
            // Says nothing that the facts ask for; its kind is listed.
            _ => {}
        }
        item.tag().to_owned()
    }

    fn part(&mut self, part: &Open<Part>) {
        match part.known() {
            Some(Part::OutputText(part)) => self.text.push_str(&part.text),
            Some(Part::Refusal(part)) => self.refusal.push_str(&part.refusal),
            Some(Part::SummaryText(part) | Part::ReasoningText(part)) => {
                self.reasoning.push_str(&part.text);
            }
            _ => {}
        }
    }

    fn open(&mut self, sealed: &str) {
        let Some(envelope) = Envelope::open(sealed) else {
            return self.opaque.push(sealed.to_owned());
        };
        for block in envelope.blocks {
            match block {
                Block::Thinking { signature, .. } | Block::Signature { signature, .. } => {
                    // Without one the block carries its text only, for servers that want that back.
                    self.opaque
                        .extend(Some(signature).filter(|it| !it.is_empty()));
                }
                Block::Redacted { data } | Block::Encrypted { data, .. } => self.opaque.push(data),
                Block::Details { details } => self.details.push(details),
            }
        }
    }
}
