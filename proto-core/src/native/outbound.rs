//! What one side of a call still has to send: its head, its messages, its end; and what its credit allows
//! (docs/native-protocol.md §4.1, §8).

use crate::base::{Flow, Misuse};
use crate::native::Violation;
use crate::native::capabilities::CREDIT_MAX;
use crate::native::codec::PartOut;
use crate::native::inbound::MESSAGE_COST;
use crate::rpc::{Encoding, Metadata, Status};
use alloc::collections::VecDeque;
use bytes::Bytes;

/// What a message that waits counts beside its length.
const ITEM_OVERHEAD: usize = 64;
/// The shortest part that is cut while there is more credit to come.
const PART_MIN: u32 = 4096;

/// A message that waits, or the rest of one.
#[derive(Clone, Debug)]
pub(super) struct Item {
    data: Bytes,
    compressed: bool,
    attachments: u8,
    /// A part of it was sent.
    is_begun: bool,
}

/// Whether a head waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum HeadState {
    /// A server's: none was given yet, or a client's that waits for its first frame.
    #[default]
    None,
    /// It waits.
    Due,
    /// It was written, or a response began without one.
    Sent,
}

/// Whether an end was given.
#[derive(Clone, Debug, Default)]
pub(super) enum EndState {
    /// No.
    #[default]
    Open,
    /// A client's.
    HalfClose,
    /// A server's.
    Status(Status),
    /// It was written.
    Sent,
}

/// One side of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbound {
    pub(super) head: HeadState,
    /// The metadata of the head that waits.
    pub(super) metadata: Metadata,
    /// The encoding of messages sent with `compress`.
    pub(super) encoding: Option<Encoding>,
    pub(super) end: EndState,
    pub(super) trailers: Metadata,
    pub(super) blocked: bool,
    /// The first message; most calls have no other.
    first: Option<Item>,
    others: VecDeque<Item>,
    queued_bytes: usize,
    left: i64,
}

impl Outbound {
    /// Begins with the peer's initial credit.
    pub(super) fn begin(&mut self, initial_credit: u32) {
        self.left = i64::from(initial_credit);
    }

    /// Forgets all but memory that the next call can use.
    pub(super) fn recycle(&mut self) {
        let Outbound { head, metadata, encoding, end, trailers, blocked, first, others, queued_bytes, left } =
            self;
        (*head, *encoding, *end, *first) = Default::default();
        (*blocked, *queued_bytes, *left) = Default::default();
        metadata.clear();
        trailers.clear();
        others.clear();
    }

    /// Queues a message.
    pub(super) fn send(&mut self, data: Bytes, compressed: bool, attachments: u8, limit: usize) -> Flow {
        self.queued_bytes += data.len() + ITEM_OVERHEAD;
        let item = Item { data, compressed, attachments, is_begun: false };
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.others.push_back(item);
        }
        self.blocked = self.queued_bytes >= limit;
        if self.blocked { Flow::Blocked } else { Flow::Ready }
    }

    /// Whether a message may be queued.
    pub(super) fn check_open(&self) -> Result<(), Misuse> {
        if !matches!(self.end, EndState::Open) {
            return Err(Misuse::OutOfOrder("this side of the call has ended"));
        }
        if self.blocked { Err(Misuse::Blocked) } else { Ok(()) }
    }

    /// Whether messages wait.
    pub(super) fn has_messages(&self) -> bool {
        self.first.is_some()
    }

    /// Forgets the messages that wait.
    pub(super) fn drop_messages(&mut self) {
        self.first = None;
        self.others.clear();
        self.queued_bytes = 0;
    }

    /// Whether something can be written.
    pub(super) fn can_write(&self, initial_credit: u32, splits: bool) -> bool {
        match &self.first {
            Some(item) => {
                self.head == HeadState::Due
                    || self.part_len(item, usize::MAX, initial_credit, splits).is_some()
            }
            None => {
                self.head == HeadState::Due || matches!(self.end, EndState::HalfClose | EndState::Status(_))
            }
        }
    }

    /// Takes the next message, or a part of it, that credit allows.
    pub(super) fn take_part(
        &mut self,
        part_max: usize,
        initial_credit: u32,
        splits: bool,
    ) -> Option<PartOut> {
        let item = self.first.as_ref()?;
        let len = self.part_len(item, part_max, initial_credit, splits)?;
        let item = self.first.as_mut()?;
        let cost = len as u64 + if item.is_begun { 0 } else { MESSAGE_COST };
        self.left -= cost as i64;
        let compressed = item.compressed && !item.is_begun;
        if len < item.data.len() {
            let data = item.data.split_to(len);
            item.is_begun = true;
            self.queued_bytes -= len;
            return Some(PartOut { data, rest: item.data.len() as u64, compressed, attachments: 0 });
        }
        let Item { data, attachments, .. } = self.first.take()?;
        self.first = self.others.pop_front();
        self.queued_bytes = self.queued_bytes.saturating_sub(data.len() + ITEM_OVERHEAD);
        Some(PartOut { data, rest: 0, compressed, attachments })
    }

    /// How much of a message may go into one frame.
    fn part_len(&self, item: &Item, part_max: usize, initial_credit: u32, splits: bool) -> Option<usize> {
        let overhead = if item.is_begun { 0 } else { MESSAGE_COST as i64 };
        let room = self.left - overhead;
        let len = item.data.len();
        if !splits {
            let due = (len as i64 + overhead).min(i64::from(initial_credit / 2));
            return (self.left >= due).then_some(len);
        }
        let room = usize::try_from(room).ok()?;
        if len <= part_max && len <= room {
            return Some(len);
        }
        let part = part_max.min(room);
        let worth = PART_MIN.min(initial_credit / 4) as usize;
        (part >= worth.min(part_max) && part > 0).then_some(part)
    }

    /// The peer takes more.
    pub(super) fn widen(&mut self, amount: u64) -> Result<(), Violation> {
        if amount == 0 {
            return Err(Violation::NoCredit);
        }
        let left = self.left.saturating_add(i64::try_from(amount).unwrap_or(i64::MAX));
        if left > i64::from(CREDIT_MAX) {
            return Err(Violation::CreditOverflow);
        }
        self.left = left;
        Ok(())
    }

    /// Whether the sender is to hear that there is room again.
    pub(super) fn unblock(&mut self, limit: usize) -> bool {
        let is_free = self.blocked && self.queued_bytes <= limit / 2;
        if is_free {
            self.blocked = false;
        }
        is_free
    }

    pub(super) fn memory(&self) -> usize {
        self.metadata.fields().capacity()
            + self.trailers.fields().capacity()
            + self.others.capacity() * size_of::<Item>()
    }

    /// The most that [`Outbound::memory`] says, with lists of so many bytes and so much queued.
    pub(super) const fn memory_max(list_bytes: usize, send_buffer_bytes: usize) -> usize {
        2 * list_bytes * 2 + 2 * (send_buffer_bytes / ITEM_OVERHEAD + 4) * size_of::<Item>()
    }
}
