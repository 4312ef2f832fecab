//! The Huffman code of RFC 7541 §5.2 and Appendix B, used by HPACK and QPACK.
//!
//! The code is canonical: sorted by length and then by symbol, the codes are consecutive numbers. So the 257
//! lengths below say all of it, and the tables for both directions are computed from them at compile time.
//!
//! Encoding gathers codes in a 64-bit accumulator. Decoding looks at a left-aligned 64-bit window: its top
//! `ROOT_BITS` bits find every short code in one lookup (all printable text but nine rare marks); a longer
//! code is found by comparing the window with the last code of each length, which canonical order allows. The
//! work for an octet is bounded, so the time is linear in the input whatever the input is.

use alloc::vec::Vec;

/// Code lengths in bits, by symbol: RFC 7541 Appendix B. The last one is EOS.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
     6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const SYMBOLS: usize = 257;
const EOS: u16 = 256;
const LENGTH_MAX: usize = 30;
const LENGTH_MIN: usize = 5;
/// Codes up to this many bits are decoded by one lookup.
const ROOT_BITS: u32 = 10;

/// Why a string is not a Huffman encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HuffmanError {
    /// The code of EOS stands in the string.
    Eos,
    /// The string ends inside a code, or with more than 7 bits of padding.
    PaddingTooLong,
    /// The padding is not the first bits of EOS, which are ones.
    PaddingNotOnes,
    /// The decoded string is longer than the caller takes.
    TooLong,
}

/// Appends the decoded string to `out`, at most `len_max` octets of it. After an error, `out` holds a part.
pub fn decode(mut input: &[u8], len_max: usize, out: &mut Vec<u8>) -> Result<(), HuffmanError> {
    let len_limit = out.len().saturating_add(len_max);
    out.reserve(decoded_len_max(input.len()).min(len_max));
    let mut window = 0u64;
    let mut bits = 0u32;
    loop {
        if let Some(word) = input.first_chunk::<8>() {
            window |= u64::from_be_bytes(*word) >> bits;
            let octets = (63 - bits) / 8;
            input = &input[octets as usize..];
            bits += octets * 8;
        } else {
            while bits <= 56
                && let Some((&octet, rest)) = input.split_first()
            {
                window |= u64::from(octet) << (56 - bits);
                input = rest;
                bits += 8;
            }
        }
        if bits < LENGTH_MAX as u32 {
            break;
        }
        while bits >= LENGTH_MAX as u32 {
            let (symbol, length) = first_code(window);
            if symbol == EOS {
                // RFC 7541 §5.2: a string literal containing the EOS symbol MUST be treated as a decoding error.
                return Err(HuffmanError::Eos);
            }
            out.push(symbol as u8);
            window <<= length;
            bits -= length;
        }
        if out.len() > len_limit {
            return Err(HuffmanError::TooLong);
        }
    }
    decode_end(window, bits, out)?;
    if out.len() > len_limit { Err(HuffmanError::TooLong) } else { Ok(()) }
}

/// Decodes the last `bits` bits, fewer than the longest code has, and checks the padding.
fn decode_end(mut window: u64, mut bits: u32, out: &mut Vec<u8>) -> Result<(), HuffmanError> {
    // Filled up with ones, a remainder that is padding reads as a code longer than itself.
    window |= u64::MAX >> bits;
    loop {
        let (symbol, length) = first_code(window);
        if length > bits {
            break;
        }
        out.push(symbol as u8);
        window = window << length | ((1 << length) - 1);
        bits -= length;
    }
    if bits > 7 {
        // RFC 7541 §5.2: a padding strictly longer than 7 bits MUST be treated as a decoding error.
        return Err(HuffmanError::PaddingTooLong);
    }
    if window != u64::MAX {
        // RFC 7541 §5.2: a padding not corresponding to the most significant bits of the code for the EOS
        // symbol MUST be treated as a decoding error.
        return Err(HuffmanError::PaddingNotOnes);
    }
    Ok(())
}

