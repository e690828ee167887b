//! `config`: where the file is, what it says, whether it is sound. All of it works with a broken file too: the tool
//! that mends the configuration must not need it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::args::{Config, ConfigAction, Global};
use super::failure::{Code, Failure, Outcome, Stop};
use super::places;
use super::setup::broken;
use super::streams::{say, tell};
use crate::config::load::{self, Env, Source};
use crate::config::report;

/// What `config init` writes.
const EXAMPLE: &str = include_str!("../../config.example.yaml");

/// What `config schema` prints.
const SCHEMA: &str = include_str!("config.schema.json");

/// What a new file begins with, so that editors complete and check it.
const MINIMAL: &str =
    "# llmgw config init writes a commented example; llmgw config check finds faults.\n";

/// Does it.
pub(crate) fn run(config: &Config, global: &Global) -> Outcome {
    let env = Env::of_process();
    match config
        .action
        .unwrap_or(ConfigAction::Show { resolved: false })
    {
        ConfigAction::Path => say(&format!("{}\n", path(global, &env)?.display())),
        ConfigAction::Show { resolved: true } => show(global, &env, Broken::Faults),
        ConfigAction::Show { resolved: false } => show(global, &env, Broken::Text),
        ConfigAction::Check => check(global, &env),
        ConfigAction::Schema => say(SCHEMA),
        ConfigAction::Edit => edit(&path(global, &env)?, &env),
        ConfigAction::Init => init(&path(global, &env)?),
    }
}

fn path(global: &Global, env: &Env) -> Outcome<PathBuf> {
    match load::source(global.config.as_deref(), env) {
        Source::Named(path) | Source::Usual(path) => Ok(path),
        Source::Nowhere => {
            Err(Failure::new(Code::Config, "no home directory: name a file with --config").into())
        }
    }
}

/// What is shown of a broken file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// Its text as it stands, and its faults.
    Text,
    /// Its faults.
    Faults,
}

/// The configuration as it holds.
fn show(global: &Global, env: &Env, of_broken: Broken) -> Outcome {
    match load::load(global.config.as_deref(), env) {
        Ok(config) => say(&report::resolved(&config)),
        Err(faults) => {
            if of_broken == Broken::Text
                && let Ok(text) = fs::read_to_string(path(global, env)?)
            {
                say(&text)?;
            }
            Err(broken(&faults))
        }
    }
}

fn check(global: &Global, env: &Env) -> Outcome {
    let loaded = load::load(global.config.as_deref(), env);
    let text = report::check_report(&loaded);
    if loaded.is_ok() {
        return say(&format!("{text}\n"));
    }
    tell(&format!("{text}\n"));
    Err(Stop::Told(Code::Config))
}

fn edit(path: &Path, env: &Env) -> Outcome {
    if !path.exists() {
        write_new(path, MINIMAL)?;
    }
    let status = editor(env).arg(path).status().map_err(|error| {
        Failure::new(Code::Bug, format!("cannot start the editor: {error}")).with_hint("set EDITOR")
    })?;
    if !status.success() {
        return Err(Failure::new(Code::Bug, format!("the editor ended with {status}")).into());
    }
    match load::load(Some(path), env) {
        Ok(_) => Ok(()),
        Err(faults) => Err(broken(&faults)),
    }
}

fn init(path: &Path) -> Outcome {
    if path.exists() {
        return Err(
            Failure::new(Code::Usage, format!("{} is there already", path.display()))
                .with_hint("llmgw config edit opens it")
                .into(),
        );
    }
    write_new(path, EXAMPLE)?;
    say(&format!("{}\n", path.display()))
}

/// Keys may come into it, so nobody else may read it.
fn write_new(path: &Path, text: &str) -> Outcome {
    let written = places::private_file(path, fs::OpenOptions::new().write(true).create_new(true))
        .and_then(|mut file| file.write_all(text.as_bytes()));
    Ok(written.map_err(|error| {
        Failure::new(
            Code::Bug,
            format!("cannot write {}: {error}", path.display()),
        )
    })?)
}

/// The user's editor, which may be named with arguments: `code --wait`.
pub(crate) fn editor(env: &Env) -> Command {
    let named = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| env.get(name).filter(|value| !value.trim().is_empty()));
    let mut words = named
        .unwrap_or(if cfg!(windows) { "notepad" } else { "vi" })
        .split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("vi"));
    command.args(words);
    command
}
