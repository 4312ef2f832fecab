//! Any bytes, pauses and commands: a server of HTTP/1.1 keeps the eight laws.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::http1::trial::fuzz::server(input));
