//! Any text is JSON or an error within itself, and any string survives being written.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::codec::fuzz::json(input));
