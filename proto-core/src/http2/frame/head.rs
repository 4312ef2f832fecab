//! The nine bytes before every frame, RFC 9113 §4.1.
//!
//! ```text
//! Length (24)  Type (8)  Flags (8)  Reserved (1)  Stream Identifier (31)
//! ```

use crate::http2::StreamId;
use crate::http2::frame::MAX_31_BITS;

/// How long a frame's head is.
pub const HEAD_LEN: usize = 9;

/// The flags of all frame types.
pub mod flags {
    /// SETTINGS, PING: this is an acknowledgement.
    pub const ACK: u8 = 0x01;
    /// DATA, HEADERS: the sender is done with the stream.
    pub const END_STREAM: u8 = 0x01;
    /// HEADERS, PUSH_PROMISE, CONTINUATION: the header block ends here.
    pub const END_HEADERS: u8 = 0x04;
    /// DATA, HEADERS, PUSH_PROMISE: padding is present.
    pub const PADDED: u8 = 0x08;
    /// HEADERS: five bytes of priority are present.
    pub const PRIORITY: u8 = 0x20;
}

/// The frame types of RFC 9113 §6, and all others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum FrameType {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// RFC 9113 §4.1, §5.5: frames of unknown types MUST be ignored and discarded.
    Unknown(u8),
}

impl FrameType {
    /// The type with this number.
    #[must_use]
    pub const fn from_u8(number: u8) -> FrameType {
        match number {
            0x0 => FrameType::Data,
            0x1 => FrameType::Headers,
            0x2 => FrameType::Priority,
            0x3 => FrameType::RstStream,
            0x4 => FrameType::Settings,
            0x5 => FrameType::PushPromise,
            0x6 => FrameType::Ping,
            0x7 => FrameType::GoAway,
            0x8 => FrameType::WindowUpdate,
            0x9 => FrameType::Continuation,
            other => FrameType::Unknown(other),
        }
    }

    /// The number of this type.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            FrameType::Data => 0x0,
            FrameType::Headers => 0x1,
            FrameType::Priority => 0x2,
            FrameType::RstStream => 0x3,
            FrameType::Settings => 0x4,
            FrameType::PushPromise => 0x5,
            FrameType::Ping => 0x6,
            FrameType::GoAway => 0x7,
            FrameType::WindowUpdate => 0x8,
            FrameType::Continuation => 0x9,
            FrameType::Unknown(number) => number,
        }
    }
}

/// A frame's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHead {
    /// Bytes of payload.
    pub length: u32,
    /// The type.
    pub kind: FrameType,
    /// The flags; those that the type does not define are ignored (RFC 9113 §4.1).
    pub flags: u8,
    /// The stream; 0 is the connection.
    pub stream: StreamId,
}

impl FrameHead {
    /// Reads a head.
    #[must_use]
    pub const fn parse(bytes: [u8; HEAD_LEN]) -> FrameHead {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes;
        FrameHead {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind: FrameType::from_u8(kind),
            flags,
            // RFC 9113 §4.1: the reserved bit MUST be ignored when receiving.
            stream: StreamId(u32::from_be_bytes([s0, s1, s2, s3]) & MAX_31_BITS),
        }
    }

    /// The head as bytes; a length above 2^24-1 cannot be said and is cut.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; HEAD_LEN] {
        let [_, l0, l1, l2] = self.length.to_be_bytes();
        // RFC 9113 §4.1: the reserved bit MUST remain unset when sending.
        let [s0, s1, s2, s3] = (self.stream.0 & MAX_31_BITS).to_be_bytes();
        [l0, l1, l2, self.kind.as_u8(), self.flags, s0, s1, s2, s3]
    }

    /// Whether a flag is set.
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_4_1_heads_round_trip_and_the_reserved_bit_is_ignored() {
        for kind in 0..=255u8 {
            let head = FrameHead {
                length: 0x01_0203,
                kind: FrameType::from_u8(kind),
                flags: kind,
                stream: StreamId(77),
            };
            let mut bytes = head.to_bytes();
            assert_eq!(FrameHead::parse(bytes), head);
            bytes[5] |= 0x80;
            assert_eq!(FrameHead::parse(bytes), head);
        }
    }
}
