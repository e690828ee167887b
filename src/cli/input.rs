//! The question: words, files and standard input make one user message.
//!
//! Long data comes first and the question last: models answer better so, and a stable beginning lets providers'
//! prompt caches hit when the same data is asked about again.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::Duration;

use super::failure::{Code, Failure, Outcome};
use super::files::{self, Attachment};
use super::streams::tell;
use crate::canonical::part::Part;

/// After so long without a byte or an end, a person is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// May standard input be read without being asked for?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdin {
    /// If it is a pipe, a file or a socket.
    IfPiped,
    /// Only where `-` stands.
    OnlyIfNamed,
}

/// What was given, before it is a message.
#[derive(Debug)]
pub(crate) struct Material {
    /// What `-f` named, in order.
    pub(crate) files: Vec<Attachment>,
    piped: Option<Attachment>,
    prompt: Option<String>,
}

impl Material {
    /// What was typed at a prompt, and the files that were attached to it.
    pub(crate) fn typed(files: Vec<Attachment>, prompt: &str) -> Self {
        Self {
            files,
            piped: None,
            prompt: Some(prompt.to_owned()),
        }
    }

    /// Is there anything to send? Said before anything else is looked at.
    pub(crate) fn check(&self) -> Outcome {
        let has_words = self
            .prompt
            .as_ref()
            .is_some_and(|prompt| !prompt.trim().is_empty());
        let has_data = match &self.piped {
            Some(Attachment::Text { text, .. }) => !text.trim().is_empty(),
            Some(Attachment::Media(_) | Attachment::Page(_)) => true,
            None => false,
        };
        if has_words || has_data || !self.files.is_empty() {
            return Ok(());
        }
        Err(
            Failure::new(Code::Usage, "no prompt: give it as words or pipe it in")
                .with_hint("llmgw ask \"why is the sky blue?\"\nllmgw ask --help")
                .into(),
        )
    }
}

/// Reads everything that was named.
pub(crate) fn gather(words: &[String], named: &[String], stdin: Stdin) -> Outcome<Material> {
    let named_stdin = named.iter().any(|file| file == "-");
    let prompt_is_stdin = words.len() == 1 && words.iter().all(|word| word == "-");
    if named_stdin && prompt_is_stdin {
        return Err(Failure::new(
            Code::Usage,
            "standard input cannot be both the prompt and a file",
        )
        .into());
    }
    let prompt = (!prompt_is_stdin && !words.is_empty()).then(|| words.join(" "));
    let mut attachments = Vec::with_capacity(named.len());
    for file in named.iter().filter(|file| *file != "-") {
        attachments.push(files::read(file)?);
    }
    let piped = prompt_is_stdin || named_stdin || (stdin == Stdin::IfPiped && is_readable());
    let piped = if piped {
        Some(wait_for_stdin(prompt.is_some())?)
    } else {
        None
    };
    Ok(Material {
        files: attachments,
        piped,
        prompt,
    })
}

/// Makes the parts of one message, the pieces in their order.
pub(crate) fn compose(material: Material) -> Outcome<Vec<Part>> {
    material.check()?;
    let Material {
        files,
        piped,
        prompt,
    } = material;
    let mut parts = Vec::new();
    let mut text = String::new();
    for file in files {
        match file {
            Attachment::Page(url) => {
                let message = format!("{url} has not been fetched");
                return Err(Failure::new(Code::Bug, message).into());
            }
            Attachment::Media(part) => parts.push(*part),
            Attachment::Text { path, text: body } => {
                let path = path.replace('&', "&amp;").replace('"', "&quot;");
                frame(&mut text, &format!("file path=\"{path}\""), "file", &body);
            }
        }
    }
    let mut question = prompt;
    match piped {
        Some(Attachment::Media(part)) => parts.push(*part),
        // An empty pipe says nothing: cron and editors leave one open.
        Some(Attachment::Text { text: body, .. }) if body.trim().is_empty() => {}
        Some(Attachment::Text { text: body, .. }) => match &question {
            Some(_) => frame(&mut text, "stdin", "stdin", &body),
            None => question = Some(body),
        },
        // Standard input is never a URL to fetch.
        Some(Attachment::Page(_)) | None => {}
    }
    match question.filter(|question| !question.trim().is_empty()) {
        Some(question) if text.is_empty() => text = question,
        Some(question) => {
            text.push('\n');
            text.push_str(&question);
        }
        None => {}
    }
    if !text.is_empty() {
        parts.push(Part::input_text(text));
    }
    Ok(parts)
}

