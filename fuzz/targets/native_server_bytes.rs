//! Any bytes: a native server survives them within its memory bound.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::native::trial::arbitrary::server(input));
