//! The messages of one direction of a call as they arrive: joined from their parts, and their credit accounted for
//! (docs/native-protocol.md §8).
//!
//! Credit decides how much a peer can make this side hold. A message that the application has not taken keeps its credit;
//! so does the one that is being gathered behind it. Only the first message in line may grow beyond the credit, since
//! nothing else could ever make room for it. So a call holds at most its credit and one message.

use crate::native::Violation;
use crate::native::capabilities::{CREDIT_MAX, DEFAULT};
use crate::native::codec::Part;
use crate::rpc::Encoding;
use crate::rpc::message::reserved;
use alloc::vec::Vec;
use bytes::Bytes;

/// What a message costs beside its length.
pub(crate) const MESSAGE_COST: u64 = 32;

/// What arrives on one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbound {
    /// The encoding that the peer's head named.
    pub(super) encoding: Option<Encoding>,
    /// The peer sends no more.
    pub(super) ended: bool,
    /// What the peer may still send; below zero where an encoding does not split messages.
    left: i64,
    /// Cost of the message that is being gathered.
    held: u32,
    /// Cost of messages that the application has and did not consume.
    outstanding: u32,
    /// Cost of what the application took, and of which the peer was not told.
    owed: u32,
    gathered: Vec<u8>,
    /// Bytes of the message that are still to come in later frames.
    rest: u64,
    /// Bytes that are still to come of this frame.
    missing: usize,
    compressed: bool,
    attachments: u8,
}

/// A whole message as it stood on the wire.
pub(super) struct Whole {
    pub(super) payload: Bytes,
    pub(super) compressed: bool,
    pub(super) credit: u32,
    pub(super) attachments: u8,
}

/// What became of a part.
pub(super) enum Gathered {
    /// More is to come.
    Incomplete,
    /// It was the last of a message.
    Message(Whole),
    /// The message is longer than the limit: by which length that is known.
    TooLarge(u64),
}

impl Inbound {
    /// Begins a call with this side's initial credit.
    pub(super) fn begin(&mut self, initial_credit: u32) {
        self.left = i64::from(initial_credit.max(DEFAULT.initial_credit));
    }

    /// What the peer may still send.
    pub(super) fn left(&self) -> u64 {
        u64::try_from(self.left).unwrap_or(0)
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_within_message(&self) -> bool {
        self.rest > 0 || self.missing > 0
    }

    /// Attachments of a message that is still arriving.
    pub(super) fn attachments(&self) -> u8 {
        self.attachments
    }

    pub(super) fn memory(&self) -> usize {
        self.gathered.capacity()
    }

    /// A message, or a part of one, begins.
    pub(super) fn on_part(
        &mut self,
        part: Part,
        length_max: impl Fn(bool) -> usize,
        initial_credit: u32,
        splits: bool,
    ) -> Result<Gathered, Violation> {
        if self.ended {
            return Err(Violation::AfterEnd);
        }
        let is_first = self.rest == 0;
        if !is_first && (part.compressed || part.cost + part.rest != self.rest) {
            return Err(Violation::Parts);
        }
        if part.cost == 0 && !(is_first && part.rest == 0) {
            return Err(Violation::EmptyPart);
        }
        let cost = i64::try_from(part.cost).unwrap_or(i64::MAX - 64)
            + if is_first { MESSAGE_COST as i64 } else { 0 };
        // §12: where messages are not split, half of the initial credit is enough for any.
        let due = if splits { cost } else { cost.min(i64::from(initial_credit / 2)) };
        if self.left < due {
            return Err(Violation::Credit);
        }
        self.left -= cost;
        self.held = self.held.saturating_add(u32::try_from(cost).unwrap_or(u32::MAX));
        if is_first {
            self.compressed = part.compressed;
            let length = part.cost.saturating_add(part.rest);
            if length > length_max(part.compressed) as u64 {
                return Ok(Gathered::TooLarge(length));
            }
        }
        self.rest = part.rest;
        self.missing = part.missing;
        self.attachments = part.attachments;
        if is_first && part.rest == 0 && part.missing == 0 {
            return Ok(Gathered::Message(self.finish(part.data)));
        }
        Ok(self.gather(&part.data))
    }

    /// More of the part that began last arrived.
    pub(super) fn on_more(&mut self, data: &[u8], missing: usize) -> Gathered {
        self.missing = missing;
        self.gather(data)
    }

    fn gather(&mut self, data: &[u8]) -> Gathered {
        let arrived = self.gathered.len() + data.len();
        if self.gathered.capacity() < arrived {
            let whole = (arrived as u64).saturating_add(self.rest).saturating_add(self.missing as u64);
            let whole = usize::try_from(whole).unwrap_or(usize::MAX);
            self.gathered.reserve_exact(reserved(arrived, whole) - self.gathered.len());
        }
        self.gathered.extend_from_slice(data);
        if self.is_within_message() {
            return Gathered::Incomplete;
        }
        let payload = core::mem::take(&mut self.gathered).into();
        Gathered::Message(self.finish(payload))
    }

    fn finish(&mut self, payload: Bytes) -> Whole {
        let credit = core::mem::take(&mut self.held);
        self.outstanding = self.outstanding.saturating_add(credit);
        let attachments = core::mem::take(&mut self.attachments);
        Whole { payload, compressed: self.compressed, credit, attachments }
    }

    /// A frame was read to its end: what came of a message whose turn it is counts as taken.
    pub(super) fn settle(&mut self) {
        if self.outstanding == 0 && self.missing == 0 {
            self.owed = self.owed.saturating_add(core::mem::take(&mut self.held));
        }
    }

    /// The application took messages that came with this much credit.
    pub(super) fn consume(&mut self, credit: u32) {
        let credit = credit.min(self.outstanding);
        self.outstanding -= credit;
        self.owed = self.owed.saturating_add(credit);
        self.settle();
    }

    /// Takes the credit that the peer is to be told of, once it is worth a frame.
    pub(super) fn take_credit(&mut self, initial_credit: u32) -> Option<u32> {
        if self.ended || self.owed < initial_credit / 2 || self.owed == 0 {
            return None;
        }
        let owed = core::mem::take(&mut self.owed).min(CREDIT_MAX);
        self.left += i64::from(owed);
        Some(owed)
    }
}
