//! Any texts, pauses and commands: a server in JSON keeps the eight laws.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zrpc_core::stack::trial::console::fuzz::server(input));
