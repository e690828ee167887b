//! One answer on a terminal: waiting, width, interruption, and what is kept of it.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

use super::terminal::Home;
use super::{PATIENCE_MS, all, open};

/// A line of shell on a terminal, in which `$llmgw` is the program.
fn shell(home: &Home, line: &str) -> PtySession {
    let program = home.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", line]).env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("llmgw", program.get_program());
    spawn_command(command, Some(PATIENCE_MS)).unwrap()
}

/// The text without attributes. The session hands out each byte as a character.
fn bare(shown: &str) -> String {
    let bytes: Vec<u8> = shown.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let shown = String::from_utf8(bytes).unwrap();
    let mut pieces = shown.split('\u{1b}');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece
            .split_once(|c: char| c.is_ascii_alphabetic())
            .map_or("", |(_, rest)| rest)
    })
}

#[test]
fn a_wait_to_ask_again_is_counted_down_and_cleared() {
    let home = Home::new();
    let mut session = open(
        &home,
        &[
            "ask",
            "-m",
            "demo",
            "-p",
            "fail=429",
            "-p",
            "retry_after=1",
            "x",
        ],
    );
    session
        .exp_string("rate limited, retrying in 1s (1/2)")
        .unwrap();
    session
        .exp_string("rate limited, retrying in 1s (2/2)")
        .unwrap();
    let rest = session.exp_eof().unwrap();
    let error = rest.find("error: demo/demo").unwrap();
    assert!(
        rest[..error].ends_with("\u{1b}[2K"),
        "the line was cleared: {rest:?}"
    );
    let status = format!("{:?}", session.process().wait().unwrap());
    assert!(status.ends_with(", 5)"), "{status}");
}

#[test]
fn who_answers_instead_is_told_before_the_answer() {
    let limited = r#"demo={"only":"a","fail":429,"retry_after":60}"#;
    let shown = all(
        &Home::new(),
        &["ask", "-m", "demo/a,demo/b", "-p", limited, "hello"],
    );
    let note = shown
        .find("note: demo/a is rate limited, using demo/b")
        .unwrap();
    assert!(note < shown.find("You said").unwrap(), "{shown:?}");
}

#[test]
fn a_dumb_terminal_gets_no_spinner() {
    let home = Home::new();
    let shown = shell(&home, "TERM=dumb $llmgw ask -m demo -p delay_ms=700 hello")
        .exp_eof()
        .unwrap();
    assert!(
        !shown.contains("waiting") && !shown.contains('\u{1b}'),
        "{shown:?}"
    );
}

#[test]
fn the_line_of_a_spinner_leaves_room_for_the_echo_of_ctrl_c() {
    let shown = shell(
        &Home::new(),
        "stty rows 10 cols 30; $llmgw ask -m demo -p delay_ms=700 hello",
    )
    .exp_eof()
    .unwrap();
    let bytes: Vec<u8> = shown
        .chars()
        .filter_map(|byte| u8::try_from(u32::from(byte)).ok())
        .collect();
    let shown = String::from_utf8(bytes).unwrap();
    let lines = shown
        .split(['\r', '\n'])
        .filter(|line| line.contains("waiting"));
    let widest = lines
        .map(|line| line.trim_start_matches("\u{1b}[2K").chars().count())
        .max();
    assert_eq!(widest, Some(27), "{shown:?}");
}

#[test]
fn a_narrow_terminal_breaks_prose_and_not_code() {
    let home = Home::new();
    let shown = shell(&home, "stty rows 40 cols 20; $llmgw ask -m demo hello")
        .exp_eof()
        .unwrap();
    let shown = bare(&shown);
    let mut is_code = false;
    for line in shown.lines().map(|line| line.trim_end_matches('\r')) {
        is_code ^= line.starts_with("```");
        assert!(is_code || line.chars().count() <= 20, "{line:?}");
    }
    assert!(shown.contains("export OPENAI_API_KEY=…\r\n"), "{shown}");
}

