//! The models that ship: what they can do, told as data.

pub mod openai;
