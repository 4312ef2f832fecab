//! A compressed message is inflated or refused within its limits, and what is compressed comes back.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::websocket::trial::fuzz::compressed(input));
