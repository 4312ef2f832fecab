//! Attackers that speak the native protocol, docs/native-protocol.md.

use super::Script;
use super::wire::{PATH, Wire};

/// A preface and an empty HELLO.
#[must_use]
pub fn opened() -> Wire {
    let mut wire = Wire::default();
    wire.raw(b"\xfazRPC\x01\0\0");
    frame(&mut wire, 0x01, &[]);
    wire
}

/// A number, §2.
pub fn number(wire: &mut Wire, value: u32) {
    match value {
        0..0x40 => wire.raw(&[value as u8]),
        0x40..0x4000 => wire.raw(&(0x4000 | value as u16).to_be_bytes()),
        _ => wire.raw(&(0x8000_0000 | value).to_be_bytes()),
    };
}

/// Any frame, §4.
pub fn frame(wire: &mut Wire, kind: u8, body: &[u8]) {
    number(wire, body.len() as u32 + 1);
    wire.raw(&[kind]).raw(body);
}

/// CALL with these flags and sections, §4.1.
pub fn call(wire: &mut Wire, flags: u8, id: u32, sections: &[u8]) {
    let mut body = Wire::default();
    number(&mut body, id);
    body.raw(sections);
    frame(wire, 0x80 | flags, &body.0);
}

/// The head of a request for [`PATH`], by its name in full.
#[must_use]
pub fn head() -> Vec<u8> {
    let mut head = Wire::default();
    head.raw(&[0]);
    number(&mut head, (PATH.len() as u32) << 2);
    head.raw(PATH.as_bytes()).take()
}

fn reset(wire: &mut Wire, id: u32) {
    let mut body = Wire::default();
    number(&mut body, id);
    number(&mut body, 1);
    frame(wire, 0x03, &body.0);
}

/// Every script that floods a native connection.
#[must_use]
pub fn floods() -> Vec<Script> {
    let ping = |wire: &mut Wire, number: u32| frame(wire, 0x05, &u64::from(number).to_be_bytes());
    vec![
        Script::new("A1", "native: rapid reset", opened(), 100_000, |wire, number| {
            call(wire, 0x01 | 0x02 | 0x08, number + 1, &[&head()[..], b"x"].concat());
            reset(wire, number + 1);
        }),
        Script::new("A2", "native: calls above the limit", opened(), 100_000, |wire, number| {
            call(wire, 0x01, number + 1, &head());
        }),
        Script::new("A8", "native: PING", opened(), 100_000, ping),
        Script::new("A8", "native: PING", opened(), 100_000, ping).deaf("native: PING, unread"),
        Script::new("A13", "native: unknown frames", opened(), 100_000, |wire, number| {
            frame(wire, 0x40 + (number % 64) as u8, &[0; 8]);
        }),
        Script::new("A23", "native: announces 4 MiB, sends 1 octet", opened(), 1_000, |wire, id| {
            let mut sections = Wire(head());
            number(&mut sections, 4_000_000);
            sections.raw(b"x");
            call(wire, 0x01 | 0x02 | 0x04, id + 1, &sections.0);
        }),
    ]
}
