//! From lists of fields to header blocks: RFC 7541 §2.3, §6 and §7.1.
//!
//! ```text
//!            secret?  ── yes ──> literal, never indexed (§6.2.3), name by index if there is one
//!              no
//!      in a table?    ── yes ──> index (§6.1)
//!              no
//! worth an entry?     ── yes ──> literal with indexing (§6.2.1)
//!              no ─────────────> literal without indexing (§6.2.2)
//! ```
//!
//! Strings are Huffman-coded when that is shorter. The encoder draws no random numbers: the same lists give the
//! same octets.

use super::admission::Admission;
use super::dynamic_table::DynamicTable;
use super::lookup::{Hashes, Lookup};
use super::static_table::{self, Found};
use super::{TABLE_SIZE_CEILING, TABLE_SIZE_DEFAULT};
use crate::base::Field;
use crate::codec::{huffman, prefix_int};
use alloc::vec::Vec;

/// Encodes the header blocks of one direction of a connection.
#[derive(Clone, Debug)]
pub struct Encoder {
    table: DynamicTable,
    lookup: Lookup,
    admission: Admission,
    /// The largest table that we are willing to keep.
    size_willing: usize,
    /// What the table's size will be from the next block on.
    size_next: usize,
    /// The smallest that it had to be since the last block.
    size_lowest: usize,
}

impl Encoder {
    /// What it learns about fields takes this many bytes at most.
    pub(crate) const LEARNED_BYTES_MAX: usize = Admission::BYTES_MAX;

    /// An encoder that keeps a table of at most `table_size_max` bytes, and of at most what the peer allows:
    /// [`TABLE_SIZE_DEFAULT`] until [`Encoder::set_peer_table_size_max`].
    #[must_use]
    pub fn new(table_size_max: usize) -> Encoder {
        let size_willing = table_size_max.min(TABLE_SIZE_CEILING);
        let size_next = size_willing.min(TABLE_SIZE_DEFAULT);
        Encoder {
            // The peer starts with the default; a smaller table of ours is announced by the first block.
            table: DynamicTable::new(TABLE_SIZE_DEFAULT),
            lookup: Lookup::default(),
            admission: Admission::new(),
            size_willing,
            size_next,
            size_lowest: size_next,
        }
    }

    /// Takes over the peer's SETTINGS_HEADER_TABLE_SIZE, in bytes; the next block tells the peer what we made
    /// of it.
    pub fn set_peer_table_size_max(&mut self, max: usize) {
        // RFC 7541 §4.2 and §6.3: what we choose MUST be at most what the peer allows.
        self.size_next = self.size_willing.min(max);
        self.size_lowest = self.size_lowest.min(self.size_next);
    }

