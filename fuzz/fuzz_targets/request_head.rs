//! Heads of requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| downbeat_edge::fuzzing::request_head(data));
