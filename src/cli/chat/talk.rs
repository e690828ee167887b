//! The conversation itself: what was said, who is asked, and what it took so far.

use std::path::PathBuf;

use super::super::account::{self, Account};
use super::super::args::{Global, Talk};
use super::super::ask::fetch_pages;
use super::super::cache;
use super::super::failure::{Outcome, Stop};
use super::super::files::Attachment;
use super::super::input::{self, Material};
use super::super::listen::{End, Heard, Reasoning, listen};
use super::super::model_table;
use super::super::places;
use super::super::printer::{Markdown, Printer};
use super::super::render::Style;
use super::super::request;
use super::super::session::{Session, Turn, said};
use super::super::setup::Setup;
use super::super::streams::{Streams, error_columns, tell};
use crate::canonical::item::{Item, Role};
use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::catalog;
use crate::gateway::Gateway;
use crate::routing::resolve;
use crate::target::Target;

/// A message of the user's, ready to be sent.
pub(super) type Question = Vec<Open<Item>>;

/// How a turn ended.
pub(super) enum Turned {
    Answered(Box<Heard>),
    /// The user stopped it; what was said so far is kept.
    Stopped,
}

/// Are the counts shown after each answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Hidden,
    Shown,
}

/// A conversation with a model.
pub(super) struct Conversation {
    pub(super) streams: Streams,
    pub(super) session: Session,
    /// Everything but the words.
    pub(super) settings: Request,
    pub(super) counts: Counts,
    pub(super) account: Account,
    /// Tokens of the last turn: what the context holds by now.
    context: Option<u64>,
    /// Who answered last.
    answers: Option<Target>,
    setup: Setup,
    gateway: Gateway,
    attached: Vec<Attachment>,
    /// What failed or was stopped before it was answered, for `/retry`.
    unanswered: Option<Question>,
    saves: bool,
}

impl Conversation {
    pub(super) fn begin(talk: &Talk, global: &Global, streams: Streams) -> Outcome<Self> {
        let mut settings = request::settings(talk)?;
        let saves = !talk.conversation.no_save;
        let session = Session::of(&talk.conversation, streams)?;
        let mut setup = Setup::load(global, streams)?;
        setup.set_timeout(talk);
        let earlier = session.turns.last();
        let typed = talk
            .model
            .as_deref()
            .or(earlier.map(|turn| turn.model.as_str()));
        settings.model = setup.model(typed, streams)?;
        if settings.instructions.is_none() {
            settings.instructions = earlier.and_then(|turn| turn.instructions.clone());
        }
        Ok(Self {
            streams,
            session,
            settings,
            counts: Counts::Hidden,
            account: Account::default(),
            context: None,
            answers: None,
            gateway: Gateway::new(setup.config.clone()),
            setup,
            attached: Vec::new(),
            unanswered: None,
            saves,
        })
    }

    /// The model that is asked.
    pub(super) fn model(&self) -> &str {
        &self.settings.model
    }

    /// Asks another one from now on. What was said stays.
    pub(super) fn switch(&mut self, typed: &str) -> Outcome {
        let aliases = self.setup.config.aliases.len();
        // Of one name `now …` tells what was found; of a list there may be more to tell.
        let streams = if typed.contains(',') {
            self.streams
        } else {
            self.streams.hushed()
        };
        self.settings.model = self.setup.model(Some(typed), streams)?;
        if self.setup.config.aliases.len() != aliases {
            self.gateway = Gateway::new(self.setup.config.clone());
        }
        Ok(())
    }

