//! Any message survives compression; no payload inflates beyond the limit.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::rpc::fuzz::compressed(input));
