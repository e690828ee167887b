//! Reasoning that must go back: OpenRouter's `reasoning_details`, and the plain text of servers that want it again.
//!
//! A stream sends an entry in pieces. Pieces of text are joined; all else, signatures included, stays as it was issued.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::canonical::sealed::{Block, Envelope};
use crate::wire::chat::Text;
use crate::wire::chat::reply::ReasoningDetail;

/// The entries so far.
#[derive(Debug, Default)]
pub(super) struct Details(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    kind: Kind,
    index: Option<u64>,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Summary,
    Opaque,
}

/// As it came, until a second piece makes it an object that grows.
#[derive(Debug)]
enum Form {
    Raw(String),
    Joined(Map<String, Value>),
}

impl Details {
    /// Takes an entry in, or a piece of one. Returns its text, if it has any.
    pub(super) fn push(&mut self, raw: &RawValue) -> Option<String> {
        // An entry that is no object of this form is kept as it is.
        let detail: ReasoningDetail<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        let kind = match detail.kind.as_ref().map(Text::as_str) {
            Some("reasoning.text") => Kind::Text,
            Some("reasoning.summary") => Kind::Summary,
            _ => Kind::Opaque,
        };
        let text = match kind {
            Kind::Text => detail.text,
            Kind::Summary => detail.summary,
            Kind::Opaque => None,
        };
        match self.0.last_mut() {
            Some(last)
                if kind != Kind::Opaque && last.kind == kind && last.index == detail.index =>
            {
                last.join(raw);
            }
            _ => self.0.push(Entry {
                kind,
                index: detail.index,
                form: Form::Raw(raw.get().to_owned()),
            }),
        }
        text.map(|text| text.0.into_owned())
    }

    /// The list as JSON text, and a fresh start; `None` if there is nothing.
    pub(super) fn take(&mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let entries: Vec<String> = self
            .0
            .drain(..)
            .map(|entry| match entry.form {
                Form::Raw(raw) => raw,
                Form::Joined(object) => Value::Object(object).to_string(),
            })
            .collect();
        Some(format!("[{}]", entries.join(",")))
    }
}

impl Entry {
    fn join(&mut self, raw: &RawValue) {
        let Ok(piece) = serde_json::from_str::<Map<String, Value>>(raw.get()) else {
            return;
        };
        if let Form::Raw(first) = &self.form {
            // It was read as an object when it came.
            let object = serde_json::from_str(first).unwrap_or_default();
            self.form = Form::Joined(object);
        }
        let Form::Joined(object) = &mut self.form else {
            return;
        };
        for (key, value) in piece {
            match (object.get_mut(&key), value) {
                (Some(Value::String(text)), Value::String(more))
                    if key == "text" || key == "summary" =>
                {
                    text.push_str(&more);
                }
                (None | Some(Value::Null), value) => {
                    object.insert(key, value);
                }
                (Some(_), Value::Null) => {}
                (Some(old), value) if key == "signature" => *old = value,
                (Some(_), _) => {}
            }
        }
    }
}

/// Seals blocks for the provider and model that made them.
pub(super) fn seal(provider: &str, model: &str, blocks: Vec<Block>) -> String {
    let envelope = Envelope {
        vendor: vendor(provider),
        model: model.to_owned(),
        blocks,
    };
    envelope.seal()
}

/// Opens an envelope that this provider sealed.
pub(super) fn open(provider: &str, sealed: &str) -> Option<Envelope> {
    Envelope::open(sealed).filter(|envelope| envelope.vendor == vendor(provider))
}

fn vendor(provider: &str) -> String {
    format!("chat:{provider}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], expect: &str) {
        let mut details = Details::default();
        for piece in pieces {
            let raw: &RawValue = serde_json::from_str(piece).unwrap();
            details.push(raw);
        }
        assert_eq!(details.take().as_deref(), Some(expect));
        assert_eq!(details.take(), None);
    }

    #[test]
    fn pieces_of_text_are_joined_and_the_signature_is_kept() {
        check(
            &[
                r#"{"type":"reasoning.text","text":"a","index":0,"signature":null}"#,
                r#"{"type":"reasoning.text","text":"b","index":0}"#,
                r#"{"type":"reasoning.text","signature":"Eo+/=","index":0}"#,
            ],
            r#"[{"type":"reasoning.text","text":"ab","index":0,"signature":"Eo+/="}]"#,
        );
    }

    #[test]
    fn an_opaque_entry_stays_byte_for_byte() {
        let opaque = r#"{"type":"reasoning.encrypted", "data":"x\/y", "n":1.0}"#;
        check(&[opaque, opaque], &format!("[{opaque},{opaque}]"));
    }

    #[test]
    fn another_index_is_another_entry() {
        let (a, b) = (
            r#"{"type":"reasoning.text","text":"a","index":0}"#,
            r#"{"type":"reasoning.text","text":"b","index":1}"#,
        );
        check(&[a, b], &format!("[{a},{b}]"));
    }

    #[test]
    fn an_envelope_opens_only_for_the_provider_that_sealed_it() {
        let sealed = seal(
            "router",
            "m",
            vec![Block::Details {
                details: "[1]".into(),
            }],
        );
        assert!(open("router", &sealed).is_some());
        assert!(open("lab", &sealed).is_none());
    }
}
