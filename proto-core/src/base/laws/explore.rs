//! Every interleaving of a small world, to a bounded depth: forks it at each thing that can happen next.
//!
//! Random schedules find what is likely; this finds what is rare, as long as it is small. Worlds that two paths lead to are
//! looked at once: they are told apart by their `Debug` form, which shows all that a machine holds. At the end of each path
//! the world heals, and everything in it must come to its end.

use crate::base::laws::digest::Digest;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::fmt::{Debug, Write};

/// Raises the depth of every exploration by so many steps, for the night.
const DEEPER_VARIABLE: &str = "ZRPC_EXPLORE_DEEPER";

/// Machines, their owners and what lies between them, small enough to try everything.
pub trait World: Sized {
    /// Something that can happen.
    type Step: Copy + Debug;

    /// The same world again, to go on in another way.
    #[must_use]
    fn fork(&self) -> Self;

    /// All that can happen next.
    fn steps(&self) -> Vec<Self::Step>;

    /// Lets it happen, and panics when an invariant is broken.
    fn take(&mut self, step: Self::Step);

    /// Writes all by which this world differs from others.
    fn show(&self, out: &mut dyn Write) -> core::fmt::Result;

    /// The links carry everything and owners do their part; panics when something does not come to its end.
    fn heal(self);
}

/// What was explored.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Explored {
    /// Worlds that differ.
    pub states: usize,
    /// Steps that were taken.
    pub steps: u64,
    /// Paths at whose end the world healed.
    pub leaves: u64,
    /// How many steps each path has at the most.
    pub depth: usize,
}

/// Explores `world` to this depth, or deeper by what `ZRPC_EXPLORE_DEEPER` says.
///
/// # Panics
/// When an invariant is broken, after the path that leads there was printed.
pub fn explore<W: World>(name: &str, world: W, depth: usize) -> Explored {
    let depth = depth + deeper();
    let mut explorer = Explorer::<W> {
        seen: BTreeMap::new(),
        path: Path { name, steps: Vec::new() },
        found: Explored { depth, ..Explored::default() },
    };
    explorer.visit(world, depth);
    let Explored { states, steps, leaves, .. } = explorer.found;
    std::println!("{name}: {states} states, {steps} steps, {leaves} ends, {depth} deep");
    explorer.found
}

struct Explorer<'a, W: World> {
    /// How many steps were left when a world was met.
    seen: BTreeMap<u64, usize>,
    path: Path<'a, W::Step>,
    found: Explored,
}

impl<W: World> Explorer<'_, W> {
    fn visit(&mut self, world: W, left: usize) {
        let mut hash = Digest::default();
        // Writing into a hash never fails.
        let _written = world.show(&mut hash);
        match self.seen.get(&hash.0) {
            Some(before) if *before >= left => return,
            Some(_) => {}
            None => self.found.states += 1,
        }
        self.seen.insert(hash.0, left);
        let steps = if left == 0 { Vec::new() } else { world.steps() };
        if steps.is_empty() {
            self.found.leaves += 1;
            return world.heal();
        }
        for step in steps {
            let mut next = world.fork();
            self.path.steps.push(step);
            self.found.steps += 1;
            next.take(step);
            self.visit(next, left - 1);
            self.path.steps.pop();
        }
    }
}

/// The way to where the exploration is; a panic tells it.
struct Path<'a, S: Debug> {
    name: &'a str,
    steps: Vec<S>,
}

impl<S: Debug> Drop for Path<'_, S> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::eprintln!("{}: after {:?}", self.name, self.steps);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test harness, not a machine: a person asks for a deeper exploration"
)]
fn deeper() -> usize {
    let Ok(text) = std::env::var(DEEPER_VARIABLE) else { return 0 };
    text.parse().unwrap_or_else(|_| panic!("{}", format!("{DEEPER_VARIABLE}={text} is no number of steps")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two counters that may go to three, one of which must never pass the other by two.
    #[derive(Clone, Debug)]
    struct Counters(u8, u8, u8);

    impl World for Counters {
        type Step = bool;

        fn fork(&self) -> Counters {
            self.clone()
        }

        fn steps(&self) -> Vec<bool> {
            if self.0 + self.1 < 6 { [true, false].into() } else { Vec::new() }
        }

        fn take(&mut self, step: bool) {
            if step {
                self.0 += 1
            } else {
                self.1 += 1
            }
            assert!(self.0.abs_diff(self.1) < self.2);
        }

        fn show(&self, out: &mut dyn Write) -> core::fmt::Result {
            write!(out, "{self:?}")
        }

        fn heal(self) {
            assert!(self.0 + self.1 <= 6);
        }
    }

    #[test]
    fn an_exploration_meets_every_state_once_and_finds_the_one_that_is_wrong() {
        let found = explore("counters", Counters(0, 0, 100), 4);
        assert_eq!((found.states, found.leaves), (15, 5), "{found:?}");
        let wrong = std::panic::catch_unwind(|| explore("counters", Counters(0, 0, 4), 6));
        assert!(wrong.is_err(), "four of one and none of the other break the rule");
        let deep = explore("counters", Counters(0, 0, 100), 9);
        assert_eq!(deep.leaves, 7, "paths end where nothing more can happen: {deep:?}");
    }
}
