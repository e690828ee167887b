//! The commands about routes, as processes: `crash-test`, `import litellm` and `config show --resolved`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs with nothing in the environment but a home.
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_llmgw"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.0.path())
            .output()
            .unwrap()
    }

    fn with(&self, config: &Path, arguments: &[&str]) -> Output {
        let config = config.to_str().unwrap();
        self.run(&[arguments, &["--config", config]].concat())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const PAIR: &str = "models:\n  m: { targets: [openai/gpt-6-sol, anthropic/claude-sonnet-5-5] }\n";

#[test]
fn a_rehearsal_in_a_pipe_is_a_line_for_each_trial() {
    let home = Home::new();
    let config = home.write("c.yaml", PAIR);
    let ran = home.with(
        &config,
        &["crash-test", "--fault", "500s", "--fault", "cut"],
    );
    let out = text(&ran.stdout);
    assert_eq!(ran.status.code(), Some(0), "{out}");
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split('\t').collect()).collect();
    let heads: Vec<&[&str]> = rows.iter().map(|row| &row[..5]).collect();
    assert_eq!(
        heads,
        [
            ["m", "500s", "first", "streamed", "answered"],
            ["m", "500s", "first", "whole", "answered"],
            ["m", "500s", "all", "streamed", "error"],
            ["m", "500s", "all", "whole", "error"],
            ["m", "cut", "first", "streamed", "error"],
            ["m", "cut", "first", "whole", "answered"],
            ["m", "cut", "all", "streamed", "error"],
            ["m", "cut", "all", "whole", "error"],
        ]
    );
    assert!(rows.iter().all(|row| row.len() == 11));
    assert_eq!(rows[0][5], "anthropic/claude-sonnet-5-5");
    assert!(text(&ran.stderr).is_empty());
}

#[test]
fn a_rehearsal_fails_where_more_was_promised_and_strictly_also_on_honest_errors() {
    let home = Home::new();
    let check = |config: &str, arguments: &[&str], expect: i32| {
        let config = home.write("c.yaml", config);
        let ran = home.with(&config, &[&["crash-test"], arguments].concat());
        assert_eq!(
            ran.status.code(),
            Some(expect),
            "{arguments:?} {}{}",
            text(&ran.stdout),
            text(&ran.stderr)
        );
    };
    check(PAIR, &["--fault", "silence"], 0);
    let hasty = PAIR.replace(" }", ", timeouts: { total: 9s } }");
    check(&hasty, &["--fault", "silence"], 1);
    check(PAIR, &["--fault", "cut"], 0);
    check(PAIR, &["--fault", "cut", "--strict"], 1);
    check(PAIR, &["--fault", "nonsense"], 2);
    check(PAIR, &["nobody"], 3);
    check("{}", &[], 3);
    check("modles: {}", &[], 3);
}

#[test]
fn a_rehearsal_as_json_has_a_verdict_for_each_fault() {
    let home = Home::new();
    let config = home.write("c.yaml", PAIR);
    let ran = home.with(
        &config,
        &["crash-test", "m", "--fault", "dead-primary", "-j"],
    );
    let rows: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(rows[0]["verdict"], "answered", "{rows}");
    let note = rows[0]["runs"][0]["note"].as_str().unwrap();
    assert!(note.starts_with("120 of 120 answered"), "{note}");
}

#[test]
fn an_import_is_a_sound_file_with_its_findings_beside_it() {
    let home = Home::new();
    let theirs = "model_list:
- { model_name: fast, litellm_params: { model: groq/llama, api_key: os.environ/GROQ_API_KEY } }
- { model_name: fast, litellm_params: { model: openai/gpt-6-luna } }
general_settings: { master_key: os.environ/MASTER }\n";
    let file = home.write("litellm.yaml", theirs);
    let ran = home.run(&["import", "litellm", file.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let ours = home.write("ours.yaml", &text(&ran.stdout));
    let checked = Command::new(env!("CARGO_BIN_EXE_llmgw"))
        .args(["config", "check", "--config", ours.to_str().unwrap()])
        .env_clear()
        .env("MASTER", "a-key-that-is-long-enough")
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    assert!(text(&checked.stdout).ends_with("ok\n"));
    // Nothing that clients of the other could do is lost: a rehearsal knows the name.
    let file = home.write("bad.yaml", &theirs.replace("groq/llama", "bedrock/llama"));
    let ran = home.run(&["import", "litellm", file.to_str().unwrap()]);
    assert_eq!(ran.status.code(), Some(1));
    let said = text(&ran.stderr);
    assert!(
        said.contains("needs a hand  model_list[0] (fast)"),
        "{said}"
    );
    assert!(said.ends_with(" 1 to see to\n"), "{said}");
    let ran = home.run(&["import", "litellm", "nothing.yaml"]);
    assert_eq!(ran.status.code(), Some(2));
}

#[test]
fn the_merged_result_has_no_secret_and_of_a_broken_file_no_text() {
    let home = Home::new();
    let sound = home.write(
        "c.yaml",
        "providers: { openai: { api_key: sk-secret-1, headers: { x-a: sk-secret-2 } } }\nserver: { keys: [{ name: a, key: sk-secret-3-is-long }] }\n",
    );
    let ran = home.with(&sound, &["config", "show", "--resolved"]);
    let out = text(&ran.stdout);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(
        out.contains("first_token: 5m") && out.contains("(redacted)"),
        "{out}"
    );
    assert!(!out.contains("sk-secret"), "{out}");
    let broken = home.write(
        "b.yaml",
        "modles: {}\nproviders: { openai: { api_key: sk-secret-4 } }\n",
    );
    let ran = home.with(&broken, &["config", "show", "--resolved"]);
    assert_eq!(ran.status.code(), Some(3));
    assert!(ran.stdout.is_empty());
    assert!(text(&ran.stderr).contains("modles"));
    assert!(!text(&ran.stderr).contains("sk-secret"));
}
