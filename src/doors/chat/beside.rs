//! What an upstream of this very protocol says beside what every protocol can say: its ids, its fingerprint, its counts
//! in full, and the fields of its own.
//!
//! Events carry the answer itself, mended where servers differ. The rest is read from the upstream's own words: plain
//! values go into each chunk as the upstream has them, all else into chunks of their own, once.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::wire::fields::Fields;

type Object = Map<String, Value>;

/// Padding, and what says once more what the text says: the ids and texts of single tokens.
const IDLE: [&str; 8] = [
    "object",
    "obfuscation",
    "p",
    "text",
    "token_id",
    "token_ids",
    "prompt_text",
    "prompt_token_ids",
];

/// Fields of a message that events carry.
const CARRIED: [&str; 9] = [
    "role",
    "content",
    "refusal",
    "reasoning_content",
    "reasoning",
    "thinking",
    "reasoning_details",
    "tool_calls",
    "function_call",
];

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Plain values that stand in every chunk, `id`, `created` and `model` among them.
    head: Object,
    /// Values that are told once each, as they were told last.
    told: Object,
    usage: Option<Value>,
    /// What waits to be told.
    news: Vec<News>,
}

/// What one chunk says beside its text.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) top: Object,
    pub(super) choice: Object,
    pub(super) delta: Object,
}

impl Beside {
    /// Reads one chunk.
    pub(super) fn chunk(&mut self, data: &Bytes) {
        // The decoder judges what cannot be read.
        let Ok(fields) = serde_json::from_slice::<Fields<'_>>(data) else {
            return;
        };
        let mut news = News::default();
        for (key, raw) in &fields.0 {
            match key.as_ref() {
                "choices" => self.choice(raw, &mut news),
                "error" => return,
                "usage" => self.count(value(raw)),
                key if IDLE.contains(&key) => {}
                key => self.field(key, value(raw), &mut news),
            }
        }
        if !(news.top.is_empty() && news.choice.is_empty() && news.delta.is_empty()) {
            self.news.push(news);
        }
    }

    /// A value that stands in every chunk, if the upstream has said it.
    pub(super) fn said(&self, key: &str) -> Option<&Value> {
        let said = self.head.get(key);
        said.filter(|value| !value.is_null() && *value != "" && *value != 0)
    }

    /// The plain values besides `id`, `created` and `model`.
    pub(super) fn plain(&self) -> impl Iterator<Item = (&String, &Value)> {
        let own = |key: &str| matches!(key, "id" | "created" | "model");
        self.head.iter().filter(move |(key, _)| !own(key))
    }

    /// The counts in full.
    pub(super) fn usage(&self) -> Option<&Value> {
        self.usage.as_ref()
    }

    /// What is to be told now.
    pub(super) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    fn count(&mut self, usage: Value) {
        if usage.get("prompt_tokens").is_some_and(Value::is_number) {
            self.usage = Some(usage);
        }
    }

    fn field(&mut self, key: &str, value: Value, news: &mut News) {
        if key == "x_groq"
            && let Some(usage) = value.get("usage")
        {
            self.count(usage.clone());
        }
        match &value {
            Value::Object(_) | Value::Array(_) => {
                if self.is_new(key, &value) {
                    news.top.insert(key.to_owned(), value);
                }
            }
            _ => {
                let known = self.head.get(key);
                let better = known.is_some_and(|known| {
                    (known.is_null() || known == "" || *known == 0) && !value.is_null()
                });
                let changed = !matches!(key, "id" | "created" | "model")
                    && known.is_some_and(|known| *known != value)
                    && !value.is_null();
                if known.is_none() || better || changed {
                    self.head.insert(key.to_owned(), value);
                }
            }
        }
    }

    fn choice(&mut self, raw: &RawValue, news: &mut News) {
        let choices: Vec<Fields<'_>> = serde_json::from_str(raw.get()).unwrap_or_default();
        let first = choices
            .iter()
            .find(|choice| choice.get("index").is_none_or(|index| index.get() == "0"));
        for (key, raw) in first.iter().flat_map(|choice| &choice.0) {
            match key.as_ref() {
                "delta" => delta(raw, news),
                "index" | "finish_reason" | "message" => {}
                // Those of the text are carried by events.
                "logprobs" => {
                    let mut logprobs = value(raw);
                    if let Some(lists) = logprobs.as_object_mut() {
                        lists.retain(|key, list| key != "content" && !is_nothing(list));
                    }
                    if !is_nothing(&logprobs) {
                        news.choice.insert("logprobs".to_owned(), logprobs);
                    }
                }
                key if IDLE.contains(&key) => {}
                key => {
                    let value = value(raw);
                    if !is_nothing(&value) && self.is_new(&format!("choice.{key}"), &value) {
                        news.choice.insert(key.to_owned(), value);
                    }
                }
            }
        }
    }

    /// Was this not told yet? It is from now on.
    fn is_new(&mut self, key: &str, value: &Value) -> bool {
        let new = self.told.get(key) != Some(value);
        if new {
            self.told.insert(key.to_owned(), value.clone());
        }
        new
    }
}

