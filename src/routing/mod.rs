//! Routing: a name becomes an ordered list of targets. Pure: no I/O, no clock.

pub mod demand;
pub mod health;
mod judge;
pub mod plan;
pub mod policy;
pub mod reason;
pub mod resolve;
pub mod words;
