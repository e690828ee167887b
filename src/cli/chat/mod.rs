//! `chat`: a conversation, turn by turn. Ctrl-C stops the answer, never the conversation.

use std::io::{self, BufRead as _};

use tokio::runtime::{Builder, Runtime};

use super::account;
use super::args::{Chat, Global};
use super::failure::{Code, Failure, Outcome, Stop};
use super::files;
use super::listen::Signals;
use super::streams::{Kind, Streams, say, tell};

mod commands;
mod editor;
mod hush;
mod saved;
mod talk;

use commands::{Done, Line};
use editor::{Asked, Prompt};
use hush::Hush;
use talk::{Conversation, Turned};

/// Talks until the end of input.
pub(crate) fn run(chat: &Chat, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    if chat.list {
        return saved::list(streams);
    }
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::Bug, format!("cannot start: {error}")))?;
    let first = chat.prompt.join(" ");
    let mut conversation = Conversation::begin(&chat.talk, global, streams)?;
    for file in &chat.talk.file {
        conversation.attach(files::read(file)?);
    }
    match streams.stdin {
        Kind::Terminal => {
            let mut prompt = Prompt::new(conversation.names(), conversation.history(), streams)?;
            streams.note(&format!(
                "{} · /help for commands, Ctrl-D to leave",
                conversation.model()
            ));
            if !first.is_empty() {
                told(turn(&runtime, &mut conversation, &first))?;
            }
            typed(&runtime, &mut conversation, &mut prompt)
        }
        Kind::Pipe => piped(&runtime, &mut conversation, &first),
    }
}

/// Reads what a person types.
fn typed(runtime: &Runtime, conversation: &mut Conversation, prompt: &mut Prompt) -> Outcome {
    loop {
        let line = match prompt.read()? {
            Asked::Line(line) => line,
            Asked::Interrupted => {
                tell("Ctrl-D to leave\n");
                continue;
            }
            Asked::End => return Ok(()),
        };
        let mut done = Done::Stay;
        told(act(runtime, conversation, &line).map(|what| done = what))?;
        if matches!(done, Done::Leave) {
            return Ok(());
        }
    }
}

/// At a prompt a failure is told, and the conversation goes on.
fn told(outcome: Outcome) -> Outcome {
    match outcome {
        Err(Stop::Failed(failure)) => {
            failure.tell();
            Ok(())
        }
        Ok(()) | Err(Stop::Told(_) | Stop::PipeClosed | Stop::Signal(_)) => outcome,
    }
}

/// One turn a line, without a prompt; the last failure is the exit code.
fn piped(runtime: &Runtime, conversation: &mut Conversation, first: &str) -> Outcome {
    let mut failed = None;
    let mut next = (!first.is_empty()).then(|| first.to_owned());
    loop {
        let line = match next.take() {
            Some(line) => line,
            None => match read_line(runtime)? {
                Some(line) => line,
                None => break,
            },
        };
        match act(runtime, conversation, &line) {
            Ok(Done::Leave) => break,
            Ok(Done::Stay) => failed = None,
            Err(Stop::Failed(failure)) => {
                failure.tell();
                failed = Some(failure.code);
            }
            Err(stop) => return Err(stop),
        }
    }
    failed.map_or(Ok(()), |code| Err(Stop::Told(code)))
}

/// A line of standard input. Signals are watched meanwhile: after the first answer they are no longer the system's.
fn read_line(runtime: &Runtime) -> Outcome<Option<String>> {
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        let reading = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map(|read| (read > 0).then_some(line))
        });
        tokio::select! {
            read = reading => match read {
                Ok(Ok(line)) => Ok(line.map(|line| line.trim_end_matches(['\n', '\r']).to_owned())),
                Ok(Err(error)) => Err(Failure::new(Code::Usage, format!("cannot read standard input: {error}")).into()),
                Err(error) => Err(Failure::new(Code::Bug, format!("cannot read standard input: {error}")).into()),
            },
            signal = signals.next() => Err(Stop::Signal(signal)),
        }
    })
}

fn act(runtime: &Runtime, conversation: &mut Conversation, line: &str) -> Outcome<Done> {
    match commands::read(line) {
        Line::Nothing => Ok(Done::Stay),
        Line::Text(text) => turn(runtime, conversation, text).map(|()| Done::Stay),
        Line::Command(name, argument) => commands::run(name, argument, runtime, conversation),
    }
}

/// Asks one question.
fn turn(runtime: &Runtime, conversation: &mut Conversation, text: &str) -> Outcome {
    let question = runtime.block_on(conversation.question(text))?;
    ask(runtime, conversation, question)
}

/// Asks what is a message already.
fn ask(runtime: &Runtime, conversation: &mut Conversation, question: talk::Question) -> Outcome {
    let hush = (conversation.streams.stdin == Kind::Terminal).then(Hush::new);
    let turned = runtime.block_on(conversation.ask(question));
    drop(hush);
    match turned? {
        Turned::Answered(heard) => {
            account::report_losses(&heard, conversation.streams);
            conversation.count(&heard);
            if conversation.streams.stdout == Kind::Terminal {
                say("\n")?;
            }
            Ok(())
        }
        Turned::Stopped => {
            conversation.streams.note("(stopped)");
            Ok(())
        }
    }
}