    /// Names that can be asked for, for completion.
    pub(super) fn names(&self) -> impl Fn() -> Vec<String> + 'static {
        let config = self.setup.config.clone();
        move || resolve::current_names(&config, &cache::listed(), cache::today())
    }

    /// Where typed lines are remembered; nowhere if nothing is to be kept.
    pub(super) fn history(&self) -> Option<PathBuf> {
        let state = self.saves.then(places::state)?.ok()?;
        Some(state.join("history"))
    }

    pub(super) fn attach(&mut self, file: Attachment) {
        self.attached.push(file);
    }

    /// Makes a message of words and what is attached.
    pub(super) async fn question(&mut self, text: &str) -> Outcome<Question> {
        let material = Material::typed(std::mem::take(&mut self.attached), text);
        let material = fetch_pages(material, &self.setup.config).await?;
        Ok(vec![request::message(input::compose(material)?)])
    }

    /// The last question once more: the one without an answer, or the last answered one, which is taken back.
    pub(super) fn again(&mut self) -> Outcome<Option<Question>> {
        match self.unanswered.take() {
            Some(question) => Ok(Some(question)),
            None => Ok(self.session.undo()?.map(|turn| turn.input)),
        }
    }

    /// A new conversation. A named one stays as it is on disk.
    pub(super) fn clear(&mut self) {
        self.session = if self.saves {
            Session::fresh(self.streams)
        } else {
            Session::default()
        };
        self.unanswered = None;
        self.context = None;
    }

    /// The last answer.
    pub(super) fn last_answer(&self) -> Option<String> {
        self.session.turns.last().map(|turn| said(&turn.output))
    }

    pub(super) async fn ask(&mut self, question: Question) -> Outcome<Turned> {
        let mut request = self.settings.clone();
        request.input = self.session.items();
        request.input.extend(question.iter().cloned());
        account::check_size(&self.setup.config, &request)?;
        let mut printer = Printer::new(self.streams, Markdown::Dressed);
        let mut heard = listen(
            &self.gateway,
            request,
            &mut printer,
            Reasoning::Hidden,
            self.streams,
        )
        .await?;
        match std::mem::replace(&mut heard.end, End::Whole) {
            End::Failed(failure) => {
                self.unanswered = Some(question);
                return Err(Stop::Failed(failure));
            }
            End::Signal(signal) if signal != signal_hook::consts::SIGINT => {
                return Err(Stop::Signal(signal));
            }
            End::Signal(_) if heard.text.is_empty() => {
                self.unanswered = Some(question);
                return Ok(Turned::Stopped);
            }
            End::Signal(_) => {
                let partial = Item::message(Role::Assistant, std::mem::take(&mut heard.text));
                self.keep(question, vec![partial.into()])?;
                return Ok(Turned::Stopped);
            }
            End::Short(reason) => {
                account::warn_short(&reason, self.streams);
                heard.end = End::Short(reason);
            }
            End::Whole => {}
        }
        let output = heard
            .response
            .as_mut()
            .map(|response| std::mem::take(&mut response.output));
        self.keep(question, output.unwrap_or_default())?;
        Ok(Turned::Answered(Box::new(heard)))
    }

    /// Adds up what an answer took, and shows it if that is wanted.
    pub(super) fn count(&mut self, heard: &Heard) {
        let one = Account::of(heard, &self.setup.config);
        self.context = Some(one.input + one.output);
        self.answers.clone_from(&heard.target);
        self.account.add(one);
        if self.counts == Counts::Shown {
            let line = one.line(heard, error_columns());
            let line = self.streams.error_dress(&line, Style::DIM);
            tell(&format!("{line}\n"));
        }
    }

    /// How much of the model's context is in use, as far as both are known.
    pub(super) fn context_used(&self) -> Option<String> {
        let tokens = self.context?;
        let known = self.answers.as_ref().and_then(|target| {
            let provider = self.setup.config.provider(target.provider.as_str())?;
            catalog::models::find(provider.vendor(), target.model.as_str())?.context
        });
        Some(match known {
            Some(most) => format!("{tokens} of {} in context", model_table::tokens(most)),
            None => format!("{tokens} in context"),
        })
    }

    fn keep(&mut self, question: Question, output: Vec<Open<Item>>) -> Outcome {
        self.unanswered = None;
        let turn = Turn {
            model: self.settings.model.clone(),
            instructions: self.settings.instructions.clone(),
            input: question,
            output,
        };
        self.session.add(turn, self.streams)
    }
}
