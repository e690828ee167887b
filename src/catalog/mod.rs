//! The models that ship: context, prices, capabilities and lifecycle, as data that needs no code to be brought up to date.
//!
//! The catalogue is a help, not a gate: a model that is not in it is asked all the same, only its price is unknown.
//! Unknown stays unknown; nothing here makes a zero of it.

pub mod anthropic;
pub mod day;
pub mod glob;
pub mod google;
pub mod models;
pub mod openai;
pub mod prices;
pub mod usd;
