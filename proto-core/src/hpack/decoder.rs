//! From header blocks to lists of fields: RFC 7541 §3 and §6.
//!
//! Strings are decoded straight into the list's buffer; a field that the list has no room for is decoded there
//! too, enters the table if the block says so, and is taken back. A list beyond its limits is so counted to its
//! end with the table in step, until it exceeds the limit four times: then it is an attack, and the connection
//! ends. Either way the tables of the two sides never part silently (CVE-2023-32731).
//!
//! What a block can make this allocate is bounded by the table's size and four times the list's limit.

use super::dynamic_table::DynamicTable;
use super::list::{Count, ListLimits, ListSize};
use super::{HpackError, TABLE_SIZE_DEFAULT, static_table};
use crate::base::fields::FIELD_OVERHEAD;
use crate::base::{Field, Fields};
use crate::codec::{huffman, prefix_int};
use alloc::vec::Vec;

/// Table size updates at the start of a block: the smallest size since the last block, and the final one.
const SIZE_UPDATES_MAX: u32 = 2;

/// Decodes the header blocks of one direction of a connection.
#[derive(Clone, Debug)]
pub struct Decoder {
    table: DynamicTable,
    size_max: usize,
    /// The smallest maximum since the last block, when the peer still owes its acceptance.
    owed: Option<usize>,
}

impl Decoder {
    /// A decoder for a peer that may use a table of `table_size_max` bytes: our SETTINGS_HEADER_TABLE_SIZE.
    ///
    /// A peer that has not yet seen our SETTINGS uses [`TABLE_SIZE_DEFAULT`], so a smaller size belongs in
    /// [`Decoder::set_table_size_max`] at the time that the peer acknowledges it. Up to a larger one the table
    /// grows only when the peer says so.
    #[must_use]
    pub fn new(table_size_max: usize) -> Decoder {
        Decoder {
            table: DynamicTable::new(table_size_max.min(TABLE_SIZE_DEFAULT)),
            size_max: table_size_max.min(super::TABLE_SIZE_CEILING),
            owed: None,
        }
    }

    /// Changes how large the peer's table may be, in bytes. To be called when the peer has acknowledged our
    /// SETTINGS_HEADER_TABLE_SIZE; if its table is larger now, its next block must begin with an update.
    pub fn set_table_size_max(&mut self, max: usize) {
        self.size_max = max.min(super::TABLE_SIZE_CEILING);
        let lowest = self.owed.unwrap_or(usize::MAX).min(self.size_max);
        self.owed = (lowest < self.table.size_max()).then_some(lowest);
    }

    /// Decodes one whole header block (all fragments joined), appending to `fields`.
    ///
    /// From the first field beyond `limits` on, fields are decoded for the table's sake but not stored.
    ///
    /// # Errors
    /// A violation, after which this decoder and its connection are of no more use.
    pub fn decode(
        &mut self,
        block: &[u8],
        limits: ListLimits,
        fields: &mut Fields,
    ) -> Result<ListSize, HpackError> {
        let mut rest = self.decode_size_updates(block)?;
        let mut list = List { fields, count: Count::new(limits) };
        while let Some(&first) = rest.first() {
            rest = match first {
                0x80.. => self.decode_indexed(rest, &mut list)?,
                0x40.. => self.decode_literal(rest, Indexing::Incremental, &mut list)?,
                // RFC 7541 §4.2: a size update MUST occur at the beginning of a header block.
                0x20.. => return Err(HpackError::SizeUpdateMisplaced),
                0x10.. => self.decode_literal(rest, Indexing::Never, &mut list)?,
                _ => self.decode_literal(rest, Indexing::Without, &mut list)?,
            };
        }
        Ok(list.count.list_size())
    }

