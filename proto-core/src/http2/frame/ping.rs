//! PING, RFC 9113 §6.7: is the peer there, and how far away?
//!
//! ```text
//! Opaque Data (64)
//! ```

use crate::http2::frame::{FrameHead, FrameType, flags};
use crate::http2::{StreamId, Violation};
use alloc::vec::Vec;

/// Reads the payload.
///
/// # Errors
/// When its length is not 8.
pub fn parse(payload: &[u8]) -> Result<[u8; 8], Violation> {
    // RFC 9113 §6.7: a length other than 8 MUST be treated as a connection error FRAME_SIZE_ERROR.
    payload.try_into().map_err(|_| Violation::FrameSize)
}

/// Appends the frame. RFC 9113 §6.7: its opaque data MUST be 8 octets.
pub fn emit(ack: bool, payload: [u8; 8], out: &mut Vec<u8>) {
    let head = FrameHead {
        length: 8,
        kind: FrameType::Ping,
        flags: if ack { flags::ACK } else { 0 },
        stream: StreamId::CONNECTION,
    };
    out.extend_from_slice(&head.to_bytes());
    out.extend_from_slice(&payload);
}
