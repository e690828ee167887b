//! The forms that a request's fields come in.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Delivery;
use crate::canonical::item::{Item, Role};
use crate::canonical::open::Open;

/// A string is one message of the user's; `null` is nothing.
pub(super) fn input<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Open<Item>>, D::Error> {
    struct Input;

    impl<'de> Visitor<'de> for Input {
        type Value = Vec<Open<Item>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list of items")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![Open::Known(Item::message(Role::User, text))])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = seq.next_element()? {
                items.push(item);
            }
            Ok(items)
        }
    }

    deserializer.deserialize_any(Input)
}

pub(super) fn delivery<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Delivery, D::Error> {
    Ok(match Option::<bool>::deserialize(deserializer)? {
        Some(true) => Delivery::Streamed,
        Some(false) | None => Delivery::Whole,
    })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
pub(super) fn delivery_out<S: serde::Serializer>(
    delivery: &Delivery,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!delivery.is_whole())
}
