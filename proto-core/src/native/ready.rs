//! Whose turn it is to send: calls in line, by urgency (docs/native-protocol.md §9).
//!
//! Ids of calls that are gone, or that changed their line, are passed over when their turn comes; where no turn comes,
//! they must not pile up.

use crate::native::Priority;
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// Stale ids that are never worth a clean-up.
const STALE_MIN: usize = 32;

const DEFAULT_URGENCY: u8 = 3;

/// Calls in line.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    /// Those of the default urgency, which mostly are all.
    normal: VecDeque<u64>,
    others: Option<Box<[VecDeque<u64>; Priority::URGENCIES]>>,
    stale: usize,
}

impl Ready {
    pub(super) fn is_empty(&self) -> bool {
        self.normal.is_empty()
            && self.others.as_ref().is_none_or(|others| others.iter().all(VecDeque::is_empty))
    }

    fn line(&mut self, urgency: u8) -> &mut VecDeque<u64> {
        if urgency == DEFAULT_URGENCY {
            return &mut self.normal;
        }
        let at = usize::from(urgency) % Priority::URGENCIES;
        &mut self.others.get_or_insert_default()[at]
    }

    pub(super) fn push_back(&mut self, urgency: u8, id: u64) {
        self.line(urgency).push_back(id);
    }

    /// Keeps its turn.
    pub(super) fn push_front(&mut self, urgency: u8, id: u64) {
        self.line(urgency).push_front(id);
    }

    /// The next in line, and the urgency of its line.
    pub(super) fn pop(&mut self) -> Option<(u8, u64)> {
        let Some(others) = &mut self.others else {
            return Some((DEFAULT_URGENCY, self.normal.pop_front()?));
        };
        let lines = others.iter_mut().enumerate();
        for (urgency, line) in lines {
            let line = if urgency == usize::from(DEFAULT_URGENCY) { &mut self.normal } else { line };
            if let Some(id) = line.pop_front() {
                return Some((urgency as u8, id));
            }
        }
        None
    }

    /// Notes that an id in line does not count any more.
    pub(super) fn note_stale(&mut self, counts: impl Fn(u8, u64) -> bool) {
        self.stale += 1;
        if self.stale <= STALE_MIN || self.stale <= self.len() / 2 {
            return;
        }
        self.stale = 0;
        self.normal.retain(|id| counts(DEFAULT_URGENCY, *id));
        for (urgency, line) in self.others.iter_mut().flat_map(|others| others.iter_mut().enumerate()) {
            line.retain(|id| counts(urgency as u8, *id));
        }
    }

    fn len(&self) -> usize {
        self.normal.len()
            + self.others.as_ref().map_or(0, |others| others.iter().map(VecDeque::len).sum::<usize>())
    }

    /// Gives all memory back, unless someone stands in line.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Ready::default();
        }
    }

    pub(super) fn memory(&self) -> usize {
        let others = self.others.as_ref().map_or(0, |others| {
            size_of_val(&**others)
                + others.iter().map(|line| line.capacity() * size_of::<u64>()).sum::<usize>()
        });
        self.normal.capacity() * size_of::<u64>() + others
    }

    /// The most that [`Ready::memory`] says with so many calls.
    pub(super) const fn memory_max(calls: usize) -> usize {
        // Each line may have had them all at once, and keeps its room.
        let ids = 2 * (2 * calls + STALE_MIN + 4);
        Priority::URGENCIES * (size_of::<VecDeque<u64>>() + ids * size_of::<u64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_urgency_goes_first_and_who_keeps_its_turn_goes_before_others() {
        let mut ready = Ready::default();
        ready.push_back(3, 1);
        ready.push_back(7, 2);
        ready.push_back(0, 3);
        ready.push_back(3, 4);
        ready.push_front(3, 5);
        let order: alloc::vec::Vec<u64> = core::iter::from_fn(|| ready.pop().map(|(_, id)| id)).collect();
        assert_eq!(order, [3, 5, 1, 4, 2]);
        assert!(ready.is_empty());
    }

    #[test]
    fn ids_that_do_not_count_any_more_never_outnumber_the_others_for_long() {
        let mut ready = Ready::default();
        for id in 0..10_000 {
            ready.push_back((id % 8) as u8, id);
            ready.note_stale(|_, _| false);
        }
        assert!(ready.len() <= STALE_MIN + 1, "{}", ready.len());
        assert!(ready.memory() <= Ready::memory_max(0), "{}", ready.memory());
    }
}
