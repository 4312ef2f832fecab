//! Any header lists come back, with the tables of both sides in step.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::hpack::fuzz::round_trip(input));
