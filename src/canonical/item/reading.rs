//! The forms that items come in: bare strings for lists of parts, free words for a status.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{ItemStatus, Message, Phase, Role, ToolOutput};
use crate::canonical::extra::Extra;
use crate::canonical::open::Open;
use crate::canonical::part::Part;

/// `status` is a free string on input: one that is none of the three says nothing and is left out.
pub(super) fn status<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ItemStatus>, D::Error> {
    Ok(
        Option::<String>::deserialize(deserializer)?.and_then(|status| match status.as_str() {
            "in_progress" => Some(ItemStatus::InProgress),
            "completed" => Some(ItemStatus::Completed),
            "incomplete" => Some(ItemStatus::Incomplete),
            _ => None,
        }),
    )
}

/// Text, or a list of parts: what `content`, `output` and such fields hold.
enum TextOrParts {
    Text(String),
    Parts(Vec<Open<Part>>),
}

impl<'de> Deserialize<'de> for TextOrParts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = TextOrParts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of content parts")
            }

            fn visit_str<E>(self, text: &str) -> Result<TextOrParts, E> {
                Ok(TextOrParts::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TextOrParts, A::Error> {
                let mut parts = Vec::with_capacity(seq.size_hint().unwrap_or(1));
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(TextOrParts::Parts(parts))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for ToolOutput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TextOrParts::deserialize(deserializer).map(|either| match either {
            TextOrParts::Text(text) => Self::Text(text),
            TextOrParts::Parts(parts) => Self::Parts(parts),
        })
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(default)]
            id: Option<String>,
            #[serde(default, deserialize_with = "status")]
            status: Option<ItemStatus>,
            role: Role,
            content: TextOrParts,
            #[serde(default)]
            phase: Option<Phase>,
            #[serde(flatten)]
            extra: Extra,
        }
        let raw = Raw::deserialize(deserializer)?;
        let content = match raw.content {
            TextOrParts::Parts(parts) => parts,
            TextOrParts::Text(text) if raw.role == Role::Assistant => {
                vec![Part::output_text(text).into()]
            }
            TextOrParts::Text(text) => vec![Part::input_text(text).into()],
        };
        Ok(Self {
            id: raw.id,
            status: raw.status,
            role: raw.role,
            content,
            phase: raw.phase,
            extra: raw.extra,
        })
    }
}