    /// The entries of the dynamic table, newest (index 62) first.
    pub fn table(&self) -> impl Iterator<Item = Field<'_>> {
        self.table.iter()
    }

    /// The size of the dynamic table, in bytes: name + value + 32 for each entry.
    #[must_use]
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// Bytes of memory held, the struct itself included.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Decoder>() + self.table.memory()
    }

    fn decode_size_updates<'a>(&mut self, mut rest: &'a [u8]) -> Result<&'a [u8], HpackError> {
        let mut updates = 0;
        while let Some(&first) = rest.first()
            && first & 0xe0 == 0x20
        {
            let (size, after) = prefix_int::decode(rest, 5)?;
            rest = after;
            updates += 1;
            if updates > SIZE_UPDATES_MAX {
                // RFC 7541 §4.2: at most two updates say all that can have happened since the last block.
                return Err(HpackError::SizeUpdateRepeated);
            }
            if size as usize > self.size_max {
                // RFC 7541 §6.3: a value that exceeds the limit MUST be treated as a decoding error.
                return Err(HpackError::SizeUpdateTooLarge { size, max: self.size_max as u32 });
            }
            if self.owed.is_some_and(|owed| size as usize <= owed) {
                self.owed = None;
            }
            self.table.set_size_max(size as usize);
        }
        match self.owed {
            // RFC 7541 §4.2: the smallest maximum since the last block MUST be signaled.
            Some(max) => Err(HpackError::SizeUpdateMissing { max: max as u32 }),
            None => Ok(rest),
        }
    }

    /// RFC 7541 §6.1.
    #[inline]
    fn decode_indexed<'a>(&self, rest: &'a [u8], list: &mut List<'_>) -> Result<&'a [u8], HpackError> {
        let (index, rest) = prefix_int::decode(rest, 7)?;
        if index == 0 {
            // RFC 7541 §6.1: the index value of 0 MUST be treated as a decoding error.
            return Err(HpackError::IndexZero);
        }
        let field = self.entry(index)?;
        if list.count.admit(field.size())? {
            list.fields.push(field);
        }
        Ok(rest)
    }

    /// RFC 7541 §6.2.
    fn decode_literal<'a>(
        &mut self,
        rest: &'a [u8],
        indexing: Indexing,
        list: &mut List<'_>,
    ) -> Result<&'a [u8], HpackError> {
        let (index, mut rest) = prefix_int::decode(rest, indexing.prefix_bits())?;
        let limit = list.count.abuse_bytes;
        let budget = list.count.string_budget();
        let mut field = list.fields.open();
        if index == 0 {
            rest = decode_string(rest, budget, limit, field.buffer())?;
        } else {
            field.buffer().extend_from_slice(self.entry(index)?.name);
        }
        field.end_name();
        let budget = budget.saturating_sub(field.name().len());
        rest = decode_string(rest, budget, limit, field.buffer())?;
        // RFC 7541 §4.4: the name may come from an entry that this insertion evicts; it is a copy by now.
        if indexing == Indexing::Incremental {
            self.table.insert(field.name(), field.value());
        }
        let size = field.name().len() + field.value().len() + FIELD_OVERHEAD;
        if list.count.admit(size)? {
            field.close(indexing == Indexing::Never);
        }
        Ok(rest)
    }

    /// RFC 7541 §2.3.3: the static table's indices, then the dynamic table's.
    #[inline]
    fn entry(&self, index: u32) -> Result<Field<'_>, HpackError> {
        let entry = match (index as usize).checked_sub(static_table::LEN + 1) {
            Some(position) => self.table.entry(position),
            None => static_table::entry(index as usize),
        };
        // RFC 7541 §2.3.3: indices strictly greater than the sum of the lengths of both tables MUST be treated
        // as a decoding error.
        entry.ok_or_else(|| HpackError::IndexOutOfRange {
            index,
            last: (static_table::LEN + self.table.len()) as u32,
        })
    }
}

/// What a literal field does to the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Indexing {
    /// RFC 7541 §6.2.1.
    Incremental,
    /// RFC 7541 §6.2.2.
    Without,
    /// RFC 7541 §6.2.3.
    Never,
}

impl Indexing {
    const fn prefix_bits(self) -> u32 {
        match self {
            Indexing::Incremental => 6,
            Indexing::Without | Indexing::Never => 4,
        }
    }
}

/// The list that a block decodes to.
struct List<'a> {
    fields: &'a mut Fields,
    count: Count,
}

