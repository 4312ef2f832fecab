//! RST_STREAM, RFC 9113 §6.4: one stream ends at once.
//!
//! ```text
//! Error Code (32)
//! ```

use crate::http2::frame::{FrameHead, FrameType};
use crate::http2::{ErrorCode, StreamId, Violation};
use alloc::vec::Vec;

/// Reads the payload.
///
/// # Errors
/// When its length is not 4.
pub fn parse(payload: &[u8]) -> Result<ErrorCode, Violation> {
    // RFC 9113 §6.4: a length other than 4 MUST be treated as a connection error FRAME_SIZE_ERROR.
    let code: [u8; 4] = payload.try_into().map_err(|_| Violation::FrameSize)?;
    Ok(ErrorCode(u32::from_be_bytes(code)))
}

/// Appends the frame.
pub fn emit(stream: StreamId, code: ErrorCode, out: &mut Vec<u8>) {
    let head = FrameHead { length: 4, kind: FrameType::RstStream, flags: 0, stream };
    out.extend_from_slice(&head.to_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
}