fn frame(text: &mut String, opening: &str, closing: &str, body: &str) {
    let end = if body.ends_with('\n') { "" } else { "\n" };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "<{opening}>\n{body}{end}</{closing}>");
}

/// Reads standard input to its end. Data is never dropped, so there is no time limit; but a person who gave a prompt
/// and inherited an open pipe is told why nothing happens.
fn wait_for_stdin(has_prompt: bool) -> Outcome<Attachment> {
    if !has_prompt {
        return files::read_stdin();
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody listens any more only if the process is ending.
        let _ = sender.send(files::read_stdin());
    });
    let first = receiver
        .recv_timeout(PATIENCE)
        .or_else(|waited| match waited {
            mpsc::RecvTimeoutError::Timeout => {
                tell(
                    "llmgw: waiting for standard input (use --no-stdin or </dev/null to skip it)\n",
                );
                receiver.recv()
            }
            mpsc::RecvTimeoutError::Disconnected => Err(mpsc::RecvError),
        });
    first.unwrap_or_else(|_| Err(Failure::new(Code::Bug, "cannot read standard input").into()))
}

/// Is there something to read? A pipe, a file and a socket count; a terminal and `/dev/null` do not.
#[cfg(unix)]
pub(crate) fn is_readable() -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;
    let stdin = std::io::stdin();
    let Ok(owned) = stdin.as_fd().try_clone_to_owned() else {
        return false;
    };
    std::fs::File::from(owned).metadata().is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_file() || kind.is_fifo() || kind.is_socket()
    })
}

/// Is there something to read?
#[cfg(not(unix))]
pub(crate) fn is_readable() -> bool {
    use std::io::IsTerminal as _;
    !std::io::stdin().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Attachment {
        Attachment::Text {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn check(files: &[(&str, &str)], piped: Option<&str>, prompt: Option<&str>, expect: &str) {
        let files = files.iter().map(|(path, text)| file(path, text)).collect();
        let piped = piped.map(|text| file("standard input", text));
        let prompt = prompt.map(str::to_owned);
        let parts = compose(Material {
            files,
            piped,
            prompt,
        })
        .expect("a message");
        let texts: Vec<&str> = parts.iter().filter_map(Part::text).collect();
        assert_eq!(texts, [expect]);
    }

    #[test]
    fn data_comes_first_and_the_question_last() {
        check(&[], None, Some("why"), "why");
        check(&[], Some("only this\n"), None, "only this\n");
        check(
            &[],
            Some("data"),
            Some("why"),
            "<stdin>\ndata\n</stdin>\n\nwhy",
        );
        check(
            &[("a.rs", "fn a() {}\n"), ("b \"c\".rs", "x")],
            Some("data\n"),
            Some("why"),
            "<file path=\"a.rs\">\nfn a() {}\n</file>\n<file path=\"b &quot;c&quot;.rs\">\nx\n</file>\n\
             <stdin>\ndata\n</stdin>\n\nwhy",
        );
        check(
            &[("a", "x\n")],
            None,
            None,
            "<file path=\"a\">\nx\n</file>\n",
        );
    }

    #[test]
    fn nothing_at_all_is_a_usage_error() {
        let Err(super::super::failure::Stop::Failed(failure)) = compose(Material {
            files: Vec::new(),
            piped: None,
            prompt: None,
        }) else {
            panic!("nothing is not a question");
        };
        assert_eq!(failure.code, Code::Usage);
        assert_eq!(failure.message, "no prompt: give it as words or pipe it in");
    }
}
