//! Writes a tree as a YAML file that people like to read: sections in blocks, entries in one line where they fit.

use serde_json::{Map, Value};

/// An entry in one line is no longer than this.
const WIDTH: usize = 118;

/// The file.
pub(super) fn file(from: &str, tree: &Map<String, Value>) -> String {
    let mut text = format!(
        "# Imported from a {from} configuration. `llmgw config check` tells what it lacks.\n"
    );
    for (section, value) in tree {
        text.push('\n');
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                line(&mut text, 0, &format!("{}:", scalar(section)));
                for (key, value) in entries {
                    entry(&mut text, 2, key, value);
                }
            }
            _ => line(
                &mut text,
                0,
                &format!("{}: {}", scalar(section), flow(value)),
            ),
        }
    }
    text
}

fn entry(text: &mut String, indent: usize, key: &str, value: &Value) {
    let whole = format!("{}: {}", scalar(key), flow(value));
    let inner = match value {
        Value::Object(entries) if indent + whole.len() > WIDTH => {
            entries.iter().collect::<Vec<_>>()
        }
        Value::Array(list) if !list.is_empty() && list.iter().any(Value::is_object) => {
            line(text, indent, &format!("{}:", scalar(key)));
            for element in list {
                line(text, indent + 2, &format!("- {}", flow(element)));
            }
            return;
        }
        _ => {
            line(text, indent, &whole);
            return;
        }
    };
    line(text, indent, &format!("{}:", scalar(key)));
    for (key, value) in inner {
        entry(text, indent + 2, key, value);
    }
}

fn line(text: &mut String, indent: usize, words: &str) {
    text.extend(std::iter::repeat_n(' ', indent));
    text.push_str(words);
    text.push('\n');
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let pairs = entries.iter();
            let pairs = pairs.map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => {
            let list = list.iter().map(flow).collect::<Vec<_>>();
            format!("[{}]", list.join(", "))
        }
        Value::String(text) => scalar(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Text, in quotes where YAML or a reader might take it for something else. JSON's quoted form is YAML's too.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let is_duration = text.len() > 1
        && text
            .trim_end_matches("ms")
            .trim_end_matches(['s', 'm', 'h', 'd'])
            .bytes()
            .all(|b| b.is_ascii_digit())
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.contains(&text.to_ascii_lowercase().as_str());
    if begins && text.bytes().all(plain) && !is_word || is_duration {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_where_it_could_be_something_else() {
        let check = |text: &str, expect: &str| assert_eq!(scalar(text), expect);
        check("openai/gpt-6-luna", "openai/gpt-6-luna");
        check("${KEY}", "\"${KEY}\"");
        check("http://h/v1", "\"http://h/v1\"");
        check("off", "\"off\"");
        check("30s", "30s");
        check("30", "\"30\"");
        check("250ms", "250ms");
        check("", "\"\"");
        check("a: b", "\"a: b\"");
        check("*", "\"*\"");
    }
}
