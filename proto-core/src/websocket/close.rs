//! How a connection says why it ends, RFC 6455 §5.5.1 and §7.4: a code and a reason in a close frame.

use crate::websocket::Violation;
use crate::websocket::frame::CONTROL_MAX;
use core::fmt;

/// Bytes of the longest reason.
pub const REASON_MAX: usize = CONTROL_MAX - 2;

/// Why a connection ends, RFC 6455 §7.4.1 and IANA's registry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CloseCode(u16);

impl CloseCode {
    /// What it was opened for is done.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// A server that shuts down, a page that is left.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// A frame that breaks the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// A kind of message that its receiver has no use for.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// Never sent: a close frame without a code.
    pub const NO_STATUS: CloseCode = CloseCode(1005);
    /// Never sent: the connection was lost without a close frame.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// A message whose data is not what its kind says, such as text that is not UTF-8.
    pub const INVALID_DATA: CloseCode = CloseCode(1007);
    /// A message or a conduct that its receiver does not allow.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message that is too big.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// A client that needs an extension which the server did not choose.
    pub const EXTENSION_NEEDED: CloseCode = CloseCode(1010);
    /// Something unexpected happened at the side that closes.
    pub const INTERNAL: CloseCode = CloseCode(1011);
    /// A server that restarts; the client may connect again after a while.
    pub const RESTART: CloseCode = CloseCode(1012);
    /// A server that is overloaded.
    pub const TRY_AGAIN: CloseCode = CloseCode(1013);

    /// The code with this number; `None` when no close frame may have it.
    #[must_use]
    pub const fn new(number: u16) -> Option<CloseCode> {
        let code = CloseCode(number);
        if code.may_be_sent() { Some(code) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether a close frame may have the code. RFC 6455 §7.4.1: 1004, 1005, 1006 and 1015 MUST NOT be set in one;
    /// RFC 6455 §7.4.2: neither may what is below 1000, nor what is reserved for the protocol and not registered.
    #[must_use]
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            1000 => "normal",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1005 => "no code",
            1006 => "connection lost",
            1007 => "invalid data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "extension needed",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            _ => return write!(f, "{}", self.0),
        };
        write!(f, "{} {name}", self.0)
    }
}

/// Reads the payload of a close frame: its code, unless it is empty, and its reason.
///
/// # Errors
/// When it is one byte long, its code must not be sent, or its reason is not UTF-8.
pub fn parse(payload: &[u8]) -> Result<(Option<CloseCode>, &str), Violation> {
    if payload.is_empty() {
        return Ok((None, ""));
    }
    // RFC 6455 §5.5.1: if there is a payload, its first two bytes MUST be the code.
    let (code, reason) = payload.split_first_chunk::<2>().ok_or(Violation::CloseLength)?;
    let code = CloseCode::new(u16::from_be_bytes(*code)).ok_or(Violation::CloseCode)?;
    let reason = core::str::from_utf8(reason).map_err(|_| Violation::CloseReason)?;
    Ok((Some(code), reason))
}

/// As much of `reason` as a close frame has room for, whole characters.
#[must_use]
pub fn fitting(reason: &str) -> &str {
    reason.get(..reason.floor_char_boundary(REASON_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    // RFC 6455 §7.4.2: below 1000 and above 4999 there are no codes.
    #[test]
    fn rfc6455_7_4_1_and_7_4_2_each_of_65536_codes_is_taken_or_refused_as_the_registry_says() {
        for number in 0..=u16::MAX {
            // IANA's registry: 1004 is reserved, 1005, 1006 and 1015 are never sent, 1016 to 2999 are unassigned.
            let is_defined = (1000..1015).contains(&number) && ![1004, 1005, 1006].contains(&number);
            let expected = is_defined || (3000..5000).contains(&number);
            assert_eq!(CloseCode::new(number).is_some(), expected, "{number}");
            let payload: Vec<u8> = number.to_be_bytes().into_iter().chain(*b"why").collect();
            match parse(&payload) {
                Ok(read) => assert!(expected && read == (CloseCode::new(number), "why"), "{number}"),
                Err(violation) => assert!(!expected && violation == Violation::CloseCode, "{number}"),
            }
        }
    }

    #[test]
    fn rfc6455_5_5_1_half_a_code_and_a_reason_that_is_not_utf8_are_violations() {
        assert_eq!(parse(&[]), Ok((None, "")));
        assert_eq!(parse(&[3]), Err(Violation::CloseLength));
        assert_eq!(parse(&[3, 0xe8]), Ok((Some(CloseCode::NORMAL), "")));
        assert_eq!(parse(&[3, 0xe8, 0xc3]), Err(Violation::CloseReason));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let long = "ä".repeat(100);
        let cut = fitting(&long);
        assert_eq!(cut.len(), 122);
        assert_eq!(fitting("short"), "short");
    }
}
