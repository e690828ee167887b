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
use super::tool::{ChoiceMode, FunctionTool, Tool, ToolChoice};

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
        let mut echo = Fields::with_room();
        echo.put("previous_response_id", &request.previous_response_id);
        echo.put("instructions", &request.instructions);
        echo.put("tools", &tools(request));
        echo.put("tool_choice", &tool_choice(request));
        echo.put(
            "parallel_tool_calls",
            &request.parallel_tool_calls.unwrap_or(true),
        );
        echo.put("max_tool_calls", &request.max_tool_calls);
        echo.put("max_output_tokens", &request.max_output_tokens);
        echo.put("temperature", &number(request.temperature.unwrap_or(1.0)));
        echo.put("top_p", &number(request.top_p.unwrap_or(1.0)));
        echo.put(
            "presence_penalty",
            &number(request.presence_penalty.unwrap_or(0.0)),
        );
        echo.put(
            "frequency_penalty",
            &number(request.frequency_penalty.unwrap_or(0.0)),
        );
        echo.put("top_logprobs", &request.top_logprobs.unwrap_or(0));
        echo.put("text", &text(request));
        echo.put("reasoning", &reasoning(request));
        echo.put(
            "truncation",
            request.truncation.as_deref().unwrap_or("disabled"),
        );
        echo.put(
            "service_tier",
            request.service_tier.as_deref().unwrap_or("default"),
        );
        echo.put("store", &request.store.unwrap_or(false));
        echo.put("background", &request.background.unwrap_or(false));
        match &request.metadata {
            Some(metadata) => echo.put("metadata", metadata),
            None => echo.push(Cow::Borrowed("metadata"), "{}"),
        }
        echo.put("safety_identifier", &request.safety_identifier);
        echo.put("prompt_cache_key", &request.prompt_cache_key);
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

    /// Adds a field; a value that does not serialise, which plain data always does, is left out.
    fn put<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) {
        let before = self.text.len();
        let at = self.begin(key);
        let mut text = std::mem::take(&mut self.text).into_bytes();
        let written = serde_json::to_writer(&mut text, value);
        // JSON is UTF-8.
        self.text = String::from_utf8(text).unwrap_or_default();
        if written.is_ok() {
            self.places.push((Cow::Borrowed(key), at..self.text.len()));
        } else {
            self.text.truncate(before);
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

fn tool_choice(request: &Request) -> ToolChoice {
    match (&request.tool_choice, request.profile) {
        (Some(ToolChoice::Custom(_) | ToolChoice::Other(_)), Profile::Strict) | (None, _) => {
            ToolChoice::Mode(ChoiceMode::Auto)
        }
        (Some(choice), _) => choice.clone(),
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
