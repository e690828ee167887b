//! Lists of models. The fields beyond `id` have as many names as there are vendors.

use serde_json::Value;

use crate::error::Error;
use crate::providers::{Answer, ListedModel};

/// Names of the context window: vLLM, Mistral, Groq, OpenRouter and Together, Venice.
const CONTEXT: [&str; 5] = [
    "max_model_len",
    "max_context_length",
    "context_window",
    "context_length",
    "/model_spec/availableContextTokens",
];
/// Names of the limit of one answer.
const OUTPUT: [&str; 4] = [
    "max_completion_tokens",
    "max_output_tokens",
    "/top_provider/max_completion_tokens",
    "/model_spec/maxCompletionTokens",
];

/// Reads `{data: [...]}`, `{models: [...]}` or the bare list that Together sends. There are no pages.
pub(super) fn read(body: &[u8]) -> Result<Answer, Error> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|e| Error::garbled(format!("the list of models is not JSON: {e}")))?;
    let list = ["data", "models"]
        .iter()
        .find_map(|key| body.get(key)?.as_array())
        .or_else(|| body.as_array())
        .ok_or_else(|| Error::garbled("the list of models has no `data`"))?;
    Ok(Answer::Models(
        list.iter().filter_map(model).collect(),
        None,
    ))
}

fn model(entry: &Value) -> Option<ListedModel> {
    let text = |key: &str| at(entry, key)?.as_str().map(str::to_owned);
    let count = |keys: &[&str]| {
        let found = keys.iter().find_map(|key| at(entry, key)?.as_u64());
        found.filter(|count| *count > 0)
    };
    Some(ListedModel {
        id: text("id")?,
        name: ["display_name", "name", "/model_spec/name"]
            .iter()
            .find_map(|key| text(key)),
        context: count(&CONTEXT),
        max_output: count(&OUTPUT),
        created: count(&["created"]),
    })
}

fn at<'v>(entry: &'v Value, key: &str) -> Option<&'v Value> {
    if key.starts_with('/') {
        entry.pointer(key)
    } else {
        entry.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, id: &str, name: Option<&str>, context: Option<u64>, output: Option<u64>) {
        let Answer::Models(models, None) = read(body.as_bytes()).unwrap() else {
            panic!("one page of models expected")
        };
        assert_eq!(models.len(), 1, "{body}");
        let model = &models[0];
        assert_eq!(model.id, id);
        assert_eq!(model.name.as_deref(), name);
        assert_eq!((model.context, model.max_output), (context, output));
    }

    #[test]
    fn every_form_of_a_list_is_read() {
        check(
            r#"{"object":"list","data":[{"id":"a","object":"model","created":7}]}"#,
            "a",
            None,
            None,
            None,
        );
        check(
            r#"[{"id":"b","display_name":"B","context_length":8192}]"#,
            "b",
            Some("B"),
            Some(8192),
            None,
        );
        check(
            r#"{"data":[{"id":"c","name":"C","context_length":9,"top_provider":{"max_completion_tokens":3}}]}"#,
            "c",
            Some("C"),
            Some(9),
            Some(3),
        );
    }

    #[test]
    fn what_is_no_list_is_a_failure() {
        assert!(read(b"<html>").is_err());
        assert!(read(br#"{"ok":true}"#).is_err());
    }
}
