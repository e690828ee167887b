//! Items become turns.
//!
//! Google wants turns in alternation: what the model said and called, then one function response for each call, then
//! what the user says. Signatures go back to the part that they came on.

use std::borrow::Cow;
use std::collections::HashMap;

use super::parts;
use super::request::Losses;
use super::tools::wire_name;
use super::turns::{self, Call, Side, Turn};
use crate::canonical::beyond::LastMessage;
use crate::canonical::item::{FunctionCallOutput, Item, Message, Reasoning, Role};
use crate::canonical::open::{Open, tag_of};
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::canonical::sealed::{Block, Envelope, Place};
use crate::catalog::google::Rules;
use crate::error::Error;
use crate::providers::begins_anew;
use crate::target::ModelId;
use crate::wire::gemini::request as gemini;
use gemini::{Content, Data};

/// The vendor's name in envelopes.
pub(super) const VENDOR: &str = "google";

/// Which state of earlier turns goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    /// The signatures that this model made.
    Signatures,
    /// None: Google refused them.
    Nothing,
}

/// The conversation as Google takes it.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    /// The system instruction.
    pub(super) system: Option<Content<'a>>,
    /// The turns.
    pub(super) contents: Vec<Content<'a>>,
}

/// Encodes instructions and input.
pub(super) fn encode<'a>(
    request: &'a Request,
    model: &ModelId,
    rules: &Rules,
    replay: Replay,
    losses: &mut Losses,
) -> Result<Conversation<'a>, Error> {
    if request.beyond.last_message == LastMessage::Begun && !rules.prefill.yes() {
        return Err(begins_anew());
    }
    let mut walk = Walk {
        rules,
        model,
        replay,
        losses,
        system: Vec::new(),
        turns: Vec::new(),
        outputs: outputs(request),
        pending: None,
        lead: Vec::new(),
    };
    if let Some(instructions) = request.instructions.as_deref()
        && !instructions.is_empty()
    {
        walk.system.push(gemini::Part::text(instructions));
    }
    for (at, item) in request.input.iter().enumerate() {
        match item {
            Open::Known(item) => walk.item(at, item)?,
            Open::Unknown(map) => walk.losses.add(
                format!("input[{at}]"),
                format!("unknown to Google: `{}` left out", tag_of(map)),
            ),
        }
    }
    walk.finish()
}

fn outputs(request: &Request) -> HashMap<&str, (usize, &FunctionCallOutput)> {
    let mut outputs = HashMap::new();
    for (at, item) in request.input.iter().enumerate() {
        if let Open::Known(Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output)) =
            item
        {
            outputs.insert(output.call_id.as_str(), (at, output));
        }
    }
    outputs
}

