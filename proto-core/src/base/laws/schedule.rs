//! What a run varies: when it polls, how much room it gives, how much the socket takes.
//!
//! Each kind of schedule varies what one law speaks of and keeps the rest plain, so that a failure names its law.

use crate::base::{Entropy, Time};

const MILLISECOND: u64 = 1_000_000;
/// The longest wait that is ticked through at every millisecond.
const TICKED_THROUGH_MAX: u64 = 1_000 * MILLISECOND;
/// More than any script sends at once.
const PLENTY: usize = 1 << 24;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Settles after each step; sleeps until the wake; room for everything.
    Plain,
    /// Reads sometimes, or not at all, between parts of an input.
    Chunks,
    /// Polls at many instants at which nothing is due.
    Ticker,
    /// Gives little room, and takes part of what was written.
    Room,
    /// All of it.
    Mixed,
}

#[derive(Clone, Debug)]
pub(super) struct Schedule {
    kind: Kind,
    /// One ticker in eight ticks at every millisecond; the others at a few random instants, which is cheaper.
    is_every_millisecond: bool,
    chance: Entropy,
}

impl Schedule {
    pub fn new(kind: Kind, seed: u64) -> Schedule {
        let mut chance = Entropy::from_seed(seed);
        Schedule { kind, is_every_millisecond: chance.below(8) == 0, chance }
    }

    /// How many polls follow a part of an input before the next part: none, a few, or as many as it takes.
    pub fn polls_between_parts(&mut self) -> u64 {
        match self.chance.below(3) {
            0 => 0,
            1 => 1 + self.chance.below(3),
            _ => u64::MAX,
        }
    }

    /// How many bytes may wait in the output at the next poll.
    pub fn room(&mut self) -> usize {
        match self.kind {
            Kind::Room | Kind::Mixed => match self.chance.below(8) {
                0 => 0,
                1 => 1,
                2 => 1 + self.chance.below(20) as usize,
                3 => 1 + self.chance.below(300) as usize,
                4 => 1 + self.chance.below(5_000) as usize,
                5 => 1 + self.chance.below(40_000) as usize,
                _ => PLENTY,
            },
            Kind::Plain | Kind::Chunks | Kind::Ticker => PLENTY,
        }
    }

    /// How many of `len` waiting bytes the socket takes.
    pub fn taken(&mut self, len: usize) -> usize {
        match self.kind {
            Kind::Room | Kind::Mixed if self.chance.below(2) == 0 => {
                1 + self.chance.below(len as u64) as usize
            }
            _ => len,
        }
    }

    /// An instant strictly between `now` and `target` at which to poll although nothing is due.
    pub fn tick(&mut self, now: Time, target: Time) -> Option<Time> {
        if !matches!(self.kind, Kind::Ticker | Kind::Mixed) {
            return None;
        }
        let (from, to) = (now.as_nanos(), target.as_nanos());
        let left = to.saturating_sub(from);
        let is_each = self.is_every_millisecond && left <= TICKED_THROUGH_MAX;
        let step = match self.chance.below(4) {
            _ if is_each => MILLISECOND - from % MILLISECOND,
            0 => return None,
            1 => left / 2,
            _ => 1 + self.chance.below(left),
        };
        (0 < step && step < left).then(|| Time::from_nanos(from + step))
    }
}
