//! Requests, read, written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| downbeat_edge::fuzzing::round_trip(data));
