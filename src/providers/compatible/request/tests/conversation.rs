//! Items as the messages that they become.

use super::*;

#[test]
fn a_round_of_tools_is_one_assistant_message_and_its_outputs() {
    check(
        "mistral",
        "m",
        &json!({ "input": [
            { "role": "user", "content": "hi" },
            { "role": "assistant", "content": "wait" },
            { "type": "function_call", "call_id": "abcdefgh1", "name": "f", "arguments": "" },
            { "type": "function_call", "call_id": "abcdefgh2", "name": "f", "arguments": "{\"a\": 1}" },
            { "type": "function_call_output", "call_id": "abcdefgh1", "output": "x" },
            { "type": "function_call_output", "call_id": "abcdefgh2", "output": [
                { "type": "input_text", "text": "y" }, { "type": "input_text", "text": "z" }] },
        ]}),
        &json!({ "messages": [
            { "role": "user", "content": "hi" },
            { "role": "assistant", "content": "wait", "tool_calls": [
                { "id": "abcdefgh1", "type": "function", "function": { "name": "f", "arguments": "{}" } },
                { "id": "abcdefgh2", "type": "function", "function": { "name": "f", "arguments": "{\"a\": 1}" } },
            ]},
            { "role": "tool", "content": "x", "tool_call_id": "abcdefgh1" },
            { "role": "tool", "content": "y\nz", "tool_call_id": "abcdefgh2" },
        ]}),
        &[],
    );
}

#[test]
fn a_foreign_call_id_becomes_nine_characters_for_mistral_in_call_and_output_alike() {
    let (body, _) = sent(
        "mistral",
        "m",
        &json!({ "input": [
            { "type": "function_call", "call_id": "toolu_01AbC", "name": "f", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "toolu_01AbC", "output": "x" },
        ]}),
    );
    let id = body["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 9);
    assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_eq!(body["messages"][1]["tool_call_id"], id);
}

#[test]
fn system_messages_stand_where_the_server_takes_them() {
    let request = json!({ "instructions": "a", "input": [
        { "role": "developer", "content": "b" },
        { "role": "user", "content": "hi" },
        { "role": "system", "content": "c" },
    ]});
    let roles = |vendor, model| {
        let messages = field(vendor, model, &request, "messages");
        let roles = messages.as_array().unwrap().iter();
        roles
            .map(|m| m["role"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        roles("openai", "gpt-5.5"),
        ["developer", "developer", "user", "developer"]
    );
    assert_eq!(
        roles("openai", "gpt-4o"),
        ["system", "system", "user", "system"]
    );
    check(
        "vllm",
        "m",
        &request,
        &json!({ "messages": [
            { "role": "system", "content": "a\n\nb\n\nc" },
            { "role": "user", "content": "hi" },
        ]}),
        &["input"],
    );
}

#[test]
fn media_that_a_server_cannot_read_is_refused() {
    let part = |part: Value| json!({ "input": [{ "role": "user", "content": [part] }] });
    let image = part(json!({ "type": "input_image", "image_url": "https://a/b.png" }));
    assert_eq!(refused("ollama", "m", &image), "input[0].content[0]");
    assert_eq!(refused("deepseek", "m", &image), "input[0].content[0]");
    assert_eq!(
        field("groq", "m", &image, "messages")[0]["content"][0]["image_url"]["url"],
        "https://a/b.png"
    );
    let text = part(json!({ "type": "input_file", "filename": "a.txt", "file_data": "aGk=" }));
    assert_eq!(
        field("groq", "m", &text, "messages")[0]["content"],
        "a.txt\nhi"
    );
    let pdf = part(json!({ "type": "input_file", "filename": "a.pdf", "file_data": "JVBERg==" }));
    assert_eq!(refused("groq", "m", &pdf), "input[0].content[0]");
    assert_eq!(
        field("openai", "gpt-4o", &pdf, "messages")[0]["content"][0]["file"]["file_data"],
        "data:application/pdf;base64,JVBERg=="
    );
}

#[test]
fn reasoning_goes_back_where_it_is_wanted_and_nowhere_else() {
    let details = r#"[{"type":"reasoning.encrypted", "data":"x\/y"}]"#;
    let sealed = |blocks| details::seal("lab", "m", blocks);
    let request = |sealed: String| {
        json!({ "input": [
            { "type": "reasoning", "summary": [{ "type": "summary_text", "text": "short" }], "encrypted_content": sealed },
            { "role": "assistant", "content": "a" },
        ]})
    };
    let opaque = request(sealed(vec![Block::Details {
        details: details.to_owned(),
    }]));
    let body = encoded("openrouter", "m", &opaque, &Remedies::default())
        .unwrap()
        .body;
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        body.contains(&format!(r#""reasoning_details":{details}"#)),
        "{body}"
    );
    let other = encoded("openrouter", "n", &opaque, &Remedies::default())
        .unwrap()
        .body;
    assert!(
        !String::from_utf8(other.to_vec())
            .unwrap()
            .contains("reasoning_details")
    );

    let words = request(sealed(vec![Block::Thinking {
        text: "long".into(),
        signature: String::new(),
    }]));
    assert_eq!(
        field("deepseek", "m", &words, "messages")[0]["reasoning_content"],
        "long"
    );
    let foreign = request("gAAAA".into());
    assert_eq!(
        field("deepseek", "m", &foreign, "messages")[0]["reasoning_content"],
        "short"
    );
    check(
        "groq",
        "m",
        &words,
        &json!({ "messages": [{ "role": "assistant", "content": "a" }] }),
        &[],
    );
}

#[test]
fn a_user_message_between_a_call_and_its_output_follows_the_output() {
    let messages = |vendor| {
        let request = json!({ "input": [
            { "type": "function_call", "call_id": "abcdefgh1", "name": "f", "arguments": "{}" },
            { "role": "user", "content": "well?" },
            { "type": "function_call_output", "call_id": "abcdefgh1", "output": "x" },
            { "role": "user", "content": "so?" },
        ]});
        let messages = field(vendor, "m", &request, "messages");
        let all = messages.as_array().unwrap().iter();
        all.map(|m| format!("{} {}", m["role"], m["content"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        messages("groq"),
        ["assistant null", "tool x", "user well?", "user so?"]
    );
    assert_eq!(
        messages("mistral"),
        [
            "assistant null",
            "tool x",
            "assistant OK",
            "user well?",
            "user so?"
        ]
    );
    assert_eq!(
        messages("vllm"),
        [
            "assistant null",
            "tool x",
            "user [{type:text,text:well?},{type:text,text:so?}]"
        ]
    );
}

#[test]
fn an_image_that_a_tool_returned_follows_the_outputs_as_the_users() {
    let request = json!({ "input": [
        { "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" },
        { "type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "c1", "output": [
            { "type": "input_image", "image_url": "data:image/png;base64,AA==" }] },
        { "type": "function_call_output", "call_id": "c2", "output": "y" },
    ]});
    let (body, lost) = sent("groq", "m", &request);
    let messages = body["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages.iter().filter_map(|m| m["role"].as_str()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user"]);
    assert_eq!(messages[3]["content"][0]["type"], "image_url");
    assert_eq!(lost, ["input[2].output[0]"]);
}
