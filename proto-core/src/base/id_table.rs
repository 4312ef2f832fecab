//! A table from ids that only grow to values: streams of a connection, calls of a session.
//!
//! Values live in slots that are used again, so that a warm table allocates nothing. The index is sorted by id, because
//! ids arrive in order; a lookup is a binary search over the open ids, and whatever ids a peer chooses, it costs no more
//! than that. A removed id leaves a gap in the index until gaps outnumber the rest.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: u64,
    slot: u32,
}

const GAP: u32 = u32::MAX;
const NONE: Entry = Entry { id: u64::MAX, slot: GAP };

/// Values by ids that only grow.
#[derive(Clone, Debug)]
pub struct IdTable<T> {
    index: VecDeque<Entry>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    gaps: usize,
    /// The id that was asked for last and its slot: one call's frames and commands come together.
    recent: Entry,
}

impl<T> Default for IdTable<T> {
    fn default() -> Self {
        IdTable { index: VecDeque::new(), slots: Vec::new(), free: Vec::new(), gaps: 0, recent: NONE }
    }
}

impl<T> IdTable<T> {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len() - self.gaps
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value under an id above all earlier ones; false, with nothing changed, when it is not.
    pub fn insert(&mut self, id: u64, value: T) -> bool {
        if self.index.back().is_some_and(|last| last.id >= id) {
            return false;
        }
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(value);
                slot
            }
            None => {
                self.slots.push(Some(value));
                (self.slots.len() - 1) as u32
            }
        };
        self.index.push_back(Entry { id, slot });
        self.recent = Entry { id, slot };
        true
    }

    /// The value under an id.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&T> {
        self.slots.get(self.slot(id)? as usize)?.as_ref()
    }

    /// The value under an id, to change it.
    #[must_use]
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let slot = self.slot(id)?;
        self.recent = Entry { id, slot };
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// Takes the value under an id out.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        let at = self.find(id)?;
        self.recent = NONE;
        let slot = self.index[at].slot;
        let value = self.slots.get_mut(slot as usize)?.take();
        self.free.push(slot);
        self.index[at].slot = GAP;
        self.gaps += 1;
        self.close_gaps();
        value
    }

    /// Ids and values, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.index.iter().filter_map(|entry| Some((entry.id, self.slots.get(entry.slot as usize)?.as_ref()?)))
    }

    /// The first id above `after`; a walk that may change the table steps from id to id with it.
    #[must_use]
    pub fn next_id(&self, after: Option<u64>) -> Option<u64> {
        let start = match after {
            Some(after) => self.index.partition_point(|entry| entry.id <= after),
            None => 0,
        };
        self.index.range(start..).find(|entry| entry.slot != GAP).map(|entry| entry.id)
    }

    /// Removes everything and gives the memory back.
    pub fn clear(&mut self) {
        *self = IdTable::default();
    }

    /// Gives back what an idle table does not need.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            self.clear();
        }
    }

    /// Bytes of memory held, without what the values own.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.index.capacity() * size_of::<Entry>()
            + self.slots.capacity() * size_of::<Option<T>>()
            + self.free.capacity() * size_of::<u32>()
    }

    fn slot(&self, id: u64) -> Option<u32> {
        match self.recent {
            Entry { id: recent, slot } if recent == id && slot != GAP => Some(slot),
            _ => Some(self.index.get(self.find(id)?)?.slot),
        }
    }

    fn find(&self, id: u64) -> Option<usize> {
        let front = self.index.front()?.id;
        // Ids mostly follow each other by two, as HTTP/2's do; then the place can be told without a search.
        let guess = usize::try_from(id.checked_sub(front)? / 2).unwrap_or(usize::MAX);
        let at = match self.index.get(guess) {
            Some(entry) if entry.id == id => guess,
            _ => self.index.binary_search_by_key(&id, |entry| entry.id).ok()?,
        };
        (self.index[at].slot != GAP).then_some(at)
    }

    fn close_gaps(&mut self) {
        while self.index.front().is_some_and(|entry| entry.slot == GAP) {
            self.index.pop_front();
            self.gaps -= 1;
        }
        while self.index.back().is_some_and(|entry| entry.slot == GAP) {
            self.index.pop_back();
            self.gaps -= 1;
        }
        if self.gaps > 16 && self.gaps > self.index.len() / 2 {
            self.index.retain(|entry| entry.slot != GAP);
            self.gaps = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::collections::BTreeMap;

    #[test]
    fn it_agrees_with_a_map_over_random_operations_and_stays_small() {
        let mut entropy = Entropy::from_seed(7);
        let mut table = IdTable::default();
        let mut model = BTreeMap::new();
        let mut next = 1;
        for step in 0..20_000u64 {
            if entropy.below(2) == 0 && model.len() < 50 {
                next += 1 + entropy.below(1000);
                assert!(table.insert(next, step));
                model.insert(next, step);
            } else if let Some(id) =
                model.keys().nth(entropy.below(model.len().max(1) as u64) as usize).copied()
            {
                assert_eq!(table.remove(id), model.remove(&id));
                assert_eq!(table.get(id), None);
            }
            assert_eq!(table.len(), model.len());
            assert!(table.index.len() <= 2 * 50 + 18, "{}", table.index.len());
        }
        assert!(
            table.iter().map(|(id, value)| (id, *value)).eq(model.iter().map(|(id, value)| (*id, *value)))
        );
        assert!(!table.insert(*model.keys().last().unwrap(), 0));
    }
}
