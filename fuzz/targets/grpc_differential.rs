//! Any content in any pieces: tonic's codec and ours read the same messages, and we read what tonic writes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| others::grpc(input));
