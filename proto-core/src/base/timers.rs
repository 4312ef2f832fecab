//! Deadlines: a handful of named ones in a table, or many keyed ones in a heap.
//!
//! A machine keeps every instant that it waits for in one of these, so that what is acted on is also what is exposed.

use crate::base::{Time, Wake};
use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

/// The names of a machine's few timers: an enum whose values count from 0.
pub trait TimerName: Copy + 'static {
    /// All names, in the order of their values.
    const ALL: &'static [Self];

    /// The position in [`TimerName::ALL`].
    fn index(self) -> usize;

    /// What the machine waits for, for people.
    fn why(self) -> &'static str;
}

/// One optional deadline a name.
#[derive(Clone, Debug)]
pub struct TimerTable<const N: usize> {
    at: [Option<Time>; N],
}

impl<const N: usize> Default for TimerTable<N> {
    fn default() -> Self {
        TimerTable { at: [None; N] }
    }
}

impl<const N: usize> TimerTable<N> {
    /// Sets a deadline, in place of an earlier one.
    pub fn arm<T: TimerName>(&mut self, name: T, at: Time) {
        self.at[name.index()] = Some(at);
    }

    /// Removes a deadline.
    pub fn disarm<T: TimerName>(&mut self, name: T) {
        self.at[name.index()] = None;
    }

    /// Whether the deadline is set.
    #[must_use]
    pub fn is_armed<T: TimerName>(&self, name: T) -> bool {
        self.at[name.index()].is_some()
    }

    /// Takes the first deadline that is due.
    pub fn take_due<T: TimerName>(&mut self, now: Time) -> Option<T> {
        let due = T::ALL.iter().copied().find(|name| self.at[name.index()].is_some_and(|at| at <= now))?;
        self.disarm(due);
        Some(due)
    }

    /// The earliest deadline.
    #[must_use]
    pub fn wake<T: TimerName>(&self) -> Option<Wake> {
        T::ALL
            .iter()
            .filter_map(|name| Some(Wake { at: self.at[name.index()]?, why: name.why() }))
            .min_by_key(|wake| wake.at)
    }

    /// Removes all deadlines.
    pub fn clear(&mut self) {
        self.at = [None; N];
    }
}

/// Many deadlines by key, the earliest first. A deadline is not removed when its key goes: whoever takes it asks
/// whether the key still waits for that instant.
#[derive(Clone, Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Time, u64)>>,
}

impl Deadlines {
    /// Adds a deadline.
    pub fn add(&mut self, at: Time, key: u64) {
        self.heap.push(Reverse((at, key)));
    }

    /// Takes a deadline that is due, or whose key is stale and first in line.
    pub fn take_due(&mut self, now: Time, waits: impl Fn(u64, Time) -> bool) -> Option<u64> {
        while let Some(&Reverse((at, key))) = self.heap.peek() {
            let stale = !waits(key, at);
            if !stale && at > now {
                return None;
            }
            self.heap.pop();
            if !stale {
                return Some(key);
            }
        }
        None
    }

    /// Removes what `waits` does not know any more, once it is most of what there is.
    pub fn tidy(&mut self, waiting: usize, waits: impl Fn(u64, Time) -> bool) {
        if self.heap.len() > 32 && self.heap.len() > 2 * waiting {
            self.heap.retain(|&Reverse((at, key))| waits(key, at));
        }
    }

    /// The earliest deadline whose key still waits for it; stale ones before it are removed.
    pub fn next(&mut self, waits: impl Fn(u64, Time) -> bool) -> Option<Time> {
        while let Some(&Reverse((at, key))) = self.heap.peek() {
            if waits(key, at) {
                return Some(at);
            }
            self.heap.pop();
        }
        None
    }

    /// Removes all and gives the memory back.
    pub fn clear(&mut self) {
        self.heap = BinaryHeap::new();
    }

    /// Bytes of memory held.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.heap.capacity() * size_of::<Reverse<(Time, u64)>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_deadlines_are_passed_over_and_due_ones_come_in_order() {
        let mut deadlines = Deadlines::default();
        let t = Time::from_nanos;
        deadlines.add(t(30), 3);
        deadlines.add(t(10), 1);
        deadlines.add(t(20), 2);
        let waits = |key: u64, _| key != 1;
        assert_eq!(deadlines.take_due(t(5), waits), None);
        assert_eq!(deadlines.next(waits), Some(t(20)));
        assert_eq!(deadlines.next(|key, _| key == 3), Some(t(30)));
        deadlines.add(t(20), 2);
        assert_eq!(deadlines.take_due(t(40), waits), Some(2));
        assert_eq!(deadlines.take_due(t(40), waits), Some(3));
        assert_eq!(deadlines.take_due(t(40), waits), None);
    }
}
