//! PRIORITY, RFC 9113 §6.3: deprecated; read, checked and ignored.
//!
//! ```text
//! Exclusive (1)  Stream Dependency (31)  Weight (8)
//! ```

use crate::http2::frame::{FrameHead, MAX_31_BITS};
use crate::http2::{StreamId, Violation};

/// How long the priority fields are.
pub const LEN: usize = 5;

/// The stream that priority fields say to depend on.
#[must_use]
pub const fn dependency(fields: [u8; LEN]) -> StreamId {
    let [d0, d1, d2, d3, _weight] = fields;
    StreamId(u32::from_be_bytes([d0, d1, d2, d3]) & MAX_31_BITS)
}

/// Checks the payload of a PRIORITY frame.
///
/// # Errors
/// When its length is wrong, or the stream depends on itself.
pub fn parse(head: FrameHead, payload: &[u8]) -> Result<(), Violation> {
    // RFC 9113 §6.3: a length other than 5 MUST be treated as a stream error FRAME_SIZE_ERROR.
    let fields: [u8; LEN] = payload.try_into().map_err(|_| Violation::PrioritySize)?;
    // RFC 9113 §5.3.1: a stream that depends on itself is a stream error PROTOCOL_ERROR.
    if dependency(fields) == head.stream {
        return Err(Violation::SelfDependency);
    }
    Ok(())
}
