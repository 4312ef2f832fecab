//! Numbers of one, two, four or eight bytes (docs/native-protocol.md §2; RFC 9000 §16): the first two bits say which.

use crate::native::Violation;
use alloc::vec::Vec;

/// The largest number.
pub(crate) const MAX: u64 = (1 << 62) - 1;
/// The most bytes that a number takes.
pub(crate) const LEN_MAX: usize = 8;

/// How many bytes a number takes.
pub(crate) const fn len(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

/// Appends a number; larger ones than [`MAX`] are written as that.
pub(crate) fn put(value: u64, out: &mut Vec<u8>) {
    match value {
        0..=0x3f => out.push(value as u8),
        0x40..=0x3fff => out.extend_from_slice(&(value as u16 | 0x4000).to_be_bytes()),
        0x4000..=0x3fff_ffff => out.extend_from_slice(&(value as u32 | 0x8000_0000).to_be_bytes()),
        _ => out.extend_from_slice(&(value.min(MAX) | 0xc000_0000_0000_0000).to_be_bytes()),
    }
}

/// The number at the begin of `bytes` and how long it is; `None` when it is cut.
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let len = 1usize << (first >> 6);
    let head = u64::from(first & 0x3f);
    if len == 1 {
        return Some((head, 1));
    }
    let rest = bytes.get(1..len)?;
    Some((rest.iter().fold(head, |value, byte| value << 8 | u64::from(*byte)), len))
}

/// Reads the sections of a frame, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Sections<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, Violation> {
        let (first, rest) = self.rest.split_first().ok_or(Violation::FrameShort)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Violation> {
        let (value, len) = read(self.rest).ok_or(Violation::FrameShort)?;
        self.rest = &self.rest[len..];
        Ok(value)
    }

    pub(crate) fn bytes(&mut self, count: u64) -> Result<&'a [u8], Violation> {
        let count = usize::try_from(count).map_err(|_| Violation::FrameShort)?;
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Violation::FrameShort)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], Violation> {
        let len = self.number()?;
        self.bytes(len)
    }

    /// A frame ends where its last section does.
    pub(crate) fn end(self) -> Result<(), Violation> {
        if self.rest.is_empty() { Ok(()) } else { Err(Violation::FrameLong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_the_length_that_was_promised_and_cut_ones_do_not() {
        let mut value = 0u64;
        while value < MAX {
            for value in [value.saturating_sub(1), value, value + 1] {
                let mut bytes = Vec::new();
                put(value, &mut bytes);
                assert_eq!((bytes.len(), read(&bytes)), (len(value), Some((value, bytes.len()))));
                assert!((0..bytes.len()).all(|cut| read(&bytes[..cut]).is_none()));
            }
            value = value * 2 + 1;
        }
        // RFC 9000 §A.1: longer forms than needed are read too.
        assert_eq!(read(&[0x40, 0x25]), Some((37, 2)));
        assert_eq!(read(&[0x9d, 0x7f, 0x3e, 0x7d]), Some((494_878_333, 4)));
    }
}
