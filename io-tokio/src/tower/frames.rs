//! Messages on their way into a body: short ones side by side in one piece, long ones as they are.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Messages up to this size are copied together with their prefixes, so that each does not cost a frame of its own,
/// in bytes.
const JOINED_MAX: usize = 8 * 1024;

/// See the module.
#[derive(Default)]
pub(super) struct Frames {
    whole: VecDeque<Bytes>,
    /// What follows `whole`.
    joined: BytesMut,
    bytes: usize,
}

impl Frames {
    /// Appends a message.
    pub(super) fn push(&mut self, prefix: [u8; 5], payload: Bytes) {
        self.bytes += prefix.len() + payload.len();
        if payload.len() <= JOINED_MAX {
            self.joined.reserve(prefix.len() + payload.len());
            self.joined.extend_from_slice(&prefix);
            self.joined.extend_from_slice(&payload);
            return;
        }
        self.joined.extend_from_slice(&prefix);
        self.whole.push_back(self.joined.split().freeze());
        self.whole.push_back(payload);
    }

    /// The next piece.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let piece = self.whole.pop_front().or_else(|| {
            let joined = self.joined.split();
            (!joined.is_empty()).then(|| joined.freeze())
        })?;
        self.bytes -= piece.len();
        Some(piece)
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Drops what waits.
    pub(super) fn clear(&mut self) {
        *self = Frames::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zrpc_core::rpc::message::prefix;

    #[test]
    fn short_messages_leave_in_one_piece_and_long_ones_are_not_copied() {
        let mut frames = Frames::default();
        let long = Bytes::from(vec![7; JOINED_MAX + 1]);
        for message in [Bytes::from_static(b"a"), Bytes::from_static(b"bc"), long.clone(), Bytes::new()] {
            frames.push(prefix(false, message.len() as u32), message);
        }
        assert_eq!(frames.len(), 4 * 5 + 3 + long.len());
        assert_eq!(frames.pop().unwrap(), &b"\0\0\0\0\x01a\0\0\0\0\x02bc\0\0\0\x20\x01"[..]);
        assert_eq!(frames.pop().unwrap().as_ptr(), long.as_ptr());
        assert_eq!(frames.pop().unwrap(), &[0; 5][..]);
        assert_eq!((frames.pop(), frames.len()), (None, 0));
    }
}
