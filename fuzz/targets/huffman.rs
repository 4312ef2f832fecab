//! Any string survives the Huffman code, which has one encoding for each.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::codec::fuzz::huffman(input));
