use super::*;

fn items(json: &str) -> Vec<Open<Item>> {
    serde_json::from_str(json).unwrap()
}

const ANSWER: &str = r#"[
    {"type":"reasoning","summary":[],"encrypted_content":"one"},
    {"type":"message","role":"assistant","content":"Looking."},
    {"type":"function_call","call_id":"a","name":"f","arguments":"{\"x\": 1, \"y\": [2]}"},
    {"type":"reasoning","summary":[],"encrypted_content":"two"},
    {"type":"function_call","call_id":"b","name":"f","arguments":"{}"}]"#;

/// The kinds of the items that are sent on, with their state.
fn recalled(memory: &Memory, client: Option<&str>, input: &str) -> Vec<String> {
    let mut request = Arc::new(Request {
        input: items(input),
        ..Request::default()
    });
    memory.recall(client, &mut request);
    request
        .input
        .iter()
        .filter_map(Open::known)
        .map(|item| match item {
            Item::Reasoning(it) => it.encrypted_content.clone().unwrap_or_default(),
            other => other.tag().to_owned(),
        })
        .collect()
}

const RETURNED: &str = r#"[
    {"role":"user","content":"q"},
    {"role":"assistant","content":"Looking."},
    {"type":"function_call","call_id":"a","name":"f","arguments":"{\"y\":[2],\"x\":1}"},
    {"type":"function_call","call_id":"b","name":"f","arguments":"{ }"},
    {"type":"function_call_output","call_id":"a","output":"r"},
    {"type":"function_call_output","call_id":"b","output":"r"}]"#;

#[test]
fn reasoning_comes_back_where_it_stood() {
    let memory = Memory::default();
    memory.keep(Some("ci"), &[], &items(ANSWER));
    let outputs = ["function_call_output", "function_call_output"];
    let mut expect = vec![
        "message",
        "one",
        "message",
        "function_call",
        "two",
        "function_call",
    ];
    expect.extend(outputs);
    assert_eq!(recalled(&memory, Some("ci"), RETURNED), expect);
}

#[test]
fn another_client_and_another_call_find_nothing() {
    let memory = Memory::default();
    memory.keep(Some("ci"), &[], &items(ANSWER));
    let without = |client: Option<&str>, input: &str| {
        let tags = recalled(&memory, client, input);
        assert!(
            !tags.iter().any(|tag| tag == "one" || tag == "two"),
            "{tags:?}"
        );
    };
    without(Some("other"), RETURNED);
    without(None, RETURNED);
    without(Some(""), RETURNED);
    let changed = RETURNED
        .replace("\\\"x\\\":1", "\\\"x\\\":3")
        .replace("{ }", "{\\\"z\\\":0}");
    without(Some("ci"), &changed);
    without(
        Some("ci"),
        &RETURNED.replace("\"name\":\"f\"", "\"name\":\"g\""),
    );
}

#[test]
fn a_client_that_keeps_its_reasoning_is_left_alone() {
    let memory = Memory::default();
    memory.keep(None, &[], &items(ANSWER));
    let own = RETURNED.replace(
        r#"{"role":"assistant""#,
        r#"{"type":"reasoning","summary":[],"encrypted_content":"mine"},{"role":"assistant""#,
    );
    let tags = recalled(&memory, None, &own);
    assert_eq!(tags[..4], ["message", "mine", "message", "function_call"]);
    assert!(!tags.iter().any(|tag| tag == "one" || tag == "two"));
}

#[test]
fn what_stands_after_the_last_text_comes_back_after_it() {
    let memory = Memory::default();
    let answer = r#"[{"type":"message","role":"assistant","content":"Done."},{"type":"reasoning","summary":[],"encrypted_content":"end"}]"#;
    let asked = r#"[{"role":"user","content":"do"}]"#;
    memory.keep(Some("ci"), &items(asked), &items(answer));
    let said = r#"[{"role":"user","content":"do"},{"role":"assistant","content":"Done."},{"role":"user","content":"more"}]"#;
    assert_eq!(
        recalled(&memory, Some("ci"), said),
        ["message", "message", "end", "message"]
    );
    let check = |client, input: &str| {
        let tags = recalled(&memory, client, input);
        assert!(!tags.iter().any(|tag| tag == "end"), "{tags:?}");
    };
    check(Some("other"), said);
    check(Some("ci"), &said.replace("Done", "Gone"));
    check(Some("ci"), &said.replace("\"do\"", "\"undo\""));
    check(
        Some("ci"),
        &said.replace('[', r#"[{"role":"user","content":"well"},"#),
    );
    check(Some("ci"), &said.replace("assistant", "user"));
    let own = r#"},{"type":"reasoning","summary":[],"encrypted_content":"mine"},{"role":"user""#;
    check(Some("ci"), &said.replace(r#"},{"role":"user""#, own));
}

#[test]
fn the_oldest_goes_when_there_is_too_much() {
    let mut shelf = Shelf::default();
    let thought = |size: usize| {
        vec![Reasoning {
            encrypted_content: Some("x".repeat(size)),
            ..Reasoning::default()
        }]
    };
    let mark = |n: u8| [n; 32];
    let size = MOST_OF_ONE - size_of::<Kept>();
    for n in 0..40 {
        shelf.put(mark(n), thought(size), Place::Call);
    }
    assert_eq!(shelf.kept.len(), MOST_BYTES / MOST_OF_ONE);
    assert!(shelf.bytes <= MOST_BYTES);
    assert!(!shelf.kept.contains_key(&mark(0)) && shelf.kept.contains_key(&mark(39)));
    shelf.put(mark(99), thought(MOST_OF_ONE), Place::Call);
    assert!(!shelf.kept.contains_key(&mark(99)));
}
