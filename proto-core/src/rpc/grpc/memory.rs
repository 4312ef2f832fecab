//! The most that the calls of one connection hold: a function of the limits, whatever a peer sends.
//!
//! ```text
//! messages being gathered + calls × (head + slot) + deadlines + events + spare calls
//! ```
//! A vector may have twice the capacity of what it holds, hence the doubles. Messages that were handed out are their
//! owner's; credit bounds them, since a peer has none for more than a window and one message a call.

use crate::rpc::grpc::limits::Limits;
use crate::rpc::grpc::{client, inbound, server};

/// An entry of the table of calls and of its list of free slots.
const INDEX_BYTES: usize = 16 + 4;
/// A deadline and its key.
const DEADLINE_BYTES: usize = 16;

impl Limits {
    /// The most that [`ServerCalls::memory`](crate::rpc::grpc::ServerCalls::memory) and
    /// [`ClientCalls::memory`](crate::rpc::grpc::ClientCalls::memory) say, in bytes, with so many calls open at once and
    /// header lists of at most so many bytes.
    #[must_use]
    pub fn memory_max(&self, calls: usize, header_list_bytes_max: usize) -> usize {
        // Text that is no UTF-8 becomes three times as long when it is marked.
        let head = 2 * 3 * header_list_bytes_max;
        // A client's calls have the heads of their responses, which nothing else bounds.
        let heads = calls * head;
        let slot = 2 * client::CALL_BYTES.max(server::CALL_BYTES) + inbound::WEB_BYTES;
        let index = 2 * (2 * calls + 40) * INDEX_BYTES;
        let deadlines = 2 * (2 * calls + 40) * DEADLINE_BYTES;
        let events = 2 * (calls + 4) * client::EVENT_BYTES.max(server::EVENT_BYTES);
        self.gathered_bytes_of(calls)
            + heads
            + calls * slot
            + index
            + deadlines
            + events
            + server::SPARE_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_costs_its_largest_message_its_head_and_little_else() {
        let limits = Limits { receive_message_bytes_max: 64 * 1024, ..Limits::default() };
        let of_each_call = limits.memory_max(1_001, 8 * 1024) - limits.memory_max(1_000, 8 * 1024);
        assert!(of_each_call < 64 * 1024 * 17 / 16 + 6 * 8 * 1024 + 4 * 1024, "{of_each_call}");
        assert!(limits.memory_max(0, 8 * 1024) < 64 * 1024, "{}", limits.memory_max(0, 8 * 1024));
    }
}
