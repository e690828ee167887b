//! Open Responses (specification 2026-04-24), typed: the one language inside the gateway.
//!
//! Doors turn foreign requests into a [`request::Request`], decoders speak verbs to a [`compose::Composer`], which
//! alone makes [`event::Event`]s, and [`fold::Fold`] alone makes a [`response::Response`] of them. Nothing here does
//! I/O or knows another protocol. What a newer specification adds is kept untouched in [`open::Open`] and in `extra`.

pub mod address;
pub mod beyond;
pub mod compose;
pub mod embedding;
pub mod event;
pub mod extra;
pub mod fold;
pub mod grammar;
pub mod ids;
pub mod item;
pub mod native;
pub mod open;
pub mod pairing;
pub mod part;
pub mod request;
pub mod rescue;
pub mod response;
pub mod sealed;
pub mod settings;
pub mod tool;
pub mod usage;
