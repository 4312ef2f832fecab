//! SETTINGS, RFC 9113 §6.5: what a side can take. A list of pairs; unknown ones are ignored.
//!
//! ```text
//! (Identifier (16)  Value (32))*
//! ```

use crate::http2::frame::{FrameHead, FrameType, flags};
use crate::http2::{StreamId, Violation};
use alloc::vec::Vec;

/// Setting identifiers, RFC 9113 §6.5.2 and RFC 8441 §3.
pub mod id {
    /// Bytes of the table that the peer's encoder may use.
    pub const HEADER_TABLE_SIZE: u16 = 0x1;
    /// Whether the server may push.
    pub const ENABLE_PUSH: u16 = 0x2;
    /// Streams that the peer may have open.
    pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    /// Bytes of window that each stream begins with.
    pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
    /// Bytes of payload that a frame may have.
    pub const MAX_FRAME_SIZE: u16 = 0x5;
    /// Bytes of header list, uncompressed, that are taken.
    pub const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    /// Whether extended CONNECT is served.
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
}

/// The pairs of a SETTINGS payload, in order.
///
/// # Errors
/// When its length is not a multiple of 6.
pub fn parse(payload: &[u8]) -> Result<impl Iterator<Item = (u16, u32)>, Violation> {
    let (pairs, rest) = payload.as_chunks::<6>();
    // RFC 9113 §6.5: a length that is not a multiple of 6 MUST be a connection error FRAME_SIZE_ERROR.
    if !rest.is_empty() {
        return Err(Violation::FrameSize);
    }
    Ok(pairs.iter().map(|&[i0, i1, v0, v1, v2, v3]| {
        (u16::from_be_bytes([i0, i1]), u32::from_be_bytes([v0, v1, v2, v3]))
    }))
}

/// Appends a SETTINGS frame. RFC 9113 §6.5: it is always sent on stream 0.
pub fn emit(pairs: &[(u16, u32)], out: &mut Vec<u8>) {
    let head = FrameHead {
        length: (pairs.len() * 6) as u32,
        kind: FrameType::Settings,
        flags: 0,
        stream: StreamId::CONNECTION,
    };
    out.extend_from_slice(&head.to_bytes());
    for (id, value) in pairs {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends an acknowledgement.
pub fn emit_ack(out: &mut Vec<u8>) {
    let head =
        FrameHead { length: 0, kind: FrameType::Settings, flags: flags::ACK, stream: StreamId::CONNECTION };
    out.extend_from_slice(&head.to_bytes());
}
