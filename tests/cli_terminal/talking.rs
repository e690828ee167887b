//! A conversation on a terminal: every key and command that needs one.

use rexpect::session::PtySession;

use super::terminal::Home;
use super::{open, type_in};

fn prompt(session: &mut PtySession) {
    session.exp_string("> ").unwrap();
}

fn send(session: &mut PtySession, line: &str) {
    type_in(session, &format!("{line}\r"));
}

fn leave(mut session: PtySession) {
    prompt(&mut session);
    session.send_control('d').unwrap();
    session.exp_eof().unwrap();
}

#[test]
fn ctrl_c_stops_a_wait_of_any_kind() {
    let home = Home::new();
    let check = |parameters: &[&str], shown: &str| {
        let mut session = open(&home, &[&["chat", "-m", "demo"], parameters].concat());
        prompt(&mut session);
        send(&mut session, "hello");
        session.exp_string(shown).unwrap();
        session.send_control('c').unwrap();
        session.exp_string("(stopped)").unwrap();
        leave(session);
    };
    check(&["-p", "delay_ms=60000"], "waiting for demo/demo");
    check(
        &["-p", "fail=429", "-p", "retry_after=50"],
        "rate limited, retrying in 50s",
    );
    check(&["-p", "stall_after=9"], "hello");
}

#[test]
fn a_first_question_that_fails_does_not_end_the_conversation() {
    let home = Home::new();
    let mut session = open(&home, &["chat", "-m", "demo", "-p", "fail=400", "hello"]);
    session.exp_string("error: demo/demo").unwrap();
    prompt(&mut session);
    send(&mut session, "/retry");
    session.exp_string("error: demo/demo").unwrap();
    leave(session);
}

#[test]
fn a_model_that_was_found_is_told_once() {
    let home = Home::new();
    let mut command = home.command(&["chat", "-m", "demo"]);
    command.env("OPENAI_API_KEY", "k");
    let mut session = rexpect::session::spawn_command(command, Some(super::PATIENCE_MS)).unwrap();
    prompt(&mut session);
    send(&mut session, "/model gpt-5.6-luna");
    let shown = session.exp_string("now openai/gpt-5.6-luna").unwrap();
    assert!(!shown.contains("using"), "{shown:?}");
    leave(session);
}

#[test]
fn what_is_typed_during_an_answer_waits_for_the_prompt() {
    let home = Home::new();
    let mut session = open(&home, &["chat", "-m", "demo", "-p", "gap_ms=20"]);
    prompt(&mut session);
    send(&mut session, "first");
    session.exp_string("You said").unwrap();
    send(&mut session, "second");
    let answer = session.exp_string("> ").unwrap();
    assert!(
        !answer.contains("second"),
        "not echoed into the answer: {answer:?}"
    );
    session.exp_string("You said").unwrap();
    session.exp_string("second").unwrap();
    leave(session);
}

#[test]
fn fifty_pasted_lines_are_one_message() {
    let home = Home::new();
    let mut session = open(&home, &["chat", "-m", "demo"]);
    prompt(&mut session);
    let lines: Vec<String> = (1..=50).map(|n| format!("line {n}")).collect();
    type_in(
        &mut session,
        &format!("\u{1b}[200~{}\u{1b}[201~", lines.join("\n")),
    );
    session.exp_string("line 50").unwrap();
    type_in(&mut session, "\r");
    session.exp_string("You said").unwrap();
    session.exp_string("line 50").unwrap();
    prompt(&mut session);
    let file = home.path().join("sent.md");
    send(&mut session, &format!("/save {}", file.display()));
    session.exp_string("wrote").unwrap();
    leave(session);
    let saved = std::fs::read_to_string(file).unwrap();
    assert_eq!(saved.matches("## You").count(), 1, "{saved}");
    assert!(saved.contains(&lines.join("\n")), "{saved}");
}

#[test]
fn history_is_searched_and_kept_over_the_end() {
    let home = Home::new();
    let mut session = open(&home, &["chat", "-m", "demo"]);
    prompt(&mut session);
    send(&mut session, "the quick fox");
    session.exp_string("You said").unwrap();
    leave(session);
    let mut session = open(&home, &["chat", "-m", "demo"]);
    prompt(&mut session);
    session.send_control('r').unwrap();
    type_in(&mut session, "quick");
    session.exp_string("the quick fox").unwrap();
    type_in(&mut session, "\r");
    session.exp_string("You said").unwrap();
    session.exp_string("the quick fox").unwrap();
    leave(session);
}

