//! Any header blocks: limits are kept, and what was decoded can be encoded again.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::hpack::fuzz::decode(input));
