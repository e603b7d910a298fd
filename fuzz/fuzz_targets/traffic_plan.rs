//! Traffic plans.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| downbeat_edge::fuzzing::traffic_plan(data));