#[test]
fn a_failure_keeps_the_message_for_another_try() {
    let home = Home::new();
    let refused = r#"demo={"only":"a","fail":401}"#;
    let mut session = open(&home, &["chat", "-m", "demo/a", "-p", refused]);
    prompt(&mut session);
    send(&mut session, "precious words");
    session.exp_string("error: demo/a").unwrap();
    prompt(&mut session);
    send(&mut session, "/retry demo/b");
    session.exp_string("now demo/b").unwrap();
    session.exp_string("You said").unwrap();
    session.exp_string("precious words").unwrap();
    leave(session);
}

#[test]
fn the_commands_do_what_they_say() {
    let home = Home::new();
    let mut session = open(&home, &["chat", "-m", "demo"]);
    prompt(&mut session);
    let mut check = |line: &str, shown: &[&str]| {
        send(&mut session, line);
        for one in shown {
            session.exp_string(one).unwrap();
        }
        session.exp_string("\u{1b}[?2004h").unwrap();
        prompt(&mut session);
    };
    check("/retry", &["there is nothing to ask again"]);
    check("/copy", &["there is no answer yet"]);
    check("/set usage on", &["usage on"]);
    check("hello", &["You said", "2 in ", "72 out"]);
    // The two lines of the code block, as base64 (OSC 52).
    check(
        "/copy code",
        &[
            "\u{1b}]52;c;ZXhwb3J0IE9QRU5BSV9BUElfS0VZPeKApgpsbG1ndyBhc2sgIndoeSBpcyB0aGUgc2t5IGJsdWU/Igo=\u{7}",
            "copied",
        ],
    );
    check("/set temperature 9", &["temperature goes from 0 to 2"]);
    check("/set tmperature 1", &["did you mean temperature?"]);
    check("/system", &["there is no system prompt"]);
    check("/system be brief", &["be brief"]);
    check("/usage", &["2 in ", "72 out", "74 in context"]);
    check("/undo", &["dropped: hello"]);
    check("/undo", &["there is nothing to undo"]);
    check(
        "/etc/passwd holds users",
        &["You said", "/etc/passwd holds users"],
    );
    check("/clear", &["a new conversation"]);
    check("/model", &["demo"]);
    check(
        "/file /no/such/file",
        &["cannot read /no/such/file: there is no such file"],
    );
    check("/help", &["/retry [MODEL]", "Ctrl-D leave"]);
    send(&mut session, "/quit");
    session.exp_eof().unwrap();
}

#[test]
fn an_editor_writes_the_message() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let editor = home.file("editor", b"#!/bin/sh\necho 'from the editor' >>\"$1\"\n");
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = home.command(&["chat", "-m", "demo"]);
    command.env("EDITOR", &editor);
    let mut session = rexpect::session::spawn_command(command, Some(super::PATIENCE_MS)).unwrap();
    prompt(&mut session);
    send(&mut session, "/edit");
    session.exp_string("You said").unwrap();
    session.exp_string("from the editor").unwrap();
    prompt(&mut session);
    type_in(&mut session, "typed, then \u{18}\u{5}");
    session.exp_string("from the editor").unwrap();
    type_in(&mut session, "\r");
    session.exp_string("You said").unwrap();
    session.exp_string("typed, then from the editor").unwrap();
    leave(session);
}

#[test]
fn models_and_paths_are_completed() {
    let home = Home::new();
    home.file("notes.txt", b"alpha\n");
    let mut command = home.command(&["chat", "-m", "demo"]);
    command
        .env("ANTHROPIC_API_KEY", "x")
        .current_dir(home.path());
    let mut session = rexpect::session::spawn_command(command, Some(super::PATIENCE_MS)).unwrap();
    prompt(&mut session);
    type_in(&mut session, "/model haiku-5\t\r");
    session
        .exp_string("now anthropic/claude-haiku-5-5")
        .unwrap();
    prompt(&mut session);
    type_in(&mut session, "/file no\t\r");
    session.exp_string("attached notes.txt").unwrap();
    leave(session);
}
