//! What a side takes, as its HELLO says (docs/native-protocol.md §5), and what holds until it has come.

use crate::native::Violation;
use crate::rpc::Encoding;

/// The least and the most that initial_credit may say.
pub(crate) const CREDIT_MIN: u32 = 1024;
pub(crate) const CREDIT_MAX: u32 = (1 << 31) - 1;
/// The least and the most that max_frame_bytes may say.
pub(crate) const FRAME_BYTES_MIN: u32 = 16_384;
pub(crate) const FRAME_BYTES_MAX: u32 = 16_777_215;
/// The most that max_interned may say.
pub(crate) const INTERNED_MAX: u32 = 1024;
/// The most that attachments may say.
pub(crate) const ATTACHMENTS_MAX: u8 = 64;
/// What a frame's sections take at the most beside path, metadata and message.
pub(crate) const HEAD_ROOM: u32 = 1024;

/// The settings of a HELLO.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Calls that may be open at once.
    pub calls_max: u32,
    /// What each call's messages to this side may cost ahead, in bytes.
    pub initial_credit: u32,
    /// The longest message, in bytes, before compression.
    pub message_bytes_max: u64,
    /// The largest metadata, in bytes.
    pub metadata_bytes_max: u32,
    /// Names that this side remembers.
    pub interned_max: u32,
    /// Encodings that this side reads, a bit each.
    pub encodings: u32,
    /// Attachments with one message.
    pub attachments_max: u8,
    /// How often the peer should send PINGs at the most, in milliseconds.
    pub ping_interval_min_ms: u32,
    /// The largest frame, in bytes.
    pub frame_bytes_max: u32,
}

/// What a side assumes before the peer's HELLO came, and where that leaves a setting out.
pub(crate) const DEFAULT: Capabilities = Capabilities {
    calls_max: 100,
    initial_credit: 65_536,
    message_bytes_max: 4 * 1024 * 1024,
    metadata_bytes_max: 16 * 1024,
    interned_max: 0,
    encodings: 0,
    attachments_max: 0,
    ping_interval_min_ms: 0,
    frame_bytes_max: 65_536,
};

/// The settings that are numbers, in the order of their ids: 0, 2, 4 and so on.
pub(crate) const NUMBERS: usize = 9;

impl Capabilities {
    /// The values of the settings 0, 2, 4 and so on.
    pub(crate) fn numbers(&self) -> [u64; NUMBERS] {
        [
            self.calls_max.into(),
            self.initial_credit.into(),
            self.message_bytes_max,
            self.metadata_bytes_max.into(),
            self.interned_max.into(),
            self.encodings.into(),
            self.attachments_max.into(),
            self.ping_interval_min_ms.into(),
            self.frame_bytes_max.into(),
        ]
    }

    /// Takes the value of a setting by its place among [`Capabilities::numbers`]; places beyond them are skipped.
    pub(crate) fn set(&mut self, place: u64, value: u64) -> Result<(), Violation> {
        let capped = u32::try_from(value).unwrap_or(u32::MAX);
        let within = |low: u32, high: u32| {
            if (low..=high).contains(&capped) { Ok(capped) } else { Err(Violation::Setting) }
        };
        match place {
            0 => self.calls_max = capped,
            1 => self.initial_credit = within(CREDIT_MIN, CREDIT_MAX)?,
            2 => self.message_bytes_max = value,
            3 => self.metadata_bytes_max = capped,
            4 => self.interned_max = within(0, INTERNED_MAX)?,
            5 => self.encodings = capped,
            6 => self.attachments_max = within(0, u32::from(ATTACHMENTS_MAX))? as u8,
            7 => self.ping_interval_min_ms = capped,
            8 => self.frame_bytes_max = within(FRAME_BYTES_MIN, FRAME_BYTES_MAX)?,
            _ => {}
        }
        Ok(())
    }

    /// Whether this side reads an encoding.
    #[must_use]
    pub fn accepts(&self, encoding: Encoding) -> bool {
        self.encodings & bit(encoding) != 0
    }
}

/// The number of an encoding in frames.
pub(crate) const fn number(encoding: Encoding) -> u8 {
    match encoding {
        Encoding::Gzip => 1,
        Encoding::Deflate => 2,
        Encoding::Zstd => 3,
    }
}

/// The bit of an encoding in HELLO.
pub(crate) const fn bit(encoding: Encoding) -> u32 {
    1 << number(encoding)
}

/// The encoding with this number.
pub(crate) fn encoding(wanted: u8) -> Option<Encoding> {
    Encoding::ALL.iter().copied().find(|encoding| number(*encoding) == wanted)
}
