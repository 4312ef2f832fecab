//! JSON text (RFC 8259): a reader that takes one value after the other without building a tree, and what writes values.
//!
//! The reader borrows from the text, so what a peer sends costs no memory until its owner keeps it. It takes the
//! grammar as it stands and nothing beside it: no comments, no trailing commas, no second value. Nesting is counted,
//! not recursed into, and bounded by [`DEPTH_MAX`]. What a number or a key means is its owner's affair.

mod path;
mod read;
mod write;

pub use path::path_at;
pub use read::{Kind, Reader};
pub use write::{write_base64, write_key, write_str, write_u64};

use core::fmt;

/// How deep arrays and objects may be nested in one text. Deeper ones only serve to overflow the stack of whoever
/// reads them next.
pub const DEPTH_MAX: u32 = 100;

/// Where a text stops being what was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JsonError {
    /// The position in the text, in bytes.
    pub at: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {} the JSON text should have {}", self.at, self.expected)
    }
}

impl core::error::Error for JsonError {}
