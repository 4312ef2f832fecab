//! Any bytes give the same messages however they are cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::rpc::fuzz::messages(input));
