//! What must hold for any bytes: bodies of fuzz targets, and tests that run them on random input.
//!
//! Input is read as a list of parts, each a length and as many bytes; a length of 255 stands before a table size instead.

use super::{Decoder, Encoder, ListLimits, ListSize, TABLE_SIZE_DEFAULT};
use crate::base::{Field, Fields};
use alloc::vec::Vec;

const LIMITS: ListLimits = ListLimits { bytes_max: 2048, fields_max: 40 };
const TABLE_SIZE_MARK: u8 = 255;
const TABLE_SIZE_STEP: usize = 48;

/// Decoding any blocks keeps the limits, and what came out of them can be encoded and decoded again.
pub fn decode(mut input: &[u8]) {
    let mut decoder = Decoder::new(TABLE_SIZE_DEFAULT);
    let mut size_max = TABLE_SIZE_DEFAULT;
    while let Some(part) = next_part(&mut input) {
        let block = match part {
            Part::TableSize(size) => {
                size_max = size_max.max(size);
                decoder.set_table_size_max(size);
                continue;
            }
            Part::Bytes(block) => block,
        };
        let mut fields = Fields::new();
        let Ok(size) = decoder.decode(block, LIMITS, &mut fields) else { return };
        assert!(fields.size() <= LIMITS.bytes_max && fields.len() <= LIMITS.fields_max, "{fields:?}");
        assert!(decoder.table_size() <= size_max, "the table holds {} bytes", decoder.table_size());
        let charged: usize = decoder.table().map(|field| field.size()).sum();
        assert_eq!(charged, decoder.table_size(), "the table's size is the sum of its fields");
        if size == ListSize::Within {
            assert_comes_back(&mut Encoder::new(size_max), &mut Decoder::new(size_max), &fields);
        }
    }
}

/// Whatever is encoded comes back, secrets marked, with the tables of both sides in step, through any changes of size.
pub fn round_trip(mut input: &[u8]) {
    let (mut encoder, mut decoder) = (Encoder::new(TABLE_SIZE_DEFAULT), Decoder::new(TABLE_SIZE_DEFAULT));
    while let Some(part) = next_part(&mut input) {
        match part {
            Part::TableSize(size) => {
                encoder.set_peer_table_size_max(size);
                decoder.set_table_size_max(size);
            }
            Part::Bytes(bytes) => assert_comes_back(&mut encoder, &mut decoder, &fields_from(bytes)),
        }
    }
}

enum Part<'a> {
    Bytes(&'a [u8]),
    TableSize(usize),
}

fn next_part<'a>(input: &mut &'a [u8]) -> Option<Part<'a>> {
    let (&len, rest) = input.split_first()?;
    if len == TABLE_SIZE_MARK {
        let (&size, rest) = rest.split_first()?;
        *input = rest;
        return Some(Part::TableSize(usize::from(size) * TABLE_SIZE_STEP));
    }
    let (part, rest) = rest.split_at(usize::from(len).min(rest.len()));
    *input = rest;
    Some(Part::Bytes(part))
}

/// Fields whose lengths stand in the bytes themselves, so that a mutation changes one of them and not all.
fn fields_from(mut bytes: &[u8]) -> Fields {
    let mut fields = Fields::new();
    while let [lengths, rest @ ..] = bytes {
        let (name, rest) = rest.split_at(usize::from(lengths & 0x0f).min(rest.len()));
        let (value, rest) = rest.split_at(usize::from(lengths >> 4 & 0x07).min(rest.len()));
        fields.push(Field { name, value, secret: lengths & 0x80 != 0 });
        bytes = rest;
    }
    fields
}

fn assert_comes_back(encoder: &mut Encoder, decoder: &mut Decoder, sent: &Fields) {
    let mut block = Vec::new();
    encoder.encode(sent, &mut block);
    let mut received = Fields::new();
    let limits = ListLimits { bytes_max: usize::MAX, fields_max: usize::MAX };
    assert_eq!(decoder.decode(&block, limits, &mut received), Ok(ListSize::Within));
    assert_eq!(&received, sent);
    assert!(encoder.table().eq(decoder.table()), "the tables of both sides are in step");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;

    fn random_inputs() -> impl Iterator<Item = Vec<u8>> {
        (0..2_000).map(|seed| {
            let mut chance = Entropy::from_seed(seed);
            (0..chance.below(300)).map(|_| chance.next_u64() as u8).collect()
        })
    }

    #[test]
    fn any_blocks_decode_within_limits() {
        random_inputs().for_each(|input| decode(&input));
    }

    #[test]
    fn any_fields_come_back_with_both_tables_in_step() {
        random_inputs().for_each(|input| round_trip(&input));
    }
}
