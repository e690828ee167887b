//! What other programs need of the command line: completion scripts and the manual page.

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_complete::env::Shells;

use super::args::Cli;
use super::failure::{Code, Failure, Outcome};
use super::streams::say;

/// Prints the script that makes a shell complete our words, model names included: it asks this binary.
pub(crate) fn completions(shell: Shell) -> Outcome {
    say(&script(shell)?)
}

/// The script for one shell.
pub fn script(shell: Shell) -> Outcome<String> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let completer = shells
        .completer(&name)
        .ok_or_else(|| Failure::new(Code::Usage, format!("no completion for {name}")))?;
    let mut script = Vec::new();
    completer
        .write_registration("COMPLETE", "llmgw", "llmgw", "llmgw", &mut script)
        .map_err(|error| Failure::new(Code::Bug, format!("cannot write the script: {error}")))?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Prints the manual page.
pub(crate) fn man() -> Outcome {
    let mut page = Vec::new();
    let mut root = Cli::command();
    root.build();
    let sections: Vec<_> = root
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .cloned()
        .collect();
    clap_mangen::Man::new(root).render(&mut page)?;
    for command in sections {
        let section = clap_mangen::Man::new(command);
        section.render_synopsis_section(&mut page)?;
        section.render_description_section(&mut page)?;
        section.render_options_section(&mut page)?;
    }
    say(&String::from_utf8_lossy(&page))
}
