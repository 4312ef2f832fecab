//! Any bytes: a native client survives them within its memory bound, and each of its calls ends.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::native::trial::arbitrary::client(input));
