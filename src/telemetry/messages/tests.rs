use super::*;

fn request(body: &Value) -> Request {
    serde_json::from_str(&body.to_string()).unwrap()
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_conversation_is_told_in_the_words_of_the_convention_and_without_keys() {
    let file = format!("data:image/png;base64,{}", "iVBORw0KGgo=".repeat(60));
    let asked = request(&json!({
        "model": "m", "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "developer", "content": "Use tools."},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "my key is sk-proj-0123456789abcdef"},
                {"type": "input_image", "image_url": file},
                {"type": "input_file", "file_id": "file_1"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "abc"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"city\":\"Rome\"}"},
            {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            {"type": "web_search_call", "id": "ws_1", "query": "what the prompt said"},
        ],
    }));
    let messages = Messages::asked(&asked, &Redactor::default());
    assert_eq!(
        messages.system.as_deref().map(read),
        Some(json!([{"type": "text", "content": "Be brief."}]))
    );
    let expect = json!([
        {"role": "system", "parts": [{"type": "text", "content": "Use tools."}]},
        {"role": "user", "parts": [
            {"type": "text", "content": "my key is (redacted)"},
            {"type": "uri", "modality": "image", "uri": "data:image/png;base64,(720 bytes)"},
            {"type": "file", "modality": "document", "file_id": "file_1"},
        ]},
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}]},
        {"role": "assistant", "parts": [
            {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"city": "Rome"}},
        ]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny"}]},
        {"role": "assistant", "parts": [{"type": "web_search_call"}]},
    ]);
    assert_eq!(read(&messages.input), expect);
    assert_eq!((messages.left_out, messages.output), (0, None));
}

#[test]
fn an_answer_is_one_message_with_its_reason() {
    let items = json!([
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
         "content": [{"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": []}]},
        {"type": "function_call", "id": "fc_1", "status": "completed", "call_id": "c1", "name": "f", "arguments": "{"},
    ]);
    let asked = Messages::asked(
        &request(&json!({"model": "m", "input": "hi"})),
        &Redactor::default(),
    );
    let answered = asked.answered(&items.to_string(), Finish::ToolCall, &Redactor::default());
    let expect = json!([{"role": "assistant", "finish_reason": "tool_call", "parts": [
        {"type": "text", "content": "Let me see."},
        {"type": "tool_call", "id": "c1", "name": "f", "arguments": "{"},
    ]}]);
    assert_eq!(answered.output.as_deref().map(read), Some(expect));
    assert_eq!(answered.system, None);
}

#[test]
fn of_a_long_conversation_the_newest_is_shown_and_the_rest_counted() {
    // 100 messages of some 1 KiB each: the last 64 or so have 64 KiB.
    let input: Vec<Value> = (0..100)
        .map(|n| json!({"type": "message", "role": "user", "content": format!("{n} {}", "word ".repeat(200))}))
        .collect();
    let messages = Messages::asked(
        &request(&json!({"model": "m", "input": input})),
        &Redactor::default(),
    );
    let shown = read(&messages.input);
    let shown = shown.as_array().unwrap();
    assert_eq!(shown.len() as u64 + messages.left_out, 100);
    assert!(
        messages.left_out > 30 && messages.input.len() < MOST_BYTES + 2048,
        "{}",
        messages.left_out
    );
    let last = shown.last().unwrap()["parts"][0]["content"]
        .as_str()
        .unwrap();
    assert!(last.starts_with("99 word"), "{last}");
}
