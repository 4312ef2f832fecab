//! Any bytes from the first on: a server of any protocol keeps its limits, ends each call once and comes to rest.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::stack::trial::arbitrary::any_server(input));
