//! Replies in our own protocol, relayed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llmgw::providers::{Api, Kind};

fuzz_target!(|data: &[u8]| llmgw_fuzz::decode(Kind::OpenAi, Api::Responses, "gpt-6-luna", data));
