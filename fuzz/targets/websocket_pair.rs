//! A client and a server in a WebSocket over any link agree with a model of their calls.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::stack::trial::websocket_pair::websocket_pair(input));