/// The most octets that `encoded_len` octets can decode to: the shortest code has 5 bits.
#[must_use]
pub const fn decoded_len_max(encoded_len: usize) -> usize {
    (encoded_len / LENGTH_MIN).saturating_mul(8).saturating_add(encoded_len % LENGTH_MIN * 8 / LENGTH_MIN)
}

/// The octets that `input` takes encoded, padding included.
#[must_use]
pub fn encoded_len(input: &[u8]) -> usize {
    let bits: usize = input.iter().map(|&octet| usize::from(LENGTHS[usize::from(octet)])).sum();
    bits.div_ceil(8)
}

/// Appends `input` encoded; [`encoded_len`] octets.
pub fn encode(input: &[u8], out: &mut Vec<u8>) {
    let mut accumulator = 0u64;
    let mut bits = 0u32;
    for &octet in input {
        let Code { code, length } = CODES[usize::from(octet)];
        accumulator = accumulator << length | u64::from(code);
        bits += u32::from(length);
        if bits >= 32 {
            bits -= 32;
            out.extend_from_slice(&((accumulator >> bits) as u32).to_be_bytes());
        }
    }
    if bits == 0 {
        return;
    }
    // RFC 7541 §5.2: the rest of the last octet is filled with the most significant bits of EOS, all ones.
    let tail = (accumulator << (32 - bits)) as u32 | (u32::MAX >> bits);
    out.extend_from_slice(&tail.to_be_bytes()[..bits.div_ceil(8) as usize]);
}

/// The symbol and the length of the code at the top of `window`.
#[inline]
fn first_code(window: u64) -> (u16, u32) {
    let root = ROOT[(window >> (64 - ROOT_BITS)) as usize];
    if root.length != 0 {
        return (u16::from(root.symbol), u32::from(root.length));
    }
    long_code((window >> 32) as u32)
}

/// As [`first_code`], for codes longer than [`ROOT_BITS`].
fn long_code(window: u32) -> (u16, u32) {
    for run in &LONG_RUNS {
        if window <= run.last {
            let rank = (window >> (32 - u32::from(run.length))).wrapping_sub(run.rank_offset);
            return (RANKED[rank as usize % SYMBOLS], u32::from(run.length));
        }
    }
    // Not reached: the last run ends at all ones.
    (EOS, LENGTH_MAX as u32)
}

#[derive(Clone, Copy)]
struct Code {
    code: u32,
    length: u8,
}

#[derive(Clone, Copy)]
struct RootEntry {
    symbol: u8,
    /// 0 when the code is longer than the root looks.
    length: u8,
}

/// The codes of one length: consecutive numbers.
#[derive(Clone, Copy)]
struct Run {
    /// The last code of the run, left-aligned and followed by ones.
    last: u32,
    length: u8,
    /// Code minus this is the rank of its symbol in [`RANKED`].
    rank_offset: u32,
}

static CODES: [Code; SYMBOLS] = codes();
static ROOT: [RootEntry; 1 << ROOT_BITS] = root();
static RANKED: [u16; SYMBOLS] = ranked();
static LONG_RUNS: [Run; long_lengths()] = long_runs();

