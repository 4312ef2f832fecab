//! Two HTTP/2 machines on slow links: neither accuses the other, and every stream comes to its end.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::http2::trial::pair::pair(input));
