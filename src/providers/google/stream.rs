//! Replies become events: chunks of a stream and whole bodies through the same verbs.
//!
//! Google names no blocks: a run of thoughts or of text goes on over chunks until another kind of part comes. A stop
//! reason may stand in the middle, so only the end of the body ends the answer. Signatures become sealed reasoning
//! items: one for a call stands right before it, one for a text right behind it.

use serde_json::Value;

use super::calls::{self, Assembly};
use super::contents::VENDOR;
use super::tools::{Kind, Names};
use super::{count, error, finish, grounding};
use crate::canonical::compose::{Block, Composer};
use crate::canonical::extra::Extra;
use crate::canonical::ids;
use crate::canonical::item::{CustomToolCall, Item, ItemStatus};
use crate::canonical::open::Open;
use crate::canonical::sealed::{self, Envelope, Place};
use crate::error::Error;
use crate::providers::Decoder;
use crate::target::ModelId;
use crate::wire::gemini::response as gemini;
use crate::wire::sse;
use gemini::{Candidate, Chunk, Part, Str};

/// How many calls of one answer are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    /// All.
    Every,
    /// The first: the client takes no parallel calls, and Google cannot be told.
    First,
}

/// What the last part was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Nothing,
    Thought,
    Text,
}

/// Understands one reply.
#[derive(Debug)]
pub(super) struct Reply {
    model: ModelId,
    names: Names,
    calls: Calls,
    block: Block,
    run: Run,
    /// What is sealed into the run of thoughts so far.
    seals: Vec<sealed::Block>,
    /// The signature of the text that is open: it waits, since more of the text, or its sources, may follow.
    text_signature: Option<String>,
    /// The run of text so far: sources point into it by byte.
    text: String,
    /// A call whose arguments come in pieces.
    assembly: Option<Assembly>,
    /// Calls so far, those that were not delivered included.
    called: u32,
    finish: Option<finish::Reason>,
    withheld: Vec<&'static str>,
}

impl Reply {
    pub(super) fn new(model: &ModelId, names: Names, calls: Calls) -> Self {
        Self {
            model: model.clone(),
            names,
            calls,
            block: 0,
            run: Run::Nothing,
            seals: Vec::new(),
            text_signature: None,
            text: String::new(),
            assembly: None,
            called: 0,
            finish: None,
            withheld: Vec::new(),
        }
    }

    fn chunk(&mut self, chunk: Chunk<'_>, out: &mut Composer) -> Result<(), Error> {
        if let Some(failure) = chunk.error {
            return Err(error::inline(failure));
        }
        let id = chunk.response_id.as_deref().unwrap_or_default();
        let model = chunk.model_version.as_deref();
        out.begin(id, model.unwrap_or(self.model.as_str()));
        if let Some(told) = &chunk.usage_metadata
            && let Some(usage) = count::usage(told)
        {
            out.usage(usage);
            out.tier(count::tier(told));
        }
        let blocked = chunk.prompt_feedback.and_then(finish::blocked);
        if let (Some(reason), true) = (blocked, chunk.candidates.is_empty()) {
            self.finish = Some(reason);
        }
        // More than one is never asked for.
        match chunk.candidates.into_iter().next() {
            Some(candidate) => self.candidate(candidate, out),
            None => Ok(()),
        }
    }

    fn candidate(&mut self, candidate: Candidate<'_>, out: &mut Composer) -> Result<(), Error> {
        let parts = candidate.content.map(|c| c.parts).unwrap_or_default();
        if !parts.is_empty() {
            // Parts after a stop reason mean that it was none.
            self.finish = None;
        }
        for part in parts {
            self.part(part, out)?;
        }
        if let Some(grounding) = &candidate.grounding_metadata
            && self.run == Run::Text
        {
            for citation in grounding::citations(grounding, &self.text) {
                out.annotate(self.block, citation.into());
            }
        }
        if let Some(reason) = candidate.finish_reason {
            self.finish = finish::reason(&reason, candidate.finish_message.as_deref());
        }
        Ok(())
    }

    fn part(&mut self, part: Part<'_>, out: &mut Composer) -> Result<(), Error> {
        let signature = part.thought_signature.as_deref();
        if let Some(call) = part.function_call {
            return self.function_call(call, signature, out);
        }
        self.settle_call(out)?;
        let foreign = foreign(&part);
        if let Some(kind) = foreign {
            self.settle_text(out);
            self.run = Run::Nothing;
            if !self.withheld.contains(&kind) {
                self.withheld.push(kind);
            }
            return Ok(());
        }
        let text = part.text.as_deref().unwrap_or_default();
        if part.thought == Some(true) {
            self.thought(text, signature, out);
        } else {
            self.say(text, signature, out);
        }
        Ok(())
    }

    fn thought(&mut self, text: &str, signature: Option<&str>, out: &mut Composer) {
        self.settle_text(out);
        self.begin_run(Run::Thought);
        out.reasoning(self.block, text);
        if let Some(signature) = signature {
            self.seal(Place::Thought, signature, out);
        }
    }

    fn say(&mut self, text: &str, signature: Option<&str>, out: &mut Composer) {
        if !text.is_empty() {
            // A signed text is never joined with another.
            self.settle_text(out);
            self.begin_run(Run::Text);
            self.text.push_str(text);
            out.text(self.block, text);
        }
        if let Some(signature) = signature {
            self.settle_text(out);
            self.text_signature = Some(signature.to_owned());
        }
    }

