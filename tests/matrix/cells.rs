//! The laws of each protocol, and what a stream must share with its whole reply.

use llmgw::canonical::response::{Response, Status};
use serde_json::{Map, Value, json};

/// One door, one answer, both deliveries.
pub(crate) struct Cell {
    /// The answer itself, of the stream.
    pub(crate) answer: Option<Response>,
    /// The whole reply.
    pub(crate) whole: Option<Value>,
    /// The stream.
    pub(crate) stream: String,
}

impl Cell {
    fn failed(&self) -> bool {
        self.answer
            .as_ref()
            .is_none_or(|answer| answer.status == Status::Failed)
    }

    /// The data of the frames, and whether `[DONE]` ends them.
    fn frames(&self) -> (Vec<Value>, bool) {
        let mut done = false;
        let mut frames = Vec::new();
        for frame in self.stream.split_terminator("\n\n") {
            assert!(!done, "nothing follows the end");
            let data = frame
                .lines()
                .find_map(|line| line.strip_prefix("data: "))
                .unwrap();
            if data == "[DONE]" {
                done = true;
                continue;
            }
            let data: Value = serde_json::from_str(data).unwrap();
            if let Some(event) = frame.lines().find_map(|line| line.strip_prefix("event: ")) {
                assert_eq!(data["type"], event, "the event's name is its type");
            }
            frames.push(data);
        }
        (frames, done)
    }
}

/// Numbers without a gap, one terminal event at the end, and the fold of the stream is the whole reply.
pub(crate) fn responses(cell: &Cell) {
    let (frames, done) = cell.frames();
    assert!(done, "a stream of this protocol always ends with [DONE]");
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame["sequence_number"], number);
    }
    let terminal = |frame: &&Value| {
        let kind = frame["type"].as_str().unwrap();
        matches!(
            kind,
            "response.completed" | "response.incomplete" | "response.failed"
        )
    };
    assert_eq!(frames.iter().filter(terminal).count(), 1);
    let last = frames.last().filter(terminal).unwrap();
    if let Some(whole) = &cell.whole {
        for key in ["id", "status", "output", "usage", "incomplete_details"] {
            assert_eq!(last["response"][key], whole[key], "{key}");
        }
    }
}

/// Role once, calls numbered among themselves, one reason to finish, counts last; put together it is the whole reply.
pub(crate) fn chat(cell: &Cell) {
    let (frames, done) = cell.frames();
    assert_eq!(done, !cell.failed(), "[DONE] says that the answer is whole");
    if cell.failed() {
        let last = frames.last().unwrap();
        assert!(last["error"]["message"].is_string() && last.get("choices").is_none());
        assert!(
            frames
                .iter()
                .all(|frame| frame["choices"][0]["finish_reason"].is_null())
        );
        return;
    }
    let (usage, chunks) = frames.split_last().unwrap();
    assert_eq!(usage["choices"], json!([]));
    let mut message = Map::new();
    let mut calls: Vec<Value> = Vec::new();
    let mut finish = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], frames[0]["id"]);
        assert_eq!(chunk["usage"], Value::Null);
        let choice = &chunk["choices"][0];
        assert_eq!(choice["index"], 0);
        assert_eq!(
            choice["delta"].get("role").is_some(),
            at == 0,
            "the role is said once"
        );
        finish.extend(choice["finish_reason"].as_str());
        assert!(
            finish.is_empty() || at == chunks.len() - 1,
            "the reason comes last"
        );
        join(
            &mut message,
            &mut calls,
            choice["delta"].as_object().unwrap(),
        );
    }
    let whole = cell.whole.as_ref().unwrap();
    let expect = &whole["choices"][0];
    assert_eq!(json!(finish), json!([expect["finish_reason"]]));
    assert_eq!(usage["usage"], whole["usage"]);
    for key in ["content", "refusal", "reasoning_content"] {
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(
            text(message.get(key)),
            text(expect["message"].get(key)),
            "{key}"
        );
    }
    let list = |value: Option<&Value>| value.cloned().unwrap_or(json!([]));
    for key in ["annotations", "reasoning_details"] {
        assert_eq!(
            list(message.get(key)),
            list(expect["message"].get(key)),
            "{key}"
        );
    }
    assert_eq!(json!(calls), list(expect["message"].get("tool_calls")));
}

