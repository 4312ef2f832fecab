//! Any bytes, as a recording, are replayed, refused, or said to diverge.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::recorder::fuzz::read(input));
