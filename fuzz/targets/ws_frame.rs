//! Heads, close payloads and text are read or refused, whatever the bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::websocket::trial::fuzz::frame(input));
