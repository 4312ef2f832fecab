//! The binary encoding of frames, a file each (docs/native-protocol.md §4).
//!
//! ```text
//! Length (i)   Type (8)   Body (Length - 1 bytes)
//! ```

pub(crate) mod call;
pub(crate) mod credit;
pub(crate) mod goaway;
pub(crate) mod hello;
pub(crate) mod metadata;
pub(crate) mod ping;
pub(crate) mod priority;
pub(crate) mod reset;

use crate::native::varint;
use alloc::string::String;
use alloc::vec::Vec;

pub(crate) const HELLO: u8 = 0x01;
pub(crate) const CREDIT: u8 = 0x02;
pub(crate) const RESET: u8 = 0x03;
pub(crate) const PRIORITY: u8 = 0x04;
pub(crate) const PING: u8 = 0x05;
pub(crate) const PONG: u8 = 0x06;
pub(crate) const GOAWAY: u8 = 0x07;

/// §4: types that a receiver skips where it does not know them.
pub(crate) const fn is_skipped(kind: u8) -> bool {
    matches!(kind, 0x40..=0x7f)
}

/// Bytes of a text for people that are kept.
const TEXT_BYTES: usize = 256;

/// Begins a frame whose type and body take `len` bytes.
pub(crate) fn begin(kind: u8, len: usize, out: &mut Vec<u8>) {
    varint::put(len as u64, out);
    out.push(kind);
}

/// A text for people as it may be shown: short, and with nothing that a terminal obeys.
pub(crate) fn shown(text: &[u8]) -> String {
    let kept = &text[..text.len().min(TEXT_BYTES)];
    String::from_utf8_lossy(kept).chars().flat_map(char::escape_debug).collect()
}
