//! Frames: one type a file, each with what it looks like, how it is read and how it is written.
//!
//! Nothing here knows a stream's state or a connection's: these are bytes in, values out.

pub mod continuation;
pub mod data;
pub mod goaway;
pub mod head;
pub mod headers;
pub mod ping;
pub mod priority;
pub mod push_promise;
pub mod rst_stream;
pub mod settings;
pub mod window_update;

pub use head::{FrameHead, FrameType, HEAD_LEN, flags};

use crate::http2::Violation;

/// The largest stream id, and the largest flow-control window: 2^31-1.
pub const MAX_31_BITS: u32 = 0x7fff_ffff;

/// Splits a padded payload into the pad length and what follows it (RFC 9113 §6.1).
///
/// # Errors
/// When the padding is as long as the payload or longer.
pub(crate) fn strip_padding(payload: &[u8], padded: bool) -> Result<&[u8], Violation> {
    if !padded {
        return Ok(payload);
    }
    let (&pad, rest) = payload.split_first().ok_or(Violation::FrameSize)?;
    // RFC 9113 §6.1, §6.2, §6.6: padding that exceeds the payload MUST be a connection error PROTOCOL_ERROR.
    let content = rest.len().checked_sub(usize::from(pad)).ok_or(Violation::Padding)?;
    Ok(&rest[..content])
}
