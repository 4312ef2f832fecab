//! Any base64 is the same in any pieces and comes back; trailers in a frame are read as they are written.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::rpc::fuzz::web_text(input));
