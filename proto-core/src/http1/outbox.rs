//! What waits to be sent: small things copied together, large payloads by reference.

use crate::base::Out;
use crate::base::out::INLINE_MAX;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

/// A queue of bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Piece {
    /// Heads and short payloads, from this offset on.
    Copied(Vec<u8>, usize),
    Payload(Bytes),
}

impl Outbox {
    /// Appends what `write` appends to the vector it is given.
    pub(super) fn put_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !matches!(self.pieces.back(), Some(Piece::Copied(..))) {
            self.pieces.push_back(Piece::Copied(Vec::new(), 0));
        }
        if let Some(Piece::Copied(bytes, _)) = self.pieces.back_mut() {
            let before = bytes.len();
            write(bytes);
            self.len += bytes.len() - before;
        }
    }

    /// Appends a payload.
    pub(super) fn put(&mut self, payload: Bytes) {
        if payload.len() < INLINE_MAX {
            return self.put_with(|bytes| bytes.extend_from_slice(&payload));
        }
        self.len += payload.len();
        self.pieces.push_back(Piece::Payload(payload));
    }

    /// Moves as much as there is room for.
    pub(super) fn write(&mut self, out: &mut Out) {
        while out.has_room()
            && let Some(piece) = self.pieces.front_mut()
        {
            let room = out.room();
            let left = match piece {
                Piece::Copied(bytes, from) => {
                    let count = room.min(bytes.len() - *from);
                    out.put_slice(&bytes[*from..*from + count]);
                    *from += count;
                    self.len -= count;
                    bytes.len() - *from
                }
                Piece::Payload(bytes) => {
                    let count = room.min(bytes.len());
                    out.put_bytes(bytes.split_to(count));
                    self.len -= count;
                    bytes.remaining()
                }
            };
            if left == 0 {
                self.pieces.pop_front();
            }
        }
        if self.pieces.is_empty() {
            self.pieces = VecDeque::new();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn clear(&mut self) {
        *self = Outbox::default();
    }

    pub(super) fn memory(&self) -> usize {
        let copied = self.pieces.iter().map(|piece| match piece {
            Piece::Copied(bytes, _) => bytes.capacity(),
            Piece::Payload(_) => 0,
        });
        self.pieces.capacity() * size_of::<Piece>() + copied.sum::<usize>()
    }
}
