//! What a connection holds, the most that it may hold, and when it gives that back.
//!
//! The bound is the sum of the limits in [`Config`]: nothing that a peer can send makes a connection hold more. A
//! vector may have twice the capacity of what it holds, hence the doubles.

use crate::base::Fields;
use crate::hpack::{Decoder, Encoder, TABLE_SIZE_DEFAULT};
use crate::http2::closed_memory::ClosedMemory;
use crate::http2::config::Config;
use crate::http2::connection::Connection;
use crate::http2::control::ControlQueue;
use crate::http2::event::Event;
use crate::http2::header_block::{HeaderBlock, block_bytes_max};
use crate::http2::lifecycle::Timer;
use crate::http2::outbox::Outbox;
use crate::http2::stream::Stream;

use core::time::Duration;

/// Streams that end this long after the one before come now and then. Faster ones keep their memory.
const NOW_AND_THEN: Duration = Duration::from_millis(100);
/// What a connection without streams keeps, in bytes, when they follow each other fast, so that they allocate nothing.
const KEPT_BYTES: usize = 4096;
/// How long it keeps more than that: bursts that follow each other share it.
const SHRINK_AFTER: Duration = Duration::from_secs(1);

/// Header lists that an owner has queued on a stream at once: heads, trailers, and as many informational ones.
const LISTS_PER_STREAM: usize = 8;
/// What an entry of a header table takes at the most beside its octets: in the table, and in what finds it.
const TABLE_ENTRY_BYTES: usize = 64;
/// The smallest entry of a header table, RFC 7541 §4.1.
const TABLE_ENTRY_COST: usize = 32;

impl Connection {
    /// Bytes of memory held, without what is the owner's (payloads and header lists that wait to be sent) or the
    /// input's. At most [`Config::memory_max`], whatever the peer does.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.reader.memory()
            + self.block.as_ref().map_or(0, |block| size_of::<HeaderBlock>() + block.bytes.capacity())
            + self.decoder.memory()
            + self.encoder.memory()
            + self.fields.capacity()
            + self.streams.memory()
            + self.closed.memory()
            + self.outbox.memory()
            + self.control.memory()
            + self.pending.capacity() * size_of::<Event>()
    }

    /// Notes that the last stream is gone.
    pub(super) fn note_rest(&mut self) {
        self.is_calm = self.rests_since.is_none_or(|since| self.now >= since + NOW_AND_THEN);
        self.rests_since = Some(self.now);
    }

    /// Gives back what streams needed: after a while when it is much; at once in calm times when it is little.
    pub(super) fn shrink(&mut self) {
        if !self.streams.is_empty() || self.timers.is_armed(Timer::Shrink) {
            return;
        }
        if self.holds_for_streams() > KEPT_BYTES {
            self.timers.arm(Timer::Shrink, self.now + SHRINK_AFTER);
        } else if self.is_calm {
            self.give_back();
        }
    }

    /// The time to give back has come, unless there were streams meanwhile.
    pub(super) fn shrink_if_due(&mut self) {
        let due = self.rests_since.map_or(self.now, |since| since + SHRINK_AFTER);
        if due > self.now {
            self.timers.arm(Timer::Shrink, due);
        } else if self.streams.is_empty() {
            self.is_calm = true;
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        self.streams.shrink();
        self.fields = Fields::new();
        self.pending.shrink_to_fit();
        self.outbox.shrink();
        self.control.shrink();
    }

    fn holds_for_streams(&self) -> usize {
        self.streams.memory()
            + self.fields.capacity()
            + self.pending.capacity() * size_of::<Event>()
            + self.outbox.memory()
            + self.control.memory()
    }

    /// Whether the connection holds no memory for streams.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.streams.memory() == 0
    }
}

impl Config {
    /// The most that [`Connection::memory`] says, whatever the peer does, in bytes.
    ///
    /// `streams` is how many streams are open or wait at once. A server has at most `max_concurrent_streams`; what a
    /// client has is its owner's choice. The owner queues at most eight header lists a stream at once.
    #[must_use]
    pub fn memory_max(&self, streams: usize) -> usize {
        let frame = 2 * self.max_frame_bytes as usize;
        let block = 2 * block_bytes_max(self);
        // One field above the limit is decoded before it is known to be.
        let list = 2 * 5 * self.header_list_bytes_max as usize + 64;
        let table = TABLE_SIZE_DEFAULT.max(self.header_table_bytes as usize);
        let tables = 2 * (2 * table + 2 * (table / TABLE_ENTRY_COST + 8) * TABLE_ENTRY_BYTES);
        let items = streams * (self.send_buffer_bytes / Outbox::ITEM_COST_MIN + LISTS_PER_STREAM);
        // Besides replies: what the owner resets, the credit that it gives back, and what is said once.
        let control = self.unread_replies_max + 4 * streams + 64;
        let events = 4 * streams + 16;
        frame
            + size_of::<HeaderBlock>()
            + block
            + list
            + tables
            + size_of::<Decoder>()
            + size_of::<Encoder>()
            + Encoder::LEARNED_BYTES_MAX
            + ClosedMemory::BYTES_MAX
            + Outbox::bytes_max(streams, items)
            + 2 * control * ControlQueue::ITEM_BYTES
            + 2 * events * size_of::<Event>()
            + streams * STREAM_BYTES_MAX
            + 40 * STREAM_BYTES_MAX
    }
}

/// A stream, its slot and its entries in the index, each doubled and doubled again for gaps.
const STREAM_BYTES_MAX: usize = 2 * size_of::<Option<Stream>>() + 4 * 16 + 2 * 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_a_default_server_is_what_its_operator_plans_for() {
        let config = Config::default();
        let of_each_stream = config.memory_max(1_001) - config.memory_max(1_000);
        assert!(config.memory_max(0) < 600_000, "{}", config.memory_max(0));
        assert!(of_each_stream < 800_000, "{of_each_stream}");
        let frugal = Config { send_buffer_bytes: 16 * 1024, ..config };
        let of_each_stream = frugal.memory_max(1_001) - frugal.memory_max(1_000);
        assert!(of_each_stream < 60_000, "{of_each_stream}");
    }
}
