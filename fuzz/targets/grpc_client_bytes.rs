//! Any bytes: a gRPC client keeps its limits, ends each call once and comes to rest.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::stack::trial::arbitrary::client(input));
