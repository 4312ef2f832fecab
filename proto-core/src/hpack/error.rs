//! What a header block can do wrong: one variant a violation.
//!
//! Each is fatal for the connection that the block came on, since the two tables are no longer known to be the
//! same. RFC 9113 §4.3: a decoding error in a field block MUST be treated as a connection error of type
//! COMPRESSION_ERROR; [`HpackError::ListTooLarge`] is no decoding error but abuse, for which
//! ENHANCE_YOUR_CALM says more.

use crate::codec::huffman::HuffmanError;
use crate::codec::prefix_int::PrefixIntError;
use core::fmt;

/// Why a header block cannot be decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HpackError {
    /// The block ends inside a representation.
    Truncated,
    /// An integer is above 32 bits, or padded beyond what 32 bits need.
    IntegerTooLarge,
    /// An indexed representation has the index 0.
    IndexZero,
    /// An index lies beyond the end of the dynamic table.
    IndexOutOfRange {
        /// The index.
        index: u32,
        /// The largest index that had an entry.
        last: u32,
    },
    /// A Huffman string contains the end-of-string symbol.
    HuffmanEos,
    /// A Huffman string ends with more than 7 bits that are no whole symbol.
    HuffmanPaddingTooLong,
    /// A Huffman string is padded with something other than ones.
    HuffmanPaddingNotOnes,
    /// A table size update asks for more than the decoder allows.
    SizeUpdateTooLarge {
        /// The size asked for, in bytes.
        size: u32,
        /// The largest size allowed, in bytes.
        max: u32,
    },
    /// A table size update stands after a field.
    SizeUpdateMisplaced,
    /// A block opens with more than two table size updates.
    SizeUpdateRepeated,
    /// The table had to shrink, and the first block after that did not say so.
    SizeUpdateMissing {
        /// The size, in bytes, that the block had to open with at most.
        max: u32,
    },
    /// The list is so far beyond the limit that decoding stopped.
    ListTooLarge {
        /// The bytes at which decoding stopped.
        limit: usize,
    },
}

impl HpackError {
    /// The section that the peer violated.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        match self {
            HpackError::Truncated => "RFC 7541 §6",
            HpackError::IntegerTooLarge => "RFC 7541 §5.1",
            HpackError::IndexZero => "RFC 7541 §6.1",
            HpackError::IndexOutOfRange { .. } => "RFC 7541 §2.3.3",
            HpackError::HuffmanEos
            | HpackError::HuffmanPaddingTooLong
            | HpackError::HuffmanPaddingNotOnes => "RFC 7541 §5.2",
            HpackError::SizeUpdateTooLarge { .. } => "RFC 7541 §6.3",
            HpackError::SizeUpdateMisplaced
            | HpackError::SizeUpdateRepeated
            | HpackError::SizeUpdateMissing { .. } => "RFC 7541 §4.2",
            HpackError::ListTooLarge { .. } => "RFC 7541 §7.4",
        }
    }
}

impl fmt::Display for HpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HpackError::Truncated => f.write_str("the peer's header block ends inside a field"),
            HpackError::IntegerTooLarge => {
                f.write_str("the peer's header block has an integer that does not fit 32 bits in 6 octets")
            }
            HpackError::IndexZero => {
                f.write_str("the peer's header block refers to index 0, which has no entry")
            }
            HpackError::IndexOutOfRange { index, last } => {
                write!(f, "the peer's header block refers to index {index}; the last entry is {last}")
            }
            HpackError::HuffmanEos => {
                f.write_str("a Huffman string in the peer's header block contains the end-of-string symbol")
            }
            HpackError::HuffmanPaddingTooLong => f.write_str(
                "a Huffman string in the peer's header block ends with more than 7 bits of padding",
            ),
            HpackError::HuffmanPaddingNotOnes => {
                f.write_str("a Huffman string in the peer's header block is not padded with ones")
            }
            HpackError::SizeUpdateTooLarge { size, max } => write!(
                f,
                "the peer resized its header table to {size} bytes; SETTINGS_HEADER_TABLE_SIZE allows {max}"
            ),
            HpackError::SizeUpdateMisplaced => {
                f.write_str("the peer resized its header table after the first field of a block")
            }
            HpackError::SizeUpdateRepeated => {
                f.write_str("the peer resized its header table more than twice at the start of a block")
            }
            HpackError::SizeUpdateMissing { max } => write!(
                f,
                "the peer acknowledged a header table of {max} bytes but its next block did not resize to it"
            ),
            HpackError::ListTooLarge { limit } => write!(
                f,
                "the peer's header list exceeds {limit} bytes, four times the limit; send fewer or shorter fields"
            ),
        }
    }
}

impl core::error::Error for HpackError {}

impl From<PrefixIntError> for HpackError {
    fn from(error: PrefixIntError) -> HpackError {
        match error {
            PrefixIntError::Truncated => HpackError::Truncated,
            PrefixIntError::TooLarge => HpackError::IntegerTooLarge,
        }
    }
}

impl HpackError {
    /// What a bad Huffman string means where strings may take `limit` bytes.
    pub(crate) const fn from_huffman(error: HuffmanError, limit: usize) -> HpackError {
        match error {
            HuffmanError::Eos => HpackError::HuffmanEos,
            HuffmanError::PaddingTooLong => HpackError::HuffmanPaddingTooLong,
            HuffmanError::PaddingNotOnes => HpackError::HuffmanPaddingNotOnes,
            HuffmanError::TooLong => HpackError::ListTooLarge { limit },
        }
    }
}
