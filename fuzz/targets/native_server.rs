//! Any calls, pauses and commands: a native server keeps the eight laws.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::native::trial::fuzz::server(input));
