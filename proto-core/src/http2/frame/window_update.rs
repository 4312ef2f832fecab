//! WINDOW_UPDATE, RFC 9113 §6.9: the receiver takes so many bytes more.
//!
//! ```text
//! Reserved (1)  Window Size Increment (31)
//! ```

use crate::http2::frame::{FrameHead, FrameType, MAX_31_BITS};
use crate::http2::{StreamId, Violation};
use alloc::vec::Vec;

/// Reads the increment.
///
/// # Errors
/// When the payload's length is not 4, or the increment is 0.
pub fn parse(head: FrameHead, payload: &[u8]) -> Result<u32, Violation> {
    // RFC 9113 §6.9: a length other than 4 MUST be treated as a connection error FRAME_SIZE_ERROR.
    let increment: [u8; 4] = payload.try_into().map_err(|_| Violation::FrameSize)?;
    let increment = u32::from_be_bytes(increment) & MAX_31_BITS;
    // RFC 9113 §6.9: an increment of 0 MUST be a stream error, and on the connection a connection error.
    match (increment, head.stream) {
        (0, StreamId::CONNECTION) => Err(Violation::ZeroIncrement),
        (0, _) => Err(Violation::StreamZeroIncrement),
        _ => Ok(increment),
    }
}

/// Appends the frame.
pub fn emit(stream: StreamId, increment: u32, out: &mut Vec<u8>) {
    let head = FrameHead { length: 4, kind: FrameType::WindowUpdate, flags: 0, stream };
    out.extend_from_slice(&head.to_bytes());
    out.extend_from_slice(&(increment & MAX_31_BITS).to_be_bytes());
}
