//! Masking, RFC 6455 §5.3: each byte of a client's payload is XORed with a byte of the frame's key, which turns.
//!
//! It works on wide steps that compile to vector instructions; the copy that a slice of shared memory needs anyway comes
//! first, so that masking runs over memory that is already in the cache.

use alloc::vec::Vec;
use bytes::BytesMut;

/// Bytes a step; two vector registers of the smallest machine.
const STEP: usize = 32;

/// Masks or unmasks `bytes`, the part of a payload that begins at `offset`.
pub fn apply(bytes: &mut [u8], key: [u8; 4], offset: u64) {
    let key = turned(key, offset);
    let mut wide = [0; STEP];
    for (index, byte) in wide.iter_mut().enumerate() {
        *byte = key[index % 4];
    }
    let (steps, rest) = bytes.as_chunks_mut::<STEP>();
    for step in steps {
        for (byte, mask) in step.iter_mut().zip(wide) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in rest.iter_mut().zip(wide) {
        *byte ^= mask;
    }
}

/// Appends `bytes`, the part of a payload that begins at `offset`, masked or unmasked.
pub fn append(to: &mut Vec<u8>, bytes: &[u8], key: [u8; 4], offset: u64) {
    let start = to.len();
    to.extend_from_slice(bytes);
    apply(to.get_mut(start..).unwrap_or_default(), key, offset);
}

/// The same for a buffer that is shared out in slices.
pub fn append_shared(to: &mut BytesMut, bytes: &[u8], key: [u8; 4], offset: u64) {
    let start = to.len();
    to.extend_from_slice(bytes);
    apply(to.get_mut(start..).unwrap_or_default(), key, offset);
}

/// The key as it stands at `offset` bytes of the payload.
fn turned(mut key: [u8; 4], offset: u64) -> [u8; 4] {
    key.rotate_left((offset % 4) as usize);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Entropy, Secret};

    /// RFC 6455 §5.3: byte i of the payload is XORed with byte i mod 4 of the key.
    fn by_the_book(bytes: &[u8], key: [u8; 4]) -> Vec<u8> {
        bytes.iter().enumerate().map(|(index, byte)| byte ^ key[index % 4]).collect()
    }

    #[test]
    fn rfc6455_5_3_any_length_in_any_parts_is_masked_byte_by_byte() {
        let mut chance = Entropy::from_seed(1);
        for len in 0..200 {
            let payload: Vec<u8> = (0..len).map(|_| chance.next_u64() as u8).collect();
            let key = (chance.next_u64() as u32).to_be_bytes();
            let expected = by_the_book(&payload, key);
            let cut = chance.below(len as u64 + 1) as usize;
            let mut masked = Vec::new();
            append(&mut masked, &payload[..cut], key, 0);
            append(&mut masked, &payload[cut..], key, cut as u64);
            assert_eq!(masked, expected);
            apply(&mut masked, key, 0);
            assert_eq!(masked, payload);
            let mut shared = BytesMut::new();
            append_shared(&mut shared, &payload, key, 0);
            assert_eq!(shared, &expected[..]);
        }
    }

    #[test]
    fn rfc6455_5_7_the_masked_hello_of_the_examples() {
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&payload, b"Hello");
    }

    #[test]
    fn rfc6455_10_3_keys_are_spread_evenly_over_a_million_frames() {
        let mut secret = Secret::from_seed([7; 32]);
        let mut counts = [[0u32; 256]; 4];
        const KEYS: u32 = 1_000_000;
        for _ in 0..KEYS {
            for (count, byte) in counts.iter_mut().zip(secret.next_bytes()) {
                count[usize::from(byte)] += 1;
            }
        }
        let expected = f64::from(KEYS) / 256.0;
        for count in counts {
            let chi_square: f64 =
                count.iter().map(|seen| (f64::from(*seen) - expected).powi(2) / expected).sum();
            // 255 degrees of freedom: 99.99 % of random sources lie below 347, and 0.01 % below 174.
            assert!((174.0..347.0).contains(&chi_square), "{chi_square}");
        }
    }
}
