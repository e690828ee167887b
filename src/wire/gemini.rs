//! Google's generateContent as inert structs (ai.google.dev, API version `v1beta`, November 2026).
//!
//! Requests serialise in camelCase, replies borrow from their frame. Nothing here decides anything.

pub mod request;
pub mod response;
pub mod usage;