fn delta(raw: &RawValue, news: &mut News) {
    let fields: Fields<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    for (key, raw) in &fields.0 {
        let key = key.as_ref();
        if CARRIED.contains(&key) || IDLE.contains(&key) {
            continue;
        }
        let mut value = value(raw);
        if let ("annotations", Value::Array(notes)) = (key, &mut value) {
            notes.retain(|note| note.get("url_citation").is_none());
        }
        if !is_nothing(&value) {
            news.delta.insert(key.to_owned(), value);
        }
    }
}

fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || *value == json!([]) || *value == json!({})
}

/// A whole completion of ours with all that the upstream's own says besides. The answer itself is ours, which is mended;
/// what is the upstream's to say (ids, times, counts, fields of its own) is as it said it.
pub(super) fn completed(ours: &mut Object, theirs: Object) {
    for (key, value) in theirs {
        match key.as_str() {
            "object" | "error" => {}
            "choices" => {
                let first = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|choice| choice.get("index").is_none_or(|index| *index == 0));
                let own = ours.get_mut("choices").and_then(|own| own.get_mut(0));
                if let (Some(Value::Object(own)), Some(Value::Object(first))) = (own, first) {
                    choice_completed(own, first.clone());
                }
            }
            "usage" if !value.get("prompt_tokens").is_some_and(Value::is_number) => {}
            "id" | "model" if value.as_str().is_none_or(str::is_empty) => {}
            "created" if value.as_u64().is_none_or(|time| time == 0) => {}
            _ => {
                ours.insert(key, value);
            }
        }
    }
}

fn choice_completed(ours: &mut Object, theirs: Object) {
    for (key, value) in theirs {
        match (key.as_str(), value) {
            ("index" | "finish_reason", _) | ("logprobs", Value::Null) => {}
            ("message", Value::Object(theirs)) => {
                if let Some(Value::Object(own)) = ours.get_mut("message") {
                    message_completed(own, theirs);
                }
            }
            (_, value) => {
                ours.insert(key, value);
            }
        }
    }
}

fn message_completed(ours: &mut Object, theirs: Object) {
    for (key, value) in theirs {
        match (key.as_str(), value) {
            ("tool_calls", Value::Array(theirs)) => {
                if let Some(Value::Array(own)) = ours.get_mut("tool_calls") {
                    calls_completed(own, &theirs);
                }
            }
            // Nothing said is said in two ways.
            ("content", value) if value.is_null() || value == "" => {
                if ours
                    .get("content")
                    .is_none_or(|own| own.is_null() || own == "")
                {
                    ours.insert(key, value);
                }
            }
            ("annotations", Value::Array(notes)) => {
                let fewer = ours.get("annotations").and_then(Value::as_array);
                if fewer.is_none_or(|own| own.len() <= notes.len()) {
                    ours.insert(key, notes.into());
                }
            }
            ("reasoning_details", details) => {
                if !ours.contains_key("reasoning_details") && !is_nothing(&details) {
                    ours.insert(key, details);
                }
            }
            (name, _) if CARRIED.contains(&name) => {}
            (_, value) => {
                ours.insert(key, value);
            }
        }
    }
}

/// The fields of calls that only their maker knows.
fn calls_completed(ours: &mut [Value], theirs: &[Value]) {
    if ours.len() != theirs.len() {
        return;
    }
    for (own, their) in ours.iter_mut().zip(theirs) {
        if let (Some(own), Some(their)) = (own.as_object_mut(), their.as_object()) {
            for (key, value) in their {
                let known = matches!(key.as_str(), "id" | "type" | "function" | "custom");
                if !known && !value.is_null() {
                    own.entry(key.as_str()).or_insert_with(|| value.clone());
                }
            }
        }
    }
}
