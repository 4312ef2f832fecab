//! What a connection holds, the most that it may hold, and when it gives that back.
//!
//! The bound is the sum of the limits in [`Config`]: nothing that a peer can send makes a connection hold more. A
//! vector may have twice the capacity of what it holds, hence the doubles.

use crate::native::call::Call;
use crate::native::codec::{Codec, ReadLimits};
use crate::native::config::Config;
use crate::native::connection::Connection;
use crate::native::control::ControlQueue;
use crate::native::event::Event;
use crate::native::lifecycle::Timer;
use crate::native::outbound::Outbound;
use crate::native::ready::Ready;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

/// Calls that end this long after the one before come now and then. Faster ones keep their memory.
const NOW_AND_THEN: Duration = Duration::from_millis(100);
/// What a connection without calls keeps, in bytes, when they follow each other fast, so that they allocate nothing.
const KEPT_BYTES: usize = 8192;
/// How long it keeps more than that: bursts that follow each other share it.
const SHRINK_AFTER: Duration = Duration::from_secs(1);
/// Ended calls whose memory is kept for new ones.
const SPARE_CALLS: usize = 64;
/// Bytes that such a call may hold.
const SPARE_CALL_BYTES: usize = 2048;
/// An entry of the table of calls and of its list of free slots.
const INDEX_BYTES: usize = 16 + 4;
/// A deadline and its key.
const DEADLINE_BYTES: usize = 16;
/// An entry of the map of overtaken calls, with its share of a node.
const RENAMED_BYTES: usize = 64;

impl<C: Codec> Connection<C> {
    /// Bytes of heap memory held, without what is the owner's (payloads that wait to be sent) or the input's.
    pub(super) fn memory(&self) -> usize {
        self.codec.memory()
            + self.scratch.metadata.fields().capacity()
            + self.scratch.path.capacity()
            + self.holds_for_calls()
            + self.renamed.len() * RENAMED_BYTES
            + self.calls.iter().map(|(_, call)| size_of::<Call>() + call.memory()).sum::<usize>()
    }

    fn holds_for_calls(&self) -> usize {
        self.calls.memory()
            + self.spare.capacity() * size_of::<Box<Call>>()
            + self.spare.iter().map(|call| size_of::<Call>() + call.memory()).sum::<usize>()
            + self.deadlines.memory()
            + self.pending.capacity() * size_of::<Event>()
            + self.ready.memory()
            + self.waiting.memory()
            + self.control.memory()
    }

    /// Keeps the memory of a call for a new one.
    pub(super) fn recycle(&mut self, mut call: Box<Call>) {
        if self.spare.len() < SPARE_CALLS && call.memory() <= SPARE_CALL_BYTES {
            call.recycle();
            self.spare.push(call);
        }
    }

    /// Notes that the last call is gone.
    pub(super) fn note_rest(&mut self) {
        self.is_calm = self.rests_since.is_none_or(|since| self.now >= since + NOW_AND_THEN);
        self.rests_since = Some(self.now);
    }

    /// Gives back what calls needed: after a while when it is much; at once in calm times when it is little.
    pub(super) fn shrink(&mut self) {
        if !self.calls.is_empty() || self.timers.is_armed(Timer::Shrink) {
            return;
        }
        if !self.is_calm && self.holds_for_calls() <= KEPT_BYTES {
            return;
        }
        if self.is_calm && self.holds_for_calls() <= KEPT_BYTES {
            self.give_back();
        } else {
            self.timers.arm(Timer::Shrink, self.now + SHRINK_AFTER);
        }
    }

    /// The time to give back has come, unless there were calls meanwhile.
    pub(super) fn shrink_if_due(&mut self) {
        let due = self.rests_since.map_or(self.now, |since| since + SHRINK_AFTER);
        if due > self.now {
            self.timers.arm(Timer::Shrink, due);
        } else if self.calls.is_empty() {
            self.is_calm = true;
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        self.calls.shrink();
        self.spare = Vec::new();
        self.scratch = Default::default();
        self.pending.shrink_to_fit();
        self.deadlines.clear();
        self.ready.shrink();
        self.waiting.shrink();
        self.control.shrink();
        self.codec.shrink();
    }
}

impl Config {
    pub(super) fn read_limits(&self) -> ReadLimits {
        ReadLimits {
            calls_max: self.max_calls as usize,
            frame_bytes_max: self.frame_bytes_max as usize,
            metadata_bytes_max: self.metadata_bytes_max as usize,
            metadata_entries_max: self.metadata_entries_max,
            interned_max: self.interned_max as usize,
        }
    }

    pub(super) fn memory_max_of<C: Codec>(&self, calls: usize) -> usize {
        let metadata = self.metadata_bytes_max as usize;
        // What the owner has queued, its own lists among it, is bounded by the frames that it must fit into.
        let outbound = Outbound::memory_max(self.frame_bytes_max as usize, self.send_buffer_bytes);
        let call = 2 * metadata + 2 * self.frame_bytes_max as usize + outbound;
        let slot = size_of::<Call>() + 2 * size_of::<Option<Box<Call>>>();
        let index = 2 * (2 * calls + 40) * (INDEX_BYTES + DEADLINE_BYTES);
        let spare = SPARE_CALLS * (2 * size_of::<Box<Call>>() + size_of::<Call>() + SPARE_CALL_BYTES);
        let events = 2 * (4 * calls + 16) * size_of::<Event>();
        // Besides replies: what the owner gives up, the credit that it gives back, and what is said once.
        let control = self.unread_replies_max + 4 * calls + 64;
        C::memory_max(&ReadLimits { calls_max: calls, ..self.read_limits() })
            + 2 * (metadata + self.frame_bytes_max as usize)
            + self.limits.gathered_bytes_of(calls)
            + calls * (call + slot + RENAMED_BYTES)
            + 40 * slot
            + index
            + spare
            + events
            + 2 * Ready::memory_max(calls)
            + 2 * control * ControlQueue::ITEM_BYTES
    }
}
