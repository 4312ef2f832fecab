//! How an encoder finds a field or a name in its dynamic table: two chains a hash, newest entry first.
//!
//! Entries are numbered as they are inserted. A bucket holds the number of its newest entry, and each entry the
//! number of the next older one in its bucket; a number that has left the table ends a chain, so eviction
//! unlinks nothing. Every hit is compared octet by octet, and no chain is followed further than
//! [`PROBES_MAX`] entries: fields that were made to collide cost compression, not time. The hash has no random
//! seed, so a connection replays to the same octets.

use super::dynamic_table::DynamicTable;
use crate::base::Field;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How far a chain is followed.
const PROBES_MAX: usize = 16;

/// Buckets that the first insertion allocates.
const BUCKETS_AT_FIRST: usize = 4;

/// The hashes by which a field is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashes {
    pub(crate) name: u32,
    pub(crate) field: u32,
}

impl Hashes {
    #[inline]
    pub(crate) fn of(field: &Field<'_>) -> Hashes {
        let name = hash(0, field.name);
        Hashes { name, field: hash(name, field.value) }
    }
}

/// The chains over one dynamic table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookup {
    buckets: Vec<Bucket>,
    /// One for each entry of the table, oldest first.
    links: VecDeque<Link>,
    /// The number of the newest entry.
    newest: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    by_name: u32,
    by_field: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    hashes: Hashes,
    older: Bucket,
}

impl Lookup {
    /// The position of the newest entry equal to `field`.
    #[inline]
    pub(crate) fn find_field(
        &self,
        table: &DynamicTable,
        hashes: Hashes,
        field: &Field<'_>,
    ) -> Option<usize> {
        let newest = self.bucket(hashes.field)?.by_field;
        self.follow(
            newest,
            |link| link.older.by_field,
            |position, link| {
                link.hashes.field == hashes.field
                    && table.entry(position).is_some_and(|e| e.value == field.value && e.name == field.name)
            },
        )
    }

    /// The position of the newest entry with this name.
    #[inline]
    pub(crate) fn find_name(&self, table: &DynamicTable, hashes: Hashes, name: &[u8]) -> Option<usize> {
        let newest = self.bucket(hashes.name)?.by_name;
        self.follow(
            newest,
            |link| link.older.by_name,
            |position, link| {
                link.hashes.name == hashes.name && table.entry(position).is_some_and(|e| e.name == name)
            },
        )
    }

    /// Follows an insertion into the table, and the evictions that it caused.
    pub(crate) fn inserted(&mut self, table: &DynamicTable, hashes: Hashes) {
        self.newest = self.newest.wrapping_add(1);
        self.links.push_back(Link { hashes, older: Bucket::default() });
        self.evicted(table);
        if self.links.len() > self.buckets.len() {
            self.rebuild();
        } else if let Some(position) = self.links.len().checked_sub(1) {
            self.chain(position);
        }
    }

    /// Follows evictions.
    pub(crate) fn evicted(&mut self, table: &DynamicTable) {
        while self.links.len() > table.len() {
            self.links.pop_front();
        }
        if table.size_max() == 0 {
            self.links = VecDeque::new();
            self.buckets = Vec::new();
        }
    }

    /// Bytes of memory held beside the struct itself.
    pub(crate) fn memory(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>() + self.links.capacity() * size_of::<Link>()
    }

    fn bucket(&self, hash: u32) -> Option<&Bucket> {
        self.buckets.get(hash as usize & self.buckets.len().wrapping_sub(1))
    }

    /// The first position in a chain that `wanted` accepts.
    #[inline]
    fn follow(
        &self,
        mut number: u32,
        older: impl Fn(&Link) -> u32,
        wanted: impl Fn(usize, &Link) -> bool,
    ) -> Option<usize> {
        for _ in 0..PROBES_MAX {
            let position = self.newest.wrapping_sub(number) as usize;
            let link = self.links.get(self.links.len().checked_sub(position.checked_add(1)?)?)?;
            if wanted(position, link) {
                return Some(position);
            }
            number = older(link);
        }
        None
    }

