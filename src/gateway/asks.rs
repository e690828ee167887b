//! Asks that are no response: how many tokens a request has, and embeddings. Targets are asked in turn, once each.

use std::sync::Arc;

use tokio::time::Instant;

use super::course::{Course, wait};
use super::gate::Manner;
use super::live::Living;
use super::snapshot::Turn;
use super::tariff::Tariff;
use super::ticket::{Watch, resting};
use super::{Caller, Gateway, Snapshot};
use crate::canonical::embedding::{Embedded, Embedding};
use crate::canonical::item::{Item, ToolOutput};
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::canonical::usage::Usage;
use crate::catalog::usd::Usd;
use crate::error::{Error, Kind, Next};
use crate::providers::{Answer, Ask, AskKind, Kind as Vendor};
use crate::routing::resolve::resolve;
use crate::target::Target;

/// How many tokens a request has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Who was asked.
    pub target: Target,
    /// The number.
    pub tokens: u64,
    /// Whose number it is.
    pub basis: Basis,
}

/// What OpenAI made of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Compacted {
    /// Who was asked.
    pub target: Target,
    /// The shorter conversation.
    pub output: Vec<Open<Item>>,
    /// What it cost.
    pub usage: Option<Usage>,
}

/// Texts as vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// Who was asked.
    pub target: Target,
    /// The answer.
    pub embedded: Embedded,
    /// What it cost; `None` where a price or the count is unknown.
    pub cost: Option<Usd>,
}

/// Whose number a count is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The provider's.
    Counted,
    /// Ours, since the provider counts nothing before it answers.
    Estimated,
}

/// What a token of most languages comes to, in bytes of UTF-8.
pub(super) const BYTES_OF_A_TOKEN: usize = 4;

/// What an image or a file comes to, in tokens: a page or a middling picture. Its size in bytes says little.
const TOKENS_OF_A_FILE: u64 = 1_000;

/// What stands around each item and tool, in tokens.
const TOKENS_AROUND: u64 = 4;

impl Gateway {
    /// Counts the tokens of a request by the provider of its first target that can, else by an estimate: a token for
    /// every four bytes of text, a thousand for each image or file, and four around each item and tool.
    pub async fn count(&self, request: &Request, caller: &Caller) -> Result<Count, Error> {
        let snapshot = self.snapshot();
        let (request, mut targets) = planned(&snapshot, request, caller)?;
        // Who is left alone for now comes after those that are well; a count is no sign of either.
        let now = Instant::now();
        targets.sort_by_key(|target| wait(&self.health, target, now));
        let mut first_refusal = None;
        for target in targets {
            let count = Ask::Count(&request);
            match self.ask(&snapshot, &target, count, caller).await {
                Ok((Answer::Tokens(tokens), _)) => {
                    let basis = Basis::Counted;
                    return Ok(Count {
                        target,
                        tokens,
                        basis,
                    });
                }
                Ok((Answer::Models(..) | Answer::Embeddings(_) | Answer::Compacted(..), _)) => {
                    return Err(crossed());
                }
                Err(error) if error.kind() == Kind::Unsupported => {
                    first_refusal.get_or_insert(target);
                }
                Err(error) if error.next() == Next::Target && first_refusal.is_some() => {}
                Err(error) => return Err(error),
            }
        }
        let target = first_refusal.ok_or_else(|| Error::exhausted(Vec::new()))?;
        Ok(Count {
            target,
            tokens: estimate(&request),
            basis: Basis::Estimated,
        })
    }

