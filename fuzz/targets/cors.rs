//! Any origin and preflight: only listed pages are let in, and no answer breaks its head.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::rpc::fuzz::cors(input));
