//! The response: what a model answered, with the echo of what it was asked.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::{self, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Error, Value};

use super::extra::Extra;
use super::item::Item;
use super::open::Open;
use super::settings::{ECHOED, Echo, Fields};
use super::usage::Usage;

/// Where a response is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting to be worked on (`background`).
    Queued,
    /// Being produced.
    #[default]
    InProgress,
    /// Whole.
    Completed,
    /// Stopped before its natural end; `incomplete_details` says why.
    Incomplete,
    /// `error` says why.
    Failed,
    /// Called off (`background`; OpenAI's).
    Cancelled,
}

/// Why a response failed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ResponseError {
    /// Machine-readable; never `null`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Why a response is incomplete.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct IncompleteDetails {
    /// `max_output_tokens`, `content_filter`, or a newer word.
    pub reason: String,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A response. Serialises all the keys that the specification requires.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Response {
    /// `resp_…`.
    pub id: String,
    /// Unix seconds.
    pub created_at: u64,
    /// Unix seconds; set when completed.
    pub completed_at: Option<u64>,
    /// Where it is in its life.
    pub status: Status,
    /// Why it is incomplete.
    pub incomplete_details: Option<IncompleteDetails>,
    /// The model that answered, as its provider names it.
    pub model: String,
    /// What the request set.
    pub echo: Echo,
    /// What the model produced.
    pub output: Vec<Open<Item>>,
    /// Why it failed.
    pub error: Option<ResponseError>,
    /// `None` where the provider gave no counts: never invented.
    pub usage: Option<Usage>,
    /// Fields beyond the specification.
    pub extra: Extra,
}

impl Response {
    /// The service tier that served it, by the provider's own word; `None` where nobody told.
    pub fn service_tier(&self) -> Option<&str> {
        serde_json::from_str(self.echo.get("service_tier")?).ok()
    }

    /// All text of the assistant's messages, in order: what a person would call the answer.
    pub fn output_text(&self) -> String {
        use super::part::Part;
        let mut text = String::new();
        for item in &self.output {
            if let Open::Known(Item::Message(message)) = item {
                for part in &message.content {
                    if let Open::Known(Part::OutputText(part)) = part {
                        text.push_str(&part.text);
                    }
                }
            }
        }
        text
    }
}

impl Response {
    /// Writes it as JSON, the same as its `Serialize` does; the echo goes in as the one text that it is.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Head<'a> {
            id: &'a str,
            object: &'static str,
            created_at: u64,
            completed_at: Option<u64>,
            status: Status,
            incomplete_details: &'a Option<IncompleteDetails>,
            model: &'a str,
        }
        #[derive(Serialize)]
        struct Tail<'a> {
            output: &'a [Open<Item>],
            error: &'a Option<ResponseError>,
            usage: &'a Option<Usage>,
        }
        let head = Head {
            id: &self.id,
            object: "response",
            created_at: self.created_at,
            completed_at: self.completed_at,
            status: self.status,
            incomplete_details: &self.incomplete_details,
            model: &self.model,
        };
        let tail = Tail {
            output: &self.output,
            error: &self.error,
            usage: &self.usage,
        };
        members(b'{', &head, out)?;
        let echo = self.echo.as_text();
        if !echo.is_empty() {
            out.push(b',');
            out.extend_from_slice(echo.as_bytes());
        }
        members(b',', &tail, out)?;
        if !self.extra.is_empty() {
            members(b',', &self.extra, out)?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// The members of an object, in place of its braces what stands before them and nothing.
fn members<T: Serialize>(before: u8, object: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    let at = out.len();
    serde_json::to_writer(&mut *out, object)?;
    out.pop();
    if let Some(brace) = out.get_mut(at) {
        *brace = before;
    }
    Ok(())
}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("object", "response")?;
        map.serialize_entry("created_at", &self.created_at)?;
        map.serialize_entry("completed_at", &self.completed_at)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("incomplete_details", &self.incomplete_details)?;
        map.serialize_entry("model", &self.model)?;
        for (key, json) in self.echo.iter() {
            let json: &RawValue = serde_json::from_str(json).map_err(ser::Error::custom)?;
            map.serialize_entry(key, json)?;
        }
        map.serialize_entry("output", &self.output)?;
        map.serialize_entry("error", &self.error)?;
        map.serialize_entry("usage", &self.usage)?;
        for (key, value) in self.extra.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Response {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

        impl<'de> Visitor<'de> for Members {
            type Value = Response;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a response object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Response, A::Error> {
                let mut response = Response::default();
                let mut echo = Fields::with_room();
                let mut seen_id = false;
                while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
                    match key.as_ref() {
                        "id" => {
                            response.id = map.next_value()?;
                            seen_id = true;
                        }
                        "object" => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                        "created_at" => {
                            response.created_at = seconds(&map.next_value()?).unwrap_or_default();
                        }
                        "completed_at" => response.completed_at = seconds(&map.next_value()?),
                        "status" => {
                            response.status =
                                map.next_value::<Option<Status>>()?.unwrap_or_default();
                        }
                        "incomplete_details" => response.incomplete_details = map.next_value()?,
                        "model" => response.model = map.next_value()?,
                        "output" => {
                            response.output = map.next_value::<Option<_>>()?.unwrap_or_default();
                        }
                        "error" => response.error = map.next_value()?,
                        "usage" => response.usage = map.next_value()?,
                        _ => match ECHOED.iter().find(|name| **name == key) {
                            Some(name) => {
                                let json = map.next_value::<&'de RawValue>()?;
                                echo.push(Cow::Borrowed(*name), json.get());
                            }
                            None => {
                                response.extra.insert(key.into_owned(), map.next_value()?);
                            }
                        },
                    }
                }
                if !seen_id {
                    return Err(de::Error::missing_field("id"));
                }
                response.echo = Echo::from_fields(echo);
                Ok(response)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Some servers write times as floats.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative and huge times saturate, which is as good as any answer"
)]
fn seconds(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().map(|float| float as u64))
}