    /// Puts the entry at `index` of the links, newer than all that are chained, at the head of its chains.
    fn chain(&mut self, index: usize) {
        let mask = self.buckets.len().wrapping_sub(1);
        let number = self.newest.wrapping_sub((self.links.len() - 1 - index) as u32);
        let Some(link) = self.links.get_mut(index) else { return };
        if let Some(bucket) = self.buckets.get_mut(link.hashes.name as usize & mask) {
            link.older.by_name = core::mem::replace(&mut bucket.by_name, number);
        }
        if let Some(bucket) = self.buckets.get_mut(link.hashes.field as usize & mask) {
            link.older.by_field = core::mem::replace(&mut bucket.by_field, number);
        }
    }

    /// Doubles the buckets and chains all entries anew.
    fn rebuild(&mut self) {
        let count = (self.buckets.len() * 2).max(BUCKETS_AT_FIRST);
        // The number before the oldest entry's: no longer in the table.
        let nothing = self.newest.wrapping_sub(self.links.len() as u32);
        self.buckets.clear();
        self.buckets.resize(count, Bucket { by_name: nothing, by_field: nothing });
        for index in 0..self.links.len() {
            self.chain(index);
        }
    }
}

/// A hash of `octets` continued from `seed`: a multiplication for each 8 octets, folded. Not against adversaries.
#[inline]
pub(crate) const fn hash(seed: u32, octets: &[u8]) -> u32 {
    let mut state = seed as u64 ^ (octets.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut rest = octets;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        state = mix(state ^ u64::from_le_bytes(*word));
        rest = after;
    }
    if !rest.is_empty() {
        state = mix(state ^ last_word(octets));
    }
    (state ^ (state >> 32)) as u32
}

/// The last 8 octets, or all when there are fewer; the length is hashed elsewhere.
#[inline]
const fn last_word(octets: &[u8]) -> u64 {
    if let Some(word) = octets.last_chunk::<8>() {
        return u64::from_le_bytes(*word);
    }
    if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        return u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << 32;
    }
    match octets {
        [] => 0,
        [only] => *only as u64,
        [first, middle @ .., last] => {
            let middle = if middle.is_empty() { 0 } else { middle[0] };
            *first as u64 | (middle as u64) << 8 | (*last as u64) << 16
        }
    }
}

#[inline]
const fn mix(word: u64) -> u64 {
    let product = word as u128 * 0xa076_1d64_78bd_642f;
    (product ^ (product >> 64)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;

    #[test]
    fn what_is_found_is_what_a_search_through_the_table_finds() {
        let mut entropy = Entropy::from_seed(7);
        let mut table = DynamicTable::new(4096);
        // Shortly before the numbers of entries wrap around.
        let mut lookup = Lookup { newest: u32::MAX - 5000, ..Lookup::default() };
        for step in 0..10_000 {
            let name = [b'a' + entropy.below(30) as u8];
            let value = entropy.below(20).to_le_bytes();
            let field = Field::new(&name, &value);
            let hashes = Hashes::of(&field);
            let found = lookup.find_field(&table, hashes, &field);
            assert_eq!(found, table.iter().position(|entry| entry == field), "step {step}");
            let found = lookup.find_name(&table, hashes, &name);
            assert_eq!(found, table.iter().position(|entry| entry.name == name), "step {step}");
            if entropy.below(100) == 0 {
                table.set_size_max(entropy.below(4) as usize * 1024);
                lookup.evicted(&table);
            } else {
                table.insert(&name, &value);
                lookup.inserted(&table, hashes);
            }
        }
    }

    #[test]
    fn a_chain_of_collisions_is_followed_for_sixteen_entries_only() {
        let mut table = DynamicTable::new(1 << 16);
        let mut lookup = Lookup::default();
        let colliding = Hashes { name: 7, field: 7 };
        for value in 0..100u8 {
            table.insert(b"name", &[value]);
            lookup.inserted(&table, colliding);
        }
        let find = |value: u8| lookup.find_field(&table, colliding, &Field::new(b"name", &[value]));
        assert_eq!(find(99), Some(0));
        assert_eq!(find(84), Some(15));
        assert_eq!(find(83), None);
    }
}
