//! A value of this specification, or of a newer one.
//!
//! `Deserialize` looks at `type` first. A tag that is known must have a sound payload: a broken one is an error, never
//! an ignorable unknown. A tag that is not known is kept whole and given back as it came.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::extra::Object;

/// Separates the path of a fault from its message inside an error text, so that the outer reader can join paths.
/// A control character, which no message of serde's has.
pub(crate) const PATH_MARK: char = '\u{1f}';

/// Known to this version, or kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Open<T> {
    /// A value of this specification.
    Known(T),
    /// A value with a `type` that this version does not know, untouched.
    Unknown(Object),
}

impl<T> Open<T> {
    /// The value, if this version knows it.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// The value, to change it, if this version knows it.
    pub fn known_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Open<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

/// What stands at the head of an object: enough to tell which kind it is.
#[derive(Debug, Deserialize)]
pub struct Head<'a> {
    /// The tag.
    #[serde(borrow, rename = "type", default)]
    pub tag: Option<Cow<'a, str>>,
    /// Whether there is a `role`: a message may leave its `type` out.
    #[serde(default)]
    pub role: Option<IgnoredAny>,
    /// Whether there is an `id`: an item reference may leave its `type` out.
    #[serde(default)]
    pub id: Option<IgnoredAny>,
}

/// A vocabulary of tagged objects.
pub trait Tagged: Sized + Serialize {
    /// The tag that is meant where `type` is absent.
    fn implied(_head: &Head<'_>) -> Option<&'static str> {
        None
    }

    /// Reads the payload of `tag`; `None` if the tag is not of this vocabulary.
    fn read(tag: &str, json: &str) -> Option<Result<Self, serde_json::Error>>;
}

/// Reads one payload, naming the path of a fault. The second reading costs only the requests that are refused.
pub(crate) fn payload<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(json).map_err(|plain| {
        let mut reader = serde_json::Deserializer::from_str(json);
        match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Ok(_) => plain,
            Err(traced) => {
                let path = traced.path().to_string();
                let inner = strip_position(&traced.into_inner().to_string());
                match inner.split_once(PATH_MARK) {
                    Some((deeper, message)) => serde_json::Error::custom(format!(
                        "{}{PATH_MARK}{message}",
                        join(&path, deeper)
                    )),
                    None => serde_json::Error::custom(format!("{path}{PATH_MARK}{inner}")),
                }
            }
        }
    })
}

/// Joins two paths of fields: `content[0]` and `text` make `content[0].text`.
pub(crate) fn join(outer: &str, inner: &str) -> String {
    match (outer, inner) {
        ("" | ".", inner) => inner.to_owned(),
        (outer, "" | ".") => outer.to_owned(),
        (outer, inner) if inner.starts_with('[') => format!("{outer}{inner}"),
        (outer, inner) => format!("{outer}.{inner}"),
    }
}

/// Takes `serde_json`'s position off: inside a nested reading it counts from the wrong place.
pub(crate) fn strip_position(message: &str) -> String {
    match message.rfind(" at line ") {
        Some(at) if message[at..].contains(" column ") => message[..at].to_owned(),
        _ => message.to_owned(),
    }
}

impl<'de, T: Tagged> Deserialize<'de> for Open<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: Cow<'de, RawValue> = BorrowedRaw::deserialize(deserializer)?.0;
        read(raw.get()).map_err(D::Error::custom)
    }
}

/// Reads one object of the vocabulary.
pub fn read<T: Tagged>(json: &str) -> Result<Open<T>, serde_json::Error> {
    if let Some(known) = leading_tag(json).and_then(|tag| T::read(tag, json)) {
        return known.map(Open::Known);
    }
    let head: Head<'_> = serde_json::from_str(json)
        .map_err(|e| serde_json::Error::custom(strip_position(&e.to_string())))?;
    let tag = match &head.tag {
        Some(tag) => tag.as_ref(),
        None => T::implied(&head).ok_or_else(|| {
            serde_json::Error::custom(format!("type{PATH_MARK}missing field `type`"))
        })?,
    };
    match T::read(tag, json) {
        Some(known) => known.map(Open::Known),
        None => serde_json::from_str(json).map(Open::Unknown),
    }
}

/// The tag, if nothing but plain strings stands before it, as it mostly is: found without reading the rest.
fn leading_tag(json: &str) -> Option<&str> {
    fn word(text: &str) -> Option<(&str, &str)> {
        let text = text.trim_ascii_start().strip_prefix('"')?;
        let end = text
            .bytes()
            .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))?;
        let (word, rest) = text.split_at_checked(end)?;
        Some((word, rest.strip_prefix('"')?.trim_ascii_start()))
    }

    let mut rest = json.trim_ascii_start().strip_prefix('{')?;
    loop {
        let (name, value) = word(rest)?;
        let (value, next) = word(value.strip_prefix(':')?)?;
        if name == "type" {
            return Some(value);
        }
        rest = next.strip_prefix(',')?;
    }
}

/// A raw value, borrowed where the source allows it.
struct BorrowedRaw<'a>(Cow<'a, RawValue>);

impl<'de> Deserialize<'de> for BorrowedRaw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // All input is read from memory, so the borrowed form always works.
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self(Cow::Borrowed(raw)))
    }
}

impl<T: Serialize> Serialize for Open<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(map) => map.serialize(serializer),
        }
    }
}

/// The `type` of an unknown object, for messages and lists of losses.
pub fn tag_of(map: &Object) -> &str {
    map.get("type").and_then(Value::as_str).unwrap_or("unknown")
}

/// Reads `null` and absence alike as the default.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// What JSON Schema calls the type of a value, whole numbers not told apart.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
