//! The terminal.

pub mod render;