    fn function_call(
        &mut self,
        call: gemini::FunctionCall<'_>,
        signature: Option<&str>,
        out: &mut Composer,
    ) -> Result<(), Error> {
        if call.name.is_none() {
            if let Some(assembly) = &mut self.assembly {
                assembly.extend(call.partial_args)?;
            }
            if call.will_continue != Some(true) {
                self.settle_call(out)?;
            }
            return Ok(());
        }
        self.settle_call(out)?;
        self.settle_text(out);
        self.called += 1;
        if self.calls == Calls::First && self.called > 1 {
            return Ok(());
        }
        if let Some(signature) = signature {
            self.begin_run(Run::Thought);
            self.seal(Place::NextCall, signature, out);
        }
        self.run = Run::Nothing;
        let name = call.name.as_deref().unwrap_or_default();
        let id = self.call_id(call.id.as_ref(), out);
        if call.will_continue == Some(true) || !call.partial_args.is_empty() {
            let mut assembly = Assembly::new(id, name);
            assembly.extend(call.partial_args)?;
            self.assembly = Some(assembly);
            if call.will_continue != Some(true) {
                self.settle_call(out)?;
            }
            return Ok(());
        }
        let args = call.args.map_or("{}", |args| args.get());
        self.deliver(&id, name, &calls::compact(args), out);
        Ok(())
    }

    /// Google's id where it has one that fits; otherwise one of ours, the same for the whole and the streamed form.
    fn call_id(&self, id: Option<&Str<'_>>, out: &Composer) -> String {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            return ids::call(id, 64).into_owned();
        }
        let place = self.called.to_string();
        format!("call_{}", ids::digest(&["call", out.response_id(), &place]))
    }

    fn deliver(&mut self, id: &str, name: &str, arguments: &str, out: &mut Composer) {
        let meaning = self.names.meaning(name);
        if let Some(tool) = meaning.filter(|meaning| meaning.kind == Kind::Custom) {
            return out.item(Open::Known(Item::CustomToolCall(CustomToolCall {
                id: None,
                call_id: id.to_owned(),
                name: tool.name.clone(),
                input: calls::free_text(arguments),
                status: Some(ItemStatus::Completed),
                extra: Extra::new(),
            })));
        }
        let name = meaning.map_or(name, |meaning| meaning.name.as_str());
        self.block += 1;
        out.call(self.block, id, name);
        out.arguments(self.block, arguments);
        out.close(self.block);
    }

    /// A call whose arguments came in pieces is whole.
    fn settle_call(&mut self, out: &mut Composer) -> Result<(), Error> {
        if let Some(assembly) = self.assembly.take() {
            let (id, name, arguments) = assembly.finish()?;
            self.deliver(&id, &name, &arguments, out);
        }
        Ok(())
    }

    /// Writes the signature of the text that was open.
    fn settle_text(&mut self, out: &mut Composer) {
        if let Some(signature) = self.text_signature.take() {
            self.run = Run::Nothing;
            self.begin_run(Run::Thought);
            self.seal(Place::PrevText, &signature, out);
            self.run = Run::Nothing;
        }
    }

    fn begin_run(&mut self, run: Run) {
        if self.run != run {
            self.run = run;
            self.block += 1;
            self.seals.clear();
            self.text.clear();
        }
    }

    fn seal(&mut self, place: Place, signature: &str, out: &mut Composer) {
        self.seals.push(sealed::Block::Signature {
            place,
            signature: signature.to_owned(),
        });
        let envelope = Envelope {
            vendor: VENDOR.to_owned(),
            model: self.model.as_str().to_owned(),
            blocks: self.seals.clone(),
        };
        out.seal(self.block, envelope.seal());
    }

    fn read(&mut self, json: &[u8], out: &mut Composer) -> Result<(), Error> {
        // Without `alt=sse` a stream, and its failure, is a list.
        if json.trim_ascii_start().starts_with(b"[") {
            let chunks: Vec<Chunk<'_>> = serde_json::from_slice(json).map_err(|e| garbled(&e))?;
            return chunks
                .into_iter()
                .try_for_each(|chunk| self.chunk(chunk, out));
        }
        let chunk = serde_json::from_slice(json).map_err(|e| garbled(&e))?;
        self.chunk(chunk, out)
    }
}

impl Decoder for Reply {
    fn frame(&mut self, frame: &sse::Frame<'_>, out: &mut Composer) -> Result<(), Error> {
        // Google sends neither; servers in front of it do.
        if matches!(frame.data.trim_ascii(), b"" | b"[DONE]") {
            return Ok(());
        }
        self.read(&frame.data, out)
    }

    fn body(&mut self, body: &[u8], out: &mut Composer) -> Result<(), Error> {
        self.read(body, out)?;
        self.finish(out)
    }

    fn finish(&mut self, out: &mut Composer) -> Result<(), Error> {
        if out.is_ended() {
            return Ok(());
        }
        if self.finish.is_some() {
            self.settle_call(out)?;
        }
        self.settle_text(out);
        if !self.withheld.is_empty() {
            let kinds: Value = self.withheld.iter().copied().collect();
            out.extra("llmgw_withheld", kinds);
        }
        if let Some(reason) = self.finish.take() {
            out.stop(reason.stop(out.has_content())?);
        }
        out.end();
        Ok(())
    }
}

/// Parts that the specification has no item for.
fn foreign(part: &Part<'_>) -> Option<&'static str> {
    [
        (part.inline_data.is_some(), "inline_data"),
        (part.file_data.is_some(), "file_data"),
        (part.executable_code.is_some(), "executable_code"),
        (
            part.code_execution_result.is_some(),
            "code_execution_result",
        ),
        (part.tool_call.is_some(), "tool_call"),
        (part.tool_response.is_some(), "tool_response"),
    ]
    .into_iter()
    .find_map(|(is, kind)| is.then_some(kind))
}

fn garbled(error: &serde_json::Error) -> Error {
    Error::garbled(format!("Google's reply is not understood: {error}"))
}
