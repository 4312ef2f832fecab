//! Names that are sent once and referred to by number after that (docs/native-protocol.md §6): paths and metadata keys.
//!
//! Entries are never replaced, so a table is a list: what is at number n stays there. Both ends are bounded by the number
//! of entries and by their length.

use crate::native::Violation;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of an entry at the most.
pub(crate) const ENTRY_BYTES_MAX: usize = 256;

/// A list of names in one buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    text: String,
    ends: Vec<u32>,
    /// The entry that was found last: calls of one method follow each other.
    recent: u32,
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&str> {
        let at = number as usize;
        let end = *self.ends.get(at)? as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.text.get(start..end)
    }

    /// The number of a name that was added.
    pub(crate) fn find(&mut self, name: &[u8]) -> Option<u32> {
        let is_name = |number| self.get(number).is_some_and(|entry| entry.as_bytes() == name);
        if is_name(self.recent) {
            return Some(self.recent);
        }
        let found = (0..self.ends.len() as u32).find(|number| is_name(*number))?;
        self.recent = found;
        Some(found)
    }

    /// Adds a name under the next number.
    pub(crate) fn push(&mut self, name: &str) -> u32 {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u32);
        self.recent = (self.ends.len() - 1) as u32;
        self.recent
    }

    /// Adds a name that the peer interned.
    pub(crate) fn learn(&mut self, name: &str, entries_max: usize) -> Result<u32, Violation> {
        if self.ends.len() >= entries_max {
            return Err(Violation::TooManyEntries);
        }
        if name.len() > ENTRY_BYTES_MAX {
            return Err(Violation::LongEntry);
        }
        Ok(self.push(name))
    }

    /// Whether a name of ours may be added where the peer remembers so many.
    pub(crate) fn takes(&self, name: &[u8], entries_max: usize) -> bool {
        self.ends.len() < entries_max && name.len() <= ENTRY_BYTES_MAX
    }

    pub(crate) fn memory(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>()
    }

    /// The most that [`Names::memory`] says with so many entries.
    pub(crate) const fn memory_max(entries: usize) -> usize {
        2 * (entries + 4) * (ENTRY_BYTES_MAX + size_of::<u32>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_numbers_and_are_found_by_name() {
        let mut names = Names::default();
        for (number, name) in ["/a.B/C", "", "/a.B/D", "key"].into_iter().enumerate() {
            assert_eq!(names.find(b"/not/there"), None);
            assert_eq!(names.learn(name, 4), Ok(number as u32));
        }
        for (number, name) in ["/a.B/C", "", "/a.B/D", "key"].into_iter().enumerate() {
            assert_eq!(names.get(number as u32), Some(name));
            assert_eq!(names.find(name.as_bytes()), Some(number as u32));
        }
        assert_eq!(names.get(4), None);
        assert_eq!(names.learn("x", 4), Err(Violation::TooManyEntries));
        assert_eq!(names.learn(&"x".repeat(257), 5), Err(Violation::LongEntry));
        assert!(names.memory() <= Names::memory_max(4));
    }
}
