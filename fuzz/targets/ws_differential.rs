//! Any frames: our WebSocket and tungstenite's read the same heads, deliver the same messages and refuse the same input.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    others::frame_heads(input);
    others::websocket(input);
});
