//! Any header blocks: our decoder, nghttp2's and loona's read the same fields or refuse the same blocks.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| others::hpack(input));
