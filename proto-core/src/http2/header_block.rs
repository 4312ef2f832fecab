//! A header block in the making: HEADERS or PUSH_PROMISE, then CONTINUATION until END_HEADERS (RFC 9113 §4.3, §6.10).

use crate::http2::config::Config;
use crate::http2::{StreamId, Violation};
use alloc::vec::Vec;

/// What the block belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BlockHead {
    /// The stream that the frames came on.
    pub(super) stream: StreamId,
    /// The stream that a PUSH_PROMISE announces.
    pub(super) promised: Option<StreamId>,
    /// Whether HEADERS had END_STREAM.
    pub(super) end: bool,
    /// Whether the priority fields named the stream itself.
    pub(super) depends_on_itself: bool,
}

/// A block whose END_HEADERS is still to come.
#[derive(Clone, Debug)]
pub(super) struct HeaderBlock {
    pub(super) head: BlockHead,
    pub(super) bytes: Vec<u8>,
    continuations: u32,
}

impl HeaderBlock {
    pub(super) fn new(head: BlockHead, fragment: &[u8], config: &Config) -> Result<HeaderBlock, Violation> {
        let mut block = HeaderBlock { head, bytes: Vec::new(), continuations: 0 };
        block.extend(fragment, config)?;
        Ok(block)
    }

    /// Adds the payload of a CONTINUATION.
    pub(super) fn go_on(&mut self, fragment: &[u8], config: &Config) -> Result<(), Violation> {
        // Counted and not only measured: an empty CONTINUATION costs a turn too (CVE-2026-33871).
        self.continuations += 1;
        if self.continuations > config.continuations_max {
            return Err(Violation::TooManyContinuations);
        }
        self.extend(fragment, config)
    }

    fn extend(&mut self, fragment: &[u8], config: &Config) -> Result<(), Violation> {
        if self.bytes.len() + fragment.len() > block_bytes_max(config) {
            return Err(Violation::HeaderBlockTooLarge);
        }
        self.bytes.extend_from_slice(fragment);
        Ok(())
    }
}

/// Four times the list, as much as the decoder takes: a list above the limit is still decoded, so that the compression
/// state survives and only its stream fails.
pub(super) fn block_bytes_max(config: &Config) -> usize {
    (config.header_list_bytes_max as usize).saturating_mul(4).max(config.max_frame_bytes as usize)
}
