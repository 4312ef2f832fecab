//! What the head of a response says (RFC 9112 §4).

use crate::base::Fields;
use crate::http1::field_lines::{Framing, framing, lines, read_fields};
use crate::http1::request_head::{Version, is_persistent, read_version};
use crate::http1::violation::Violation;
use bytes::Bytes;

/// The head of a response. Each part is a slice of what arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResponseHead {
    /// The status, 100 to 999.
    pub status: u16,
    /// What the server says of it, for people.
    pub reason: Bytes,
    /// The version.
    pub version: Version,
    /// The fields in order; names are lower-cased, values are trimmed.
    pub fields: Fields,
    /// How long the body is, where the request and the status allow one.
    pub framing: Framing,
    /// The whole head as it came, with the empty line at its end.
    pub raw: Bytes,
}

impl ResponseHead {
    /// Whether the server leaves the connection open after this response (RFC 9112 §9.3).
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        is_persistent(self.version, &self.fields)
    }

    /// Whether another head follows for the same request (RFC 9110 §15.2). 101 ends HTTP/1.1 on the connection.
    #[must_use]
    pub fn is_informational(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// Reads a whole head.
    pub(super) fn read(head: Bytes) -> Result<ResponseHead, Violation> {
        let mut lines = lines(&head);
        let (version, status, reason) = split(lines.next().unwrap_or_default())?;
        let reason = head.slice_ref(reason);
        let fields = read_fields(lines)?;
        // RFC 9112 §6.3: 1xx, 204 and 304 end with their head, whatever their fields say.
        let is_bodiless = status < 200 || matches!(status, 204 | 304);
        let framing = if is_bodiless { Framing::Unsaid } else { framing(version, &fields)? };
        Ok(ResponseHead { status, reason, version, fields, framing, raw: head })
    }
}

/// Refuses a first line as soon as it is there.
pub(super) fn check_first_line(line: &[u8]) -> Result<(), Violation> {
    split(line).map(|_| ())
}

fn split(line: &[u8]) -> Result<(Version, u16, &[u8]), Violation> {
    // RFC 9112 §4: version, space, three digits, space, reason. The space before an empty reason is often left out.
    let (version, rest) = line.split_at_checked(8).ok_or(Violation::StatusLine)?;
    let version = read_version(version).unwrap_or(Err(Violation::StatusLine))?;
    match rest {
        [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', reason @ ..] => {
            let digit = |byte: &u8| u16::from(*byte - b'0');
            let status = digit(a) * 100 + digit(b) * 10 + digit(c);
            match reason {
                [] => Ok((version, status, reason)),
                [b' ', reason @ ..] => Ok((version, status, reason)),
                _ => Err(Violation::StatusLine),
            }
        }
        _ => Err(Violation::StatusLine),
    }
}
