//! What may be typed: the whole command line as types. What it means is decided elsewhere.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCandidates;

use super::models::candidates;
use examples::{ASK_EXAMPLES, CRASH_TEST_EXAMPLES, EXPLAIN_EXAMPLES, IMPORT_EXAMPLES};
use usage::Usage;

mod examples;
pub mod usage;

/// Language models at the terminal, and the gateway in front of them
#[derive(Debug, Parser)]
#[command(
    name = "llmgw",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 answered, 1 bug or local I/O, 2 usage, 3 configuration, 4 key or quota, 5 rate limit,\n\
                  6 upstream or network, 7 refused, 8 answer does not fit. Only 5 and 6 are worth a retry."
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global")]
pub struct Global {
    /// Read this configuration file
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// When to use colour: auto, always or never
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub color: When,
    /// No spinner and no notes on standard error
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more on standard error (-vv: HTTP)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, by `NO_COLOR`, `CLICOLOR_FORCE` and `TERM`.
    Auto,
    /// Also in a pipe.
    Always,
    /// Nowhere.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask one question; the answer goes to standard output
    #[command(after_help = ASK_EXAMPLES)]
    Ask(Box<Ask>),
    /// Talk with a model, turn by turn
    Chat(Box<Chat>),
    /// List the models you can use
    #[command(visible_alias = "ls")]
    Models(Models),
    /// Run the gateway: one API for every provider
    Serve(Serve),
    /// Show whom a request would be sent to, and why; send nothing
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Box<Explain>),
    /// Try your routes against providers that misbehave: no keys, no network
    #[command(after_help = CRASH_TEST_EXAMPLES)]
    CrashTest(CrashTest),
    /// Show what requests used and cost
    Usage(Usage),
    /// Show, check or edit the configuration
    Config(Config),
    /// Turn another gateway's configuration into one of ours, on standard output
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// `ask`.
#[derive(Debug, Args)]
pub struct Ask {
    /// The question; - reads it from standard input
    #[arg(value_name = "PROMPT")]
    pub prompt: Vec<String>,
    /// What `ask` and `chat` share.
    #[command(flatten)]
    pub talk: Talk,
    /// How the answer is given.
    #[command(flatten)]
    pub output: Output,
}

/// `chat`.
#[derive(Debug, Args)]
pub struct Chat {
    /// The first question
    #[arg(value_name = "PROMPT")]
    pub prompt: Vec<String>,
    /// List the saved conversations
    #[arg(short, long)]
    pub list: bool,
    /// What `ask` and `chat` share.
    #[command(flatten)]
    pub talk: Talk,
}

/// What `ask` and `chat` share.
#[derive(Debug, Clone, Args)]
pub struct Talk {
    /// Model, alias, or comma list to fall back along
    #[arg(short, long, env = "LLMGW_MODEL", hide_env = true, add = ArgValueCandidates::new(candidates))]
    pub model: Option<String>,
    /// System prompt (@FILE reads a file)
    #[arg(short, long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Text, image, PDF or http(s) URL; repeatable; - is standard input
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub file: Vec<String>,
    /// Which conversation goes on.
    #[command(flatten)]
    pub conversation: Conversation,
    /// What the model is told besides the words.
    #[command(flatten)]
    pub sampling: Sampling,
}

/// Which conversation goes on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Conversation")]
pub struct Conversation {
    /// Go on with the last one
    #[arg(short = 'c', long = "continue", conflicts_with = "session")]
    pub go_on: bool,
    /// A named one, made if new
    #[arg(short = 'S', long, value_name = "NAME")]
    pub session: Option<String>,
    /// Keep nothing on disk
    #[arg(long, env = "LLMGW_NO_SAVE", hide_env = true, value_parser = FalseyValueParser::new())]
    pub no_save: bool,
}

/// What the model is told besides the words.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct Sampling {
    /// 0 is sober, 2 is wild
    #[arg(short, long, value_name = "NUM", value_parser = temperature)]
    pub temperature: Option<f64>,
    /// Limit of the answer, reasoning included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_tokens: Option<u64>,
    /// How hard to think: none, minimal, low, medium, high, xhigh or max
    #[arg(short, long, hide_possible_values = true)]
    pub effort: Option<Effort>,
    /// Any other request field; repeatable
    #[arg(short, long, value_name = "KEY=JSON")]
    pub param: Vec<String>,
    /// Give up after so many idle seconds (default 300)
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,
}

