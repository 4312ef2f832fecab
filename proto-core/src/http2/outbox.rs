//! What waits to be sent on streams: header lists, content, resets, in the order in which they were commanded.
//!
//! All streams share one arena of items, chained a stream, so that a warm connection queues without allocating. Header
//! lists are compressed when they are written and not before: the compressor's state must follow the order of the wire.

use crate::base::{Fields, Out};
use crate::http2::frame::data;
use crate::http2::{ErrorCode, StreamId};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

const NONE: u32 = u32::MAX;
/// What a queued item costs beside its payload, in bytes: many small ones are as much memory as a large one.
pub(super) const ITEM_OVERHEAD: usize = 64;
/// Emptied header lists kept for use again, and the largest that is kept.
const SPARE_LISTS: usize = 128;
const SPARE_LIST_BYTES: usize = 1024;
/// What a list holds before it grows: an ordinary gRPC head.
const FRESH_LIST_BYTES: usize = 256;
/// Ids of streams that are gone which are never worth a search.
const STALE_MIN: usize = 32;

/// A few bytes that go before a payload without being copied together with it: the head of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Prefix {
    bytes: [u8; 5],
    start: u8,
    end: u8,
}

impl Prefix {
    /// No bytes.
    pub const NONE: Prefix = Prefix { bytes: [0; 5], start: 0, end: 0 };

    /// Five bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 5]) -> Prefix {
        Prefix { bytes, start: 0, end: 5 }
    }

    /// How many bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..usize::from(self.end)]
    }
}

/// What a queued header list is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListKind {
    Informational,
    Head,
    Trailers,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Headers { fields: Fields, kind: ListKind, end: bool },
    Data { prefix: Prefix, data: Bytes, end: bool },
    Reset(ErrorCode),
}

impl Item {
    fn data_len(&self) -> Option<usize> {
        match self {
            Item::Data { prefix, data, .. } => Some(prefix.len() + data.len()),
            _ => None,
        }
    }

    /// What it counts against its stream's buffer, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.data_len().map_or(0, |len| len + ITEM_OVERHEAD)
    }

    fn ends(&self) -> bool {
        matches!(self, Item::Data { end: true, .. } | Item::Headers { end: true, .. })
    }
}

#[derive(Clone, Debug)]
struct Node {
    item: Option<Item>,
    next: u32,
}

/// The items of one stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    head: u32,
    tail: u32,
}

impl Queue {
    pub(super) const EMPTY: Queue = Queue { head: NONE, tail: NONE };

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.head == NONE
    }
}

/// The items of all streams, and whose turn it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    nodes: Vec<Node>,
    free: Vec<u32>,
    spare: Vec<Fields>,
    /// Streams with something that can be sent, in turn.
    pub(super) ready: VecDeque<StreamId>,
    /// Streams whose next DATA waits for the connection's window.
    pub(super) starved: VecDeque<StreamId>,
    /// Streams that wait for the peer to allow one more.
    pub(super) waiting: VecDeque<StreamId>,
    /// How many of the ids in these three lists belong to streams that are gone, at the most.
    stale: usize,
}

/// A DATA frame that was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Written {
    pub(super) len: usize,
    /// What it frees of its stream's buffer, in bytes.
    pub(super) cost: usize,
    pub(super) end: bool,
}

impl Outbox {
    /// An empty header list, with the memory of an earlier one where there is one.
    pub(super) fn blank(&mut self) -> Fields {
        self.spare.pop().unwrap_or_else(|| Fields::with_capacity(FRESH_LIST_BYTES))
    }

    /// Takes a header list's memory back.
    pub(super) fn recycle(&mut self, mut fields: Fields) {
        if self.spare.len() < SPARE_LISTS && fields.capacity() <= SPARE_LIST_BYTES {
            fields.clear();
            self.spare.push(fields);
        }
    }

