//! Turns as they are sent, from input items.

use crate::canonical::request::Request;
use crate::canonical::sealed::{Block, Envelope};
use crate::error::{Error, Remedy};
use crate::providers::Remedies;
use crate::providers::anthropic::request;

fn encode(model: &str, input: &str, remedies: &Remedies) -> Result<(String, Vec<String>), Error> {
    let request: Request =
        serde_json::from_str(&format!(r#"{{"model":"m","input":{input}}}"#)).unwrap();
    let model = model.into();
    let encoded = request::encode(&request, &model, remedies)?;
    let system = serde_json::to_string(&encoded.body.system).unwrap();
    let messages = serde_json::to_string(&encoded.body.messages).unwrap();
    let lost = encoded.losses.into_iter().map(|loss| loss.field).collect();
    Ok((format!("{system} {messages}"), lost))
}

fn check(model: &str, input: &str, expect: &str, lost: &[&str]) {
    let (got, losses) = encode(model, input, &Remedies::default()).unwrap();
    let expect = expect.replace('\n', "").replace("        ", "");
    assert_eq!(got, expect);
    assert_eq!(losses, lost);
}

fn refused(model: &str, input: &str) -> String {
    let error = encode(model, input, &Remedies::default()).unwrap_err();
    assert_eq!(error.status(), 400);
    error.param().unwrap_or_default().to_owned()
}

#[test]
fn system_messages_at_the_head_stand_above_the_conversation() {
    check(
        "claude-sonnet-5-5",
        r#"[{"role":"system","content":"a"},{"role":"developer","content":"b"},{"role":"user","content":"c"}]"#,
        r#"[{"type":"text","text":"a"},{"type":"text","text":"b"}] [{"role":"user","content":[{"type":"text","text":"c"}]}]"#,
        &[],
    );
}

const MIDDLE: &str = r#"[{"role":"user","content":"a"},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"x\": 1.0}"},
    {"role":"system","content":"s"},
    {"type":"function_call_output","call_id":"c1","output":"r"},
    {"role":"system","content":"t"}]"#;

#[test]
fn a_later_system_message_stands_behind_the_results_where_the_model_takes_it() {
    check(
        "claude-opus-4-8",
        MIDDLE,
        r#"[] [{"role":"user","content":[{"type":"text","text":"a"}]},
        {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":{"x": 1.0}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"r"}]},
        {"role":"system","content":[{"type":"text","text":"s"},{"type":"text","text":"t"}]}]"#,
        &[],
    );
}

#[test]
fn a_later_system_message_moves_up_where_the_model_does_not() {
    let (got, lost) = encode("claude-sonnet-5", MIDDLE, &Remedies::default()).unwrap();
    assert!(got.starts_with(r#"[{"type":"text","text":"s"},{"type":"text","text":"t"}] "#));
    assert_eq!(lost, ["input[2]", "input[4]"]);
}

#[test]
fn results_stand_first_in_their_turn() {
    check(
        "claude-opus-4-8",
        r#"[{"role":"user","content":"a"},
        {"type":"function_call","call_id":"c1","name":"f","arguments":""},
        {"type":"function_call","call_id":"c:2","name":"f","arguments":"nonsense"},
        {"type":"function_call_output","call_id":"c1","output":""},
        {"role":"user","content":"b"},
        {"type":"function_call_output","call_id":"c:2","output":[{"type":"input_text","text":"r"},{"type":"input_text","text":" "}]}]"#,
        &format!(
            r#"[] [{{"role":"user","content":[{{"type":"text","text":"a"}}]}},
        {{"role":"assistant","content":[{{"type":"tool_use","id":"c1","name":"f","input":{{}}}},{{"type":"tool_use","id":"{id}","name":"f","input":{{"rawInvalidInput":"nonsense"}}}}]}},
        {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c1"}},{{"type":"tool_result","tool_use_id":"{id}","content":[{{"type":"text","text":"r "}}]}},{{"type":"text","text":"b"}}]}}]"#,
            id = crate::canonical::ids::call("c:2", 64)
        ),
        &["input[2].arguments"],
    );
}

#[test]
fn white_space_joins_its_neighbour_and_empty_text_goes() {
    check(
        "claude-opus-4-8",
        r#"[{"role":"user","content":[{"type":"input_text","text":"\n"},{"type":"input_text","text":""},{"type":"input_text","text":"a"},{"type":"input_text","text":" "}]}]"#,
        r#"[] [{"role":"user","content":[{"type":"text","text":"\na "}]}]"#,
        &[],
    );
    assert_eq!(
        refused("claude-opus-4-8", r#"[{"role":"user","content":" "}]"#),
        "input[0]"
    );
}

#[test]
fn a_call_that_is_not_answered_next_is_refused() {
    let call = r#"[{"role":"user","content":"a"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}]"#;
    assert_eq!(refused("claude-opus-4-8", call), "input[1]");
}

#[test]
fn an_answer_that_the_model_began_is_continued_as_it_can_be() {
    let input = r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b \n"}]"#;
    let old = r#"[] [{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"text","text":"b"}]}]"#;
    check("claude-sonnet-4-5", input, old, &[]);
    let (got, lost) = encode("claude-sonnet-5", input, &Remedies::default()).unwrap();
    assert!(got.ends_with(r#"{"role":"user","content":[{"type":"text","text":"Continue."}]}]"#));
    assert_eq!(lost, ["input[1]"]);
}

#[test]
fn somebody_always_speaks_first() {
    let (got, lost) = encode(
        "claude-sonnet-5",
        r#"[{"role":"assistant","content":"a"},{"role":"user","content":"b"}]"#,
        &Remedies::default(),
    )
    .unwrap();
    assert!(got.starts_with(r#"[] [{"role":"user","content":"#));
    assert_eq!(lost, ["input[0]"]);
    check(
        "claude-sonnet-5",
        r#"[{"role":"system","content":"a"}]"#,
        r#"[] [{"role":"user","content":[{"type":"text","text":"a"}]}]"#,
        &["input"],
    );
}

fn sealed(model: &str, blocks: Vec<Block>) -> String {
    let vendor = "anthropic".to_owned();
    let model = model.to_owned();
    Envelope {
        vendor,
        model,
        blocks,
    }
    .seal()
}

/// A tool loop whose assistant's turn begins with two thoughts.
fn thoughtful(first: &str, second: &str) -> String {
    let reasoning = |sealed: &str| {
        format!(r#"{{"type":"reasoning","summary":[],"encrypted_content":"{sealed}"}}"#)
    };
    format!(
        r#"[{{"role":"user","content":"a"}},{},{},{{"type":"function_call","call_id":"c1","name":"f","arguments":"{{}}"}},
        {{"type":"function_call_output","call_id":"c1","output":"r"}}]"#,
        reasoning(first),
        reasoning(second)
    )
}

fn thought() -> Block {
    Block::Thinking {
        text: String::new(),
        signature: "S+/=".to_owned(),
    }
}

#[test]
fn thinking_goes_back_as_issued_to_the_model_that_made_it() {
    let redacted = Block::Redacted {
        data: "R".to_owned(),
    };
    let input = thoughtful(
        &sealed("claude-opus-5-5", vec![thought()]),
        &sealed("claude-opus-5-5", vec![redacted]),
    );
    let expect = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"S+/="},{"type":"redacted_thinking","data":"R"},{"type":"tool_use","#;
    let (got, lost) = encode("claude-opus-5-5", &input, &Remedies::default()).unwrap();
    assert!(got.contains(expect), "{got}");
    assert!(lost.is_empty());
    let (other, _) = encode("claude-sonnet-5-5", &input, &Remedies::default()).unwrap();
    assert!(!other.contains("thinking"), "{other}");
    let mut remedies = Remedies::default();
    remedies.add(Remedy::DropReasoning);
    let (dropped, _) = encode("claude-opus-5-5", &input, &remedies).unwrap();
    assert!(!dropped.contains("thinking"), "{dropped}");
}

#[test]
fn thinking_goes_back_whole_or_not_at_all() {
    let input = thoughtful(&sealed("claude-opus-5-5", vec![thought()]), "gAAAAforeign");
    let (got, _) = encode("claude-opus-5-5", &input, &Remedies::default()).unwrap();
    assert!(!got.contains("thinking"), "{got}");
}

#[test]
fn a_thought_that_broke_off_does_not_take_the_signed_one_with_it() {
    let cut = r#"{"type":"reasoning","summary":[]},"#;
    let whole = thoughtful(
        &sealed("claude-opus-5-5", vec![thought()]),
        &sealed("claude-opus-5-5", vec![thought()]),
    );
    let input = whole.replacen(
        r#"{"type":"reasoning""#,
        &format!(r#"{cut}{{"type":"reasoning""#),
        1,
    );
    let encoded = |input: &str| encode("claude-opus-5-5", input, &Remedies::default()).unwrap();
    assert_eq!(encoded(&input).0, encoded(&whole).0);
}
