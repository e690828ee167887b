//! What `-m` means, and who answers in the end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::terminal::{Home, Ran};

fn keyed(home: &Home, arguments: &[&str]) -> Ran {
    let mut command = home.command(arguments);
    command
        .env("ANTHROPIC_API_KEY", "x")
        .env("OPENAI_API_KEY", "x");
    Ran::of(command.output().unwrap())
}

#[test]
fn an_unknown_model_is_answered_with_the_nearest() {
    let home = Home::new();
    let ran = keyed(&home, &["ask", "--no-stdin", "-m", "claud-sonet", "hi"]);
    ran.expect(3);
    assert!(
        ran.stderr.starts_with(
            "error: no model \"claud-sonet\"\n\n  did you mean  anthropic/claude-sonnet-"
        ),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.ends_with("?     all: llmgw models\n"),
        "{}",
        ran.stderr
    );
    let ran = keyed(&home, &["ask", "-n", "-m", "haiku 5-5", "hi"]);
    ran.expect(0);
    assert_eq!(ran.json()["model"], "anthropic/claude-haiku-5-5");
    let ran = keyed(&home, &["ask", "-m", "haiku", "hi"]);
    ran.expect(3);
    assert!(
        ran.stderr.starts_with("error: `haiku` fits "),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.stderr.contains("claude-3-haiku"),
        "it is gone: {}",
        ran.stderr
    );
}

#[test]
fn a_model_that_lacks_only_a_key_says_which() {
    let home = Home::new();
    let check = |model: &str| {
        let ran = home.run(&["ask", "-m", model, "hi"], "");
        ran.expect(4);
        assert!(ran.stderr.contains("ANTHROPIC_API_KEY"), "{}", ran.stderr);
    };
    check("anthropic/claude-haiku-5-5");
    check("claude-haiku-5-5");
    check("sonnet");
}

#[test]
fn a_list_is_asked_in_turn_and_the_change_is_told() {
    let home = Home::new();
    let check = |arguments: &[&str], stderr: &str| {
        let ran = home.run(&[&["ask"], arguments, &["hi"]].concat(), "");
        ran.expect(0);
        assert!(ran.stdout.starts_with("# You said"), "{}", ran.stdout);
        assert_eq!(ran.stderr, stderr, "{arguments:?}");
    };
    let limited = r#"demo={"only":"a","fail":429}"#;
    check(
        &["-m", "demo/a,demo/b", "-p", limited],
        "note: demo/a is rate limited, using demo/b\n",
    );
    check(&["-q", "-m", "demo/a,demo/b", "-p", limited], "");
    check(
        &[
            "-m",
            "demo/a,demo/b",
            "-p",
            r#"demo={"only":"a","cut_after":0}"#,
        ],
        "note: demo/a broke off, using demo/b\n",
    );
    check(
        &["-m", "openai/gpt-6-luna,demo"],
        "note: passed over: no key for `openai`, which would serve `gpt-6-luna`: `OPENAI_API_KEY` is not set\n",
    );
    home.run(&["ask", "-m", "openai/x,groq/y", "hi"], "")
        .expect(4);
}

#[test]
fn a_prompt_that_fits_nobody_is_refused_before_it_is_sent() {
    let home = Home::new();
    let long = home.file("long.txt", "word ".repeat(2_000_000).as_bytes());
    let mut command = home.command(&["ask", "-m", "openai/gpt-6-luna", "-f", &long, "sum up"]);
    command
        .env("OPENAI_API_KEY", "x")
        .env("OPENAI_BASE_URL", "http://127.0.0.1:1/v1");
    let ran = Ran::of(command.output().unwrap());
    ran.expect(7);
    assert!(
        ran.stderr
            .starts_with("error: the prompt is too long: at least "),
        "{}",
        ran.stderr
    );
}