    pub(super) fn push(&mut self, queue: &mut Queue, item: Item) {
        let node = Node { item: Some(item), next: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        match self.nodes.get_mut(queue.tail as usize) {
            Some(tail) => tail.next = at,
            None => queue.head = at,
        }
        queue.tail = at;
    }

    /// Lets the last item that waits carry END_STREAM; false when it cannot.
    pub(super) fn end_last(&mut self, queue: Queue) -> bool {
        match self.nodes.get_mut(queue.tail as usize).and_then(|node| node.item.as_mut()) {
            Some(Item::Data { end, .. } | Item::Headers { end, kind: ListKind::Head, .. }) => {
                *end = true;
                true
            }
            _ => false,
        }
    }

    pub(super) fn front(&self, queue: Queue) -> Option<&Item> {
        self.nodes.get(queue.head as usize)?.item.as_ref()
    }

    pub(super) fn pop(&mut self, queue: &mut Queue) -> Option<Item> {
        let at = queue.head;
        let node = self.nodes.get_mut(at as usize)?;
        let item = node.item.take();
        queue.head = node.next;
        if queue.head == NONE {
            queue.tail = NONE;
        }
        self.free.push(at);
        item
    }

    /// Forgets a stream's items.
    pub(super) fn drop_queue(&mut self, queue: &mut Queue) {
        while let Some(item) = self.pop(queue) {
            if let Item::Headers { fields, .. } = item {
                self.recycle(fields);
            }
        }
    }

    /// Writes the content at the front of a queue as one DATA frame of at most `limit` bytes, joining short pieces.
    /// `None` when there is content and the limit leaves no room for any.
    pub(super) fn write_data(
        &mut self,
        stream: StreamId,
        queue: &mut Queue,
        limit: usize,
        out: &mut Out,
    ) -> Option<Written> {
        let (len, end) = self.measure(*queue, limit)?;
        out.put_slice(&data::head(stream, len as u32, end).to_bytes());
        let (mut left, mut cost) = (len, len);
        while let Some(Item::Data { prefix, data, .. }) =
            self.nodes.get_mut(queue.head as usize).and_then(|node| node.item.as_mut())
        {
            let count = prefix.len().min(left);
            out.put_slice(&prefix.as_slice()[..count]);
            prefix.start += count as u8;
            left -= count;
            let count = data.len().min(left);
            if count == data.len() {
                out.put_bytes(core::mem::take(data));
            } else {
                out.put_bytes(data.slice(..count));
                data.advance(count);
            }
            left -= count;
            let done = prefix.is_empty() && data.is_empty();
            if !done {
                break;
            }
            cost += ITEM_OVERHEAD;
            let ended = self.pop(queue).is_some_and(|item| item.ends());
            if ended || left == 0 && !end {
                break;
            }
        }
        Some(Written { len, cost, end })
    }

    /// How long the next DATA frame is, and whether it ends the stream.
    fn measure(&self, queue: Queue, limit: usize) -> Option<(usize, bool)> {
        let mut len = 0usize;
        let mut at = queue.head;
        while let Some(node) = self.nodes.get(at as usize) {
            let Some(item) = node.item.as_ref() else { break };
            let Some(more) = item.data_len() else { break };
            if len + more > limit {
                return (limit > 0).then_some((limit, false));
            }
            len += more;
            if item.ends() {
                return Some((len, true));
            }
            at = node.next;
        }
        Some((len, false))
    }

    /// Notes that a stream is gone whose id stands in one of the lists. It is skipped when its turn comes; but where no
    /// turn comes, because the peer allows nothing, such ids must not pile up.
    pub(super) fn note_stale(&mut self, is_alive: impl Fn(StreamId) -> bool) {
        self.stale += 1;
        let listed = self.ready.len() + self.starved.len() + self.waiting.len();
        if self.stale > STALE_MIN && self.stale > listed / 2 {
            for list in [&mut self.ready, &mut self.starved, &mut self.waiting] {
                list.retain(|id| is_alive(*id));
            }
            self.stale = 0;
        }
    }

    /// Gives all memory back, unless something waits.
    pub(super) fn shrink(&mut self) {
        if self.free.len() == self.nodes.len() {
            self.clear();
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Outbox::default();
    }

    /// The least that an item counts against its stream's buffer.
    pub(super) const ITEM_COST_MIN: usize = ITEM_OVERHEAD;

    /// The most that [`Outbox::memory`] says for so many streams with so many items.
    pub(super) const fn bytes_max(streams: usize, items: usize) -> usize {
        let nodes = 2 * items * (size_of::<Node>() + size_of::<u32>());
        let spare = 2 * SPARE_LISTS * size_of::<Fields>() + SPARE_LISTS * SPARE_LIST_BYTES;
        // Ids of streams that are gone are at most as many as the others.
        let lists = 3 * 2 * (2 * streams + STALE_MIN + 2) * size_of::<StreamId>();
        nodes + spare + lists
    }

    /// Bytes held, without the payloads.
    pub(super) fn memory(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.free.capacity() * size_of::<u32>()
            + self.spare.capacity() * size_of::<Fields>()
            + self.spare.iter().map(Fields::capacity).sum::<usize>()
            + (self.ready.capacity() + self.starved.capacity() + self.waiting.capacity())
                * size_of::<StreamId>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::frame::{FrameHead, HEAD_LEN, flags};
    use alloc::vec;

    fn frames(out: &Out) -> Vec<(u8, Vec<u8>)> {
        let all = out.to_vec();
        let mut rest = &all[..];
        let mut frames = vec![];
        while let Some((head, tail)) = rest.split_first_chunk::<HEAD_LEN>() {
            let head = FrameHead::parse(*head);
            let (payload, tail) = tail.split_at(head.length as usize);
            frames.push((head.flags, payload.to_vec()));
            rest = tail;
        }
        frames
    }

    #[test]
    fn short_pieces_share_a_frame_and_long_ones_are_cut_at_the_limit() {
        for limit in 1..30 {
            let mut outbox = Outbox::default();
            let mut queue = Queue::EMPTY;
            for (data, end) in [("abc", false), ("defghij", false), ("", false), ("k", true)] {
                let item = Item::Data { prefix: Prefix::new(*b"12345"), data: Bytes::from(data), end };
                outbox.push(&mut queue, item);
            }
            let mut out = Out::with_room(1 << 20);
            while !queue.is_empty() {
                let written = outbox.write_data(StreamId(1), &mut queue, limit, &mut out).unwrap();
                assert!(written.len <= limit && (written.len > 0 || written.end));
            }
            let frames = frames(&out);
            let joined: Vec<u8> = frames.iter().flat_map(|(_, payload)| payload.clone()).collect();
            assert_eq!(joined, b"12345abc12345defghij1234512345k", "limit {limit}");
            assert!(frames.iter().rev().skip(1).all(|(flags, _)| flags & flags::END_STREAM == 0));
            assert_eq!(frames.last().unwrap().0, flags::END_STREAM);
            assert_eq!(outbox.free.len(), outbox.nodes.len());
        }
    }

    #[test]
    fn an_empty_end_needs_no_window_and_content_does() {
        let mut outbox = Outbox::default();
        let mut queue = Queue::EMPTY;
        outbox.push(
            &mut queue,
            Item::Data { prefix: Prefix::NONE, data: Bytes::from_static(b"x"), end: false },
        );
        let mut out = Out::with_room(100);
        assert_eq!(outbox.write_data(StreamId(1), &mut queue, 0, &mut out), None);
        outbox.drop_queue(&mut queue);
        outbox.push(&mut queue, Item::Data { prefix: Prefix::NONE, data: Bytes::new(), end: true });
        let written = outbox.write_data(StreamId(1), &mut queue, 0, &mut out);
        assert_eq!(written, Some(Written { len: 0, cost: ITEM_OVERHEAD, end: true }));
    }
}
