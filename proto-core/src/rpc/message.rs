//! Messages in a byte stream: a flag, a length, and the payload.
//!
//! ```text
//! Compressed-Flag (8)  Message-Length (32)  Message (..)
//! ```
//! A message that lies within one piece of input stays a slice of it. One that is spread over several is gathered into a
//! buffer that grows with what has arrived: a length alone reserves nothing (an announced length is a promise of the
//! peer's, and hostile peers lie).

use crate::rpc::grpc_web::trailer_frame;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};

/// How long the prefix of a message is.
pub const PREFIX_LEN: usize = 5;

/// How many times of what has arrived of a message is reserved for it, as long as that is little: a message of 64 KiB that
/// comes in frames of 16 KiB moves never, and who lies about a length must send a fifth of what the lie costs.
const TRUST: usize = 5;
/// Up to how many bytes that goes; beyond, twice what has arrived is reserved, and a lie costs its half.
const TRUSTED_BYTES: usize = TRUST * 16 * 1024;

/// How much is reserved for something that is said to have `whole` bytes and of which `arrived` are there.
pub(crate) fn reserved(arrived: usize, whole: usize) -> usize {
    arrived.saturating_mul(TRUST).min(TRUSTED_BYTES).max(arrived.saturating_mul(2)).min(whole)
}

/// The prefix of a message.
#[must_use]
pub fn prefix(compressed: bool, length: u32) -> [u8; PREFIX_LEN] {
    let [a, b, c, d] = length.to_be_bytes();
    [u8::from(compressed), a, b, c, d]
}

/// A message as it stood on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireMessage {
    /// Whether it is compressed.
    pub compressed: bool,
    /// Whether it holds trailers, as the last frame of a gRPC-Web reply does.
    pub is_trailers: bool,
    /// The payload.
    pub payload: Bytes,
}

/// Why the bytes are no messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FramingError {
    /// The flag is neither 0 nor 1.
    Flag(u8),
    /// The message is longer than the limit.
    TooLarge {
        /// What its prefix says.
        length: u32,
    },
}

/// Cuts a byte stream into messages.
#[derive(Clone, Debug, Default)]
pub struct MessageReader {
    input: Bytes,
    prefix: [u8; PREFIX_LEN],
    prefix_len: u8,
    /// Trailers may come in a frame of their own.
    takes_trailers: bool,
    gathered: Vec<u8>,
}

impl MessageReader {
    /// Makes it take frames with trailers, as gRPC-Web has them.
    pub(super) fn take_trailers(&mut self) {
        self.takes_trailers = true;
    }

    /// Adds input; all messages of the last input must have been taken.
    pub fn push(&mut self, input: Bytes) {
        self.input = input;
    }

    /// The next whole message; `None` when more input is needed. What is left then is kept apart from the input.
    /// A compressed message may be somewhat longer than `length_max`, which limits what it inflates to.
    ///
    /// # Errors
    /// When the bytes are no messages; the reader is of no more use then.
    pub fn next(&mut self, length_max: usize) -> Result<Option<WireMessage>, FramingError> {
        while usize::from(self.prefix_len) < PREFIX_LEN {
            if self.input.is_empty() {
                self.input = Bytes::new();
                return Ok(None);
            }
            let at = usize::from(self.prefix_len);
            let count = (PREFIX_LEN - at).min(self.input.len());
            self.prefix[at..at + count].copy_from_slice(&self.input[..count]);
            self.input.advance(count);
            self.prefix_len += count as u8;
        }
        let [flag, a, b, c, d] = self.prefix;
        let length = u32::from_be_bytes([a, b, c, d]);
        if flag > 1 && !(self.takes_trailers && flag & !1 == trailer_frame::FLAG) {
            return Err(FramingError::Flag(flag));
        }
        let length_max = if flag > 1 { trailer_frame::BYTES_MAX } else { length_max };
        if length as usize > wire_length_max(flag & 1 == 1, length_max) {
            return Err(FramingError::TooLarge { length });
        }
        let due = length as usize - self.gathered.len();
        if self.gathered.is_empty() && self.input.len() >= due {
            let payload = self.input.split_to(due);
            return Ok(Some(self.finish(flag, payload)));
        }
        let count = due.min(self.input.len());
        if self.gathered.capacity() - self.gathered.len() < count {
            let arrived = self.gathered.len() + count;
            let grown = reserved(arrived, length as usize);
            self.gathered.reserve_exact(grown - self.gathered.len());
        }
        self.gathered.extend_from_slice(&self.input[..count]);
        self.input.advance(count);
        if count < due {
            self.input = Bytes::new();
            return Ok(None);
        }
        let payload = Bytes::from(core::mem::take(&mut self.gathered));
        Ok(Some(self.finish(flag, payload)))
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.prefix_len > 0 || !self.input.is_empty()
    }

    /// Bytes of input that no message has taken yet.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.input.len()
    }

    /// Takes the input that no message has taken yet.
    pub(super) fn take_input(&mut self) -> Bytes {
        core::mem::take(&mut self.input)
    }

    /// Bytes held apart from the input.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.gathered.capacity()
    }

    fn finish(&mut self, flag: u8, payload: Bytes) -> WireMessage {
        self.prefix_len = 0;
        WireMessage { compressed: flag & 1 == 1, is_trailers: flag > 1, payload }
    }
}

/// How long a message may be on the wire. The limit is on the inflated message, and what cannot be compressed comes out
/// longer: by less than this with each of the encodings.
pub(crate) fn wire_length_max(compressed: bool, length_max: usize) -> usize {
    if compressed { length_max.saturating_add(length_max / 16).saturating_add(1024) } else { length_max }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn read(bytes: &[u8], cut: usize) -> Vec<WireMessage> {
        let mut reader = MessageReader::default();
        let mut seen = vec![];
        for piece in bytes.chunks(cut) {
            reader.push(Bytes::copy_from_slice(piece));
            while let Some(message) = reader.next(1000).unwrap() {
                seen.push(message);
            }
        }
        assert!(!reader.is_within_message());
        seen
    }

    #[test]
    fn any_cut_gives_the_same_messages() {
        let mut bytes = vec![];
        for length in [0usize, 1, 100, 0, 999] {
            bytes.extend(prefix(length % 2 == 1, length as u32));
            bytes.extend(vec![length as u8; length]);
        }
        let whole = read(&bytes, bytes.len());
        assert_eq!(
            whole.iter().map(|message| message.payload.len()).collect::<Vec<_>>(),
            [0, 1, 100, 0, 999]
        );
        for cut in 1..300 {
            assert_eq!(read(&bytes, cut), whole, "cut every {cut}");
        }
    }

    #[test]
    fn a_length_that_is_only_announced_reserves_nothing() {
        let mut reader = MessageReader::default();
        reader.push([&prefix(false, 900)[..], b"x"].concat().into());
        assert_eq!(reader.next(1000), Ok(None));
        assert!(reader.memory() < 16, "{}", reader.memory());
        assert!(reader.is_within_message());
    }

    #[test]
    fn a_message_of_the_limit_passes_and_one_byte_more_does_not() {
        let mut reader = MessageReader::default();
        reader.push([&prefix(false, 10)[..], &[0; 10]].concat().into());
        assert!(reader.next(10).unwrap().is_some());
        reader.push(Bytes::copy_from_slice(&prefix(false, 11)));
        assert_eq!(reader.next(10), Err(FramingError::TooLarge { length: 11 }));
        let mut reader = MessageReader::default();
        reader.push(Bytes::from_static(&[2, 0, 0, 0, 0]));
        assert_eq!(reader.next(10), Err(FramingError::Flag(2)));
    }
}
