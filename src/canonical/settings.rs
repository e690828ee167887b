//! The echo: what a request set, as every response repeats it.
//!
//! The specification requires all of these keys in every response, also in the first event of a stream, and numbers
//! for the sampling settings even where a model has none. The echo is serialised once per request and shared.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::open::Open;
use super::part::Json;
use super::request::{Effort, Format, Profile, Request, TextSettings, number};
use super::tool::{FunctionTool, Tool, ToolChoice};

/// The keys of a response that repeat the request, in the order in which they are written.
pub const ECHOED: [&str; 22] = [
    "previous_response_id",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_logprobs",
    "text",
    "reasoning",
    "truncation",
    "service_tier",
    "store",
    "background",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "user",
];

/// The echo: keys and values as they stand in a response, one text for all of them, shared by all who hold it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Echo(Arc<Fields>);

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fields {
    /// `"key":value,"key":value`
    text: String,
    /// Each key, and where its value stands.
    places: Vec<(Cow<'static, str>, Range<usize>)>,
}

impl Echo {
    /// The echo of a request, with the specification's defaults where it set nothing.
    pub fn of(request: &Request) -> Self {
        // Most requests set few of them, and a default need not be serialised each time.
        let mut echo = Fields::with_room();
        echo.put_or(
            "previous_response_id",
            request.previous_response_id.as_ref(),
            "null",
        );
        echo.put_or("instructions", request.instructions.as_ref(), "null");
        let tools = (!request.tools.is_empty()).then(|| tools(request));
        echo.put_or("tools", tools.as_ref(), "[]");
        echo.put_or("tool_choice", tool_choice(request), "\"auto\"");
        let parallel = request.parallel_tool_calls.as_ref();
        echo.put_or("parallel_tool_calls", parallel, "true");
        echo.put_or("max_tool_calls", request.max_tool_calls.as_ref(), "null");
        let most = request.max_output_tokens.as_ref();
        echo.put_or("max_output_tokens", most, "null");
        let sampling = [
            ("temperature", request.temperature, "1.0"),
            ("top_p", request.top_p, "1.0"),
            ("presence_penalty", request.presence_penalty, "0.0"),
            ("frequency_penalty", request.frequency_penalty, "0.0"),
        ];
        for (key, value, default) in sampling {
            echo.put_or(key, value.map(number).as_ref(), default);
        }
        echo.put_or("top_logprobs", request.top_logprobs.as_ref(), "0");
        let text = request.text.is_some().then(|| text(request));
        echo.put_or("text", text.as_ref(), "{\"format\":{\"type\":\"text\"}}");
        echo.put_or("reasoning", reasoning(request).as_ref(), "null");
        let truncation = request.truncation.as_ref();
        echo.put_or("truncation", truncation, "\"disabled\"");
        let tier = request.service_tier.as_ref();
        echo.put_or("service_tier", tier, "\"default\"");
        echo.put_or("store", request.store.as_ref(), "false");
        echo.put_or("background", request.background.as_ref(), "false");
        echo.put_or("metadata", request.metadata.as_ref(), "{}");
        let user = request.safety_identifier.as_ref();
        echo.put_or("safety_identifier", user, "null");
        let cache = request.prompt_cache_key.as_ref();
        echo.put_or("prompt_cache_key", cache, "null");
        Self(Arc::new(echo))
    }

    /// The fields of a response that came from an upstream.
    pub(crate) fn from_fields(fields: Fields) -> Self {
        Self(Arc::new(fields))
    }

    /// Key and JSON text of each field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter()
    }

    /// The JSON text of one field.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut fields = self.iter();
        fields.find(|(name, _)| *name == key).map(|(_, json)| json)
    }

    /// All fields as they stand in an object, without its braces.
    pub fn as_text(&self) -> &str {
        &self.0.text
    }

    /// The same echo, with this service tier.
    #[must_use]
    pub(super) fn served(&self, tier: &str) -> Self {
        let mut fields = Fields::default();
        fields.put("service_tier", tier);
        self.merged(&Self(Arc::new(fields)), Profile::Strict)
    }

    /// Our echo, corrected by what an upstream of the same protocol says that it applied. `Native` takes the
    /// upstream's whole echo but for what only we know; `Strict` takes what is sure to fit the schema.
    #[must_use]
    pub fn merged(&self, upstream: &Self, profile: Profile) -> Self {
        let (base, other, keys): (_, _, &[(&str, Fits)]) = match profile {
            Profile::Native => (upstream, self, &OURS),
            Profile::Strict => (self, upstream, &APPLIED),
        };
        let changed = |(key, fits): &(&'static str, Fits)| {
            let json = other.get(key)?;
            (base.get(key) != Some(json) && fits(json)).then_some((*key, json))
        };
        let mut changes: Vec<(&'static str, &str)> = keys.iter().filter_map(changed).collect();
        // Mostly both say the same, and then the text stays shared.
        if changes.is_empty() {
            return base.clone();
        }
        let mut fields = Fields::with_room();
        for (key, place) in &base.0.places {
            let change = changes.iter().position(|(name, _)| name == key);
            let json = match change {
                Some(at) => changes.swap_remove(at).1,
                None => base.0.text.get(place.clone()).unwrap_or_default(),
            };
            fields.push(key.clone(), json);
        }
        for (key, json) in changes {
            fields.push(Cow::Borrowed(key), json);
        }
        Self(Arc::new(fields))
    }
}

