//! Chat Completions replies.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llmgw::providers::{Api, Kind};

fuzz_target!(|data: &[u8]| llmgw_fuzz::decode(Kind::Compatible, Api::Chat, "model", data));
