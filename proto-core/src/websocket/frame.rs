//! How a frame looks, RFC 6455 §5.2: its head, read from bytes as they arrive and written in front of a payload.
//!
//! ```text
//!  FIN RSV1-3 opcode | MASK length | (16 or 64 bits of length) | (32 bits of masking key) | payload
//! ```

use crate::websocket::Violation;

/// Bytes of the longest head: a length of 64 bits and a masking key.
pub const HEAD_MAX: usize = 14;
/// Bytes that the payload of a control frame may have.
pub const CONTROL_MAX: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV: u8 = 0x70;
const MASK: u8 = 0x80;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opcode {
    /// Goes on with the message that a frame before it opened.
    Continuation,
    /// Opens a message of UTF-8.
    Text,
    /// Opens a message of any bytes.
    Binary,
    /// The last frame of its side.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping, or says that its side is alive.
    Pong,
}

impl Opcode {
    const fn from_bits(bits: u8) -> Option<Opcode> {
        Some(match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    /// Whether the frame is one of the connection and not of a message (RFC 6455 §5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// The head of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHead {
    /// Whether the frame is the last of its message.
    pub fin: bool,
    /// Whether the message is compressed (RSV1, RFC 7692 §6); only its first frame says so.
    pub compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key that its payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub length: u64,
}

impl FrameHead {
    /// How many bytes the head has that begins with these; `None` when that needs the second byte.
    #[must_use]
    pub fn len_from(first: &[u8]) -> Option<usize> {
        let second = *first.get(1)?;
        let length = match second & !MASK {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        Some(2 + length + if second & MASK == 0 { 0 } else { 4 })
    }

    /// Reads the first byte alone, so that what it breaks is known before the rest arrives.
    ///
    /// # Errors
    /// Reserved bits and opcodes, and fragments of control frames.
    pub fn check_first(first: u8) -> Result<(bool, bool, Opcode), Violation> {
        // RFC 6455 §5.2: RSV2 and RSV3, which no extension of ours uses, MUST be 0 or the connection fails.
        if first & (RSV & !RSV1) != 0 {
            return Err(Violation::ReservedBits);
        }
        // RFC 6455 §5.2: an unknown opcode MUST fail the connection.
        let opcode = Opcode::from_bits(first & 0x0f).ok_or(Violation::ReservedOpcode)?;
        let (fin, compressed) = (first & FIN != 0, first & RSV1 != 0);
        if compressed {
            match opcode {
                Opcode::Text | Opcode::Binary => {}
                // RFC 7692 §6.1: only the first frame of a message says that it is compressed; others MUST NOT.
                Opcode::Continuation => return Err(Violation::CompressedContinuation),
                // RFC 7692 §6.1: control frames are never compressed.
                _ => return Err(Violation::ReservedBits),
            }
        }
        // RFC 6455 §5.4, §5.5: control frames MUST NOT be fragmented.
        if opcode.is_control() && !fin {
            return Err(Violation::FragmentedControl);
        }
        Ok((fin, compressed, opcode))
    }

    /// Checks the first two bytes of a frame from a peer whose frames are masked if `masked`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check_start(first: u8, second: u8, masked: bool) -> Result<(), Violation> {
        let (_, _, opcode) = FrameHead::check_first(first)?;
        match (second & MASK != 0, masked) {
            // RFC 6455 §5.1: a server MUST close the connection when a frame is not masked.
            (false, true) => return Err(Violation::Unmasked),
            // RFC 6455 §5.1: a client MUST close the connection when a frame is masked.
            (true, false) => return Err(Violation::Masked),
            _ => {}
        }
        // RFC 6455 §5.5: control frames MUST have a payload of 125 bytes or less.
        if opcode.is_control() && second & !MASK > 125 {
            return Err(Violation::LongControl);
        }
        Ok(())
    }

    /// Reads a whole head, of [`FrameHead::len_from`] bytes.
    ///
    /// # Errors
    /// What is wrong with it; a head cut short is a [`Violation::Length`].
    pub fn parse(head: &[u8], masked: bool) -> Result<FrameHead, Violation> {
        let [first, second, rest @ ..] = head else { return Err(Violation::Length) };
        FrameHead::check_start(*first, *second, masked)?;
        let (fin, compressed, opcode) = FrameHead::check_first(*first)?;
        let (length, rest) = match second & !MASK {
            126 => {
                let (bytes, rest) = rest.split_first_chunk::<2>().ok_or(Violation::Length)?;
                (u64::from(u16::from_be_bytes(*bytes)), rest)
            }
            127 => {
                let (bytes, rest) = rest.split_first_chunk::<8>().ok_or(Violation::Length)?;
                (u64::from_be_bytes(*bytes), rest)
            }
            short => (u64::from(short), rest),
        };
        // RFC 6455 §5.2: the minimal number of bytes MUST be used for the length, and the most significant bit of a
        // length of 64 bits MUST be 0.
        let is_minimal = match second & !MASK {
            126 => length > 125,
            127 => length > u64::from(u16::MAX) && length >> 63 == 0,
            _ => true,
        };
        if !is_minimal {
            return Err(Violation::Length);
        }
        let mask =
            if second & MASK == 0 { None } else { Some(*rest.first_chunk().ok_or(Violation::Length)?) };
        Ok(FrameHead { fin, compressed, opcode, mask, length })
    }

    /// The head's bytes, and how many of them there are.
    #[must_use]
    pub fn to_bytes(&self) -> ([u8; HEAD_MAX], usize) {
        let mut bytes = [0; HEAD_MAX];
        let flags = if self.fin { FIN } else { 0 } | if self.compressed { RSV1 } else { 0 };
        // RFC 6455 §5.2: RSV2 and RSV3 MUST be 0.
        bytes[0] = flags | self.opcode.bits();
        let masked = if self.mask.is_some() { MASK } else { 0 };
        // RFC 6455 §5.2: the length MUST be encoded in the minimal number of bytes.
        let mut len = match self.length {
            short @ 0..=125 => {
                bytes[1] = masked | short as u8;
                2
            }
            medium @ 126..=0xffff => {
                bytes[1] = masked | 126;
                bytes[2..4].copy_from_slice(&(medium as u16).to_be_bytes());
                4
            }
            long => {
                bytes[1] = masked | 127;
                bytes[2..10].copy_from_slice(&long.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            bytes[len..len + 4].copy_from_slice(&key);
            len += 4;
        }
        (bytes, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn head(opcode: Opcode, length: u64, mask: Option<[u8; 4]>) -> FrameHead {
        FrameHead { fin: true, compressed: false, opcode, mask, length }
    }

    fn parse(bytes: &[u8], masked: bool) -> Result<FrameHead, Violation> {
        FrameHead::parse(bytes, masked)
    }

    #[test]
    fn every_head_is_read_as_it_was_written() {
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, (1 << 63) - 1];
        for opcode in [Opcode::Continuation, Opcode::Text, Opcode::Binary] {
            for (mask, fin) in [(None, true), (Some([1, 2, 3, 4]), false)] {
                for length in lengths {
                    let head = FrameHead { fin, compressed: opcode == Opcode::Text, opcode, mask, length };
                    let (bytes, len) = head.to_bytes();
                    assert_eq!(FrameHead::len_from(&bytes), Some(len));
                    assert_eq!(parse(&bytes[..len], mask.is_some()), Ok(head));
                }
            }
        }
    }

    #[test]
    fn rfc6455_5_7_the_heads_of_the_examples() {
        let text = |bytes: &[u8]| parse(bytes, bytes[1] & 0x80 != 0).unwrap();
        assert_eq!(text(&[0x81, 0x05]), head(Opcode::Text, 5, None));
        assert_eq!(
            text(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d]),
            head(Opcode::Text, 5, Some([0x37, 0xfa, 0x21, 0x3d]))
        );
        assert_eq!(text(&[0x01, 0x03]), FrameHead { fin: false, ..head(Opcode::Text, 3, None) });
        assert_eq!(text(&[0x80, 0x02]), head(Opcode::Continuation, 2, None));
        assert_eq!(text(&[0x89, 0x05]), head(Opcode::Ping, 5, None));
        assert_eq!(
            text(&[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d]),
            head(Opcode::Pong, 5, Some([0x37, 0xfa, 0x21, 0x3d]))
        );
        assert_eq!(text(&[0x82, 0x7e, 0x01, 0x00]), head(Opcode::Binary, 256, None));
        let long = [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(text(&long), head(Opcode::Binary, 65_536, None));
    }

    #[test]
    fn rfc6455_5_2_reserved_bits_and_opcodes_are_violations() {
        for first in 0..=u8::MAX {
            let known = matches!(first & 0x0f, 0..=2 | 8..=10);
            let result = parse(&[first, 0], false);
            match (first & 0x30 != 0, known, first & 0x40 != 0, first & 0x80 != 0, first & 0x08 != 0) {
                (true, ..) => assert_eq!(result, Err(Violation::ReservedBits), "{first:#x}"),
                (_, false, ..) => assert_eq!(result, Err(Violation::ReservedOpcode), "{first:#x}"),
                (_, _, true, _, true) => assert_eq!(result, Err(Violation::ReservedBits), "{first:#x}"),
                (_, _, true, ..) if first & 0x0f == 0 => {
                    assert_eq!(result, Err(Violation::CompressedContinuation), "{first:#x}");
                }
                (_, _, _, false, true) => assert_eq!(result, Err(Violation::FragmentedControl), "{first:#x}"),
                _ => assert!(result.is_ok(), "{first:#x}"),
            }
        }
    }

    #[test]
    fn rfc6455_5_1_a_frame_with_the_wrong_side_s_masking_is_a_violation() {
        assert_eq!(parse(&[0x81, 0x01], true), Err(Violation::Unmasked));
        assert_eq!(parse(&[0x81, 0x81, 1, 2, 3, 4], false), Err(Violation::Masked));
    }

    #[test]
    fn rfc6455_5_5_a_control_frame_of_126_bytes_is_a_violation() {
        assert!(parse(&[0x89, 125], false).is_ok());
        assert_eq!(parse(&[0x89, 126, 0, 126], false), Err(Violation::LongControl));
        assert_eq!(FrameHead::check_start(0x88, 0x80 | 127, true), Err(Violation::LongControl));
    }

    #[test]
    fn rfc6455_5_2_a_length_in_more_bytes_than_it_needs_or_of_64_bits_is_a_violation() {
        assert_eq!(parse(&[0x82, 126, 0, 125], false), Err(Violation::Length));
        assert!(parse(&[0x82, 126, 0, 126], false).is_ok());
        let long = |length: u64| {
            let mut bytes: Vec<u8> = [0x82, 127].into();
            bytes.extend(length.to_be_bytes());
            parse(&bytes, false)
        };
        assert_eq!(long(65_535), Err(Violation::Length));
        assert!(long(65_536).is_ok());
        assert_eq!(long(1 << 63), Err(Violation::Length));
        assert_eq!(long(u64::MAX), Err(Violation::Length));
    }
}
