//! A WebSocket client keeps all laws whatever its server sends.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::websocket::trial::fuzz::client(input));
