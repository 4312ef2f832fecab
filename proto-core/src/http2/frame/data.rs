//! DATA, RFC 9113 §6.1: content of a request or response; the only frame that flow control counts.
//!
//! ```text
//! [Pad Length (8)]  Data (..)  [Padding (..)]
//! ```
//! A DATA frame is read as it arrives and never gathered: see `reader.rs`.

use crate::http2::StreamId;
use crate::http2::frame::{FrameHead, FrameType, flags};

/// The head of a DATA frame. RFC 9113 §6.1: ours are never padded.
#[must_use]
pub const fn head(stream: StreamId, length: u32, end: bool) -> FrameHead {
    FrameHead { length, kind: FrameType::Data, flags: if end { flags::END_STREAM } else { 0 }, stream }
}
