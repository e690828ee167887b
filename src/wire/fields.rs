//! An object taken apart at its top: keys in their order, values byte for byte.
//!
//! For bodies that go on as they came but for a field or two: what is not looked at is neither parsed nor written anew.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// One JSON object.
#[derive(Debug, Clone, Default)]
pub struct Fields<'a>(pub Vec<(Cow<'a, str>, Cow<'a, RawValue>)>);

impl<'a> Fields<'a> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_ref())
    }

    /// The text of a key whose value is a string.
    pub fn text(&self, key: &str) -> Option<String> {
        // A value that is no string is for somebody else to find fault with.
        serde_json::from_str(self.get(key)?.get()).ok()
    }

    /// Sets a field, in its place if it is there and at the end if not. Plain data can always be written; what cannot is
    /// left out.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) {
        let Ok(value) = serde_json::value::to_raw_value(value) else {
            return;
        };
        self.put(key, Cow::Owned(value));
    }

    /// The same, with a value that is JSON already.
    pub fn put(&mut self, key: &'static str, value: Cow<'a, RawValue>) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((Cow::Borrowed(key), value)),
        }
    }

    /// Takes a field out.
    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(name, _)| name != key);
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        /// A key, borrowed where it holds no escapes.
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    fields.push((key, Cow::Borrowed(value)));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_touched_stays_byte_for_byte() {
        let json = r#"{"b": {"z":1.0,  "a":[10000000000000000000001]},"a\u0062":null,"c":"x"}"#;
        let mut fields: Fields<'_> = serde_json::from_str(json).unwrap();
        fields.set("c", "y");
        fields.set("d", &1);
        assert_eq!(fields.text("c").as_deref(), Some("y"));
        assert_eq!(
            serde_json::to_string(&fields).unwrap(),
            r#"{"b":{"z":1.0,  "a":[10000000000000000000001]},"ab":null,"c":"y","d":1}"#
        );
        fields.remove("b");
        assert!(fields.get("b").is_none() && fields.get("ab").is_some());
    }
}