    /// Appends the block for a list of fields to `block`. Every block made has to reach the peer, in order.
    /// Names and values have to be shorter than 2 GiB each.
    pub fn encode<'a>(&mut self, fields: impl IntoIterator<Item = Field<'a>>, block: &mut Vec<u8>) {
        self.encode_size_updates(block);
        for field in fields {
            self.encode_field(field, block);
        }
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
        size_of::<Encoder>() + self.table.memory() + self.lookup.memory() + self.admission.memory()
    }

    fn encode_size_updates(&mut self, block: &mut Vec<u8>) {
        // RFC 7541 §4.2: the smallest maximum since the last block MUST be signaled, then the final one.
        if self.size_lowest < self.size_next.min(self.table.size_max()) {
            self.encode_size_update(self.size_lowest, block);
        }
        if self.size_next != self.table.size_max() {
            self.encode_size_update(self.size_next, block);
        }
        self.size_lowest = self.size_next;
    }

    /// RFC 7541 §6.3.
    fn encode_size_update(&mut self, size: usize, block: &mut Vec<u8>) {
        prefix_int::encode(size as u32, 5, 0x20, block);
        self.table.set_size_max(size);
        self.lookup.evicted(&self.table);
    }

    #[inline]
    fn encode_field(&mut self, field: Field<'_>, block: &mut Vec<u8>) {
        let hashes = Hashes::of(&field);
        if !field.secret
            && let Some(position) = self.lookup.find_field(&self.table, hashes, &field)
        {
            self.admission.on_reference(hashes);
            return prefix_int::encode(dynamic_index(position), 7, INDEXED, block);
        }
        let found = static_table::find(hashes.name, field.name, field.value);
        if field.secret {
            // RFC 7541 §7.1.3: the never-indexed literal representation MUST be used for what arrived as one,
            // and §6.2.3: at every hop. The name alone may come from a table.
            // RFC 9113 §10.6: so no secret stands in a table where guesses could be compared with it.
            let name = self.name_index(found, hashes, field.name);
            return encode_literal(NEVER_INDEXED, name, field, block);
        }
        if let Found::Field(index) = found {
            return prefix_int::encode(index, 7, INDEXED, block);
        }
        let name = self.name_index(found, hashes, field.name);
        if self.fits(&field) && self.admission.admits(hashes) {
            encode_literal(INCREMENTAL, name, field, block);
            self.table.insert(field.name, field.value);
            self.lookup.inserted(&self.table, hashes);
        } else {
            encode_literal(WITHOUT_INDEXING, name, field, block);
        }
    }

    /// The index of an entry with this name; 0 when there is none.
    #[inline]
    fn name_index(&self, found: Found, hashes: Hashes, name: &[u8]) -> u32 {
        match found {
            Found::Field(index) | Found::Name(index) => index,
            Found::Nothing => self.lookup.find_name(&self.table, hashes, name).map_or(0, dynamic_index),
        }
    }

    /// Whether an entry for this field would leave something of the table.
    fn fits(&self, field: &Field<'_>) -> bool {
        field.size() <= self.table.size_max() / 4 * 3
    }
}

/// A representation: the flags of its first octet and the bits of its prefix.
type Representation = (u8, u32);

const INDEXED: u8 = 0x80;
const INCREMENTAL: Representation = (0x40, 6);
const NEVER_INDEXED: Representation = (0x10, 4);
const WITHOUT_INDEXING: Representation = (0x00, 4);

const fn dynamic_index(position: usize) -> u32 {
    (position + static_table::LEN + 1) as u32
}

/// RFC 7541 §6.2: a field whose name stands at index `name`, or in the block itself when that is 0.
fn encode_literal((flags, prefix_bits): Representation, name: u32, field: Field<'_>, block: &mut Vec<u8>) {
    prefix_int::encode(name, prefix_bits, flags, block);
    if name == 0 {
        encode_string(field.name, block);
    }
    encode_string(field.value, block);
}

