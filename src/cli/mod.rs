//! The terminal: `ask`, `chat`, `models`, `serve` and what goes with them.
//!
//! Standard output is the answer and only the answer; the exit code is how it went. Commands are callers of the same
//! [`crate::gateway::Gateway`] that the daemon's doors call. Nothing is read or computed before it is needed, for a
//! tool that people put into pipes must start at once.

use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::CompleteEnv;

mod account;
pub mod args;
mod ask;
mod banner;
mod cache;
mod chat;
mod config;
mod crash_test;
mod explain;
pub mod failure;
mod files;
mod fold;
mod follow;
mod import;
mod input;
mod listen;
mod model_table;
mod models;
mod places;
mod printer;
pub mod render;
mod request;
mod schema;
pub mod scripts;
mod serve;
mod session;
mod setup;
mod spinner;
mod streams;
mod systemd;
mod typo;
mod usage;
mod watch;

use args::{Cli, Command};
use failure::{Code, Failure, Outcome, Stop};

/// Runs the command line of this process. What comes back is for `main` to turn into the exit code; everything that
/// there is to say has been said.
pub fn run() -> Result<(), Exit> {
    // Answers a shell that asks for completions, and does nothing otherwise.
    CompleteEnv::with_factory(Cli::command).complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let ended = dispatch(cli);
    crate::telemetry::finish();
    match ended {
        Ok(()) | Err(Stop::PipeClosed) => Ok(()),
        Err(Stop::Told(code)) => Err(Exit::Code(code)),
        Err(Stop::Signal(signal)) => Err(Exit::Signal(signal)),
        Err(Stop::Failed(failure)) => {
            failure.tell();
            Err(Exit::Code(failure.code))
        }
    }
}

/// How the process ends, if not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this code.
    Code(Code),
    /// As this signal ends a process, so that shells see it and stop their loops.
    Signal(i32),
}

fn dispatch(cli: Cli) -> Outcome {
    let global = cli.global;
    match cli.command {
        Command::Ask(ask) => block_on(ask::run(*ask, &global)),
        Command::Chat(chat) => chat::run(&chat, &global),
        Command::Models(models) => block_on(models::run(models, &global)),
        Command::Serve(serve) => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let ended = serve::run(serve, &global);
            // What is cut off is recorded as that.
            finish(runtime.enable_all(), ended, CUT)
        }
        Command::Explain(explain) => explain::run(&explain, &global),
        Command::CrashTest(crash_test) => crash_test::run(&crash_test, &global),
        Command::Usage(usage) => usage::run(&usage, &global),
        Command::Config(config) => config::run(&config, &global),
        Command::Import(import) => import::run(&import, &global),
        Command::Completions { shell } => scripts::completions(shell),
        Command::Man => scripts::man(),
    }
}

/// The time in which requests that were cut off at the end of a server let go of what they hold.
const CUT: Duration = Duration::from_secs(1);

/// One question needs one thread.
fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    finish(
        tokio::runtime::Builder::new_current_thread().enable_all(),
        command,
        Duration::ZERO,
    )
}

fn finish(
    runtime: &mut tokio::runtime::Builder,
    command: impl Future<Output = Outcome>,
    patience: Duration,
) -> Outcome {
    let runtime = runtime
        .build()
        .map_err(|error| Failure::new(Code::Bug, format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(command);
    // A resolver that hangs must not keep a finished command alive.
    runtime.shutdown_timeout(patience);
    outcome
}

/// Help and versions go to standard output, and are no failure.
fn usage(error: &clap::Error) -> Result<(), Exit> {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    if let Some(tip) = typo::unknown_command(error, &arguments) {
        streams::tell(&tip);
        return Err(Exit::Code(Code::Usage));
    }
    let printed = error.print();
    match (error.exit_code(), printed) {
        (0, Ok(())) => Ok(()),
        // A reader that has gone needs no help.
        (0, Err(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        (0, Err(error)) => {
            streams::tell(&format!("error: cannot write: {error}\n"));
            Err(Exit::Code(Code::Bug))
        }
        (_, _) => Err(Exit::Code(Code::Usage)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_ask_fits_a_screen() {
        let mut command = Cli::command();
        let ask = command.find_subcommand_mut("ask").expect("there is ask");
        let help = ask.render_help().to_string();
        assert!(
            help.lines().count() <= 45,
            "{} lines:\n{help}",
            help.lines().count()
        );
    }
}
