//! Attackers that speak WebSocket, RFC 6455: on a listener that takes the subprotocol of our own, since that is what a
//! listener offers.

use super::Script;
use super::wire::Wire;

/// The opening handshake of a client.
#[must_use]
pub fn handshake(lines: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: victim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// A connection of the native protocol in binary messages.
fn opened() -> Wire {
    let mut wire = Wire::default();
    wire.raw(&handshake("Sec-WebSocket-Protocol: zrpc.v1\r\n"));
    wire
}

/// A frame with a mask: `first` is the flags and the opcode.
pub fn frame(wire: &mut Wire, first: u8, payload: &[u8]) {
    let key = [1u8, 2, 3, 4];
    wire.raw(&[first]);
    match payload.len() {
        length @ 0..126 => wire.raw(&[0x80 | length as u8]),
        length @ 126..65_536 => wire.raw(&[0xfe]).raw(&(length as u16).to_be_bytes()),
        length => wire.raw(&[0xff]).raw(&(length as u64).to_be_bytes()),
    };
    let masked: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    wire.raw(&key).raw(&masked);
}

/// Every script that floods a WebSocket.
#[must_use]
pub fn floods() -> Vec<Script> {
    vec![
        fragments("fragments of 1 octet", 1),
        fragments("empty fragments", 0),
        Script::new("A39", "pings", opened(), 100_000, |wire, _| frame(wire, 0x89, &[b'p'; 125])),
        Script::new("A39", "pings", opened(), 100_000, |wire, _| frame(wire, 0x89, &[b'p'; 125]))
            .deaf("pings, unread"),
        Script::new("A39", "pongs", opened(), 100_000, |wire, _| frame(wire, 0x8a, b"")),
        Script::new("A31", "empty messages", opened(), 100_000, |wire, _| frame(wire, 0x82, b"")),
    ]
}

/// A31: one message in fragments that are next to nothing (CVE-2026-48779, CVE-2026-42786).
fn fragments(name: &'static str, length: usize) -> Script {
    Script::new("A31", name, opened(), 131_000, move |wire, number| {
        frame(wire, if number == 0 { 0x02 } else { 0x00 }, &[b'f'; 1][..length]);
    })
}
