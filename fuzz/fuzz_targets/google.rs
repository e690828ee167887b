//! Google's replies.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llmgw::providers::{Api, Kind};

fuzz_target!(|data: &[u8]| llmgw_fuzz::decode(Kind::Google, Api::Auto, "gemini-3.8-flash", data));
