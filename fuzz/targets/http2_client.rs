//! Any frames, pauses and commands: a client keeps the eight laws.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::http2::trial::fuzz::client(input));