fn join(message: &mut Map<String, Value>, calls: &mut Vec<Value>, delta: &Map<String, Value>) {
    for (key, value) in delta {
        match (key.as_str(), value) {
            ("tool_calls", Value::Array(pieces)) => {
                pieces.iter().for_each(|piece| call(calls, piece))
            }
            (_, Value::Array(more)) => {
                let list = message.entry(key).or_insert(json!([]));
                list.as_array_mut().unwrap().extend(more.clone());
            }
            (_, Value::String(more)) => {
                let old = message.get(key).and_then(Value::as_str).unwrap_or_default();
                let text = format!("{old}{more}");
                message.insert(key.clone(), text.into());
            }
            _ => panic!("{key} is neither text nor a list"),
        }
    }
}

fn call(calls: &mut Vec<Value>, piece: &Value) {
    let mut piece = piece.clone();
    let index = piece.as_object_mut().unwrap().remove("index").unwrap();
    let index = usize::try_from(index.as_u64().unwrap()).unwrap();
    if index == calls.len() {
        assert!(piece["id"].is_string(), "a call begins with its id");
        return calls.push(piece);
    }
    assert!(piece.get("id").is_none(), "the id is said once");
    assert_eq!(index, calls.len() - 1, "calls follow one another");
    for (kind, field) in [("function", "arguments"), ("custom", "input")] {
        if let Some(more) = piece[kind][field].as_str() {
            let old = calls[index][kind][field].as_str().unwrap();
            calls[index][kind][field] = format!("{old}{more}").into();
        }
    }
}

/// One block open at a time, numbered from 0, each closed once; put together it is the whole reply.
pub(crate) fn messages(cell: &Cell) {
    let (frames, done) = cell.frames();
    assert!(!done, "this protocol knows no [DONE]");
    assert_eq!(frames[0]["type"], "message_start");
    let mut blocks: Vec<Value> = Vec::new();
    let mut open = false;
    let mut ending = Value::Null;
    for (at, frame) in frames.iter().enumerate().skip(1) {
        let is_last = at == frames.len() - 1;
        match frame["type"].as_str().unwrap() {
            "content_block_start" => {
                assert!(!open, "one block at a time");
                assert_eq!(frame["index"], blocks.len());
                open = true;
                blocks.push(frame["content_block"].clone());
            }
            "content_block_delta" => {
                assert!(open);
                assert_eq!(frame["index"], blocks.len() - 1);
                extend(blocks.last_mut().unwrap(), &frame["delta"]);
            }
            "content_block_stop" => {
                assert!(open);
                assert_eq!(frame["index"], blocks.len() - 1);
                open = false;
            }
            "message_delta" => ending = frame.clone(),
            "message_stop" => assert!(is_last && !open && !ending.is_null()),
            "error" => assert!(is_last && cell.failed() && ending.is_null()),
            other => panic!("{other} is no event of this protocol"),
        }
    }
    if cell.failed() {
        return;
    }
    let whole = cell.whole.as_ref().unwrap();
    for block in &mut blocks {
        if let Some(Value::String(json)) = block.get_mut("input").map(Value::take) {
            block["input"] = serde_json::from_str(&json).unwrap();
        } else if block["type"] == "tool_use" {
            block["input"] = json!({});
        } else if block["type"] == "text" && block.get("citations").is_none() {
            block["citations"] = Value::Null;
        }
        if block.get("input") == Some(&Value::Null) {
            block.as_object_mut().unwrap().remove("input");
        }
    }
    assert_eq!(json!(blocks), whole["content"]);
    for key in ["stop_reason", "stop_sequence", "stop_details"] {
        assert_eq!(ending["delta"][key], whole[key], "{key}");
    }
    assert_eq!(ending["usage"], whole["usage"]);
}

fn extend(block: &mut Value, delta: &Value) {
    let (field, more) = match delta["type"].as_str().unwrap() {
        "text_delta" => ("text", &delta["text"]),
        "thinking_delta" => ("thinking", &delta["thinking"]),
        "signature_delta" => ("signature", &delta["signature"]),
        "input_json_delta" => ("input", &delta["partial_json"]),
        "citations_delta" => {
            let list = block
                .as_object_mut()
                .unwrap()
                .entry("citations")
                .or_insert(json!([]));
            return list.as_array_mut().unwrap().push(delta["citation"].clone());
        }
        other => panic!("{other} is no delta of this protocol"),
    };
    let old = block[field].as_str().unwrap_or_default();
    block[field] = format!("{old}{}", more.as_str().unwrap()).into();
}
