//! The command line as a process: exit code, standard output and standard error of everything that needs no network.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

mod names;
mod sessions;
mod surroundings;

#[path = "../support/terminal.rs"]
mod terminal;

use terminal::{Home, Ran};

/// The answer of `demo` to one word begins so.
const HELLO: &str = "# You said\n\n> hello\n";

#[test]
fn an_answer_is_standard_output_and_ends_in_one_newline() {
    let ran = Home::new().run(&["ask", "-m", "demo", "hello"], "");
    ran.expect(0);
    assert!(ran.stdout.starts_with(HELLO), "{}", ran.stdout);
    assert!(ran.stdout.ends_with('\n') && !ran.stdout.ends_with("\n\n"));
    assert!(!ran.stdout.contains('\u{1b}'), "a pipe gets no escapes");
    assert_eq!(ran.stderr, "");
}

#[test]
fn words_and_flags_may_be_mixed() {
    let home = Home::new();
    let check = |arguments: &[&str], prompt: &str| {
        let ran = home.run(arguments, "");
        ran.expect(0);
        assert_eq!(
            ran.json()["input"][0]["content"][0]["text"],
            prompt,
            "{arguments:?}"
        );
    };
    check(
        &["ask", "why", "-n", "is", "-m", "demo", "this"],
        "why is this",
    );
    check(&["ask", "-n", "-m", "demo", "--", "-x", "is"], "-x is");
}

#[test]
fn standard_input_is_the_prompt_or_data_before_it() {
    let home = Home::new();
    let check = |arguments: &[&str], stdin: &str, prompt: &str| {
        let ran = home.run(arguments, stdin);
        ran.expect(0);
        assert_eq!(
            ran.json()["input"][0]["content"][0]["text"],
            prompt,
            "{arguments:?}"
        );
    };
    check(&["ask", "-n", "-m", "demo"], "only this\n", "only this\n");
    check(
        &["ask", "-n", "-m", "demo", "-"],
        "only this\n",
        "only this\n",
    );
    check(
        &["ask", "-n", "-m", "demo", "why"],
        "data\n",
        "<stdin>\ndata\n</stdin>\n\nwhy",
    );
    check(
        &["ask", "-n", "-m", "demo", "--no-stdin", "why"],
        "data\n",
        "why",
    );
    check(
        &["ask", "-n", "-m", "demo", "-f", "-", "why"],
        "data\n",
        "<stdin>\ndata\n</stdin>\n\nwhy",
    );
}

