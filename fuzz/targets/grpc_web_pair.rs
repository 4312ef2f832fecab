//! A client and a server of gRPC-Web on HTTP/2 over any link agree with a model of their calls.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::stack::trial::pair::web_pair(input));
