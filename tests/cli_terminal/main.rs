//! What only a terminal shows: the dress of an answer, Ctrl-C, pasting and completion.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a terminal that breaks fails the test")]

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

mod answers;
mod talking;

#[path = "../support/terminal.rs"]
mod terminal;

use terminal::Home;

/// Nothing here takes longer; a failure ends the test.
const PATIENCE_MS: u64 = 10_000;

fn open(home: &Home, arguments: &[&str]) -> PtySession {
    spawn_command(home.command(arguments), Some(PATIENCE_MS)).unwrap()
}

fn all(home: &Home, arguments: &[&str]) -> String {
    open(home, arguments).exp_eof().unwrap()
}

/// Sends keys as they are, without a newline.
fn type_in(session: &mut PtySession, keys: &str) {
    session.send(keys).unwrap();
    session.flush().unwrap();
}

#[test]
fn an_answer_is_dressed_and_the_cursor_never_moved() {
    let shown = all(&Home::new(), &["ask", "-q", "-m", "demo", "hello"]);
    assert!(
        shown.contains("\u{1b}[0;1;4mYou said\u{1b}[0m"),
        "{shown:?}"
    );
    for piece in shown.split('\u{1b}').skip(1) {
        let end = piece.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        assert!(
            piece[..=end].starts_with('[') && piece[..=end].ends_with('m'),
            "{piece:?}"
        );
    }
}

#[test]
fn without_colour_there_is_no_escape_at_all() {
    let home = Home::new();
    let check = |change: &dyn Fn(&mut Command), arguments: &[&str]| {
        let mut command = home.command(arguments);
        change(&mut command);
        let shown = spawn_command(command, Some(PATIENCE_MS))
            .unwrap()
            .exp_eof()
            .unwrap();
        assert!(
            !shown.contains('\u{1b}') && shown.contains("# You said"),
            "{shown:?}"
        );
    };
    let ask = ["ask", "-m", "demo", "hello"];
    check(
        &|command| {
            command.env("NO_COLOR", "1");
        },
        &ask,
    );
    check(
        &|command| {
            command.env("TERM", "dumb");
        },
        &ask,
    );
    check(&|_| (), &["ask", "-m", "demo", "--color", "never", "hello"]);
    check(&|_| (), &["ask", "-m", "demo", "--raw", "hello"]);
}

#[test]
fn a_slow_answer_has_a_spinner_that_is_gone_before_the_answer() {
    let shown = all(
        &Home::new(),
        &["ask", "-m", "demo", "-p", "delay_ms=700", "hello"],
    );
    let spinner = shown.find("waiting for demo").expect("a spinner");
    let answer = shown.find("You said").expect("an answer");
    assert!(spinner < answer, "{shown:?}");
    assert!(!shown[answer..].contains("waiting"), "{shown:?}");
}

#[test]
fn ctrl_c_ends_ask_as_the_signal_does() {
    let home = Home::new();
    let mut session = open(
        &home,
        &["ask", "-m", "demo", "-p", "delay_ms=60000", "hello"],
    );
    session.exp_string("waiting for demo").unwrap();
    session.send_control('c').unwrap();
    let status = session.process().wait().unwrap();
    assert!(format!("{status:?}").contains("SIGINT"), "{status:?}");
}

#[test]
fn ctrl_c_stops_the_answer_and_not_the_conversation() {
    let home = Home::new();
    let mut session = open(&home, &["chat", "-m", "demo", "-p", "stall_after=6"]);
    session
        .exp_string("/help for commands, Ctrl-D to leave")
        .unwrap();
    session.exp_string("> ").unwrap();
    type_in(&mut session, "hello\r");
    session.exp_string("You said").unwrap();
    session.send_control('c').unwrap();
    session.exp_string("(stopped)").unwrap();
    session.exp_string("> ").unwrap();
    session.send_control('c').unwrap();
    session.exp_string("Ctrl-D to leave").unwrap();
    session.exp_string("> ").unwrap();
    session.send_control('d').unwrap();
    session.exp_eof().unwrap();
    let status = format!("{:?}", session.process().wait().unwrap());
    assert!(
        status.starts_with("Exited") && status.ends_with(", 0)"),
        "{status}"
    );
}

#[test]
fn pasted_lines_are_one_message() {
    let home = Home::new();
    let mut session = open(&home, &["chat", "-m", "demo"]);
    session.exp_string("> ").unwrap();
    type_in(&mut session, "\u{1b}[200~first\nsecond\u{1b}[201~");
    session.exp_string("second").unwrap();
    type_in(&mut session, "\r");
    session.exp_string("You said").unwrap();
    session.exp_string("first").unwrap();
    session.exp_string("second").unwrap();
    session.exp_string("> ").unwrap();
    type_in(&mut session, "/usage\r");
    session.exp_string("in context").unwrap();
    type_in(&mut session, "/exit\r");
    session.exp_eof().unwrap();
    let history = std::fs::read_to_string(home.path().join("state/llmgw/history")).unwrap();
    assert!(history.contains("first\\nsecond"), "{history}");
}

#[test]
fn commands_are_completed_and_unknown_ones_not_sent() {
    let home = Home::new();
    let mut session = open(&home, &["chat", "-m", "demo"]);
    session.exp_string("> ").unwrap();
    type_in(&mut session, "/mod\t demo\r");
    session.exp_string("now demo").unwrap();
    session.exp_string("> ").unwrap();
    type_in(&mut session, "/retyr\r");
    session.exp_string("did you mean /retry?").unwrap();
    session.exp_string("> ").unwrap();
    type_in(&mut session, "one\\\rtwo\r");
    session.exp_string("You said").unwrap();
    session.exp_string("two").unwrap();
    session.exp_string("> ").unwrap();
    type_in(&mut session, "/undo\r");
    session.exp_string("dropped: one two").unwrap();
    session.exp_string("> ").unwrap();
    session.send_control('d').unwrap();
    session.exp_eof().unwrap();
}

#[test]
fn what_was_asked_on_a_terminal_can_be_continued() {
    let home = Home::new();
    all(&home, &["ask", "-m", "demo", "hello"]);
    let ran = home.run(&["ask", "-n", "-c", "and then"], "");
    ran.expect(0);
    assert_eq!(ran.json()["input"].as_array().unwrap().len(), 3);
    all(&home, &["ask", "--no-save", "-m", "demo", "other"]);
    let ran = home.run(&["ask", "-n", "-c", "and then"], "");
    assert_eq!(ran.json()["input"][0]["content"][0]["text"], "hello");
}

#[test]
fn models_are_a_table_for_people() {
    let shown = all(&Home::new(), &["models"]);
    assert!(
        shown.contains("MODEL") && shown.contains("($ per 1M tokens)"),
        "{shown}"
    );
    assert!(
        shown.contains("providers have no key: openai (OPENAI_API_KEY)"),
        "{shown}"
    );
}

#[test]
fn an_attached_file_goes_along_with_the_next_message() {
    let home = Home::new();
    let path = home.file("notes.txt", b"alpha\n");
    let mut session = open(&home, &["chat", "-m", "demo"]);
    session.exp_string("> ").unwrap();
    type_in(&mut session, &format!("/file {path}\r"));
    session.exp_string("attached").unwrap();
    session.exp_string("> ").unwrap();
    type_in(&mut session, "what\r");
    session.exp_string("alpha").unwrap();
    session.exp_string("> ").unwrap();
    session.send_control('d').unwrap();
    session.exp_eof().unwrap();
}
