//! In which order queued frames leave (docs/native-protocol.md §9), and how an application says it.

/// A call's priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Priority {
    urgency: u8,
    incremental: bool,
}

const URGENCY: u8 = 0x07;
const INCREMENTAL: u8 = 0x08;

impl Default for Priority {
    fn default() -> Priority {
        Priority { urgency: 3, incremental: true }
    }
}

impl Priority {
    /// How many urgencies there are.
    pub const URGENCIES: usize = 8;
    /// The metadata key that says the priority of a call, on every carrier (RFC 9218 §5).
    pub const KEY: &'static str = "priority";

    /// A priority: urgency 0 goes first, 7 last, and more counts as 7. Calls of one urgency take turns when they are
    /// incremental; one that is not goes on to its end.
    #[must_use]
    pub const fn new(urgency: u8, incremental: bool) -> Priority {
        Priority { urgency: if urgency > 7 { 7 } else { urgency }, incremental }
    }

    /// 0, which goes first, to 7.
    #[must_use]
    pub const fn urgency(self) -> u8 {
        self.urgency
    }

    /// Whether the call takes turns with others of its urgency.
    #[must_use]
    pub const fn is_incremental(self) -> bool {
        self.incremental
    }

    /// As a frame says it; `None` when a reserved bit is set.
    pub(crate) const fn from_byte(byte: u8) -> Option<Priority> {
        if byte & !(URGENCY | INCREMENTAL) != 0 {
            return None;
        }
        Some(Priority { urgency: byte & URGENCY, incremental: byte & INCREMENTAL != 0 })
    }

    pub(crate) const fn to_byte(self) -> u8 {
        self.urgency | if self.incremental { INCREMENTAL } else { 0 }
    }

    /// As the metadata value says it. RFC 9218 §4: a dictionary with `u` (3 when absent) and `i` (false when absent);
    /// what cannot be read counts as absent.
    pub(crate) fn from_field(value: &[u8]) -> Priority {
        let mut priority = Priority { urgency: 3, incremental: false };
        for member in value.split(|byte| *byte == b',') {
            match member.trim_ascii() {
                [b'u', b'=', digit @ b'0'..=b'7'] => priority.urgency = digit - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9218_4_a_field_is_read_with_its_defaults_and_garbage_is_passed_over() {
        for (text, urgency, incremental) in [
            ("u=0", 0, false),
            ("u=5, i", 5, true),
            ("i=?1,u=7", 7, true),
            ("i,i=?0", 3, false),
            ("", 3, false),
            ("u=8, x=1, i=yes", 3, false),
        ] {
            assert_eq!(Priority::from_field(text.as_bytes()), Priority::new(urgency, incremental), "{text}");
        }
    }

    #[test]
    fn every_byte_without_reserved_bits_is_a_priority_and_no_other() {
        for byte in 0..=255u8 {
            assert_eq!(Priority::from_byte(byte).map(Priority::to_byte), (byte < 16).then_some(byte));
        }
    }
}
