//! UTF-8 checked as it arrives, RFC 6455 §8.1: the first byte that no text can have is found when it comes, not when the
//! message ends.

/// What is known of a text that has arrived in part: the bytes of a character that is not complete yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Utf8 {
    open: [u8; 4],
    len: u8,
}

impl Utf8 {
    /// Checks the next part of a text.
    ///
    /// # Errors
    /// The index of the first byte that no text can have there.
    pub fn push(&mut self, part: &[u8]) -> Result<(), usize> {
        let mut start = 0;
        while self.len > 0 {
            let Some(byte) = part.get(start) else { return Ok(()) };
            if !self.push_byte(*byte) {
                return Err(start);
            }
            start += 1;
        }
        let rest = part.get(start..).unwrap_or_default();
        let Err(error) = core::str::from_utf8(rest) else { return Ok(()) };
        start += error.valid_up_to();
        // A character that goes on in the next part, or the one that breaks off.
        for (index, byte) in part.iter().enumerate().skip(start) {
            if !self.push_byte(*byte) {
                return Err(index);
            }
        }
        Ok(())
    }

    /// Adds a byte to the open character; false when no character has it there.
    fn push_byte(&mut self, byte: u8) -> bool {
        let Some(free) = self.open.get_mut(usize::from(self.len)) else { return false };
        *free = byte;
        self.len += 1;
        match core::str::from_utf8(self.open.get(..usize::from(self.len)).unwrap_or_default()) {
            Ok(_) => self.len = 0,
            // RFC 6455 §8.1: bytes that are not UTF-8 MUST fail the connection.
            Err(error) if error.error_len().is_some() => return false,
            Err(_) => {}
        }
        true
    }

    /// Whether the text may end here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    /// The byte at which a text fails when its bytes come one by one.
    fn fails_at(bytes: &[u8]) -> Option<usize> {
        let mut utf8 = Utf8::default();
        bytes.iter().position(|byte| utf8.push(core::slice::from_ref(byte)).is_err())
    }

    #[test]
    fn every_character_passes_in_one_part_and_in_any_two() {
        let mut buffer = [0; 4];
        for character in '\0'..=char::MAX {
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            for cut in 0..bytes.len() {
                let mut utf8 = Utf8::default();
                assert!(
                    utf8.push(&bytes[..cut]).is_ok() && utf8.is_complete() == (cut == 0),
                    "{character:?}"
                );
                assert!(utf8.push(&bytes[cut..]).is_ok() && utf8.is_complete(), "{character:?}");
            }
        }
    }

    #[test]
    fn every_pair_of_bytes_passes_or_fails_at_the_byte_that_breaks_it() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let expected = match (first, second) {
                    (0x00..=0x7f, 0x00..=0x7f | 0xc2..=0xf4) => None,
                    (0xc2..=0xdf | 0xe1..=0xec | 0xee..=0xef | 0xf1..=0xf3, 0x80..=0xbf) => None,
                    (0xe0, 0xa0..=0xbf) | (0xed, 0x80..=0x9f) | (0xf0, 0x90..=0xbf) | (0xf4, 0x80..=0x8f) => {
                        None
                    }
                    (0x00..=0x7f | 0xc2..=0xf4, _) => Some(1),
                    _ => Some(0),
                };
                assert_eq!(fails_at(&[first, second]), expected, "{first:#x} {second:#x}");
            }
        }
    }

    #[test]
    fn any_bytes_in_any_parts_are_judged_as_a_whole() {
        let mut chance = Entropy::from_seed(3);
        let alphabet = [0x41, 0x80, 0xbf, 0xc3, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0xed, 0xa0];
        for _ in 0..20_000 {
            let len = chance.below(12);
            let bytes: Vec<u8> = (0..len).map(|_| alphabet[chance.below(12) as usize]).collect();
            let mut utf8 = Utf8::default();
            let mut rest = &bytes[..];
            let mut passes = true;
            while passes && !rest.is_empty() {
                let (part, later) = rest.split_at(1 + chance.below(rest.len() as u64) as usize);
                passes = utf8.push(part).is_ok();
                rest = later;
            }
            assert_eq!(passes && utf8.is_complete(), core::str::from_utf8(&bytes).is_ok(), "{bytes:x?}");
            assert_eq!(Utf8::default().push(&bytes).err(), fails_at(&bytes), "{bytes:x?}");
        }
    }
}
