//! Headers of the PROXY protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| downbeat_edge::fuzzing::proxy_header(data));
