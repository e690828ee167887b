//! The laws that a decoder owes to arbitrary bytes; the tests hold them over the seeds.

#[path = "../../tests/support/laws.rs"]
mod laws;

pub use laws::decode;