impl Fields {
    /// Most echoes fit in here.
    pub(crate) fn with_room() -> Self {
        Self {
            text: String::with_capacity(768),
            places: Vec::with_capacity(ECHOED.len()),
        }
    }

    /// Adds a field whose value is this JSON text.
    pub(crate) fn push(&mut self, key: Cow<'static, str>, json: &str) {
        let at = self.begin(&key);
        self.text.push_str(json);
        self.places.push((key, at..self.text.len()));
    }

    /// Adds a field, by this JSON text if there is no value.
    fn put_or<T: Serialize>(&mut self, key: &'static str, value: Option<&T>, default: &str) {
        match value {
            Some(value) => self.put(key, value),
            None => self.push(Cow::Borrowed(key), default),
        }
    }

    /// Adds a field; a value that does not serialise, which plain data always does, is left out.
    fn put<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) {
        if let Ok(json) = serde_json::to_string(value) {
            self.push(Cow::Borrowed(key), &json);
        }
    }

    fn begin(&mut self, key: &str) -> usize {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        // The keys are names of the specification's, which need no escapes.
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
        self.text.len()
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places.iter().map(|(key, place)| {
            let json = self.text.get(place.clone()).unwrap_or_default();
            (key.as_ref(), json)
        })
    }
}

/// What an upstream cannot know: it is never asked to store, and earlier turns are expanded here.
const OURS: [(&str, Fits); 3] = [
    ("previous_response_id", |_| true),
    ("store", |_| true),
    ("background", |_| true),
];

/// Whether a JSON text is of the type that the schema wants.
type Fits = fn(&str) -> bool;

/// What an upstream may have decided, each with the test that its value fits the schema.
const APPLIED: [(&str, Fits); 6] = [
    ("service_tier", |json| json.starts_with('"')),
    ("temperature", is_number),
    ("top_p", is_number),
    ("presence_penalty", is_number),
    ("frequency_penalty", is_number),
    ("reasoning", is_reasoning),
];

fn is_number(json: &str) -> bool {
    json.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

fn is_reasoning(json: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(json) else {
        return false;
    };
    let effort = value.get("effort").and_then(Value::as_str);
    value.get("summary").is_some()
        && effort.is_none_or(|e| SPEC_EFFORTS.contains(&e))
        && value.get("effort").is_some()
}

/// The specification's levels of effort; `minimal` and `max` are OpenAI's alone.
const SPEC_EFFORTS: [&str; 5] = ["none", "low", "medium", "high", "xhigh"];

#[derive(Serialize)]
#[serde(untagged)]
enum EchoedTool<'a> {
    Function {
        #[serde(rename = "type")]
        tag: &'static str,
        name: &'a str,
        description: Option<&'a str>,
        parameters: Option<&'a Json>,
        strict: Option<bool>,
        #[serde(flatten)]
        extra: Option<&'a super::extra::Extra>,
    },
    Other(&'a Open<Tool>),
}

/// Strict: functions alone, all five keys. Native: everything.
fn tools(request: &Request) -> Vec<EchoedTool<'_>> {
    request
        .tools
        .iter()
        .filter_map(|tool| match (tool, request.profile) {
            (
                Open::Known(Tool::Function(FunctionTool {
                    name,
                    description,
                    parameters,
                    strict,
                    extra,
                })),
                profile,
            ) => Some(EchoedTool::Function {
                tag: "function",
                name,
                description: description.as_deref(),
                parameters: parameters.as_ref(),
                strict: *strict,
                extra: (profile == Profile::Native).then_some(extra),
            }),
            (other, Profile::Native) => Some(EchoedTool::Other(other)),
            (Open::Known(Tool::Custom(_)) | Open::Unknown(_), Profile::Strict) => None,
        })
        .collect()
}

