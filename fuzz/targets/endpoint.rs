//! Any text is an endpoint that comes back and may stand in a request, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::rpc::fuzz::endpoint(input));
