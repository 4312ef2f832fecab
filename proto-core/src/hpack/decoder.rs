//! From header blocks to lists of fields: RFC 7541 §3 and §6.
//!
//! Strings are decoded straight into the list's buffer; a field that the list has no room for is decoded there
//! too, enters the table if the block says so, and is taken back. A list beyond its limits is so counted to its
//! end with the table in step, until it exceeds the limit four times: then it is an attack, and the connection
//! ends. Either way the tables of the two sides never part silently (CVE-2023-32731).
//!
//! What a block can make this allocate is bounded by the table's size and four times the list's limit.

use super::dynamic_table::DynamicTable;
use super::{HpackError, TABLE_SIZE_DEFAULT, static_table};
use crate::base::fields::FIELD_OVERHEAD;
use crate::base::{Field, Fields};
use crate::codec::{huffman, prefix_int};
use alloc::vec::Vec;

/// Beyond this multiple of [`ListLimits::bytes_max`], a list is an attack and no longer decoded: references
/// of one octet each would otherwise cost the sender nothing and the receiver a field each (CVE-2016-6581).
const ABUSE_FACTOR: usize = 4;

/// The longest a name and value may be together, whatever the limits: lengths take 31 bits in [`Fields`].
const FIELD_CEILING: usize = i32::MAX as usize;

/// Table size updates at the start of a block: the smallest size since the last block, and the final one.
const SIZE_UPDATES_MAX: u32 = 2;

/// How large a header list may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListLimits {
    /// Bytes, as SETTINGS_MAX_HEADER_LIST_SIZE counts them: name + value + 32 for each field.
    pub bytes_max: usize,
    /// Fields.
    pub fields_max: usize,
}

/// How a decoded list stands to its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a list that exceeds its limits lacks fields"]
pub enum ListSize {
    /// All fields are in the list.
    Within,
    /// The fields from the first that exceeded a limit on are missing; the decoder stays usable.
    Exceeded {
        /// The size of the whole list, in bytes.
        bytes: usize,
        /// How many fields the whole list has.
        fields: usize,
    },
}

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

/// What a list has come to, stored or not.
struct Count {
    limits: ListLimits,
    abuse_bytes: usize,
    bytes: usize,
    fields: usize,
    exceeded: bool,
}

impl Count {
    fn new(limits: ListLimits) -> Count {
        let abuse_bytes = limits.bytes_max.saturating_mul(ABUSE_FACTOR);
        Count { limits, abuse_bytes, bytes: 0, fields: 0, exceeded: false }
    }

    /// Counts a field and answers whether it is to be stored.
    #[inline]
    fn admit(&mut self, size: usize) -> Result<bool, HpackError> {
        self.bytes = self.bytes.saturating_add(size);
        self.fields += 1;
        if self.bytes > self.abuse_bytes {
            return Err(HpackError::ListTooLarge { limit: self.abuse_bytes });
        }
        self.exceeded |= self.bytes > self.limits.bytes_max || self.fields > self.limits.fields_max;
        Ok(!self.exceeded)
    }

    /// How long the strings of the next field may be together before the list is an attack.
    fn string_budget(&self) -> usize {
        self.abuse_bytes.saturating_sub(self.bytes + FIELD_OVERHEAD).min(FIELD_CEILING)
    }

    fn list_size(&self) -> ListSize {
        if self.exceeded {
            ListSize::Exceeded { bytes: self.bytes, fields: self.fields }
        } else {
            ListSize::Within
        }
    }
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