    /// A conversation made shorter by OpenAI itself. `None` where that is not to be had: a name that may lead elsewhere,
    /// where nobody could read it, or a server without that path.
    pub async fn compact(
        &self,
        request: &Request,
        caller: &Caller,
    ) -> Result<Option<Compacted>, Error> {
        let snapshot = self.snapshot();
        let (request, targets) = planned(&snapshot, request, caller)?;
        let is_openai = |target: &Target| {
            let mut providers = snapshot.config.providers.iter();
            providers.any(|it| it.name() == &target.provider && it.kind == Vendor::OpenAi)
        };
        if !targets.iter().all(is_openai) {
            return Ok(None);
        }
        let mut failures = Vec::new();
        for target in targets {
            let compact = Ask::Compact(&request);
            match self.ask(&snapshot, &target, compact, caller).await {
                Ok((Answer::Compacted(output, usage), _)) => {
                    return Ok(Some(Compacted {
                        target,
                        output,
                        usage: usage.map(|usage| *usage),
                    }));
                }
                Ok((Answer::Models(..) | Answer::Tokens(_) | Answer::Embeddings(_), _)) => {
                    return Err(crossed());
                }
                Err(error)
                    if error.kind() == Kind::Unsupported
                        || matches!(error.upstream_status(), Some(404 | 405 | 501)) =>
                {
                    return Ok(None);
                }
                Err(error) if error.next() == Next::Target => failures.push(error),
                Err(error) => return Err(error),
            }
        }
        Err(Error::exhausted(failures))
    }

    /// Embeds texts.
    pub async fn embed(&self, embedding: &Embedding, caller: &Caller) -> Result<Vectors, Error> {
        let snapshot = self.snapshot();
        let mut asked = Arc::new(Request {
            model: embedding.model.clone(),
            ..Request::default()
        });
        let route = super::live::route(&snapshot, &mut asked, caller)?;
        let plan = Living::new(self, &snapshot, &asked, Turn::Take).plan(&route, caller);
        let mut course = Course::new(plan, &self.health)?;
        while let Some(target) = course.next() {
            match self.embed_at(&snapshot, &target, embedding, caller).await {
                Ok((embedded, cost)) => {
                    return Ok(Vectors {
                        target,
                        embedded,
                        cost,
                    });
                }
                Err(error) => course.failed(error)?,
            }
        }
        Err(course.exhausted())
    }

    /// Asks one target, whose health hears of it.
    async fn embed_at(
        &self,
        snapshot: &Snapshot,
        target: &Target,
        embedding: &Embedding,
        caller: &Caller,
    ) -> Result<(Embedded, Option<Usd>), Error> {
        let watch = Watch::new(self, target, snapshot.config.defaults.breaker);
        let mut ticket = watch.admit().map_err(|closed| resting(closed).at(target))?;
        let started = Instant::now();
        let embed = Ask::Embed(embedding);
        let error = match self.ask(snapshot, target, embed, caller).await {
            Ok((Answer::Embeddings(embedded), cost))
                if embedded.vectors.len() == embedding.input.len() =>
            {
                ticket.answered(started.elapsed());
                return Ok((embedded, cost));
            }
            Ok((Answer::Embeddings(_), _)) => {
                let message = "the number of vectors is not the number of texts";
                Error::garbled(message).at(target)
            }
            Ok((Answer::Models(..) | Answer::Tokens(_) | Answer::Compacted(..), _)) => crossed(),
            Err(error) => error,
        };
        ticket.failed(&error);
        Err(error)
    }

    /// The answer of one target, and what it cost, where that is known.
    async fn ask(
        &self,
        snapshot: &Snapshot,
        target: &Target,
        ask: Ask<'_>,
        caller: &Caller,
    ) -> Result<(Answer, Option<Usd>), Error> {
        let kind = match ask {
            Ask::Respond(_) => return Err(crossed()),
            Ask::Count(_) => AskKind::Count,
            Ask::Compact(_) => AskKind::Compact,
            Ask::Embed(_) => AskKind::Embed,
            Ask::Models(_) => AskKind::Models,
        };
        let work = async {
            let member = snapshot.member(&target.provider)?;
            let remedies = self.remedies(target);
            let mut call = member.provider.encode(ask, &target.model, &remedies)?;
            let total = snapshot.config.defaults.timeouts.total;
            let _place = member.place(Manner::Queue).await?;
            let mut leg = caller.leg(target, &mut call.headers);
            let answer = self
                .ask_once(member, call, total)
                .await
                .and_then(|body| member.provider.read(kind, &body));
            match answer {
                Ok(answer) => {
                    let tariff = Tariff::of(snapshot, target);
                    let usage = used(&answer);
                    let now = (self.clock)();
                    let cost = usage.as_ref().and_then(|usage| tariff.at(usage, now));
                    leg.answered(usage.as_ref(), cost);
                    Ok((answer, cost))
                }
                Err(error) => {
                    leg.failed(&error);
                    Err(error)
                }
            }
        };
        work.await.map_err(|error: Error| error.at(target))
    }
}