/// RFC 7541 §5.2: appends the string at the front of `input`, at most `budget` octets; answers what follows it.
fn decode_string<'a>(
    input: &'a [u8],
    budget: usize,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<&'a [u8], HpackError> {
    let huffman = input.first().is_some_and(|first| first & 0x80 != 0);
    let (len, rest) = prefix_int::decode(input, 7)?;
    let (octets, rest) = rest.split_at_checked(len as usize).ok_or(HpackError::Truncated)?;
    if huffman {
        huffman::decode(octets, budget, out).map_err(|error| HpackError::from_huffman(error, limit))?;
    } else if octets.len() > budget {
        return Err(HpackError::ListTooLarge { limit });
    } else {
        out.extend_from_slice(octets);
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const LIMITS: ListLimits = ListLimits { bytes_max: 4096, fields_max: 100 };

    fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, HpackError> {
        let mut fields = Fields::new();
        decoder.decode(block, LIMITS, &mut fields).map(|size| {
            assert_eq!(size, ListSize::Within);
            fields
        })
    }

    fn error(block: &[u8]) -> HpackError {
        decode(&mut Decoder::new(4096), block).unwrap_err()
    }

    /// A literal with indexing and a new name.
    fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
        let mut block = vec![0x40];
        for string in [name, value] {
            prefix_int::encode(string.len() as u32, 7, 0, &mut block);
            block.extend_from_slice(string);
        }
        block
    }

    #[test]
    fn rfc7541_6_1_index_0_is_refused() {
        assert_eq!(error(&[0x80]), HpackError::IndexZero);
    }

    #[test]
    fn rfc7541_2_3_3_an_index_beyond_both_tables_is_refused() {
        assert_eq!(error(&[0xbe]), HpackError::IndexOutOfRange { index: 62, last: 61 });
        let mut block = literal(b"a", b"b");
        block.push(0xbe);
        assert_eq!(decode(&mut Decoder::new(4096), &block).map(|fields| fields.len()), Ok(2));
        block.push(0xbf);
        assert_eq!(error(&block), HpackError::IndexOutOfRange { index: 63, last: 62 });
        for name_index in [&[0x7f, 0x00, 0x00][..], &[0x0f, 0x2f, 0x00], &[0x1f, 0x2f, 0x00]] {
            assert!(matches!(error(name_index), HpackError::IndexOutOfRange { last: 61, .. }));
        }
        assert_eq!(
            error(&[0xff, 0x80, 0xff, 0xff, 0xff, 0x0f]),
            HpackError::IndexOutOfRange { index: u32::MAX, last: 61 }
        );
    }

    #[test]
    fn rfc7541_5_1_an_integer_that_never_ends_is_refused() {
        assert_eq!(error(&[0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]), HpackError::IntegerTooLarge);
        assert_eq!(error(&[0x40, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]), HpackError::IntegerTooLarge);
    }

    #[test]
    fn every_block_cut_short_inside_a_field_is_refused() {
        let block = [&[0x82][..], &literal(b"name", b"value"), &[0x44, 0x03, b'/', b'a', b'b']].concat();
        let ends = [0, 1, 1 + 12, block.len()];
        for cut in 0..=block.len() {
            let decoded = decode(&mut Decoder::new(4096), &block[..cut]);
            match ends.iter().position(|&end| end == cut) {
                Some(fields) => assert_eq!(decoded.map(|list| list.len()), Ok(fields)),
                None => assert_eq!(decoded, Err(HpackError::Truncated), "cut at {cut}"),
            }
        }
    }

    #[test]
    fn rfc7541_5_2_bad_huffman_strings_are_refused() {
        let value = |octets: &[u8]| [&[0x04, 0x80 | octets.len() as u8], octets].concat();
        assert_eq!(error(&value(&[0xff; 4])), HpackError::HuffmanEos);
        assert_eq!(error(&value(&[0x18, 0xff, 0xff])), HpackError::HuffmanPaddingTooLong);
        assert_eq!(error(&value(&[0x18])), HpackError::HuffmanPaddingNotOnes);
    }

    #[test]
    fn rfc7541_6_3_a_table_above_the_maximum_is_refused() {
        assert_eq!(error(&[0x3f, 0xe2, 0x1f]), HpackError::SizeUpdateTooLarge { size: 4097, max: 4096 });
        assert_eq!(decode(&mut Decoder::new(4096), &[0x3f, 0xe1, 0x1f]), Ok(Fields::new()));
        assert_eq!(decode(&mut Decoder::new(65_536), &[0x3f, 0xe2, 0x1f]), Ok(Fields::new()));
    }

    #[test]
    fn rfc7541_4_2_a_size_update_after_a_field_is_refused() {
        assert_eq!(error(&[0x82, 0x20]), HpackError::SizeUpdateMisplaced);
    }

    #[test]
    fn rfc7541_4_2_two_size_updates_are_taken_and_a_third_is_refused() {
        let mut decoder = Decoder::new(4096);
        let _ = decode(&mut decoder, &literal(b"a", b"b"));
        assert_eq!(decode(&mut decoder, &[0x20, 0x3f, 0xe1, 0x1f]), Ok(Fields::new()));
        assert_eq!((decoder.table_size(), decoder.table.size_max()), (0, 4096));
        assert_eq!(error(&[0x20, 0x20, 0x20]), HpackError::SizeUpdateRepeated);
    }

    #[test]
    fn rfc7541_4_2_a_lowered_maximum_must_be_accepted_by_the_next_block() {
        let lowered = || {
            let mut decoder = Decoder::new(4096);
            decoder.set_table_size_max(100);
            decoder
        };
        let missing = Err(HpackError::SizeUpdateMissing { max: 100 });
        assert_eq!(decode(&mut lowered(), &[0x82]), missing);
        assert_eq!(decode(&mut lowered(), &[0x3f, 0x45, 0x82]).map(|list| list.len()), Ok(1));
        assert_eq!(decode(&mut lowered(), &[0x20, 0x82]).map(|list| list.len()), Ok(1));

        // Lowered and raised again: the low point still has to be signaled.
        let mut decoder = lowered();
        decoder.set_table_size_max(4096);
        assert_eq!(decode(&mut decoder, &[0x3f, 0xe1, 0x1f, 0x82]), missing);
        let mut decoder = lowered();
        decoder.set_table_size_max(4096);
        assert_eq!(decode(&mut decoder, &[0x3f, 0x45, 0x3f, 0xe1, 0x1f, 0x82]).map(|l| l.len()), Ok(1));
    }

    #[test]
    fn rfc7541_4_2_a_peer_whose_table_is_smaller_already_owes_no_update() {
        let mut decoder = Decoder::new(4096);
        assert_eq!(decode(&mut decoder, &[0x20]), Ok(Fields::new()));
        decoder.set_table_size_max(100);
        assert_eq!(decode(&mut decoder, &[0x82]).map(|list| list.len()), Ok(1));
    }

    #[test]
    fn rfc7541_6_2_3_a_never_indexed_field_arrives_as_a_secret_and_enters_no_table() {
        let mut decoder = Decoder::new(4096);
        let fields = decode(&mut decoder, &[0x10, 1, b'a', 1, b'b', 0x00, 1, b'a', 1, b'b']).unwrap();
        assert!(fields.iter().eq([Field::secret(b"a", b"b"), Field::new(b"a", b"b")]));
        assert_eq!(decoder.table().count(), 0);
    }

    #[test]
    fn rfc7541_4_4_a_name_may_come_from_the_entry_that_its_insertion_evicts() {
        let mut decoder = Decoder::new(100);
        let _ = decode(&mut decoder, &literal(b"a-long-name", &[b'x'; 50]));
        let block = [&[0x7e, 50][..], &[b'y'; 50]].concat();
        let fields = decode(&mut decoder, &block).unwrap();
        assert_eq!(fields.value(b"a-long-name"), Some(&[b'y'; 50][..]));
        assert!(decoder.table().eq([Field::new(b"a-long-name", &[b'y'; 50])]));
    }

    #[test]
    fn rfc9113_10_5_1_a_list_beyond_its_limits_is_cut_but_its_whole_block_is_processed() {
        let mut decoder = Decoder::new(4096);
        let mut fields = Fields::new();
        let block = [literal(b"a", b"1"), literal(b"b", &[b'2'; 100]), literal(b"c", b"3")].concat();
        let limits = ListLimits { bytes_max: 100, fields_max: 100 };
        let size = decoder.decode(&block, limits, &mut fields);
        assert_eq!(size, Ok(ListSize::Exceeded { bytes: 34 + 133 + 34, fields: 3 }));
        assert!(fields.iter().eq([Field::new(b"a", b"1")]));
        assert!(decoder.table().map(|field| field.name).eq([b"c", b"b", b"a"]));

        fields.clear();
        let limits = ListLimits { bytes_max: 4096, fields_max: 2 };
        let size = decoder.decode(&[0xbe, 0xbf, 0xc0], limits, &mut fields);
        assert_eq!(size, Ok(ListSize::Exceeded { bytes: 34 + 133 + 34, fields: 3 }));
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn a_bomb_of_references_stops_at_four_times_the_limit_and_stores_no_more_than_the_limit() {
        let mut decoder = Decoder::new(4096);
        let mut block = literal(b"bomb", &[b'x'; 4000]);
        block.resize(block.len() + 100_000, 0xbe);
        let limits = ListLimits { bytes_max: 16_384, fields_max: 100 };
        let mut fields = Fields::new();
        let result = decoder.decode(&block, limits, &mut fields);
        assert_eq!(result, Err(HpackError::ListTooLarge { limit: 65_536 }));
        assert!(fields.size() <= 16_384);
        assert!(fields.capacity() <= 2 * 16_384, "{}", fields.capacity());
    }

    #[test]
    fn a_string_beyond_four_times_the_limit_is_refused_before_it_is_stored() {
        let mut decoder = Decoder::new(4096);
        let limits = ListLimits { bytes_max: 100, fields_max: 100 };
        for huffman in [false, true] {
            let mut block = vec![0x04];
            prefix_int::encode(1 << 20, 7, if huffman { 0x80 } else { 0 }, &mut block);
            block.resize(block.len() + (1 << 20), 0x18);
            let mut fields = Fields::new();
            let result = decoder.decode(&block, limits, &mut fields);
            assert_eq!(result, Err(HpackError::ListTooLarge { limit: 400 }));
            assert!(fields.is_empty() && fields.capacity() < 2048, "{}", fields.capacity());
        }
    }

    #[test]
    fn an_idle_decoder_holds_no_memory_beside_itself() {
        assert_eq!(Decoder::new(1 << 20).memory(), size_of::<Decoder>());
        assert!(size_of::<Decoder>() <= 128, "{}", size_of::<Decoder>());
    }
}