/// How hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(
    missing_docs,
    reason = "the seven levels of `canonical::request::Effort`"
)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// How the answer is given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own; `Form` makes one meaning of them"
)]
pub struct Output {
    /// One JSON object
    #[arg(short, long)]
    pub json: bool,
    /// The answer must fit this JSON schema
    #[arg(long, value_name = "FILE|JSON", conflicts_with = "extract")]
    pub schema: Option<String>,
    /// The first code block only
    #[arg(short = 'x', long, conflicts_with = "json")]
    pub extract: bool,
    /// Markdown as sent, also on a terminal
    #[arg(long)]
    pub raw: bool,
    /// Ask for the answer in one piece
    #[arg(long)]
    pub no_stream: bool,
    /// Show the reasoning on standard error
    #[arg(long)]
    pub reasoning: bool,
    /// Tokens, cost and time on standard error
    #[arg(short, long)]
    pub usage: bool,
    /// Print the request, send nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not read standard input
    #[arg(long, env = "LLMGW_NO_STDIN", hide_env = true, value_parser = FalseyValueParser::new())]
    pub no_stdin: bool,
}

/// `models`.
#[derive(Debug, Args)]
pub struct Models {
    /// Only models whose id has all these words
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// Ask the providers for their lists
    #[arg(short, long)]
    pub refresh: bool,
    /// Also those of providers without a key
    #[arg(short, long)]
    pub all: bool,
    /// A JSON array
    #[arg(short, long)]
    pub json: bool,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Listen here; port 0 takes any free one
    #[arg(long, value_name = "HOST:PORT", env = "LLMGW_ADDRESS", hide_env = true)]
    pub address: Option<String>,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The question
    #[arg(value_name = "PROMPT")]
    pub prompt: Vec<String>,
    /// A request of `/v1/responses` as JSON; - is standard input
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// Model or alias, in place of the request's
    #[arg(short, long, env = "LLMGW_MODEL", hide_env = true, add = ArgValueCandidates::new(candidates))]
    pub model: Option<String>,
    /// USD that the answer may cost
    #[arg(long, value_name = "USD")]
    pub max_cost: Option<f64>,
    /// The first token must come within this time, such as 3s
    #[arg(long, value_name = "TIME", value_parser = crate::config::units::parse_duration)]
    pub first_token_within: Option<std::time::Duration>,
    /// One JSON object
    #[arg(short, long)]
    pub json: bool,
}

/// `crash-test`.
#[derive(Debug, Args)]
pub struct CrashTest {
    /// Aliases or models; all aliases and the default model if none is named
    #[arg(value_name = "ROUTE", add = ArgValueCandidates::new(candidates))]
    pub routes: Vec<String>,
    /// Only this fault, such as `cut`; repeatable
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<String>,
    /// An honest error fails too
    #[arg(long)]
    pub strict: bool,
    /// A JSON array
    #[arg(short, long)]
    pub json: bool,
}

/// `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Whose configuration it is
    #[command(subcommand)]
    pub from: ImportFrom,
}

/// Whose configuration is imported.
#[derive(Debug, Subcommand)]
pub enum ImportFrom {
    /// The `config.yaml` of a LiteLLM proxy; - is standard input
    Litellm {
        /// The file
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// `config`.
#[derive(Debug, Args)]
pub struct Config {
    /// What to do with it; `show` without a word
    #[command(subcommand)]
    pub action: Option<ConfigAction>,
}

/// What to do with the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigAction {
    /// Print where the file is
    Path,
    /// Print what holds: the file, the environment and the defaults together, without secrets
    Show {
        /// Nothing but that: of a broken file its faults alone, not its text
        #[arg(long)]
        resolved: bool,
    },
    /// Load it, and print `ok` or every fault
    Check,
    /// Print a JSON schema of the file, for editors
    Schema,
    /// Open the file in $EDITOR
    Edit,
    /// Write a commented example, if there is no file yet
    Init,
}

impl From<Effort> for crate::canonical::request::Effort {
    fn from(effort: Effort) -> Self {
        match effort {
            Effort::None => Self::None,
            Effort::Minimal => Self::Minimal,
            Effort::Low => Self::Low,
            Effort::Medium => Self::Medium,
            Effort::High => Self::High,
            Effort::Xhigh => Self::Xhigh,
            Effort::Max => Self::Max,
        }
    }
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=2.0).contains(&value) => Ok(value),
        Ok(_) => Err("it goes from 0 to 2".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
