//! Foreign protocols as inert structs: no logic beyond reading and writing, nothing of `canonical`.

pub mod anthropic;
pub mod chat;
pub mod fields;
pub mod gemini;
pub mod plain;
pub mod sse;
