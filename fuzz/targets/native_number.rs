//! Any number of the native protocol comes back, in no more bytes than it came in.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::native::trial::fuzz::number(input));
