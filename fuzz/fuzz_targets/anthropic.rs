//! The Messages API's replies.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llmgw::providers::{Api, Kind};

fuzz_target!(|data: &[u8]| llmgw_fuzz::decode(
    Kind::Anthropic,
    Api::Auto,
    "claude-sonnet-5-5",
    data
));
