use super::*;

fn flat(body: &str) -> Flat {
    let request: Request = serde_json::from_str(body).unwrap();
    Flat::of(&request).unwrap()
}

fn names(flat: &Flat) -> Vec<&str> {
    let tools = flat.request.tools.iter().filter_map(Open::known);
    tools.map(Tool::name).collect()
}

#[test]
fn a_plain_request_is_left_alone() {
    let request: Request = serde_json::from_str(
        r#"{"tools":[{"type":"function","name":"f"},{"type":"web_search"}],"tool_choice":{"type":"allowed_tools","tools":[{"type":"function","name":"f"}]},
            "input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":""}]}"#,
    )
    .unwrap();
    assert!(Flat::of(&request).is_none());
}

#[test]
fn tools_of_namespaces_and_items_stand_in_one_list() {
    let flat = flat(
        r#"{"tools":[{"type":"function","name":"look"},{"type":"namespace","name":"clock","description":"Time.","newer":1,"tools":[{"type":"function","name":"sleep","description":"Waits."}]}],
            "input":[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"functions","tools":[{"type":"custom","name":"exec"},{"type":"function"}]},{"type":"web_search"}]},{"role":"user","content":"hi"}]}"#,
    );
    assert_eq!(names(&flat), ["look", "clock__sleep", "exec"]);
    assert_eq!(flat.request.input.len(), 1);
    let Open::Known(Tool::Function(sleep)) = &flat.request.tools[1] else {
        panic!("a function")
    };
    assert_eq!(
        sleep.description.as_deref(),
        Some("Waits.\n\nOne of the tools `clock`: Time.")
    );
    let theirs = |name: &str| {
        let theirs = flat.names.get(name).unwrap();
        (theirs.namespace.as_str(), theirs.name.as_str())
    };
    assert_eq!(theirs("clock__sleep"), ("clock", "sleep"));
    assert_eq!(theirs("exec"), ("functions", "exec"));
    let lost: Vec<&str> = flat.losses.iter().map(|loss| loss.field.as_str()).collect();
    assert_eq!(lost, ["tools[1].newer", "input[0].tools[0].tools[1]"]);
}

#[test]
fn paths_are_those_of_the_client() {
    let flat = flat(
        r#"{"tools":[{"type":"namespace","name":"a","tools":[{"type":"function","name":"b"}]}],
            "input":[{"type":"additional_tools","tools":[{"type":"web_search"}]},{"role":"user","content":"hi"}]}"#,
    );
    let check = |path, expect| assert_eq!(flat.place(path), expect);
    check("tools[0].strict", "tools[0].tools[0].strict");
    check("tools[1]", "input[0].tools[0]");
    check("input[0].content[0]", "input[1].content[0]");
    check("input[7]", "input[7]");
    check("reasoning.effort", "reasoning.effort");
}

#[test]
fn names_fit_every_provider_and_stay_apart() {
    assert_eq!(flat_name("mcp__files__", "read"), "mcp__files__read");
    assert_eq!(flat_name("mcp__files", "read"), "mcp__files__read");
    let check = |namespace: &str, name: &str| {
        let flat = flat_name(namespace, name);
        assert!(flat.len() <= 64, "{flat}");
        assert!(flat.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        flat
    };
    assert_ne!(check("a.b", "c"), check("a/b", "c"));
    let long = "x".repeat(60);
    assert_ne!(check(&long, "name1"), check(&long, "name2"));
    let taken = flat(
        r#"{"tools":[{"type":"function","name":"exec"},{"type":"namespace","name":"functions","tools":[{"type":"custom","name":"exec"}]}],"input":"hi"}"#,
    );
    let names = names(&taken);
    assert_eq!(names[0], "exec");
    assert!(names[1].starts_with("exec_"), "{names:?}");
}

#[test]
fn calls_of_the_past_have_the_names_of_today() {
    let flat = flat(
        r#"{"tools":[{"type":"namespace","name":"clock","tools":[{"type":"function","name":"sleep"}]}],
            "tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"sleep","namespace":"clock"}]},
            "input":[{"type":"function_call","call_id":"c1","name":"sleep","namespace":"clock","arguments":"{}"},
                {"type":"function_call_output","call_id":"c1","output":"ok"},
                {"type":"local_shell_call","call_id":"c2","status":"completed","action":{"type":"exec","command":["ls"]}},
                {"type":"function_call_output","call_id":"c2","output":"ok"},
                {"type":"web_search_call","id":"ws_1","status":"completed"}]}"#,
    );
    let input = serde_json::to_value(&flat.request.input).unwrap();
    assert_eq!(input[0]["name"], "clock__sleep");
    assert!(input[0].get("namespace").is_none());
    assert_eq!(
        input[2],
        json!({"type": "function_call", "call_id": "c2", "name": "local_shell", "arguments": r#"{"type":"exec","command":["ls"]}"#})
    );
    assert_eq!(input[4]["type"], "web_search_call");
    let choice = serde_json::to_value(&flat.request.tool_choice).unwrap();
    assert_eq!(
        choice["tools"][0],
        json!({"type": "function", "name": "clock__sleep"})
    );
}
