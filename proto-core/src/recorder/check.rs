//! The running hash of what a machine did. It does not depend on how its bytes were cut into runs, and is no defence
//! against forgery: it tells one history from another, not a friend from a foe.

use crate::base::{Out, Time};
use crate::rpc::{ClientEvent, ServerEvent, SessionEnd, Status};

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Check {
    state: u64,
    /// Bytes that do not make a word yet.
    pending: u64,
    filled: u32,
}

impl Check {
    fn word(&mut self, word: u64) {
        self.state = (self.state ^ word).wrapping_mul(FACTOR).rotate_left(29);
    }

    pub(super) fn bytes(&mut self, mut bytes: &[u8]) {
        while self.filled > 0 && !bytes.is_empty() {
            self.byte(bytes[0]);
            bytes = &bytes[1..];
        }
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.byte(*byte));
    }

    fn byte(&mut self, byte: u8) {
        self.pending |= u64::from(byte) << (8 * self.filled);
        self.filled += 1;
        if self.filled == 8 {
            let word = core::mem::take(&mut self.pending);
            self.word(word);
            self.filled = 0;
        }
    }

    /// Takes in a number that stands apart from the bytes.
    pub(super) fn number(&mut self, number: u64) {
        self.word(number ^ FACTOR);
    }

    /// Takes in what was written to `out` after its first `before` bytes.
    pub(super) fn written(&mut self, out: &Out, mut before: usize) {
        for chunk in out.chunks() {
            let skipped = before.min(chunk.len());
            before -= skipped;
            self.bytes(&chunk[skipped..]);
        }
    }

    pub(super) fn wake(&mut self, at: Option<Time>) {
        self.number(at.map_or(0, Time::as_nanos));
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    fn status(&mut self, status: &Status) {
        self.number(status.code() as u64);
        self.text(status.message());
    }

    fn end(&mut self, end: &SessionEnd) {
        match end {
            SessionEnd::Graceful => self.number(0),
            SessionEnd::Failed(status) => self.status(status),
        }
    }

    /// Takes in a message by its length: its bytes came with the input.
    fn message(&mut self, kind: u64, call: u64, length: usize, credit: u32) {
        self.number(kind << 56 ^ call);
        self.number((length as u64) << 32 | u64::from(credit));
    }

    pub(super) fn server_event(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::Opened { call } => self.number(1 << 56 ^ call.as_u64()),
            ServerEvent::Message { call, message, credit } => {
                self.message(2, call.as_u64(), message.len(), *credit);
            }
            ServerEvent::HalfClosed { call } => self.number(3 << 56 ^ call.as_u64()),
            ServerEvent::Writable { call } => self.number(4 << 56 ^ call.as_u64()),
            ServerEvent::Ended { call, status } => {
                self.number(5 << 56 ^ call.as_u64());
                self.status(status);
            }
            ServerEvent::Refused { why } => self.text(why),
            ServerEvent::Closed(end) => self.end(end),
        }
    }

    pub(super) fn client_event(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Ready => self.number(1),
            ClientEvent::Head { call } => self.number(6 << 56 ^ call.as_u64()),
            ClientEvent::Message { call, message, credit } => {
                self.message(2, call.as_u64(), message.len(), *credit);
            }
            ClientEvent::Writable { call } => self.number(4 << 56 ^ call.as_u64()),
            ClientEvent::Ended { call, status, trailers } => {
                self.number(5 << 56 ^ call.as_u64());
                self.status(status);
                self.number(trailers.len() as u64);
            }
            ClientEvent::Draining => self.number(7),
            ClientEvent::Closed(end) => self.end(end),
        }
    }

    /// What is written down of it.
    pub(super) fn short(&self) -> u32 {
        let mut last = *self;
        last.word(self.pending ^ u64::from(self.filled) << 60);
        (last.state ^ last.state >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn it_is_the_same_however_bytes_are_cut_and_another_for_each_byte() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut whole = Check::default();
        whole.bytes(&bytes);
        for cut in 0..=bytes.len() {
            let mut cuts = Check::default();
            cuts.bytes(&bytes[..cut]);
            cuts.bytes(&bytes[cut..]);
            assert_eq!(cuts.short(), whole.short(), "{cut}");
        }
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            let mut check = Check::default();
            check.bytes(&other);
            assert_ne!(check.short(), whole.short(), "{at}");
        }
    }
}
