//! Any calls, pauses and commands: a gRPC server keeps the eight laws.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::stack::trial::fuzz::server(input));
