//! Any text of a head or a status keeps the promises of its codecs.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::rpc::fuzz::text(input));
