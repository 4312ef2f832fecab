//! GOAWAY, RFC 9113 §6.8: the connection ends; streams up to the named one may have been processed.
//!
//! ```text
//! Reserved (1)  Last-Stream-ID (31)  Error Code (32)  Additional Debug Data (..)
//! ```

use crate::http2::frame::{FrameHead, FrameType, MAX_31_BITS};
use crate::http2::{ErrorCode, StreamId, Violation};
use alloc::vec::Vec;

/// What a GOAWAY frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GoAway<'a> {
    /// The highest stream that may have been processed.
    pub last_stream: StreamId,
    /// Why.
    pub code: ErrorCode,
    /// Anything, for people; from a hostile peer, anything at all.
    pub debug: &'a [u8],
}

/// Reads the payload.
///
/// # Errors
/// When it is shorter than 8 bytes.
pub fn parse(payload: &[u8]) -> Result<GoAway<'_>, Violation> {
    let (last, rest) = payload.split_first_chunk::<4>().ok_or(Violation::FrameSize)?;
    let (code, debug) = rest.split_first_chunk::<4>().ok_or(Violation::FrameSize)?;
    Ok(GoAway {
        last_stream: StreamId(u32::from_be_bytes(*last) & MAX_31_BITS),
        code: ErrorCode(u32::from_be_bytes(*code)),
        debug,
    })
}

/// Appends the frame.
pub fn emit(frame: GoAway<'_>, out: &mut Vec<u8>) {
    let head = FrameHead {
        length: 8 + frame.debug.len() as u32,
        kind: FrameType::GoAway,
        flags: 0,
        stream: StreamId::CONNECTION,
    };
    out.extend_from_slice(&head.to_bytes());
    out.extend_from_slice(&frame.last_stream.0.to_be_bytes());
    out.extend_from_slice(&frame.code.0.to_be_bytes());
    out.extend_from_slice(frame.debug);
}