#[test]
fn a_pipe_that_stays_open_is_explained_and_waited_for() {
    let home = Home::new();
    let mut child = home
        .command(&["ask", "-m", "demo", "hello"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    stdin.write_all(b"late").unwrap();
    drop(stdin);
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(0);
    assert_eq!(
        ran.stderr,
        "llmgw: waiting for standard input (use --no-stdin or </dev/null to skip it)\n"
    );
    assert!(
        ran.stdout.contains("> late"),
        "what came late is not dropped: {}",
        ran.stdout
    );
}

#[test]
fn files_are_framed_and_media_are_parts() {
    let home = Home::new();
    let text = home.file("a.txt", b"\xef\xbb\xbfalpha\n");
    let image = home.file("p.png", b"\x89PNG\r\n\x1a\nrest");
    let ran = home.run(
        &["ask", "-n", "-m", "demo", "-f", &text, "-f", &image, "what"],
        "",
    );
    ran.expect(0);
    let content = &ran.json()["input"][0]["content"];
    assert_eq!(
        content[0]["image_url"],
        "data:image/png;base64,iVBORw0KGgpyZXN0"
    );
    assert_eq!(
        content[1]["text"],
        format!("<file path=\"{text}\">\nalpha\n</file>\n\nwhat")
    );
}

#[test]
fn what_cannot_be_sent_is_a_usage_error() {
    let home = Home::new();
    let binary = home.file("b.bin", b"\x00\x01\xff");
    let directory = home.path().to_str().unwrap().to_owned();
    let check = |arguments: &[&str], stderr: &str| {
        let ran = home.run(arguments, "");
        ran.expect(2);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains(stderr), "{arguments:?}: {}", ran.stderr);
    };
    check(&["ask"], "no prompt: give it as words or pipe it in");
    check(
        &["ask", "-m", "demo", "-f", &binary, "x"],
        "b.bin is binary",
    );
    check(
        &["ask", "-m", "demo", "-f", &directory, "x"],
        "the shell can expand it: -f ",
    );
    check(
        &["ask", "-m", "demo", "-f", "/no/such", "x"],
        "there is no such file",
    );
    check(
        &["ask", "-m", "demo", "--schema", "{", "x"],
        "--schema is not JSON",
    );
    check(
        &["ask", "-m", "demo", "--schema", r#"{"requird":[]}"#, "x"],
        "`requird` in # cannot be checked here; did you mean `required`?",
    );
    check(
        &["ask", "-m", "demo", "-p", "model=x", "x"],
        "that is set by --model",
    );
    check(
        &["ask", "-m", "demo", "-t", "3", "x"],
        "it goes from 0 to 2",
    );
    check(&["ask", "--nonsense"], "unexpected argument");
}

#[test]
fn names_that_are_nearly_right_are_offered() {
    let home = Home::new();
    let check = |arguments: &[&str], code: i32, stderr: &str| {
        let ran = home.run(arguments, "");
        ran.expect(code);
        assert!(ran.stderr.contains(stderr), "{arguments:?}: {}", ran.stderr);
    };
    check(
        &["why is the sky blue"],
        2,
        "did you mean: llmgw ask \"why is the sky blue\"",
    );
    check(
        &["why", "is", "it"],
        2,
        "did you mean: llmgw ask \"why is it\"",
    );
    check(&["aks", "x"], 2, "did you mean: llmgw ask\n");
    check(&["modles"], 2, "did you mean: llmgw models\n");
    check(
        &["ask", "-m", "no-such-model-anywhere", "x"],
        3,
        "no-such-model-anywhere",
    );
}

#[test]
fn without_a_key_the_first_run_says_what_to_do() {
    let ran = Home::new().run(&["ask", "why is the sky blue?"], "");
    ran.expect(4);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with(
        "error: no API key found, so there is no model to ask\n\n  Set one and try again:\n"
    ));
    for variable in [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GOOGLE_API_KEY",
        "llmgw ask -m demo hello",
    ] {
        assert!(ran.stderr.contains(variable), "{}", ran.stderr);
    }
}

#[test]
fn failures_have_their_codes_and_nothing_on_standard_output() {
    let home = Home::new();
    let check = |status: &str, code: i32| {
        let ran = home.run(
            &[
                "ask",
                "-m",
                "demo",
                "-p",
                "delay_ms=0",
                "-p",
                &format!("fail={status}"),
                "x",
            ],
            "",
        );
        ran.expect(code);
        assert_eq!(ran.stdout, "", "fail={status}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    };
    check("429", 5);
    check("401", 4);
    check("402", 4);
    check("400", 7);
    check("500", 6);
}

#[test]
fn json_is_one_object_also_on_failure() {
    let home = Home::new();
    let ran = home.run(&["ask", "-j", "-m", "demo", "hello"], "");
    ran.expect(0);
    let object = ran.json();
    assert_eq!(object["model"], "demo/demo");
    assert_eq!(object["finish_reason"], "stop");
    assert!(object["output"].as_str().unwrap().starts_with(HELLO));
    assert_eq!(
        object["usage"]["input"], 2,
        "a token of the demo is four bytes"
    );
    assert_eq!(object["attempts"], 1);
    assert!(object["total_ms"].is_u64());

    let ran = home.run(&["ask", "-j", "-m", "demo", "-p", "fail=429", "hello"], "");
    ran.expect(5);
    let error = &ran.json()["error"];
    assert_eq!(error["kind"], "rate_limit");
    assert_eq!(error["status"], 429);
    assert_eq!(error["provider"], "demo");
    assert_eq!(error["retryable"], true);
    assert!(ran.stderr.starts_with("error: "), "a person is told too");
}

#[test]
fn a_schema_gives_one_fitting_value() {
    let schema = r#"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"]}"#;
    let ran = Home::new().run(&["ask", "-m", "demo", "--schema", schema, "Ada is 36"], "");
    ran.expect(0);
    let value = ran.json();
    assert!(
        value["name"].is_string() && value["age"].is_i64(),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stdout.lines().count(), 1);
}

#[test]
fn an_answer_that_does_not_fit_has_a_code_of_its_own() {
    let home = Home::new();
    let schema = r#"{"type":"object","required":["name"]}"#;
    let check = |said: &str, stderr: &str| {
        let said = format!("demo={}", serde_json::json!({ "text": said }));
        let ran = home.run(
            &["ask", "-m", "demo", "-p", &said, "--schema", schema, "x"],
            "",
        );
        ran.expect(8);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", stderr));
    };
    check(
        "{}",
        "error: the answer does not fit the schema: answer.name is missing\n",
    );
    check(
        "no JSON",
        "error: the answer is not JSON: expected ident at line 1 column 2\n",
    );
}

#[test]
fn an_answer_that_is_cut_short_says_so() {
    let home = Home::new();
    let ran = home.run(&["ask", "-m", "demo", "--max-tokens", "3", "hello"], "");
    ran.expect(0);
    assert_eq!(
        ran.stderr,
        "warning: the answer stopped at the token limit (raise --max-tokens)\n"
    );
    let ran = home.run(
        &["ask", "-j", "-m", "demo", "--max-tokens", "3", "hello"],
        "",
    );
    assert_eq!(ran.json()["finish_reason"], "length");

    let ran = home.run(&["ask", "-m", "demo", "-p", "cut_after=5", "hello"], "");
    ran.expect(6);
    assert_eq!(ran.stdout, "# You said\n", "what came stays printed");
    assert!(ran.stderr.contains("broke off"), "{}", ran.stderr);
    let ran = home.run(
        &["ask", "-j", "-m", "demo", "-p", "cut_after=5", "hello"],
        "",
    );
    ran.expect(6);
    assert_eq!(ran.json()["error"]["kind"], "stream_cut");

    let ran = home.run(
        &[
            "ask",
            "-m",
            "demo",
            "--timeout",
            "1",
            "-p",
            "stall_after=5",
            "hello",
        ],
        "",
    );
    ran.expect(6);
    assert!(ran.stderr.contains("no answer within 1s"), "{}", ran.stderr);
}

#[test]
fn reasoning_goes_to_standard_error() {
    let home = Home::new();
    let ran = home.run(
        &["ask", "--reasoning", "-e", "high", "-m", "demo", "hello"],
        "",
    );
    ran.expect(0);
    assert!(ran.stdout.starts_with(HELLO), "{}", ran.stdout);
    assert!(
        !ran.stderr.is_empty() && !ran.stderr.contains('\u{1b}'),
        "{}",
        ran.stderr
    );
    let hidden = home.run(&["ask", "-e", "high", "-m", "demo", "hello"], "");
    assert_eq!((hidden.stdout, hidden.stderr), (ran.stdout, String::new()));
}

#[test]
fn the_first_code_block_is_taken_out() {
    let ran = Home::new().run(&["ask", "-x", "-m", "demo", "hello"], "");
    ran.expect(0);
    assert!(
        !ran.stdout.contains("```") && ran.stdout.lines().count() == 2,
        "{}",
        ran.stdout
    );
}

#[test]
fn usage_goes_to_standard_error() {
    let ran = Home::new().run(&["ask", "-u", "-m", "demo", "hello"], "");
    ran.expect(0);
    assert!(
        ran.stderr.starts_with("2 in · ") && ran.stderr.ends_with(" · demo/demo\n"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stdout.contains(" in · "));
}

#[test]
fn whole_and_streamed_answers_are_the_same() {
    let home = Home::new();
    let streamed = home.run(&["ask", "-m", "demo", "hello"], "");
    let whole = home.run(&["ask", "--no-stream", "-m", "demo", "hello"], "");
    whole.expect(0);
    assert_eq!(streamed.stdout, whole.stdout);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let home = Home::new();
    let mut child = home
        .command(&["ask", "-m", "demo", "-p", "delay_ms=20", "hello"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(0);
    assert_eq!(ran.stderr, "");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_process_as_that_signal() {
    use std::os::unix::process::ExitStatusExt as _;
    let home = Home::new();
    for (name, number) in [("INT", 2), ("TERM", 15)] {
        let mut child = home
            .command(&["ask", "-m", "demo", "-p", "delay_ms=60000", "hello"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(500));
        Command::new("kill")
            .args([&format!("-{name}"), &child.id().to_string()])
            .status()
            .unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(number));
    }
}

#[test]
fn models_are_rows_ids_or_objects() {
    let home = Home::new();
    let rows = home.run(&["models"], "");
    rows.expect(0);
    assert!(
        rows.stdout
            .lines()
            .all(|line| line.split('\t').count() == 6),
        "{}",
        rows.stdout
    );
    let ids = home.run(&["ls", "-q"], "");
    assert!(ids.stdout.lines().any(|line| line == "demo"));
    let objects = home.run(&["models", "-j"], "").json();
    let demo = objects
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == "demo")
        .unwrap();
    assert_eq!(demo["ready"], true);
    let all = home.run(&["models", "-a", "-q", "claude", "sonnet"], "");
    assert!(
        !all.stdout.is_empty()
            && all
                .stdout
                .lines()
                .all(|id| id.contains("claude") && id.contains("sonnet"))
    );
    home.run(&["models", "-a", "no-such-word"], "").expect(3);
}

#[test]
fn the_configuration_commands_work_with_a_broken_file() {
    let home = Home::new();
    let broken = home.file("broken.yaml", b"bogus: 1\n");
    let with =
        |arguments: &[&str]| home.run(&[&["--config", broken.as_str()], arguments].concat(), "");
    let path = with(&["config", "path"]);
    path.expect(0);
    assert_eq!(path.stdout.trim_end(), broken);
    let show = with(&["config", "show"]);
    show.expect(3);
    assert_eq!(show.stdout, "bogus: 1\n");
    let check = with(&["config", "check"]);
    check.expect(3);
    assert!(check.stderr.contains("broken.yaml:1:1"), "{}", check.stderr);
    with(&["config", "edit"]).expect(3);
    with(&["config", "init"]).expect(2);
    let ask = with(&["ask", "-m", "demo", "x"]);
    ask.expect(3);
    assert!(ask.stderr.contains("bogus"), "{}", ask.stderr);
}

#[test]
fn a_new_configuration_is_sound() {
    let home = Home::new();
    let file = home
        .path()
        .join("new/config.yaml")
        .to_str()
        .unwrap()
        .to_owned();
    home.run(&["--config", &file, "config", "init"], "")
        .expect(0);
    let check = home.run(&["--config", &file, "config", "check"], "");
    check.expect(0);
    assert!(check.stdout.ends_with("ok\n"), "{}", check.stdout);
    let schema = home.run(&["config", "schema"], "").json();
    let example: serde_json::Value =
        serde_yaml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let faults: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&example)
        .map(|fault| fault.to_string())
        .collect();
    assert!(
        faults.is_empty(),
        "the schema takes the example: {faults:?}"
    );
}

#[test]
fn a_conversation_can_be_piped() {
    let ran = Home::new().run(
        &["chat", "-m", "demo"],
        "hello\n/bogus\n/usage\n/system be brief\nagain\n/exit\nnever\n",
    );
    ran.expect(0);
    assert_eq!(
        ran.stdout.matches("# You said").count(),
        2,
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains(" in context\n") && !ran.stdout.contains("never"));
    assert!(
        ran.stderr.contains("there is no command /bogus"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_last_failure_of_a_piped_conversation_is_its_exit_code() {
    let home = Home::new();
    home.run(&["chat", "-m", "demo", "-p", "fail=429"], "hello\n")
        .expect(5);
}

#[test]
fn completion_scripts_are_current() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("completions/llmgw.{shell}"));
        let ran = home.run(&["completions", shell], "");
        ran.expect(0);
        let kept = std::fs::read_to_string(kept).unwrap();
        assert_eq!(
            kept, ran.stdout,
            "run `llmgw completions {shell} > completions/llmgw.{shell}`"
        );
    }
}

#[test]
fn the_manual_page_names_every_command() {
    let ran = Home::new().run(&["man"], "");
    ran.expect(0);
    for word in ["llmgw", "ask", "chat", "models", "serve", "EXIT"] {
        assert!(
            ran.stdout.to_uppercase().contains(&word.to_uppercase()),
            "{word}"
        );
    }
}

#[test]
fn help_without_a_command_is_a_usage_error() {
    let ran = Home::new().run(&[], "");
    ran.expect(2);
    assert!(ran.stderr.contains("Usage: llmgw"), "{}", ran.stderr);
}
