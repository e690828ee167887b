//! The models that ship, as data.

pub mod anthropic;
pub mod google;
pub mod openai;
pub mod glob;
pub mod models;
pub mod prices;