struct Walk<'a, 'l> {
    rules: &'l Rules,
    model: &'l ModelId,
    replay: Replay,
    losses: &'l mut Losses,
    system: Vec<gemini::Part<'a>>,
    turns: Vec<Turn<'a>>,
    outputs: HashMap<&'a str, (usize, &'a FunctionCallOutput)>,
    /// The signature of the call that comes next.
    pending: Option<String>,
    /// Signed thoughts, which wait for what the model says next.
    lead: Vec<gemini::Part<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn item(&mut self, at: usize, item: &'a Item) -> Result<(), Error> {
        match item {
            Item::Message(message) => match message.role {
                Role::System | Role::Developer => self.system(at, message),
                Role::User => self.user(at, message),
                Role::Assistant => self.assistant(at, message),
            },
            Item::FunctionCall(call) => {
                let arguments = parts::arguments(&call.arguments, at, self.losses)?;
                self.call(at, &call.call_id, &call.name, arguments);
                self.losses.extra(&format!("input[{at}]"), &call.extra);
                Ok(())
            }
            Item::CustomToolCall(call) => {
                let arguments = parts::free_text(&call.input)?;
                self.call(at, &call.call_id, &call.name, arguments);
                Ok(())
            }
            Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output) => {
                self.losses.extra(&format!("input[{at}]"), &output.extra);
                self.respond()
            }
            Item::Reasoning(reasoning) => {
                self.reasoning(reasoning);
                Ok(())
            }
            Item::Compaction(_) => Err(Error::unsupported(
                format!("input[{at}]"),
                "a compacted conversation is readable to its maker only",
            )),
            Item::ItemReference(_) => Err(Error::unsupported(
                format!("input[{at}]"),
                "the item that is referred to is not known here",
            )),
        }
    }

    fn system(&mut self, at: usize, message: &'a Message) -> Result<(), Error> {
        let path = format!("input[{at}]");
        if !self.turns.is_empty() {
            self.losses.add(
                path.clone(),
                "Google knows no later system message: moved to the front",
            );
        }
        self.losses.extra(&path, &message.extra);
        for (part_at, part) in message.content.iter().enumerate() {
            match part.known().and_then(Part::text) {
                Some("") => {}
                Some(text) => self.system.push(gemini::Part::text(text)),
                None => {
                    return Err(Error::unsupported(
                        format!("{path}.content[{part_at}]"),
                        "Google's system instruction takes text only",
                    ));
                }
            }
        }
        Ok(())
    }

    fn user(&mut self, at: usize, message: &'a Message) -> Result<(), Error> {
        self.respond()?;
        let path = format!("input[{at}].content");
        self.losses.extra(&format!("input[{at}]"), &message.extra);
        let mut said = parts::all(&message.content, &path, self.rules, self.losses)?;
        if said.is_empty() {
            self.losses
                .add(path, "Google takes no empty text: a space in its place");
            said.push(gemini::Part::text(" "));
        }
        turns::last(&mut self.turns, Side::User)
            .parts
            .append(&mut said);
        Ok(())
    }

    fn assistant(&mut self, at: usize, message: &'a Message) -> Result<(), Error> {
        let path = format!("input[{at}].content");
        self.losses.extra(&format!("input[{at}]"), &message.extra);
        let mut said = parts::all(&message.content, &path, self.rules, self.losses)?;
        if !said.is_empty() {
            self.model_turn().parts.append(&mut said);
        }
        Ok(())
    }

    fn call(&mut self, at: usize, id: &'a str, name: &'a str, args: gemini::Raw<'a>) {
        let mut part = gemini::Part::new(Data::FunctionCall(gemini::FunctionCall {
            id,
            name: wire_name(name),
            args,
        }));
        part.thought_signature = self.pending.take().map(Cow::Owned);
        let turn = self.model_turn();
        turn.parts.push(part);
        turn.calls.push(Call { at, id, name });
    }

    fn model_turn(&mut self) -> &mut Turn<'a> {
        let mut lead = std::mem::take(&mut self.lead);
        let turn = turns::last(&mut self.turns, Side::Model);
        turn.parts.append(&mut lead);
        turn
    }

    /// Answers the calls of the model's last turn, in their order.
    fn respond(&mut self) -> Result<(), Error> {
        self.pending = None;
        self.lead.clear();
        let Some(turn) = self.turns.last_mut() else {
            return Ok(());
        };
        let calls = std::mem::take(&mut turn.calls);
        let mut media = Vec::new();
        for Call { at, id, name } in calls {
            let Some((output_at, output)) = self.outputs.get(id) else {
                return Err(Error::unsupported(
                    format!("input[{at}]"),
                    format!("no output found for function call `{id}`"),
                )
                .with_code("missing_function_call_output"));
            };
            let (part, mut siblings) =
                parts::response(output, *output_at, wire_name(name), self.rules, self.losses)?;
            turns::last(&mut self.turns, Side::Responses)
                .parts
                .push(part);
            media.append(&mut siblings);
        }
        if !media.is_empty() {
            turns::last(&mut self.turns, Side::Responses)
                .parts
                .append(&mut media);
        }
        Ok(())
    }

    /// Signatures go back to the model that made them; what others wrote is nothing to Google.
    fn reasoning(&mut self, reasoning: &'a Reasoning) {
        let envelope = reasoning
            .encrypted_content
            .as_deref()
            .and_then(Envelope::open);
        let Some(envelope) = envelope.filter(|envelope| {
            self.replay == Replay::Signatures
                && envelope.vendor == VENDOR
                // Clients of Chat Completions bring bare signatures, whose model nobody names.
                && (envelope.model.is_empty() || envelope.model == self.model.as_str())
        }) else {
            return;
        };
        for block in envelope.blocks {
            let Block::Signature { place, signature } = block else {
                continue;
            };
            match place {
                Place::NextCall => self.pending = Some(signature),
                Place::PrevText => self.sign_text(signature),
                Place::Thought => {
                    let text = reasoning.summary.iter().find_map(|p| p.known()?.text());
                    let mut part = gemini::Part::text(text.unwrap_or_default());
                    part.thought = Some(true);
                    part.thought_signature = Some(signature.into());
                    self.lead.push(part);
                }
            }
        }
    }

    /// The model's last text, if it stands unsigned at the end of its turn; otherwise an empty text of its own. Where
    /// the text itself is gone, its signature means nothing.
    fn sign_text(&mut self, signature: String) {
        let last = self.turns.last_mut();
        let Some(turn) = last.filter(|turn| turn.side == Side::Model) else {
            return;
        };
        let signature = Some(Cow::Owned(signature));
        if let Some(part) = turn.parts.last_mut()
            && matches!(part.data, Data::Text(_))
            && part.thought_signature.is_none()
        {
            part.thought_signature = signature;
            return;
        }
        let mut part = gemini::Part::text("");
        part.thought_signature = signature;
        turn.parts.push(part);
    }

    fn finish(mut self) -> Result<Conversation<'a>, Error> {
        self.respond()?;
        if self.rules.signed_calls.yes() {
            turns::sign_current(&mut self.turns);
        }
        let mut system = std::mem::take(&mut self.system);
        if self.turns.is_empty() && system.is_empty() {
            return Err(Error::unsupported(
                "input",
                "Google takes no empty conversation",
            ));
        }
        if self.turns.is_empty() {
            self.losses
                .add("input", "nothing but a system message: sent as the user's");
        }
        if self.turns.is_empty() || !self.rules.system.yes() {
            turns::system_as_user(&mut self.turns, std::mem::take(&mut system));
        }
        if !self.rules.prefill.yes() && turns::ends_with_model(&self.turns) {
            self.losses.add(
                "input",
                "this model does not go on with its own words: asked to continue instead",
            );
            turns::last(&mut self.turns, Side::User)
                .parts
                .push(gemini::Part::text("Continue."));
        }
        let contents = self.turns.into_iter().map(|turn| Content {
            role: Some(match turn.side {
                Side::User | Side::Responses => "user",
                Side::Model => "model",
            }),
            parts: turn.parts,
        });
        Ok(Conversation {
            contents: contents.collect(),
            system: (!system.is_empty()).then_some(Content {
                role: None,
                parts: system,
            }),
        })
    }
}