/// RFC 7541 §5.2: in whichever way is shorter.
fn encode_string(octets: &[u8], block: &mut Vec<u8>) {
    let encoded_len = huffman::encoded_len(octets);
    if encoded_len < octets.len() {
        prefix_int::encode(encoded_len as u32, 7, 0x80, block);
        huffman::encode(octets, block);
    } else {
        prefix_int::encode(octets.len() as u32, 7, 0, block);
        block.extend_from_slice(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(encoder: &mut Encoder, fields: &[Field<'_>]) -> Vec<u8> {
        let mut block = Vec::new();
        encoder.encode(fields.iter().copied(), &mut block);
        block
    }

    fn size_update(size: u32) -> Vec<u8> {
        let mut block = Vec::new();
        prefix_int::encode(size, 5, 0x20, &mut block);
        block
    }

    #[test]
    fn rfc7541_4_2_the_smallest_and_the_final_size_open_the_next_block() {
        let mut encoder = Encoder::new(4096);
        encode(&mut encoder, &[Field::new(b"a", b"b")]);
        for size in [3000, 100, 200, 2000] {
            encoder.set_peer_table_size_max(size);
        }
        assert_eq!(encode(&mut encoder, &[]), [size_update(100), size_update(2000)].concat());
        assert_eq!(encode(&mut encoder, &[]), []);
        assert_eq!(encoder.table_size(), 34);
        encoder.set_peer_table_size_max(0);
        encoder.set_peer_table_size_max(2000);
        assert_eq!(encode(&mut encoder, &[]), [size_update(0), size_update(2000)].concat());
        assert_eq!(encoder.table_size(), 0);
    }

    #[test]
    fn rfc7541_4_2_one_update_is_enough_when_the_final_size_is_the_lowest() {
        let mut encoder = Encoder::new(65_536);
        encoder.set_peer_table_size_max(65_536);
        encoder.set_peer_table_size_max(1000);
        assert_eq!(encode(&mut encoder, &[]), size_update(1000));
        encoder.set_peer_table_size_max(8000);
        assert_eq!(encode(&mut encoder, &[]), size_update(8000));
        encoder.set_peer_table_size_max(9000);
        encoder.set_peer_table_size_max(8000);
        assert_eq!(encode(&mut encoder, &[]), []);
    }

    #[test]
    fn rfc7541_4_2_a_table_smaller_than_the_default_is_announced_by_the_first_block() {
        assert_eq!(encode(&mut Encoder::new(0), &[]), size_update(0));
        assert_eq!(encode(&mut Encoder::new(4096), &[]), []);
        assert_eq!(encode(&mut Encoder::new(65_536), &[]), []);
    }

    #[test]
    fn rfc7541_6_3_the_table_never_exceeds_what_either_side_wants() {
        let mut encoder = Encoder::new(1000);
        encoder.set_peer_table_size_max(1 << 20);
        assert_eq!(encode(&mut encoder, &[]), size_update(1000));
        encoder.set_peer_table_size_max(500);
        assert_eq!(encode(&mut encoder, &[]), size_update(500));
    }

    /// RFC 9113 §10.6: a secret shares no compression context with what an attacker controls.
    #[test]
    fn rfc7541_7_1_3_a_secret_is_never_indexed_even_if_a_table_has_it() {
        let mut encoder = Encoder::new(4096);
        encode(&mut encoder, &[Field::new(b"x-key", b"1")]);
        assert_eq!(encode(&mut encoder, &[Field::secret(b"x-key", b"1")]), [0x1f, 47, 1, b'1']);
        assert_eq!(encode(&mut encoder, &[Field::secret(b":method", b"GET")]), [0x12, 3, b'G', b'E', b'T']);
        assert_eq!(encoder.table().count(), 1);
    }

    #[test]
    fn a_field_that_would_fill_the_table_is_not_indexed() {
        let mut encoder = Encoder::new(4096);
        encode(&mut encoder, &[Field::new(b"a", b"b"), Field::new(b"large", &[b'x'; 3500])]);
        assert!(encoder.table().eq([Field::new(b"a", b"b")]));
    }

    #[test]
    fn a_field_sent_again_takes_one_octet() {
        let mut encoder = Encoder::new(4096);
        let fields = [Field::new(b":path", b"/chat.Chat/Say"), Field::new(b"te", b"trailers")];
        assert!(encode(&mut encoder, &fields).len() > 2);
        assert_eq!(encode(&mut encoder, &fields), [0xbf, 0xbe]);
    }

    #[test]
    fn fields_that_never_repeat_stop_evicting_those_that_do() {
        let mut encoder = Encoder::new(4096);
        for call in 0..1000u32 {
            let trace = alloc::format!("00-{call:032x}-{call:016x}-01");
            let fields =
                [Field::new(b":path", b"/chat.Chat/Say"), Field::new(b"traceparent", trace.as_bytes())];
            let block = encode(&mut encoder, &fields);
            assert!(call == 0 || block[0] & 0x80 != 0, "call {call} sent the path again");
        }
        assert!(encoder.table_size() < 2048, "{}", encoder.table_size());
    }

    #[test]
    fn an_idle_encoder_holds_no_memory_beside_itself() {
        assert_eq!(Encoder::new(1 << 20).memory(), size_of::<Encoder>());
        assert!(size_of::<Encoder>() <= 512, "{}", size_of::<Encoder>());
    }
}
