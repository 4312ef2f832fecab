//! A WebSocket server keeps all laws whatever its client sends.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::websocket::trial::fuzz::server(input));
