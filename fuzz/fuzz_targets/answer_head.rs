//! Heads of answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| downbeat_edge::fuzzing::answer_head(data));
