//! HEADERS, RFC 9113 §6.2: opens a stream, or carries its informational heads, head and trailers.
//!
//! ```text
//! [Pad Length (8)]  [Exclusive (1)  Stream Dependency (31)  Weight (8)]  Field Block Fragment (..)  [Padding (..)]
//! ```

use crate::http2::frame::{FrameHead, FrameType, flags, priority, strip_padding};
use crate::http2::{StreamId, Violation};
use alloc::vec::Vec;

/// What a HEADERS frame says before its fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Headers<'a> {
    /// The stream that it says to depend on, which RFC 9113 §5.3.2 deprecates.
    pub dependency: Option<StreamId>,
    /// The (first) part of the header block.
    pub fragment: &'a [u8],
}

/// Reads the payload of a HEADERS frame.
///
/// # Errors
/// When the padding or the priority fields do not fit.
pub fn parse(head: FrameHead, payload: &[u8]) -> Result<Headers<'_>, Violation> {
    let content = strip_padding(payload, head.has(flags::PADDED))?;
    if !head.has(flags::PRIORITY) {
        return Ok(Headers { dependency: None, fragment: content });
    }
    // RFC 9113 §4.2: a wrong size in HEADERS alters the compression, and so MUST end the whole connection.
    let (fields, fragment) = content.split_first_chunk::<{ priority::LEN }>().ok_or(Violation::FrameSize)?;
    Ok(Headers { dependency: Some(priority::dependency(*fields)), fragment })
}

/// Appends HEADERS, and CONTINUATION where the block is longer than a frame, around what `encode` appends.
///
/// RFC 9113 §4.3, §8.1: a block is one contiguous run of frames, nothing interleaved between HEADERS and CONTINUATION.
/// RFC 9113 §6.2: HEADERS without END_HEADERS MUST be followed by CONTINUATION; they are never padded.
pub fn emit(
    stream: StreamId,
    end: bool,
    max_frame_size: u32,
    out: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0; super::HEAD_LEN]);
    encode(out);
    let block = out.len() - start - super::HEAD_LEN;
    let end_stream = if end { flags::END_STREAM } else { 0 };
    let max = max_frame_size as usize;
    if block <= max {
        let head = FrameHead {
            length: block as u32,
            kind: FrameType::Headers,
            flags: end_stream | flags::END_HEADERS,
            stream,
        };
        out[start..start + super::HEAD_LEN].copy_from_slice(&head.to_bytes());
        return;
    }
    let block = out.split_off(start + super::HEAD_LEN);
    out.truncate(start);
    let mut fragments = block.chunks(max).peekable();
    let mut kind = FrameType::Headers;
    while let Some(fragment) = fragments.next() {
        let first = if kind == FrameType::Headers { end_stream } else { 0 };
        let last = if fragments.peek().is_none() { flags::END_HEADERS } else { 0 };
        let head = FrameHead { length: fragment.len() as u32, kind, flags: first | last, stream };
        out.extend_from_slice(&head.to_bytes());
        out.extend_from_slice(fragment);
        kind = FrameType::Continuation;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::frame::HEAD_LEN;
    use alloc::vec;

    fn head(flags: u8) -> FrameHead {
        FrameHead { length: 0, kind: FrameType::Headers, flags, stream: StreamId(1) }
    }

    #[test]
    fn rfc9113_6_2_padding_and_priority_are_stripped() {
        let payload = [2, 0x80, 0, 0, 5, 9, b'x', b'y', 0, 0];
        let headers = parse(head(flags::PADDED | flags::PRIORITY), &payload).unwrap();
        assert_eq!(headers, Headers { dependency: Some(StreamId(5)), fragment: b"xy" });
        assert_eq!(parse(head(flags::PADDED), &[3, 1, 2]), Err(Violation::Padding));
        assert_eq!(parse(head(flags::PADDED), &[]), Err(Violation::FrameSize));
        assert_eq!(parse(head(flags::PRIORITY), &[0, 0, 0, 1]), Err(Violation::FrameSize));
    }

    #[test]
    fn rfc9113_6_10_a_block_longer_than_a_frame_goes_on_in_continuations() {
        let mut out = Vec::new();
        emit(StreamId(3), true, 10, &mut out, |out| out.extend_from_slice(&[7; 25]));
        let kinds: Vec<(FrameType, u8, u32)> = {
            let mut rest = &out[..];
            let mut seen = vec![];
            while let Some((bytes, tail)) = rest.split_first_chunk::<HEAD_LEN>() {
                let head = FrameHead::parse(*bytes);
                seen.push((head.kind, head.flags, head.length));
                rest = &tail[head.length as usize..];
            }
            seen
        };
        assert_eq!(
            kinds,
            [
                (FrameType::Headers, flags::END_STREAM, 10),
                (FrameType::Continuation, 0, 10),
                (FrameType::Continuation, flags::END_HEADERS, 5),
            ]
        );
    }
}
