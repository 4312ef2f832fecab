//! Any bytes: a gRPC-Web server keeps its limits, ends each call once and comes to rest.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::stack::trial::arbitrary::web_server(input));
