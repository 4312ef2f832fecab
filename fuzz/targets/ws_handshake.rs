//! A handshake is taken or refused, and what is agreed on stays in range.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::websocket::trial::fuzz::handshake(input));
