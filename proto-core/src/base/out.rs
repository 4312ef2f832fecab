//! Where a machine writes: small things are copied together, large payloads pass by reference.
//!
//! An `Out` is a list of runs of bytes in order. Frame heads and short payloads share one scratch buffer; a
//! payload of [`INLINE_MAX`] bytes or more stays the caller's `Bytes`. A driver writes [`Out::chunks`] with one
//! vectored system call and says [`Out::advance`] for what the socket took. Room is how a driver holds back a
//! machine: writing stops at the first whole frame that reaches it.
//!
//! Attachments (file descriptors) cannot be bytes: a machine notes with [`Out::attach`] how many of which call must leave
//! with what it writes, and the driver takes the notes, finds the descriptors, and sends them with its next write.

use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;

/// Payloads shorter than this are copied next to their frame head; longer ones pass by reference.
pub const INLINE_MAX: usize = 1024;

#[derive(Clone, Debug)]
enum Segment {
    Scratch(Range<usize>),
    Payload(Bytes),
}

impl Segment {
    fn len(&self) -> usize {
        match self {
            Segment::Scratch(range) => range.len(),
            Segment::Payload(bytes) => bytes.len(),
        }
    }
}

/// Attachments that may wait in an `Out` before it has no more room; one message more may run over it. A message of
/// Unix sockets carries 253 at the most.
pub const ATTACHMENTS_ROOM: u32 = 128;

/// Attachments of one message that must leave with the bytes that are waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attached {
    /// The call whose message it is: the number of its `CallId`.
    pub call: u64,
    /// How many of those that were handed in for the call, the oldest first.
    pub count: u8,
}

/// Bytes to send, in order, with a limit on how many.
#[derive(Clone, Default)]
pub struct Out {
    scratch: Vec<u8>,
    segments: Vec<Segment>,
    /// Segments before this one are written; the one here, up to `sent_of_first`.
    first: usize,
    sent_of_first: usize,
    len: usize,
    room: usize,
    attached: Vec<Attached>,
    attachments: u32,
}

impl Out {
    /// An empty output that takes frames until `room` bytes wait in it.
    #[must_use]
    pub fn with_room(room: usize) -> Out {
        Out { room, ..Out::default() }
    }

    /// Changes how many bytes may wait.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// Bytes that may still be added; the last frame may run over it.
    #[must_use]
    pub fn room(&self) -> usize {
        self.room.saturating_sub(self.len)
    }

    /// Whether another frame may be written.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.len < self.room && self.attachments < ATTACHMENTS_ROOM
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a copy of `bytes`.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.put_with(|scratch| scratch.extend_from_slice(bytes));
    }

    /// Appends what `write` adds to the scratch buffer; `write` must only append.
    pub fn put_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.scratch.len();
        write(&mut self.scratch);
        let end = self.scratch.len();
        if end <= start {
            return;
        }
        self.len += end - start;
        if let Some(Segment::Scratch(last)) = self.segments.last_mut()
            && last.end == start
        {
            last.end = end;
            return;
        }
        self.segments.push(Segment::Scratch(start..end));
    }

    /// Appends `bytes`: a copy when short, the reference itself when long.
    pub fn put_bytes(&mut self, bytes: Bytes) {
        if bytes.len() < INLINE_MAX {
            self.put_slice(&bytes);
            return;
        }
        self.len += bytes.len();
        self.segments.push(Segment::Payload(bytes));
    }

    /// Notes that `count` attachments of a call must leave with, or before, the frame that is written next.
    pub fn attach(&mut self, call: u64, count: u8) {
        if count > 0 {
            self.attached.push(Attached { call, count });
            self.attachments += u32::from(count);
        }
    }

    /// Takes the notes of all attachments that must leave now, in the order of their frames. The driver sends them with
    /// the first byte that it writes next.
    #[must_use = "attachments that are not sent are lost, and the peer ends the connection"]
    pub fn take_attachments(&mut self) -> Vec<Attached> {
        self.attachments = 0;
        core::mem::take(&mut self.attached)
    }

    /// Attachments that must leave with what is written next.
    pub(crate) fn attachments(&self) -> u32 {
        self.attachments
    }

    /// Whether attachments must leave with what is written next.
    #[must_use]
    pub fn has_attachments(&self) -> bool {
        self.attachments > 0
    }

    /// The runs of bytes that wait, in order; none is empty.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut skip = self.sent_of_first;
        self.segments[self.first.min(self.segments.len())..].iter().filter_map(move |segment| {
            let bytes: &[u8] = match segment {
                Segment::Scratch(range) => self.scratch.get(range.clone()).unwrap_or_default(),
                Segment::Payload(bytes) => bytes,
            };
            let rest = bytes.get(skip..).unwrap_or_default();
            skip = 0;
            (!rest.is_empty()).then_some(rest)
        })
    }

    /// Forgets the first `count` bytes, which were sent.
    pub fn advance(&mut self, count: usize) {
        let mut count = count.min(self.len);
        self.len -= count;
        if self.len == 0 {
            self.clear();
            return;
        }
        while count > 0 {
            let Some(segment) = self.segments.get_mut(self.first) else { return };
            let rest = segment.len() - self.sent_of_first;
            if count < rest {
                self.sent_of_first += count;
                return;
            }
            count -= rest;
            *segment = Segment::Scratch(0..0);
            self.first += 1;
            self.sent_of_first = 0;
        }
    }

    /// Takes all that waits: the payload at its end by reference, if there is one, and what comes before it.
    pub(crate) fn take(&mut self) -> (Vec<u8>, Bytes) {
        let mut tail = Bytes::new();
        if self.sent_of_first == 0
            && let Some(Segment::Payload(payload)) =
                self.segments.pop_if(|last| matches!(last, Segment::Payload(_)))
        {
            self.len -= payload.len();
            tail = payload;
        }
        let head = match self.segments.as_slice() {
            [] => Vec::new(),
            [Segment::Scratch(range)] if self.sent_of_first == 0 && range.len() == self.scratch.len() => {
                core::mem::take(&mut self.scratch)
            }
            _ => self.to_vec(),
        };
        self.clear();
        (head, tail)
    }

    /// Bytes of heap memory held, without payloads.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.scratch.capacity() + self.segments.capacity() * size_of::<Segment>()
    }

    /// Forgets all bytes; keeps the buffers, and the notes of attachments.
    pub fn clear(&mut self) {
        self.scratch.clear();
        self.segments.clear();
        self.first = 0;
        self.sent_of_first = 0;
        self.len = 0;
    }

    /// Gives unused memory back, for a connection that goes idle.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            self.scratch = Vec::new();
            self.segments = Vec::new();
        }
        if self.attached.is_empty() {
            self.attached = Vec::new();
        }
    }

    /// A copy of all that waits, for tests and for streams that cannot write vectors.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len);
        for chunk in self.chunks() {
            all.extend_from_slice(chunk);
        }
        all
    }
}

