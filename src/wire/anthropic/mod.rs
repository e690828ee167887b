//! The Messages API of Anthropic (SDK 2.10, November 2026), as inert structs.
//!
//! What is written to the API is in [`request`], what is read from it in [`reply`]. Both borrow: a request from the
//! gateway's own request, a reply from the bytes that came.

pub mod inbound;
pub mod reply;
pub mod request;
