//! Any answers, pauses and commands: a native client keeps the eight laws.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::native::trial::fuzz::client(input));
