//! A short memory of how streams ended, so that late frames are told from wrong ones (RFC 9113 §5.1, "closed").
//!
//! A frame on a stream that we reset is late and ignored. One on a stream that the peer finished or reset itself is
//! wrong. What has been forgotten is treated as late: that harms nobody, and late frames are charged.

use crate::http2::StreamId;
use alloc::collections::VecDeque;

/// Streams remembered.
const MEMORY: usize = 32;

/// How a stream had ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EndedBy {
    /// Its END_STREAM, and ours.
    EndStream,
    /// Its RST_STREAM.
    Reset,
    /// Our RST_STREAM, while the peer might still send.
    Us,
}

/// The streams that ended last.
#[derive(Clone, Debug)]
pub(super) struct ClosedMemory {
    last: VecDeque<(StreamId, EndedBy)>,
    /// The highest stream that was forgotten.
    forgotten: StreamId,
}

impl Default for ClosedMemory {
    fn default() -> Self {
        ClosedMemory { last: VecDeque::new(), forgotten: StreamId::CONNECTION }
    }
}

impl ClosedMemory {
    /// The most that [`ClosedMemory::memory`] says.
    pub(super) const BYTES_MAX: usize = 2 * MEMORY * size_of::<(StreamId, EndedBy)>();

    pub(super) fn note(&mut self, stream: StreamId, by: EndedBy) {
        if self.last.len() == MEMORY
            && let Some((forgotten, _)) = self.last.pop_front()
        {
            self.forgotten = self.forgotten.max(forgotten);
        }
        self.last.push_back((stream, by));
    }

    pub(super) fn recall(&self, stream: StreamId) -> Option<EndedBy> {
        self.last.iter().rev().find(|(id, _)| *id == stream).map(|(_, by)| *by)
    }

    /// Whether a stream of which nothing is known may once have been open.
    pub(super) fn may_have_forgotten(&self, stream: StreamId) -> bool {
        stream <= self.forgotten
    }

    pub(super) fn memory(&self) -> usize {
        self.last.capacity() * size_of::<(StreamId, EndedBy)>()
    }
}
