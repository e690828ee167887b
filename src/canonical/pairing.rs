//! Calls and their outputs must pair, or every upstream refuses the conversation in its own words.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::item::Item;
use super::open::{Open, tag_of};
use crate::error::Error;

/// Checks that each output answers a call before it, that no call id is used twice, and that each call is answered if
/// the user speaks after it. Some clients put a user message between a call and its output. Calls at the very end may
/// be open.
pub fn check(input: &[Open<Item>]) -> Result<(), Error> {
    if input
        .iter()
        .any(|item| matches!(item, Open::Known(Item::ItemReference(_))))
    {
        // What is referred to is not known yet; the check runs again once it is.
        return Ok(());
    }
    let mut open: HashMap<&str, usize> = HashMap::new();
    let mut begun: HashSet<&str> = HashSet::new();
    let mut answered: HashMap<&str, usize> = HashMap::new();
    // The last of the calls that were open when the user spoke: it and those before it must be answered in the end.
    let mut passed_over: Option<usize> = None;
    for (at, item) in input.iter().enumerate() {
        match item {
            Open::Known(Item::FunctionCall(call)) => {
                begin(&mut open, &answered, &call.call_id, at)?;
            }
            Open::Known(Item::CustomToolCall(call)) => {
                begin(&mut open, &answered, &call.call_id, at)?;
            }
            Open::Known(Item::FunctionCallOutput(output) | Item::CustomToolCallOutput(output)) => {
                let id = output.call_id.as_str();
                if open.remove(id).is_none() && !begun.remove(id) {
                    let what = if answered.contains_key(id) {
                        "a second output"
                    } else {
                        "an output"
                    };
                    return Err(Error::invalid(
                        format!("input[{at}]"),
                        format!("{what} for call_id `{id}`, which no function call before it is waiting for"),
                    )
                    .with_code("unmatched_function_call_output"));
                }
                answered.insert(id, at);
            }
            Open::Known(Item::Message(message)) if message.role == super::item::Role::User => {
                passed_over = open.values().copied().max().or(passed_over);
            }
            // Another kind of tool that the client ran; whether it must be answered its vendor knows.
            Open::Unknown(call) if tag_of(call).ends_with("_call") => {
                if let Some(id) = call.get("call_id").and_then(Value::as_str) {
                    begun.insert(id);
                }
            }
            Open::Known(_) | Open::Unknown(_) => {}
        }
    }
    match open.iter().min_by_key(|(_, call)| **call) {
        Some((id, call)) if passed_over.is_some_and(|last| *call <= last) => Err(Error::invalid(
            format!("input[{call}]"),
            format!("no output found for function call `{id}`, though the conversation goes on"),
        )
        .with_code("missing_function_call_output")),
        _ => Ok(()),
    }
}

fn begin<'a>(
    open: &mut HashMap<&'a str, usize>,
    answered: &HashMap<&'a str, usize>,
    id: &'a str,
    at: usize,
) -> Result<(), Error> {
    if answered.contains_key(id) || open.insert(id, at).is_some() {
        return Err(Error::invalid(
            format!("input[{at}].call_id"),
            format!("call_id `{id}` is used twice"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(json: &str) -> Result<(), String> {
        let items: Vec<Open<Item>> = serde_json::from_str(json).unwrap();
        check(&items).map_err(|e| format!("{}: {}", e.param().unwrap_or_default(), e.message()))
    }

    #[test]
    fn paired_calls_pass() {
        assert_eq!(
            verdict(
                r#"[{"role":"user","content":"a"},
                   {"type":"function_call","call_id":"1","name":"f","arguments":"{}"},
                   {"type":"function_call","call_id":"2","name":"f","arguments":"{}"},
                   {"type":"function_call_output","call_id":"2","output":"x"},
                   {"type":"function_call_output","call_id":"1","output":"x"}]"#
            ),
            Ok(())
        );
    }

    #[test]
    fn an_output_without_its_call_is_refused() {
        let refused =
            verdict(r#"[{"type":"function_call_output","call_id":"9","output":"x"}]"#).unwrap_err();
        assert!(
            refused.starts_with("input[0]: an output for call_id `9`"),
            "{refused}"
        );
    }

    #[test]
    fn a_call_that_is_never_answered_is_refused_when_the_user_goes_on() {
        let refused = verdict(
            r#"[{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"role":"user","content":"so?"}]"#,
        )
        .unwrap_err();
        assert!(
            refused.starts_with("input[0]: no output found"),
            "{refused}"
        );
    }

    #[test]
    fn an_output_may_come_after_the_users_word() {
        assert_eq!(
            verdict(
                r#"[{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"role":"user","content":""},
                   {"type":"function_call_output","call_id":"1","output":"x"}]"#
            ),
            Ok(())
        );
    }

    #[test]
    fn a_call_of_another_kind_may_be_answered_as_a_functions() {
        let shell = r#"{"type":"local_shell_call","call_id":"1","action":{"type":"exec"}}"#;
        let output = r#"{"type":"function_call_output","call_id":"1","output":"x"}"#;
        let user = r#"{"role":"user","content":"so?"}"#;
        assert_eq!(verdict(&format!("[{shell},{output}]")), Ok(()));
        assert_eq!(verdict(&format!("[{shell},{user}]")), Ok(()));
        assert!(verdict(&format!("[{shell},{output},{output}]")).is_err());
    }

    #[test]
    fn a_call_id_that_is_used_twice_is_refused() {
        let call = r#"{"type":"function_call","call_id":"1","name":"f","arguments":"{}"}"#;
        let refused = verdict(&format!("[{call},{call}]")).unwrap_err();
        assert_eq!(refused, "input[1].call_id: call_id `1` is used twice");
    }
}
