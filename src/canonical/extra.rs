//! Fields beyond the types: kept in order, given back as they came.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A JSON object, its keys in the order in which they came.
pub type Object = serde_json::Map<String, Value>;

/// What an object holds beyond its typed fields. The `type` of a tagged object is not kept here: the enum knows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Extra(Object);

impl Extra {
    /// Nothing beyond the types.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Deref for Extra {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.0
    }
}

impl DerefMut for Extra {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.0
    }
}

impl From<Object> for Extra {
    fn from(object: Object) -> Self {
        Self(object)
    }
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Extra;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra, A::Error> {
                let mut kept = Object::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == "type" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        kept.insert(key, map.next_value()?);
                    }
                }
                Ok(Extra(kept))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}
