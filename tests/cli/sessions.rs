//! Conversations on disk, as scripts see them.

use std::path::Path;

use super::terminal::Home;

#[test]
fn only_a_named_conversation_is_saved_by_a_script() {
    let home = Home::new();
    home.run(&["ask", "-m", "demo", "hello"], "").expect(0);
    home.run(&["chat", "--list"], "").expect(0);
    home.run(&["ask", "-c", "-m", "demo", "hello"], "")
        .expect(2);
    home.run(&["ask", "-S", "work", "-m", "demo", "hello"], "")
        .expect(0);
    home.run(&["ask", "-n", "-c", "and then"], "").expect(2);
    let ran = home.run(&["ask", "-n", "-S", "work", "and then"], "");
    ran.expect(0);
    let request = ran.json();
    assert_eq!(request["model"], "demo", "it goes on with the same model");
    let roles: Vec<&str> = request["input"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["role"].as_str())
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    home.run(&["ask", "-S", "../x", "-m", "demo", "hello"], "")
        .expect(2);
    let list = home.run(&["chat", "-l"], "");
    assert!(list.stdout.starts_with("work\t"), "{}", list.stdout);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_a_conversation() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    home.run(&["ask", "-S", "work", "-m", "demo", "hello"], "")
        .expect(0);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let state = home.path().join("state/llmgw");
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("sessions/work.jsonl")), 0o600);
}

#[test]
fn a_turn_that_was_torn_off_is_dropped_and_the_next_one_kept() {
    let home = Home::new();
    home.run(&["ask", "-S", "work", "-m", "demo", "one"], "")
        .expect(0);
    let path = home.path().join("state/llmgw/sessions/work.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"model\":\"demo\",\"inp");
    std::fs::write(&path, text).unwrap();
    home.run(&["ask", "-S", "work", "-m", "demo", "two"], "")
        .expect(0);
    let list = home.run(&["chat", "-l"], "");
    let cells: Vec<&str> = list.stdout.trim_end().split('\t').collect();
    assert_eq!((cells[0], cells[2], cells[3]), ("work", "2", "one"));
}

#[test]
fn a_conversation_of_a_pipe_is_not_kept() {
    let home = Home::new();
    home.run(&["chat", "-m", "demo"], "hello\n").expect(0);
    assert!(
        !home.path().join("state").exists(),
        "nothing is written unasked"
    );
    home.run(&["chat", "-S", "work", "-m", "demo"], "hello\nagain\n")
        .expect(0);
    let list = home.run(&["chat", "-l"], "");
    assert_eq!(list.stdout.split('\t').nth(2), Some("2"));
}
