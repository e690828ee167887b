//! `import`: another gateway's configuration becomes ours on standard output; what there is to say about it goes to
//! standard error.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use super::args::{Global, Import, ImportFrom};
use super::failure::{Code, Failure, Outcome, Stop};
use super::render::clean;
use super::streams::{Streams, Talkative, say, tell};
use crate::config::import::{self, Grade, Imported};

/// Imports.
pub(crate) fn run(import: &Import, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    let ImportFrom::Litellm { file } = &import.from;
    let text = read(file)?;
    let imported = import::litellm(&text).map_err(|fault| {
        Failure::new(Code::Usage, format!("{}:{fault}", file.display()))
            .with_hint("it must be the `config.yaml` of a LiteLLM proxy")
    })?;
    tell(&report(&imported, streams.talkative));
    say(&imported.yaml)?;
    if imported.needs_a_hand() {
        return Err(Stop::Told(Code::Bug));
    }
    Ok(())
}

fn read(file: &Path) -> Outcome<String> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    let failed = |error| {
        let message = format!("cannot read {}: {error}", file.display());
        Failure::new(Code::Usage, message)
    };
    Ok(read.map(|()| text).map_err(failed)?)
}

/// Each finding on a line of its own, and how many there are; quietly, only what needs a hand.
fn report(imported: &Imported, talkative: Talkative) -> String {
    let findings = &imported.findings;
    let told = findings
        .iter()
        .filter(|finding| talkative != Talkative::Quiet || finding.grade == Grade::Manual);
    let mut text = String::new();
    for finding in told {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", clean(&finding.to_string()));
    }
    if talkative != Talkative::Quiet {
        let count = |grade| findings.iter().filter(|one| one.grade == grade).count();
        let _ = writeln!(
            text,
            "\n{} exact, {} approximate, {} to see to",
            count(Grade::Exact),
            count(Grade::Approximate),
            count(Grade::Manual)
        );
    }
    text
}
