//! Any bytes: a client in a WebSocket on HTTP/2 keeps its limits, ends each call once and comes to rest.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::stack::trial::arbitrary::websocket_http2_client(input));
