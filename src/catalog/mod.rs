//! What is known of models ahead of asking them: data, no code of any provider.

pub mod google;