/// What the schema knows of a choice; `None` is `auto`.
fn tool_choice(request: &Request) -> Option<&ToolChoice> {
    match (request.tool_choice.as_ref()?, request.profile) {
        (ToolChoice::Custom(_) | ToolChoice::Other(_), Profile::Strict) => None,
        (choice, _) => Some(choice),
    }
}

/// `format` is required. The schema's own echo of a JSON schema is `null` to the letter; native gives it back.
fn text(request: &Request) -> Value {
    let settings = request.text.clone().unwrap_or_default();
    let mut value = serde_json::json!({ "format": format(&settings, request.profile) });
    if let (Some(verbosity), Some(map)) = (settings.verbosity, value.as_object_mut()) {
        map.insert("verbosity".to_owned(), verbosity.into());
    }
    value
}

fn format(settings: &TextSettings, profile: Profile) -> Value {
    match (&settings.format, profile) {
        (Some(Open::Known(Format::JsonSchema(schema))), Profile::Strict) => serde_json::json!({
            "type": "json_schema",
            "name": schema.name.as_deref().unwrap_or("response"),
            "description": schema.description,
            "schema": null,
            "strict": schema.strict.unwrap_or(false),
        }),
        (Some(Open::Known(Format::JsonObject(_))), Profile::Strict) => {
            serde_json::json!({ "type": "json_object" })
        }
        (Some(format), Profile::Native) => serde_json::to_value(format).unwrap_or_default(),
        (Some(Open::Known(Format::Text(_)) | Open::Unknown(_)), Profile::Strict) | (None, _) => {
            serde_json::json!({ "type": "text" })
        }
    }
}

/// `null`, or both keys. Levels that the schema does not know are echoed as their neighbours in strict.
fn reasoning(request: &Request) -> Option<Value> {
    let settings = request.reasoning.as_ref()?;
    let effort = settings
        .effort
        .map(|effort| match (effort, request.profile) {
            (Effort::Minimal, Profile::Strict) => Effort::Low.as_str(),
            (Effort::Max, Profile::Strict) => Effort::Xhigh.as_str(),
            (effort, _) => effort.as_str(),
        });
    Some(serde_json::json!({ "effort": effort, "summary": settings.summary }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn echo(request: &Request) -> Value {
        serde_json::from_str(&format!("{{{}}}", Echo::of(request).as_text())).unwrap()
    }

    #[test]
    fn what_a_request_leaves_open_is_echoed_by_the_specifications_defaults() {
        let defaults = json!({
            "previous_response_id": null, "instructions": null, "tools": [], "tool_choice": "auto",
            "parallel_tool_calls": true, "max_tool_calls": null, "max_output_tokens": null,
            "temperature": 1.0, "top_p": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0,
            "top_logprobs": 0, "text": {"format": {"type": "text"}}, "reasoning": null,
            "truncation": "disabled", "service_tier": "default", "store": false,
            "background": false, "metadata": {}, "safety_identifier": null, "prompt_cache_key": null,
        });
        assert_eq!(echo(&Request::default()), defaults);
    }

    #[test]
    fn what_a_request_sets_is_echoed_as_it_is() {
        let body = json!({
            "previous_response_id": "resp_1", "instructions": "a\"b", "tool_choice": "required",
            "parallel_tool_calls": false, "max_tool_calls": 3, "max_output_tokens": 17,
            "temperature": 0.25, "top_p": 0.5, "presence_penalty": 1.5, "frequency_penalty": -0.5,
            "top_logprobs": 2, "truncation": "auto", "service_tier": "flex", "store": true,
            "background": true, "metadata": {"a": "b"}, "safety_identifier": "u",
            "prompt_cache_key": "k",
        });
        let mut asked = body.clone();
        asked["model"] = "m".into();
        asked["input"] = "hi".into();
        let echo = echo(&serde_json::from_value(asked).unwrap());
        for (key, value) in body.as_object().unwrap() {
            assert_eq!(&echo[key], value, "{key}");
        }
    }
}
