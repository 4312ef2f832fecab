//! Whatever a native client and server do to each other, both agree with the model.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::native::trial::pair::pair(input));
