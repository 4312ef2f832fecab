//! What must hold for any bytes: bodies of fuzz targets, and tests that run them on random input.

use super::{huffman, json, prefix_int};
use alloc::vec::Vec;

/// Any string survives the Huffman code, and any bytes that decode are the one encoding of what they decode to.
pub fn huffman(input: &[u8]) {
    let mut encoded = Vec::new();
    huffman::encode(input, &mut encoded);
    assert_eq!(encoded.len(), huffman::encoded_len(input));
    let mut decoded = Vec::new();
    assert_eq!(huffman::decode(&encoded, input.len(), &mut decoded), Ok(()));
    assert_eq!(decoded, input);

    let mut string = Vec::new();
    if huffman::decode(input, usize::MAX, &mut string).is_ok() {
        let mut again = Vec::new();
        huffman::encode(&string, &mut again);
        assert_eq!(again, input, "a Huffman string has one encoding");
    }
}

/// Any bytes that decode to an integer encode to no more bytes, and come back; the first octet's flags are left alone.
pub fn prefix_int(input: &[u8]) {
    for prefix_bits in 1..=8 {
        let Ok((value, rest)) = prefix_int::decode(input, prefix_bits) else { continue };
        let flags = input[0] & !((1u16 << prefix_bits) - 1) as u8;
        let mut encoded = Vec::new();
        prefix_int::encode(value, prefix_bits, flags, &mut encoded);
        assert!(encoded.len() <= input.len() - rest.len(), "{value} took {encoded:?}");
        assert_eq!(prefix_int::decode(&encoded, prefix_bits), Ok((value, &[][..])));
        assert_eq!(encoded[0] & flags, flags);
    }
}

/// Any text is a value or an error within itself; what is passed over once is passed over again alone, and every position
/// has a path. Any string survives being written and read.
pub fn json(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else { return };
    let mut reader = json::Reader::new(text);
    match reader.skip() {
        Ok(range) => {
            let alone = text.get(range.clone()).unwrap_or_default();
            assert_eq!(json::Reader::new(alone).skip(), Ok(0..range.len()));
        }
        Err(error) => assert!(error.at <= text.len()),
    }
    let _path = json::path_at(text, input.first().copied().unwrap_or_default().into());

    let mut written = Vec::new();
    json::write_str(text, &mut written);
    let written = core::str::from_utf8(&written).unwrap_or_default();
    assert_eq!(json::Reader::new(written).string().as_deref(), Ok(text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;

    #[test]
    fn any_bytes_keep_the_promises_of_the_codecs() {
        for seed in 0..5_000 {
            let mut chance = Entropy::from_seed(seed);
            let input: Vec<u8> = (0..chance.below(40)).map(|_| chance.next_u64() as u8).collect();
            huffman(&input);
            prefix_int(&input);
            let alphabet = b"{}[],:\"\\u0n1e-. ";
            let text: Vec<u8> =
                input.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()]).collect();
            json(&text);
        }
    }
}
