//! Routing: a name becomes an ordered list of targets. Pure: no I/O, no clock.

pub mod resolve;
pub mod words;
