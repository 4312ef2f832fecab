//! A message in the making: its fragments in one contiguous buffer, its text checked as it comes.
//!
//! The buffer grows with what has arrived and never by what a head announces (CVE-2022-35922).

use crate::websocket::utf8::Utf8;
use crate::websocket::{Kind, Violation};
use bytes::{Bytes, BytesMut};

/// A message that has begun.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) kind: Kind,
    pub(super) compressed: bool,
    /// What has arrived and was not delivered.
    pub(super) buffer: BytesMut,
    /// Bytes that were delivered in parts.
    pub(super) delivered: usize,
    /// Bytes of the buffer whose text is checked.
    checked: usize,
    utf8: Utf8,
}

impl Incoming {
    pub(super) fn new(kind: Kind, compressed: bool) -> Incoming {
        Incoming {
            kind,
            compressed,
            buffer: BytesMut::new(),
            delivered: 0,
            checked: 0,
            utf8: Utf8::default(),
        }
    }

    /// Bytes of the message so far.
    pub(super) fn len(&self) -> usize {
        self.delivered.saturating_add(self.buffer.len())
    }

    /// Checks what was added to the buffer, and cuts it off where it breaks.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        if self.kind == Kind::Text
            && let Err(at) = self.utf8.push(self.buffer.get(self.checked..).unwrap_or_default())
        {
            self.buffer.truncate(self.checked + at);
            return Err(Violation::BadText);
        }
        self.checked = self.buffer.len();
        Ok(())
    }

    /// Checks a part that goes past the buffer, and cuts it off where it breaks.
    pub(super) fn check_part(&mut self, part: &mut Bytes) -> Result<(), Violation> {
        // RFC 6455 §8.1: text that is not UTF-8 MUST fail the connection; here at the byte that shows it.
        if self.kind == Kind::Text
            && let Err(at) = self.utf8.push(part)
        {
            part.truncate(at);
            return Err(Violation::BadText);
        }
        Ok(())
    }

    /// Checks that the message may end here.
    pub(super) fn check_end(&self) -> Result<(), Violation> {
        if self.utf8.is_complete() { Ok(()) } else { Err(Violation::BadText) }
    }

    /// Takes what the buffer has.
    pub(super) fn take(&mut self) -> Bytes {
        self.checked = 0;
        self.delivered = self.len();
        core::mem::take(&mut self.buffer).freeze()
    }
}