/// What an answer that is no response used. Counting tokens and listing models is free.
fn used(answer: &Answer) -> Option<Usage> {
    match answer {
        Answer::Embeddings(embedded) => embedded
            .tokens
            .map(|tokens| Usage::counted(tokens, 0, None, 0, 0)),
        Answer::Compacted(_, usage) => usage.as_deref().cloned(),
        Answer::Models(..) | Answer::Tokens(_) => None,
    }
}

fn crossed() -> Error {
    Error::new(Kind::Internal, "the answer is to another question")
}

/// The request as its alias completes it, and whom to ask.
fn planned(
    snapshot: &Snapshot,
    request: &Request,
    caller: &Caller,
) -> Result<(Request, Vec<Target>), Error> {
    let mut request = request.clone();
    if let Some(route) = &caller.route {
        request.model.clone_from(route);
    }
    let plan = resolve(&snapshot.config, &request)?;
    caller.journal.route(plan.alias.as_deref());
    plan.overlay.apply(&mut request);
    Ok((request, plan.targets))
}

/// See [`Gateway::count`].
pub(super) fn estimate(request: &Request) -> u64 {
    let mut bytes = request.instructions.as_ref().map_or(0, String::len);
    let mut tokens = 0;
    let mut parts = |parts: &[Open<Part>], bytes: &mut usize| {
        for part in parts {
            match part {
                Open::Known(part) => match part.text() {
                    Some(text) => *bytes += text.len(),
                    None => tokens += TOKENS_OF_A_FILE,
                },
                Open::Unknown(part) => *bytes += written(part),
            }
        }
    };
    for item in &request.input {
        match item {
            Open::Known(Item::Message(message)) => parts(&message.content, &mut bytes),
            Open::Known(Item::FunctionCall(call)) => {
                bytes += call.name.len() + call.arguments.len();
            }
            Open::Known(Item::CustomToolCall(call)) => bytes += call.name.len() + call.input.len(),
            Open::Known(Item::FunctionCallOutput(it) | Item::CustomToolCallOutput(it)) => {
                match &it.output {
                    ToolOutput::Text(text) => bytes += text.len(),
                    ToolOutput::Parts(all) => parts(all, &mut bytes),
                }
            }
            Open::Known(Item::Reasoning(thought)) => parts(&thought.summary, &mut bytes),
            Open::Known(Item::Compaction(it)) => bytes += it.encrypted_content.len(),
            Open::Known(Item::ItemReference(_)) => {}
            Open::Unknown(item) => bytes += written(item),
        }
    }
    bytes += request.tools.iter().map(written).sum::<usize>();
    let around = request.input.len() + request.tools.len();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    tokens + count(bytes.div_ceil(BYTES_OF_A_TOKEN)) + count(around) * TOKENS_AROUND
}

fn written<T: serde::Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(0, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_counts_text_files_and_what_stands_around_them() {
        let check = |input: &str, expect: u64| {
            let request: Request = serde_json::from_str(input).unwrap();
            assert_eq!(estimate(&request), expect, "{input}");
        };
        check(r#"{"input":[]}"#, 0);
        check(r#"{"input":"12345678"}"#, 2 + 4);
        check(r#"{"instructions":"1234","input":"12345"}"#, 3 + 4);
        check(
            r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]}]}"#,
            1_000 + 4,
        );
    }
}