/// Symbols in the order of their codes.
const fn ranked() -> [u16; SYMBOLS] {
    let mut ranked = [0; SYMBOLS];
    let mut rank = 0;
    let mut length = LENGTH_MIN;
    while length <= LENGTH_MAX {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                ranked[rank] = symbol as u16;
                rank += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    ranked
}

const fn codes() -> [Code; SYMBOLS] {
    let ranked = ranked();
    let mut codes = [Code { code: 0, length: 0 }; SYMBOLS];
    let mut code = 0u32;
    let mut length = LENGTH_MIN as u8;
    let mut rank = 0;
    while rank < SYMBOLS {
        let symbol = ranked[rank] as usize;
        code <<= LENGTHS[symbol] - length;
        length = LENGTHS[symbol];
        codes[symbol] = Code { code, length };
        code += 1;
        rank += 1;
    }
    codes
}

const fn root() -> [RootEntry; 1 << ROOT_BITS] {
    let codes = codes();
    let mut root = [RootEntry { symbol: 0, length: 0 }; 1 << ROOT_BITS];
    let mut symbol = 0;
    while symbol < SYMBOLS {
        let Code { code, length } = codes[symbol];
        if length as u32 <= ROOT_BITS {
            let free_bits = ROOT_BITS - length as u32;
            let mut entry = 0;
            while entry < 1 << free_bits {
                root[((code << free_bits) + entry) as usize] = RootEntry { symbol: symbol as u8, length };
                entry += 1;
            }
        }
        symbol += 1;
    }
    root
}

/// How many different lengths above [`ROOT_BITS`] there are.
const fn long_lengths() -> usize {
    let ranked = ranked();
    let mut count = 0;
    let mut rank = 1;
    while rank < SYMBOLS {
        let length = LENGTHS[ranked[rank] as usize];
        if length as u32 > ROOT_BITS && length != LENGTHS[ranked[rank - 1] as usize] {
            count += 1;
        }
        rank += 1;
    }
    count
}

const fn long_runs() -> [Run; long_lengths()] {
    let ranked = ranked();
    let codes = codes();
    let mut runs = [Run { last: 0, length: 0, rank_offset: 0 }; long_lengths()];
    let mut run = 0;
    let mut rank = 0;
    while rank < SYMBOLS {
        let Code { code, length } = codes[ranked[rank] as usize];
        let ends = rank + 1 == SYMBOLS || LENGTHS[ranked[rank + 1] as usize] != length;
        if length as u32 > ROOT_BITS && ends {
            let free_bits = 32 - length as u32;
            let last = (code << free_bits) | ((1 << free_bits) - 1);
            runs[run] = Run { last, length, rank_offset: code.wrapping_sub(rank as u32) };
            run += 1;
        }
        rank += 1;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec;

    fn encoded(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(input, &mut out);
        assert_eq!(out.len(), encoded_len(input));
        out
    }

    fn decoded(input: &[u8]) -> Result<Vec<u8>, HuffmanError> {
        let mut out = Vec::new();
        decode(input, usize::MAX, &mut out).map(|()| out)
    }

    #[test]
    fn rfc7541_appendix_b_codes_follow_from_their_lengths() {
        for (symbol, code) in [
            (b'0', 0x0),
            (b't', 0x9),
            (b' ', 0x14),
            (b'z', 0x7b),
            (b'!', 0x3f8),
            (b'{', 0x7ffe),
            (b'\\', 0x7fff0),
            (0x80, 0xfffe6),
            (0xff, 0x03ff_ffee),
            (0xf9, 0x0fff_fffe),
            (b'\n', 0x3fff_fffc),
            (22, 0x3fff_fffe),
        ] {
            assert_eq!(CODES[usize::from(symbol)].code, code, "{symbol}");
        }
        assert_eq!(CODES[usize::from(EOS)].code, 0x3fff_ffff);
    }

    #[test]
    fn the_code_is_complete() {
        let kraft: u64 = LENGTHS.iter().map(|&length| 1u64 << (LENGTH_MAX as u32 - u32::from(length))).sum();
        assert_eq!(kraft, 1 << LENGTH_MAX);
    }

    #[test]
    fn rfc7541_c_4_1_an_authority_is_encoded_as_the_rfc_shows() {
        let wire = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(encoded(b"www.example.com"), wire);
        assert_eq!(decoded(&wire).as_deref(), Ok(&b"www.example.com"[..]));
    }

    #[test]
    fn every_pair_of_symbols_round_trips() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let pair = [first, second];
                assert_eq!(decoded(&encoded(&pair)).as_deref(), Ok(&pair[..]));
            }
        }
    }

    #[test]
    fn random_strings_round_trip_and_stay_within_the_length_bound() {
        let mut entropy = Entropy::from_seed(52);
        for _ in 0..10_000 {
            let len = entropy.below(100);
            let text = entropy.below(2) == 0;
            let input: Vec<u8> = (0..len)
                .map(|_| if text { 32 + entropy.below(95) as u8 } else { entropy.next_u64() as u8 })
                .collect();
            let wire = encoded(&input);
            assert!(input.len() <= decoded_len_max(wire.len()));
            assert_eq!(decoded(&wire), Ok(input));
        }
    }

    /// What the RFC says, bit by bit: the reference for the fast decoder.
    fn decoded_bit_by_bit(input: &[u8]) -> Result<Vec<u8>, HuffmanError> {
        let mut out = Vec::new();
        let (mut code, mut length) = (0u32, 0u8);
        for bit in input.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1)) {
            code = code << 1 | u32::from(bit);
            length += 1;
            if let Some(symbol) = CODES.iter().position(|c| c.length == length && c.code == code) {
                out.push(u8::try_from(symbol).map_err(|_| HuffmanError::Eos)?);
                (code, length) = (0, 0);
            }
        }
        match length {
            8.. => Err(HuffmanError::PaddingTooLong),
            _ if code + 1 != 1 << length => Err(HuffmanError::PaddingNotOnes),
            _ => Ok(out),
        }
    }

    #[test]
    fn random_octets_decode_as_they_do_bit_by_bit() {
        let mut entropy = Entropy::from_seed(5210);
        for _ in 0..10_000 {
            let len = entropy.below(14);
            let ones = entropy.next_u64() & entropy.next_u64() & 1 == 1;
            let wire: Vec<u8> = (0..len)
                .map(|_| {
                    let octet = entropy.next_u64() as u8;
                    if ones { octet | entropy.next_u64() as u8 | entropy.next_u64() as u8 } else { octet }
                })
                .collect();
            assert_eq!(decoded(&wire), decoded_bit_by_bit(&wire), "{wire:02x?}");
        }
    }

    #[test]
    fn rfc7541_5_2_eos_in_a_string_is_refused() {
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(HuffmanError::Eos));
        assert_eq!(decoded(&[0x1f, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(HuffmanError::Eos));
    }

    #[test]
    fn rfc7541_5_2_padding_longer_than_7_bits_is_refused() {
        assert_eq!(decoded(&[0xff]), Err(HuffmanError::PaddingTooLong));
        assert_eq!(decoded(&[0xff, 0xff]), Err(HuffmanError::PaddingTooLong));
        // "aa" is 00011 00011, then 6 bits of padding; one octet more is too much.
        assert_eq!(decoded(&[0x18, 0xff]).as_deref(), Ok(&b"aa"[..]));
        assert_eq!(decoded(&[0x18, 0xff, 0xff]), Err(HuffmanError::PaddingTooLong));
    }

    #[test]
    fn rfc7541_5_2_padding_that_is_not_ones_is_refused() {
        assert_eq!(decoded(&[0b0001_1111]).as_deref(), Ok(&b"a"[..]));
        for padding in 0..7 {
            assert_eq!(decoded(&[0b0001_1000 | padding]), Err(HuffmanError::PaddingNotOnes), "{padding}");
        }
    }

    #[test]
    fn decoding_stops_at_the_callers_limit() {
        let wire = encoded(&vec![b'a'; 1 << 16]);
        let mut out = Vec::new();
        assert_eq!(decode(&wire, 100, &mut out), Err(HuffmanError::TooLong));
        assert!(out.len() < 128, "{}", out.len());
        out.clear();
        assert_eq!(decode(&wire, 1 << 16, &mut out), Ok(()));
    }
}
