//! Integers that share their first octet with flags: RFC 7541 §5.1, used by HPACK and QPACK.
//!
//! ```text
//!   0   1   2   3   4   5   6   7
//! +---+---+---+---+---+---+---+---+
//! | flags     | 1   1   1   1   1 |   all ones: the value goes on
//! +---+-----------+---------------+
//! | 1 |  7 bits, least first      |   top bit set: one more octet follows
//! +---+---------------------------+
//! | 0 |  7 bits                   |
//! +---+---------------------------+
//! ```
//!
//! The RFC sets no bound, so the bound is ours: a value fits in 32 bits and takes at most
//! [`CONTINUATION_MAX`] octets after the first, padding included. Without it a peer can feed zeros forever
//! (CVE-2023-33953).

use alloc::vec::Vec;

/// Octets that may follow the first: 5 × 7 bits hold any 32-bit value.
pub const CONTINUATION_MAX: usize = 5;

/// Why an integer cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrefixIntError {
    /// The input ends before the integer does.
    Truncated,
    /// The value is above 2³² − 1, or is padded to more than [`CONTINUATION_MAX`] octets.
    TooLarge,
}

/// Reads an integer from the low `prefix_bits` (1 to 8) of the first octet and, when these are all ones, from
/// the octets after it. Answers the value and the input that is left; the flags are the caller's to read.
pub fn decode(input: &[u8], prefix_bits: u32) -> Result<(u32, &[u8]), PrefixIntError> {
    let (&first, mut rest) = input.split_first().ok_or(PrefixIntError::Truncated)?;
    let prefix = prefix_mask(prefix_bits);
    let low = first & prefix;
    if low < prefix {
        return Ok((u32::from(low), rest));
    }
    let mut value = u64::from(prefix);
    for position in 0..CONTINUATION_MAX {
        let (&octet, after) = rest.split_first().ok_or(PrefixIntError::Truncated)?;
        rest = after;
        value += u64::from(octet & 0x7f) << (7 * position);
        if octet & 0x80 == 0 {
            // RFC 7541 §5.1: encodings that exceed implementation limits MUST be treated as decoding errors.
            let value = u32::try_from(value).map_err(|_| PrefixIntError::TooLarge)?;
            return Ok((value, rest));
        }
    }
    // RFC 7541 §5.1: the limit is on octets as well as on the value.
    Err(PrefixIntError::TooLarge)
}

/// Appends `value` with a prefix of `prefix_bits` (1 to 8); `flags` fills the bits above the prefix.
#[inline]
pub fn encode(value: u32, prefix_bits: u32, flags: u8, out: &mut Vec<u8>) {
    let prefix = prefix_mask(prefix_bits);
    if value < u32::from(prefix) {
        out.push(flags | value as u8);
        return;
    }
    out.push(flags | prefix);
    let mut rest = value - u32::from(prefix);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The low `prefix_bits` set; anything outside 1 to 8 counts as 8.
const fn prefix_mask(prefix_bits: u32) -> u8 {
    match prefix_bits {
        1..=7 => (1 << prefix_bits) - 1,
        _ => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec;

    fn encoded(value: u32, prefix_bits: u32, flags: u8) -> Vec<u8> {
        let mut out = Vec::new();
        encode(value, prefix_bits, flags, &mut out);
        out
    }

    #[test]
    fn rfc7541_c_1_1_ten_fits_a_5_bit_prefix() {
        assert_eq!(encoded(10, 5, 0), [0b0000_1010]);
        assert_eq!(decode(&[0b1110_1010], 5), Ok((10, &[][..])));
    }

    #[test]
    fn rfc7541_c_1_2_1337_spills_over_a_5_bit_prefix() {
        assert_eq!(encoded(1337, 5, 0), [0b0001_1111, 0b1001_1010, 0b0000_1010]);
        assert_eq!(decode(&[0b0001_1111, 0b1001_1010, 0b0000_1010, 9], 5), Ok((1337, &[9][..])));
    }

    #[test]
    fn rfc7541_c_1_3_42_starts_at_an_octet_boundary() {
        assert_eq!(encoded(42, 8, 0), [0b0010_1010]);
        assert_eq!(decode(&[0b0010_1010], 8), Ok((42, &[][..])));
    }

    #[test]
    fn every_boundary_and_many_random_values_round_trip_in_every_prefix() {
        let mut entropy = Entropy::from_seed(7541);
        let mut values = vec![0, 1, u32::MAX - 1, u32::MAX];
        for bits in 0..32 {
            values.extend([(1u32 << bits) - 1, 1 << bits, (1u32 << bits).wrapping_add(126)]);
        }
        values.extend((0..10_000).map(|_| (entropy.next_u64() as u32) >> entropy.below(32)));
        for prefix_bits in 1..=8 {
            let flags = (u16::from(u8::MAX) << prefix_bits) as u8;
            for &value in &values {
                let out = encoded(value, prefix_bits, flags);
                assert_eq!(out[0] & flags, flags);
                assert!(out.len() <= 1 + CONTINUATION_MAX);
                assert_eq!(decode(&out, prefix_bits), Ok((value, &[][..])), "{value} in {prefix_bits} bits");
                for cut in 0..out.len() {
                    assert_eq!(decode(&out[..cut], prefix_bits), Err(PrefixIntError::Truncated));
                }
            }
        }
    }

    #[test]
    fn rfc7541_5_1_values_above_32_bits_are_refused() {
        // 31 + (2^32 - 31) = 2^32, one above what fits.
        let over = [0x1f, 0xe1, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(decode(&over, 5), Err(PrefixIntError::TooLarge));
        assert_eq!(decode(&[0x1f, 0xff, 0xff, 0xff, 0xff, 0x7f], 5), Err(PrefixIntError::TooLarge));
        let largest = [0x1f, 0xe0, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(decode(&largest, 5), Ok((u32::MAX, &[][..])));
    }

    #[test]
    fn rfc7541_5_1_endless_padding_is_refused_after_five_octets() {
        let padded = vec![0x80; 1 << 16];
        let mut input = vec![0x1f];
        input.extend_from_slice(&padded);
        assert_eq!(decode(&input, 5), Err(PrefixIntError::TooLarge));
        assert_eq!(decode(&[0x1f, 0x80, 0x80, 0x80, 0x80, 0x00], 5), Ok((31, &[][..])));
    }
}
