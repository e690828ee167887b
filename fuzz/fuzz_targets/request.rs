//! What is read as a request is written as the same request.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llmgw::canonical::request::Request;

fuzz_target!(|data: &[u8]| {
    let Ok(request) = serde_json::from_slice::<Request>(data) else {
        return;
    };
    let written = serde_json::to_string(&request).expect("a request is written");
    let again: Request = serde_json::from_str(&written).expect("what was written is read");
    let twice = serde_json::to_string(&again).expect("a request is written");
    assert_eq!(written, twice);
});