impl core::fmt::Debug for Out {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Out").field("len", &self.len).field("room", &self.room()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn short_runs_share_one_chunk_and_long_payloads_pass_by_reference() {
        let mut out = Out::with_room(1 << 20);
        out.put_slice(b"head");
        out.put_bytes(Bytes::from_static(b"short"));
        let payload = Bytes::from(vec![7; INLINE_MAX]);
        out.put_bytes(payload.clone());
        out.put_slice(b"tail");
        let chunks: Vec<&[u8]> = out.chunks().collect();
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks[0], b"headshort");
        assert_eq!(chunks[1].as_ptr(), payload.as_ptr());
        assert_eq!(chunks[2], b"tail");
    }

    #[test]
    fn attachments_take_room_until_they_are_taken_and_come_in_order() {
        let mut out = Out::with_room(100);
        out.attach(1, 0);
        assert!(!out.has_attachments());
        out.attach(7, 100);
        assert!(out.has_room() && out.has_attachments());
        out.attach(3, 64);
        assert!(!out.has_room(), "more would not fit into one message of a socket");
        let taken = [Attached { call: 7, count: 100 }, Attached { call: 3, count: 64 }];
        assert_eq!(out.take_attachments(), taken);
        assert!(out.has_room() && out.take_attachments().is_empty());
    }

    #[test]
    fn what_is_taken_is_all_that_waits_with_a_long_end_by_reference() {
        let long = Bytes::from(vec![7; INLINE_MAX]);
        let cases: [&[&[u8]]; 6] =
            [&[], &[b"a"], &[&long], &[b"a", &long], &[b"a", &long, b"b"], &[&long, b"a", &long]];
        for parts in cases {
            let mut out = Out::with_room(1 << 20);
            parts.iter().for_each(|part| out.put_bytes(Bytes::copy_from_slice(part)));
            let whole = out.to_vec();
            let (head, tail) = out.take();
            assert_eq!([&head[..], &tail[..]].concat(), whole);
            assert!(out.is_empty() && tail.len() % INLINE_MAX == 0);
        }
        let mut out = Out::with_room(1);
        out.put_bytes(long.clone());
        assert_eq!(out.take().1.as_ptr(), long.as_ptr());
    }

    #[test]
    fn advancing_by_any_steps_gives_the_same_bytes() {
        for step in 1..40 {
            let mut out = Out::with_room(1 << 20);
            out.put_slice(b"0123456789");
            out.put_bytes(Bytes::from(vec![b'x'; INLINE_MAX]));
            out.put_slice(b"abc");
            let whole = out.to_vec();
            let mut seen = Vec::new();
            while !out.is_empty() {
                let first = out.chunks().next().unwrap_or_default();
                let count = first.len().min(step);
                seen.extend_from_slice(&first[..count]);
                out.advance(count);
            }
            assert_eq!(seen, whole);
            assert_eq!(out.chunks().count(), 0);
        }
    }
}
