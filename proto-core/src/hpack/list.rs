//! How large a header list may be, and what happens beyond: RFC 7541 §7.4 and RFC 9113 §10.5.1.
//!
//! A list that exceeds its limits is counted to its end, so that the request can be refused alone. One that
//! exceeds them four times is an attack.

use super::HpackError;
use crate::base::fields::FIELD_OVERHEAD;

/// Beyond this multiple of [`ListLimits::bytes_max`], a list is an attack and no longer decoded: references
/// of one octet each would otherwise cost the sender nothing and the receiver a field each (CVE-2016-6581).
const ABUSE_FACTOR: usize = 4;

/// The longest a name and value may be together, whatever the limits: lengths take 31 bits in `Fields`.
const FIELD_CEILING: usize = i32::MAX as usize;

/// How large a header list may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListLimits {
    /// Bytes, as SETTINGS_MAX_HEADER_LIST_SIZE counts them: name + value + 32 for each field.
    pub bytes_max: usize,
    /// Fields.
    pub fields_max: usize,
}

/// How a decoded list stands to its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a list that exceeds its limits lacks fields"]
pub enum ListSize {
    /// All fields are in the list.
    Within,
    /// The fields from the first that exceeded a limit on are missing; the decoder stays usable.
    Exceeded {
        /// The size of the whole list, in bytes.
        bytes: usize,
        /// How many fields the whole list has.
        fields: usize,
    },
}

/// What a list has come to, stored or not.
pub(super) struct Count {
    limits: ListLimits,
    /// Where counting ends.
    pub(super) abuse_bytes: usize,
    bytes: usize,
    fields: usize,
    exceeded: bool,
}

impl Count {
    pub(super) fn new(limits: ListLimits) -> Count {
        let abuse_bytes = limits.bytes_max.saturating_mul(ABUSE_FACTOR);
        Count { limits, abuse_bytes, bytes: 0, fields: 0, exceeded: false }
    }

    /// Counts a field and answers whether it is to be stored.
    #[inline]
    pub(super) fn admit(&mut self, size: usize) -> Result<bool, HpackError> {
        self.bytes = self.bytes.saturating_add(size);
        self.fields += 1;
        if self.bytes > self.abuse_bytes {
            return Err(HpackError::ListTooLarge { limit: self.abuse_bytes });
        }
        // RFC 9113 §10.5.1: a field block that is too large is still processed to its end, for the table's sake.
        self.exceeded |= self.bytes > self.limits.bytes_max || self.fields > self.limits.fields_max;
        Ok(!self.exceeded)
    }

    /// How long the strings of the next field may be together before the list is an attack.
    pub(super) fn string_budget(&self) -> usize {
        self.abuse_bytes.saturating_sub(self.bytes).saturating_sub(FIELD_OVERHEAD).min(FIELD_CEILING)
    }

    pub(super) fn list_size(&self) -> ListSize {
        if self.exceeded {
            ListSize::Exceeded { bytes: self.bytes, fields: self.fields }
        } else {
            ListSize::Within
        }
    }
}
