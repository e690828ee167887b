//! Where the program finds itself: closed and full streams, no home, odd input.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use super::HELLO;
use super::terminal::{Home, Ran};

/// Runs a line of shell in which `$llmgw` is the program.
fn shell(home: &Home, line: &str) -> Ran {
    let program = home.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", line]).env_clear();
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
        .env("llmgw", program.get_program())
        .stdin(Stdio::null());
    Ran::of(command.output().unwrap())
}

#[test]
fn a_pipe_may_end_early_be_closed_or_be_full() {
    let home = Home::new();
    let check = |line: &str, code: i32, stdout: &str, stderr: &str| {
        let ran = shell(&home, line);
        ran.expect(code);
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str()),
            (stdout, stderr),
            "{line}"
        );
    };
    check(
        "$llmgw ask -m demo -p gap_ms=5 hello | head -1",
        0,
        "# You said\n",
        "",
    );
    check("$llmgw ask -m demo hello >&-", 0, "", "");
    check("$llmgw man | head -1 >/dev/null", 0, "", "");
    if cfg!(target_os = "linux") {
        let full = "error: cannot write: No space left on device (os error 28)\n";
        check("$llmgw ask -m demo hello >/dev/full", 1, "", full);
        check("$llmgw ask -j -m demo hello >/dev/full", 1, "", full);
        check("$llmgw models >/dev/full", 1, "", full);
        check("$llmgw --version >/dev/full", 1, "", full);
        check("$llmgw ask -m nobody hello 2>/dev/full", 3, "", "");
    }
}

#[test]
fn a_pipe_never_gets_an_escape() {
    let home = Home::new();
    let ran = shell(
        &home,
        "$llmgw ask -u --reasoning -m demo -p delay_ms=600 hello 2>&1 | cat -v; \
         $llmgw ask -m demo -p fail=429 hello 2>&1 | cat -v; $llmgw models 2>&1 | cat -v",
    );
    ran.expect(0);
    assert!(
        ran.stdout.contains("# You said") && ran.stdout.contains("error: "),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("^["), "{}", ran.stdout);
    let coloured = home.run(&["ask", "--color", "always", "-m", "demo", "hello"], "");
    assert!(
        coloured.stdout.starts_with(HELLO),
        "a pipe gets the bytes, whatever the colour"
    );
}

#[test]
fn standard_input_of_any_kind_is_text_or_refused() {
    let home = Home::new();
    let utf16: Vec<u8> = "\u{feff}grüß\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let utf16 = home.file("utf16", &utf16);
    let binary = home.file("binary", b"\x7fELF\x02\x01\x00\x00");
    let check = |line: &str, code: i32, expect: &str| {
        let ran = shell(&home, line);
        ran.expect(code);
        let said = if code == 0 { &ran.stdout } else { &ran.stderr };
        assert!(said.contains(expect), "{line}: {said}");
    };
    check(&format!("$llmgw ask -m demo <{utf16}"), 0, "> grüß");
    check(
        &format!("$llmgw ask -m demo what <{binary}"),
        2,
        "standard input is binary",
    );
    check("$llmgw ask -m demo hello </", 0, "> hello");
    check("$llmgw ask -m demo hello <&-", 0, "> hello");
    check("$llmgw ask -m demo </dev/null", 2, "no prompt");
    check("printf '' | $llmgw ask -m demo hello", 0, "> hello");
    check(
        "LLMGW_NO_STDIN=1 $llmgw ask -m demo hello < /dev/zero",
        0,
        "> hello",
    );
    check(
        "head -c 8000000 /dev/zero | tr '\\0' a | $llmgw ask -m demo | tail -1",
        0,
        "| words | 1 |",
    );
}

#[test]
fn a_pipe_that_stays_open_can_be_skipped() {
    let home = Home::new();
    let fifo = home.path().join("fifo").to_str().unwrap().to_owned();
    let ran = shell(
        &home,
        &format!("mkfifo {fifo}; exec 3<>{fifo}; $llmgw ask --no-stdin -m demo hello <&3"),
    );
    ran.expect(0);
    assert_eq!(ran.stderr, "");
}

#[test]
fn without_a_home_everything_works_but_keeping() {
    let home = Home::new();
    let bare = |arguments: &[&str], at: Option<&str>| {
        let mut command = home.command(arguments);
        for name in [
            "HOME",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "XDG_CACHE_HOME",
        ] {
            command.env_remove(name);
        }
        if let Some(at) = at {
            command.env("HOME", at);
        }
        Ran::of(command.stdin(Stdio::null()).output().unwrap())
    };
    for at in [None, Some("/dev/null")] {
        bare(&["ask", "-m", "demo", "hello"], at).expect(0);
        bare(&["models"], at).expect(0);
        bare(&["config", "show"], at).expect(0);
    }
    let ran = bare(&["ask", "-S", "work", "-m", "demo", "hello"], None);
    ran.expect(1);
    assert!(
        ran.stderr.contains("set HOME, or use --no-save"),
        "said before anything is asked: {}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "");
    if cfg!(target_os = "linux") {
        let ran = bare(&["ask", "-S", "work", "-m", "demo", "hello"], Some("/proc"));
        ran.expect(1);
        assert!(
            ran.stdout.starts_with(HELLO),
            "the answer is not lost: {}",
            ran.stdout
        );
        assert!(
            ran.stderr.contains("cannot save the conversation in /proc"),
            "{}",
            ran.stderr
        );
    }
}
