//! PUSH_PROMISE, RFC 9113 §6.6: a server announces a stream that nobody asked for.
//! RFC 9113 §8.4.1: a client MUST NOT push; and this server does not. Never sent; read so that a promise
//! that was made before our SETTINGS arrived can be refused without losing the compression state.
//!
//! ```text
//! [Pad Length (8)]  Reserved (1)  Promised Stream ID (31)  Field Block Fragment (..)  [Padding (..)]
//! ```

use crate::http2::frame::{FrameHead, MAX_31_BITS, flags, strip_padding};
use crate::http2::{StreamId, Violation};

/// The promised stream and the (first) part of the header block.
///
/// # Errors
/// When the padding or the promised id do not fit.
pub fn parse(head: FrameHead, payload: &[u8]) -> Result<(StreamId, &[u8]), Violation> {
    let content = strip_padding(payload, head.has(flags::PADDED))?;
    let (id, fragment) = content.split_first_chunk::<4>().ok_or(Violation::FrameSize)?;
    Ok((StreamId(u32::from_be_bytes(*id) & MAX_31_BITS), fragment))
}
