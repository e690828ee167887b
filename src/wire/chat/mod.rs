//! Chat Completions, as OpenAI writes it and as the servers that imitate it do: inert structs for both directions.
//!
//! Text borrows from the frame that it was read from. Where imitators disagree on a type (content as a list, arguments
//! as an object, numbers as floats), reading takes all forms and writing has the one that OpenAI documents.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub mod reply;
pub mod request;

/// Text that is borrowed where JSON has no escapes in it. Numbers and booleans are read as their text, since some
/// servers write codes and ids as numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;

        impl<'de> Visitor<'de> for Words {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(truth.to_string())))
            }
        }

        deserializer.deserialize_any(Words)
    }
}

/// `content`: text, or a list of parts. Also the form of reasoning fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'a> {
    /// `null`, written where a key must be there without a value.
    Null,
    /// Plain text.
    Text(Cow<'a, str>),
    /// Parts.
    Parts(Vec<Part<'a>>),
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Parts(parts) => parts.serialize(serializer),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of content parts")
            }

            fn visit_unit<E>(self) -> Result<Content<'de>, E> {
                Ok(Content::Null)
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content<'de>, A::Error> {
                let mut parts = Vec::with_capacity(seq.size_hint().unwrap_or(1));
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content<'de>, A::Error> {
                let part = Part::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Content::Parts(vec![part]))
            }
        }

        deserializer.deserialize_any(Forms)
    }
}

/// A content part of any kind: `kind` says which of the fields counts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Part<'a> {
    /// `text`, `image_url`, `input_audio`, `file`, `refusal`; Mistral adds `thinking` and `reference`.
    #[serde(rename = "type", borrow, default)]
    pub kind: Text<'a>,
    /// For `text`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text<'a>>,
    /// For `image_url`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<ImageUrl<'a>>,
    /// For `input_audio`: an [`Audio`]; bare base64 at Mistral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<Value>,
    /// For `file`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File<'a>>,
    /// For `refusal`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Text<'a>>,
    /// For `thinking`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Content<'a>>,
    /// Where a prompt cache ends, at routers in front of Anthropic's models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<Value>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `image_url`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageUrl<'a> {
    /// `https:` or `data:`.
    #[serde(borrow)]
    pub url: Text<'a>,
    /// `low`, `high`, `auto`, or a newer word.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text<'a>>,
}

/// `input_audio`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Audio<'a> {
    /// Base64.
    #[serde(borrow)]
    pub data: Text<'a>,
    /// `wav` or `mp3`.
    #[serde(borrow)]
    pub format: Text<'a>,
}

/// `file`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct File<'a> {
    /// A data URL.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub file_data: Option<Text<'a>>,
    /// The id of a file at OpenAI.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<Text<'a>>,
    /// The name that is shown.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<Text<'a>>,
}

/// A call of a tool: whole, or a piece of one in a stream.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ToolCall<'a> {
    /// Which call of the stream this piece belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Joins the call and its output.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<'a>>,
    /// `function` or `custom`.
    #[serde(
        rename = "type",
        borrow,
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<Text<'a>>,
    /// For `function`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionCall<'a>>,
    /// For `custom`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomCall<'a>>,
    /// Google's: `{google: {thought_signature}}`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub extra_content: Option<ExtraContent<'a>>,
}

/// `function` of a call; also the legacy `function_call`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FunctionCall<'a> {
    /// The function.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// JSON text.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Arguments<'a>>,
}

/// `custom` of a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CustomCall<'a> {
    /// The tool.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Free text.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Text<'a>>,
}

/// What Google's compatibility endpoint adds to a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ExtraContent<'a> {
    /// Google's part of it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub google: Option<GoogleContent<'a>>,
}

/// Google's part of [`ExtraContent`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GoogleContent<'a> {
    /// Must come back with the call, as issued.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<Text<'a>>,
}

/// Arguments as JSON text. Some servers send the object itself, or `null`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Arguments<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = Arguments<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON text or an object")
            }

            fn visit_unit<E>(self) -> Result<Arguments<'de>, E> {
                Ok(Arguments::default())
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Arguments<'de>, E> {
                Ok(Arguments(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Arguments<'de>, E> {
                Ok(Arguments(Cow::Owned(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Arguments<'de>, A::Error> {
                let object = Value::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Arguments(Cow::Owned(object.to_string())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Arguments<'de>, A::Error> {
                // Some templates write `[]` for no arguments; other lists are not arguments either.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Arguments::default())
            }
        }

        deserializer.deserialize_any(Forms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_text_in_every_form() {
        let check = |json: &str, expect: &str| {
            assert_eq!(
                serde_json::from_str::<Arguments<'_>>(json).unwrap().0,
                expect
            );
        };
        check(r#""{\"a\":1}""#, r#"{"a":1}"#);
        check(r#"{"b":1,"a":2.0}"#, r#"{"b":1,"a":2.0}"#);
        check("null", "");
        check("[]", "");
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let text: Text<'_> = serde_json::from_str(r#""abc""#).unwrap();
        assert!(matches!(text.0, Cow::Borrowed("abc")));
        let code: Option<Text<'_>> = serde_json::from_str("429").unwrap();
        assert_eq!(code.unwrap().as_str(), "429");
    }

    #[test]
    fn content_is_text_or_parts() {
        let parts: Content<'_> = serde_json::from_str(
            r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]"#,
        )
        .unwrap();
        let Content::Parts(parts) = parts else {
            panic!("parts expected")
        };
        assert_eq!(parts[0].kind.as_str(), "thinking");
        assert_eq!(parts[1].text.as_ref().unwrap().as_str(), "a");
    }
}
