//! The dynamic table: RFC 7541 §2.3.2 and §4. A queue of fields with a bound on its size in bytes.
//!
//! Names and values stand one after another in one buffer. Eviction only moves the start of what is alive; when
//! an insertion finds no room at the end, the live part moves to the front if at least half is dead, or else
//! the buffer grows, up to twice the table's size. So each octet is moved at most about once in its life, a
//! field is always one run of octets, and a table that was never used holds no memory.

use super::TABLE_SIZE_CEILING;
use crate::base::Field;
use crate::base::fields::FIELD_OVERHEAD;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Recent fields, newest first.
#[derive(Clone, Debug)]
pub(crate) struct DynamicTable {
    octets: Vec<u8>,
    /// How many octets at the front of the buffer belong to no entry any more.
    dead: usize,
    /// The offset of the buffer's first octet; entries count from the table's beginning, wrapping.
    base: u32,
    /// Oldest first.
    entries: VecDeque<Entry>,
    size: usize,
    size_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: u32,
    name_len: u32,
    value_len: u32,
}

impl DynamicTable {
    pub(crate) fn new(size_max: usize) -> DynamicTable {
        DynamicTable {
            octets: Vec::new(),
            dead: 0,
            base: 0,
            entries: VecDeque::new(),
            size: 0,
            size_max: size_max.min(TABLE_SIZE_CEILING),
        }
    }

    /// How many entries there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The sum of its entries' sizes, in bytes (RFC 7541 §4.1: name + value + 32 each).
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The bound on its size, in bytes.
    pub(crate) fn size_max(&self) -> usize {
        self.size_max
    }

    /// The entry at `position`; 0 is the newest.
    #[inline]
    pub(crate) fn entry(&self, position: usize) -> Option<Field<'_>> {
        let entry = self.entries.get(self.entries.len().checked_sub(position + 1)?)?;
        let start = entry.offset.wrapping_sub(self.base) as usize;
        let octets = self.octets.get(start..)?;
        let (name, rest) = octets.split_at_checked(entry.name_len as usize)?;
        Some(Field::new(name, rest.get(..entry.value_len as usize)?))
    }

    /// The entries, newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        (0..self.len()).filter_map(|position| self.entry(position))
    }

    /// Changes the bound and evicts what exceeds it.
    pub(crate) fn set_size_max(&mut self, size_max: usize) {
        self.size_max = size_max.min(TABLE_SIZE_CEILING);
        // RFC 7541 §4.3: whenever the maximum size is reduced, entries are evicted from the end of the table
        // until its size is within the maximum.
        self.evict_to(self.size_max);
        if self.size_max == 0 {
            self.octets = Vec::new();
            self.entries = VecDeque::new();
            self.dead = 0;
        }
    }

    /// Adds a field in front. One that is larger than the whole table empties it and is not added.
    pub(crate) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = Field::new(name, value).size();
        // RFC 7541 §4.4: entries are evicted until the new one fits; one that never fits is no error.
        let Some(room_needed_at_most) = self.size_max.checked_sub(size) else {
            self.evict_to(0);
            return;
        };
        self.evict_to(room_needed_at_most);
        self.make_room(name.len() + value.len());
        let start = self.octets.len() as u32;
        self.octets.extend_from_slice(name);
        self.octets.extend_from_slice(value);
        self.size += size;
        self.entries.push_back(Entry {
            offset: self.base.wrapping_add(start),
            name_len: name.len() as u32,
            value_len: value.len() as u32,
        });
    }

    /// Bytes of memory held beside the struct itself.
    pub(crate) fn memory(&self) -> usize {
        self.octets.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    fn evict_to(&mut self, size: usize) {
        while self.size > size
            && let Some(entry) = self.entries.pop_front()
        {
            let octets = (entry.name_len + entry.value_len) as usize;
            self.dead += octets;
            self.size -= octets + FIELD_OVERHEAD;
        }
        if self.entries.is_empty() {
            self.base = self.base.wrapping_add(self.octets.len() as u32);
            self.octets.clear();
            self.dead = 0;
        }
    }

    /// Sees to it that `len` octets can be appended.
    fn make_room(&mut self, len: usize) {
        let capacity = self.octets.capacity();
        if self.octets.len() + len <= capacity {
            return;
        }
        if self.dead > 0 && self.dead >= capacity / 2 {
            self.octets.drain(..self.dead);
            self.base = self.base.wrapping_add(self.dead as u32);
            self.dead = 0;
        }
        let needed = self.octets.len() + len;
        if needed > capacity {
            // Small tables grow by little, since most connections stay idle with one; larger ones double.
            let more = if capacity < OCTETS_DOUBLED_FROM { OCTETS_AT_FIRST } else { capacity };
            let grown = (capacity + more).min(2 * self.size_max).max(needed);
            self.octets.reserve_exact(grown - self.octets.len());
        }
    }
}

/// What the first insertion allocates: about the fields of a gRPC response.
const OCTETS_AT_FIRST: usize = 64;
/// From this capacity on it doubles.
const OCTETS_DOUBLED_FROM: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec;

    #[test]
    fn a_fresh_table_holds_no_memory() {
        assert_eq!(DynamicTable::new(4096).memory(), 0);
    }

    #[test]
    fn rfc7541_4_4_a_field_larger_than_the_table_empties_it() {
        let mut table = DynamicTable::new(100);
        table.insert(b"a", b"b");
        table.insert(b"name", &[b'x'; 65]);
        assert_eq!((table.len(), table.size()), (0, 0));
        table.insert(b"name", &[b'x'; 64]);
        assert_eq!((table.len(), table.size()), (1, 100));
    }

    #[test]
    fn rfc7541_4_3_a_smaller_bound_evicts_the_oldest() {
        let mut table = DynamicTable::new(4096);
        for value in [b"1", b"2", b"3"] {
            table.insert(b"n", value);
        }
        table.set_size_max(2 * 34 + 1);
        assert!(table.iter().map(|field| field.value).eq([b"3", b"2"]));
        table.set_size_max(0);
        assert_eq!((table.len(), table.size(), table.memory()), (0, 0, 0));
    }

    #[test]
    fn random_insertions_and_bounds_match_a_plain_queue_within_bounded_memory() {
        let mut entropy = Entropy::from_seed(432);
        let mut table = DynamicTable::new(4096);
        // Shortly before the offsets wrap around.
        table.base = u32::MAX - 20_000;
        let mut queue: VecDeque<(Vec<u8>, Vec<u8>)> = VecDeque::new();
        let mut largest = 4096;
        for step in 0..20_000u32 {
            if entropy.below(50) == 0 {
                table.set_size_max(entropy.below(6000) as usize);
                largest = largest.max(table.size_max());
            } else {
                let name = step.to_be_bytes()[entropy.below(4) as usize..].to_vec();
                let value_len = if entropy.below(9) == 0 { 3000 } else { 60 };
                let value = vec![step as u8; entropy.below(value_len) as usize];
                table.insert(&name, &value);
                queue.push_front((name, value));
            }
            let mut size = 0;
            queue = queue
                .into_iter()
                .take_while(|(name, value)| {
                    size += name.len() + value.len() + 32;
                    size <= table.size_max()
                })
                .collect();
            let expected = queue.iter().map(|(name, value)| Field::new(name, value));
            assert!(table.iter().eq(expected), "step {step}");
            let entries_max = 2 * largest / 32 * size_of::<Entry>();
            assert!(table.memory() <= 2 * largest + entries_max, "{} at {step}", table.memory());
        }
    }
}
