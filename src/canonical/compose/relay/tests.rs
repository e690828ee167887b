//! Relayed streams with the faults that were seen in the wild, each against the laws.

use serde_json::{Value, json};

use super::*;
use crate::canonical::compose::Setup;
use crate::canonical::grammar::Grammar;
use crate::canonical::open;

/// Relays these events, checks the laws, and gives what came out as JSON.
fn relayed(events: &[Value]) -> Vec<Value> {
    let mut out = Composer::new(Setup {
        delivery: Delivery::Streamed,
        ..Setup::default()
    });
    for event in events {
        let event: Open<Event> = open::read(&event.to_string()).unwrap();
        out.relay(event, None);
    }
    let batch = out.take();
    Grammar::check_all(&batch).unwrap();
    let json = |emitted: &Emitted| match &emitted.event {
        Open::Known(event) => {
            let mut json = serde_json::to_value(event).unwrap();
            json["type"] = event.tag().into();
            json
        }
        Open::Unknown(object) => Value::Object(object.clone()),
    };
    batch.iter().map(json).collect()
}

fn tags(events: &[Value]) -> Vec<String> {
    let tag = |event: Value| event["type"].as_str().unwrap().to_owned();
    relayed(events).into_iter().map(tag).collect()
}

fn opening() -> Value {
    json!({"type": "response.created", "response": {"id": "resp_1", "model": "m"}})
}

fn end(output: &Value) -> Value {
    json!({"type": "response.completed", "response": {"id": "resp_1", "model": "m", "output": output}})
}

fn message(id: &str, text: &str) -> Value {
    json!({
        "type": "message", "id": id, "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    })
}

fn added(index: u32, id: &str) -> Value {
    let item = json!({"type": "message", "id": id, "role": "assistant", "status": "in_progress", "content": []});
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn delta(index: u32, id: &str, part: u32, text: &str) -> Value {
    json!({
        "type": "response.output_text.delta", "output_index": index, "item_id": id, "content_index": part, "delta": text
    })
}

#[test]
fn an_item_keeps_the_id_with_which_it_was_added() {
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": message("msg_b", "hi")});
    let events = [
        opening(),
        added(0, "msg_a"),
        delta(0, "msg_c", 0, "hi"),
        done,
        end(&json!([message("msg_d", "hi")])),
    ];
    let out = relayed(&events);
    assert_eq!(out.last().unwrap()["response"]["output"][0]["id"], "msg_a");
}

#[test]
fn a_first_part_is_part_zero() {
    let part = json!({
        "type": "response.content_part.added", "output_index": 0, "item_id": "msg_a", "content_index": 1,
        "part": {"type": "output_text", "text": ""}
    });
    let events = [
        opening(),
        added(0, "msg_a"),
        part,
        delta(0, "msg_a", 1, "hi"),
        end(&json!([])),
    ];
    let out = relayed(&events);
    assert_eq!(out[4]["content_index"], 0);
    let text = &out.last().unwrap()["response"]["output"][0]["content"][0]["text"];
    assert_eq!(text, "hi");
}

#[test]
fn what_only_the_end_has_is_streamed_before_it() {
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let tags = tags(&[opening(), end(&json!([message("msg_a", "hi"), call]))]);
    let streamed = [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(tags[2..], streamed);
}

#[test]
fn hosted_items_that_were_left_open_are_closed() {
    let listing = |id: &str| json!({"type": "mcp_list_tools", "id": id, "tools": []});
    let open = |index: u32, id: &str| json!({"type": "response.output_item.added", "output_index": index, "item": listing(id)});
    let events = [
        opening(),
        open(0, "mcpl_a"),
        open(1, "mcpl_b"),
        json!({"type": "response.mcp_list_tools.completed", "output_index": 1, "item_id": "mcpl_b"}),
        end(&json!([listing("mcpl_a"), listing("mcpl_b")])),
    ];
    let done = |tag: &&String| *tag == "response.output_item.done";
    assert_eq!(tags(&events).iter().filter(done).count(), 2);
}

#[test]
fn a_second_upstream_goes_on_where_the_first_broke() {
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": message("msg_a", "one")});
    let events = [
        opening(),
        added(0, "msg_a"),
        delta(0, "msg_a", 0, "one"),
        done,
        opening(),
        added(0, "msg_b"),
        delta(0, "msg_b", 0, "two"),
        end(&json!([message("msg_b", "two")])),
    ];
    let out = relayed(&events);
    let output = out.last().unwrap()["response"]["output"]
        .as_array()
        .unwrap();
    assert_eq!(output.len(), 2);
    assert_eq!(output[1]["content"][0]["text"], "two");
}

#[test]
fn an_item_that_ends_as_another_type_is_no_success() {
    let begun = json!({"type": "fancy_call", "id": "fc_1"});
    let ended = json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"});
    let added =
        json!({"type": "response.output_item.added", "output_index": 0, "item": begun.clone()});
    let done =
        json!({"type": "response.output_item.done", "output_index": 0, "item": ended.clone()});
    let out = relayed(&[opening(), added, done, end(&json!([ended]))]);
    let last = &out.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["output"], json!([begun]));
}

#[test]
fn what_only_the_end_has_of_an_open_item_is_streamed_then() {
    let out = relayed(&[
        opening(),
        added(0, "msg_a"),
        end(&json!([message("msg_b", "hi")])),
    ]);
    let delta = out
        .iter()
        .find(|event| event["type"] == "response.output_text.delta")
        .unwrap();
    assert_eq!(delta["delta"], "hi");
    assert_eq!(delta["item_id"], "msg_a");
    assert_eq!(out.last().unwrap()["type"], "response.completed");
}
