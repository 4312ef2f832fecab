//! What happens to a machine under test: input, commands and pauses in order, whole or damaged, in any pieces.

use crate::base::Entropy;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// One thing that happens, after a pause.
#[derive(Clone, Debug)]
pub(super) struct Step<C> {
    pub wait: Duration,
    pub act: Act<C>,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum Act<C> {
    Input(Bytes),
    Eof,
    Command(C),
    Nothing,
}

/// What happens to a machine, in order.
#[derive(Clone, Debug)]
pub struct Script<C> {
    pub(super) steps: Vec<Step<C>>,
    pause: Duration,
}

impl<C> Default for Script<C> {
    fn default() -> Self {
        Script::new()
    }
}

impl<C> Script<C> {
    /// A script in which nothing happens.
    #[must_use]
    pub const fn new() -> Script<C> {
        Script { steps: Vec::new(), pause: Duration::ZERO }
    }

    /// The peer's bytes arrive.
    #[must_use]
    pub fn input(self, bytes: impl Into<Bytes>) -> Script<C> {
        let bytes = bytes.into();
        self.then(Act::Input(bytes))
    }

    /// The peer sends no more.
    #[must_use]
    pub fn eof(self) -> Script<C> {
        self.then(Act::Eof)
    }

    /// The owner does something of its own accord.
    #[must_use]
    pub fn command(self, command: C) -> Script<C> {
        self.then(Act::Command(command))
    }

    /// Time passes before the next thing happens, or at the end.
    #[must_use]
    pub fn wait(mut self, duration: Duration) -> Script<C> {
        self.pause += duration;
        self
    }

    fn then(mut self, act: Act<C>) -> Script<C> {
        let wait = core::mem::take(&mut self.pause);
        self.steps.push(Step { wait, act });
        self
    }

    /// Turns the pause at the end into a step of its own.
    pub(super) fn finished(self) -> Script<C> {
        self.then(Act::Nothing)
    }

    pub(super) fn commands(&self) -> impl Iterator<Item = &C> {
        self.steps.iter().filter_map(|step| match &step.act {
            Act::Command(command) => Some(command),
            Act::Input(_) | Act::Eof | Act::Nothing => None,
        })
    }
}

impl<C: Clone> Script<C> {
    /// The same script from a hostile peer: a few of its inputs flipped, cut, repeated, swapped, or followed by noise.
    pub(super) fn damaged(mut self, chance: &mut Entropy) -> Script<C> {
        for _ in 0..=chance.below(3) {
            let inputs: Vec<usize> = self.indices_of_input();
            if inputs.is_empty() {
                return self;
            }
            let at = inputs[chance.below(inputs.len() as u64) as usize];
            let other = inputs[chance.below(inputs.len() as u64) as usize];
            match chance.below(6) {
                0 => {
                    let copy = self.steps[other].clone();
                    self.steps.insert(at, copy);
                }
                1 => self.steps.swap(at, other),
                2 => self.steps[at].act = Act::Eof,
                way => {
                    if let Act::Input(bytes) = &mut self.steps[at].act {
                        *bytes = damaged_bytes(bytes, way, chance);
                    }
                }
            }
        }
        self
    }

    /// The same input in other pieces: what arrives at one instant is joined, then split anywhere, down to single bytes
    /// when there are few.
    pub(super) fn rechunked(&self, chance: &mut Entropy) -> Script<C> {
        let pieces = [1, 3, 10, 60, 300][chance.below(5) as usize];
        let mut script = Script::new();
        let mut pending = Vec::new();
        for step in &self.steps {
            if !step.wait.is_zero() {
                script = script.pieces(&mut pending, pieces, chance).wait(step.wait);
            }
            match &step.act {
                Act::Input(bytes) => pending.extend_from_slice(bytes),
                act => script = script.pieces(&mut pending, pieces, chance).then(act.clone()),
            }
        }
        script.pieces(&mut pending, pieces, chance)
    }

    fn pieces(mut self, pending: &mut Vec<u8>, pieces: usize, chance: &mut Entropy) -> Script<C> {
        let piece_max = 2 * (pending.len() / pieces) as u64;
        let mut rest = Bytes::from(core::mem::take(pending));
        while !rest.is_empty() {
            let count = (1 + chance.below(piece_max) as usize).min(rest.len());
            self = self.input(rest.split_to(count));
        }
        self
    }

    fn indices_of_input(&self) -> Vec<usize> {
        let is_input = |index: &usize| matches!(self.steps[*index].act, Act::Input(_));
        (0..self.steps.len()).filter(is_input).collect()
    }
}

fn damaged_bytes(bytes: &[u8], way: u64, chance: &mut Entropy) -> Bytes {
    let mut bytes = bytes.to_vec();
    let at = chance.below(bytes.len() as u64) as usize;
    match way {
        3 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
        4 => bytes.truncate(at),
        _ => bytes.extend((0..=chance.below(40)).map(|_| chance.next_u64() as u8)),
    }
    Bytes::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input_of(script: &Script<()>) -> Vec<u8> {
        let mut all = Vec::new();
        for step in &script.steps {
            if let Act::Input(bytes) = &step.act {
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    #[test]
    fn rechunking_keeps_every_byte_every_pause_and_every_command() {
        let script = Script::new().input("hello").input(" world").wait(Duration::from_millis(3)).input("!");
        let script = script.command(()).wait(Duration::from_millis(4)).eof().finished();
        for seed in 0..200 {
            let other = script.rechunked(&mut Entropy::from_seed(seed));
            assert_eq!(input_of(&other), b"hello world!");
            assert_eq!(other.commands().count(), 1);
            assert_eq!(other.steps.iter().map(|step| step.wait).sum::<Duration>(), Duration::from_millis(7));
        }
    }

    #[test]
    fn damage_changes_the_input_of_nearly_every_script() {
        let script = Script::<()>::new().input("hello").input(" world").input("!").eof().finished();
        let is_changed =
            |seed| input_of(&script.clone().damaged(&mut Entropy::from_seed(seed))) != b"hello world!";
        let changed = (0..200).filter(|seed| is_changed(*seed)).count();
        assert!(changed > 150, "only {changed} of 200");
    }
}
