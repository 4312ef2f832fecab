//! Base64 in a stream (RFC 4648 §4): written piece by piece with padding of its own, read in any pieces.

use alloc::vec::Vec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Encodes bytes that leave together: `prefix`, then `payload`; padded at their end.
#[must_use]
pub fn encode(prefix: &[u8], payload: &[u8]) -> Bytes {
    // Three bytes become four characters, so that the second part must begin where a group of three does.
    let (head, rest) = payload.split_at(payload.len().min((3 - prefix.len() % 3) % 3));
    let first = [prefix, head].concat();
    let mut text = alloc::string::String::with_capacity((prefix.len() + payload.len()).div_ceil(3) * 4);
    STANDARD.encode_string(first, &mut text);
    STANDARD.encode_string(rest, &mut text);
    text.into()
}

/// Decodes a stream. Padding may stand within it, at the end of each run that was encoded apart.
#[derive(Clone, Default, Debug)]
pub struct TextDecoder {
    /// Bits of the group that is not whole yet.
    bits: u32,
    /// Characters of it, padding included.
    count: u8,
    /// How many of them are padding.
    padding: u8,
}

impl TextDecoder {
    /// Decodes the next piece as far as it is base64, and says whether all of it was; when not, the decoder is of no more
    /// use. What is no whole group waits for the next piece.
    #[must_use]
    pub fn decode(&mut self, text: &[u8]) -> (Bytes, bool) {
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
        let mut text = text;
        while let Some((byte, rest)) = text.split_first() {
            // Most of a body are whole groups without padding.
            if let (0, Some((group, after))) = (self.count, text.split_first_chunk())
                && let Some(decoded) = whole(*group)
            {
                bytes.extend_from_slice(&decoded);
                text = after;
                continue;
            }
            text = rest;
            match value(*byte) {
                Some(value) if self.padding == 0 => self.bits = self.bits << 6 | u32::from(value),
                None if *byte == b'=' && self.count >= 2 => {
                    self.bits <<= 6;
                    self.padding += 1;
                }
                _ => return (bytes.into(), false),
            }
            self.count += 1;
            if self.count == 4 {
                let [_, a, b, c] = self.bits.to_be_bytes();
                bytes.extend_from_slice(&[a, b, c][..3 - usize::from(self.padding)]);
                *self = TextDecoder::default();
            }
        }
        (bytes.into(), true)
    }

    /// Characters that wait for the rest of their group.
    #[must_use]
    pub fn waiting(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether the stream may end here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.count == 0
    }
}

/// What a group without padding stands for; `None` when it is none.
fn whole(group: [u8; 4]) -> Option<[u8; 3]> {
    let mut bits = 0;
    for byte in group {
        bits = bits << 6 | u32::from(value(byte)?);
    }
    let [_, a, b, c] = bits.to_be_bytes();
    Some([a, b, c])
}

fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_are_padded_apart_decode_in_any_pieces() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        for cut in bytes.chunks(7) {
            let (prefix, payload) = cut.split_at(cut.len().min(5));
            text.extend_from_slice(&encode(prefix, payload));
        }
        assert!(text.iter().filter(|byte| **byte == b'=').count() > 30);
        for size in 1..40 {
            let mut decoder = TextDecoder::default();
            let decoded: Vec<u8> = text.chunks(size).flat_map(|piece| decoder.decode(piece).0).collect();
            assert_eq!(decoded, bytes, "pieces of {size}");
            assert!(decoder.is_whole());
        }
    }

    #[test]
    fn every_length_encodes_as_the_whole_would() {
        for length in 0..50usize {
            let bytes: Vec<u8> = (0..length as u8).collect();
            for cut in 0..=length.min(7) {
                assert_eq!(
                    encode(&bytes[..cut], &bytes[cut..]),
                    STANDARD.encode(&bytes),
                    "{length} at {cut}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_base64_is_refused_and_what_is_cut_short_is_not_whole() {
        for text in ["!", "A", "AA==A=", "=", "A===", "AA=A", "AAAA\n", "A-A_"] {
            let mut decoder = TextDecoder::default();
            let is_taken = decoder.decode(text.as_bytes()).1 && decoder.is_whole();
            assert!(!is_taken, "{text}");
        }
    }
}