#[test]
fn our_own_words_break_between_words() {
    let home = Home::new();
    let shown = shell(
        &home,
        "stty rows 40 cols 30; $llmgw ask -m demo/demo,nobody/x hello",
    )
    .exp_eof()
    .unwrap();
    let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
    assert!(
        lines.iter().all(|line| line.chars().count() <= 30),
        "{shown}"
    );
    assert!(lines[0].starts_with("error: "), "{shown}");
}

#[test]
fn a_list_of_models_fits_any_terminal() {
    let home = Home::new();
    let check = |columns: usize, line: &str, expect: &[&str]| {
        let line = format!("stty rows 40 cols {columns}; {line}");
        let shown = bare(&shell(&home, &line).exp_eof().unwrap());
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        for line in &lines {
            assert!(line.chars().count() <= columns, "{line:?} of {shown}");
        }
        let at = lines.iter().position(|line| line.starts_with(expect[0]));
        let at = at.unwrap_or_else(|| panic!("{shown}"));
        assert_eq!(lines[at..at + expect.len()], *expect, "{shown}");
    };
    let models = "OPENAI_API_KEY=k $llmgw models gpt-5.6-luna";
    check(
        20,
        models,
        &[
            "openai/gpt-5.6-luna",
            "  1.05M · $0.20 in",
            "  $1.20 out",
            "  image pdf tools",
            "  reasoning",
            "($ per 1M tokens)",
        ],
    );
    check(
        60,
        models,
        &[
            "MODEL                CONTEXT      IN     OUT  CAN",
            "openai/gpt-5.6-luna    1.05M    0.20    1.20  image pdf",
            "                                              tools",
            "                                              reasoning",
            "($ per 1M tokens)",
        ],
    );
    check(
        80,
        models,
        &[
            "MODEL                CONTEXT      IN     OUT  CAN  ($ per 1M tokens)",
            "openai/gpt-5.6-luna    1.05M    0.20    1.20  image pdf tools reasoning",
        ],
    );
}

#[test]
fn a_window_that_is_resized_takes_the_lines_that_follow() {
    let home = Home::new();
    let words = r#"demo={"words":150,"gap_ms":15}"#;
    let line = format!(
        "stty rows 40 cols 100; (sleep 1; stty cols 30 </dev/tty) & $llmgw ask -q -m demo -p '{words}' x; wait"
    );
    let shown = bare(&shell(&home, &line).exp_eof().unwrap());
    let lengths: Vec<usize> = shown
        .lines()
        .map(|line| line.trim_end().chars().count())
        .collect();
    assert!(lengths[0] > 30 && lengths[0] <= 100, "{shown}");
    let narrow = lengths
        .iter()
        .filter(|length| **length > 0 && **length <= 30)
        .count();
    assert!(narrow > 3, "{shown}");
    assert!(
        lengths.iter().rev().take(3).all(|length| *length <= 30),
        "{shown}"
    );
}

#[test]
fn scripts_do_not_disturb_the_last_conversation() {
    let home = Home::new();
    all(&home, &["ask", "-m", "demo", "hello"]);
    home.run(&["ask", "-S", "cron", "-m", "demo", "nightly"], "")
        .expect(0);
    home.run(&["ask", "-c", "-m", "demo", "unseen"], "")
        .expect(0);
    let last = |expect: &[&str]| {
        let ran = home.run(&["ask", "-n", "-c", "then"], "");
        let request = ran.json();
        let questions: Vec<&str> = request["input"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["role"] == "user")
            .filter_map(|item| item["content"][0]["text"].as_str())
            .collect();
        assert_eq!(questions, expect);
    };
    last(&["hello", "then"]);
    all(&home, &["ask", "-S", "cron", "-m", "demo", "seen"]);
    last(&["nightly", "seen", "then"]);
    all(&home, &["ask", "-m", "demo", "anew"]);
    last(&["anew", "then"]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_kept_unasked_is_a_warning() {
    let home = Home::new();
    let line = "unset XDG_STATE_HOME; HOME=/proc $llmgw ask -m demo hello; echo \"code $?\"";
    let shown = shell(&home, line).exp_eof().unwrap();
    assert!(
        shown.contains("You said") && shown.contains("code 0"),
        "{shown}"
    );
    assert!(
        shown.contains("cannot save the conversation in /proc"),
        "{shown}"
    );
}
