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
    /// Input that goes on with the next step: the machine may read, and not write.
    Part(Bytes),
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
            _ => None,
        })
    }
}

#[cfg(any(test, feature = "fuzz"))]
impl<C> Script<C> {
    /// The same script with other inputs and commands, for what carries a machine that has scripts already.
    pub(crate) fn map<D>(
        self,
        mut input: impl FnMut(Bytes) -> Bytes,
        mut command: impl FnMut(C) -> D,
    ) -> Script<D> {
        let step = |Step { wait, act }| {
            let act = match act {
                Act::Input(bytes) => Act::Input(input(bytes)),
                Act::Part(bytes) => Act::Part(input(bytes)),
                Act::Eof => Act::Eof,
                Act::Command(one) => Act::Command(command(one)),
                Act::Nothing => Act::Nothing,
            };
            Step { wait, act }
        };
        Script { steps: self.steps.into_iter().map(step).collect(), pause: self.pause }
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

    /// The same script with some of what arrives at one instant joined.
    pub(super) fn joined(self, chance: &mut Entropy) -> Script<C> {
        let mut steps: Vec<Step<C>> = Vec::new();
        for step in self.steps {
            match (steps.last_mut().map(|step| &mut step.act), &step.act) {
                (Some(Act::Input(before)), Act::Input(more))
                    if step.wait.is_zero() && chance.below(2) == 0 =>
                {
                    *before = [&before[..], &more[..]].concat().into();
                }
                _ => steps.push(step),
            }
        }
        Script { steps, pause: self.pause }
    }

    /// The same script with its input in parts: few or many, down to single bytes when the input is short.
    pub(super) fn split(&self, chance: &mut Entropy) -> Script<C> {
        let parts = [1, 3, 10, 60, 300][chance.below(5) as usize];
        let mut script = Script::new();
        for Step { wait, act } in &self.steps {
            script = script.wait(*wait);
            let Act::Input(bytes) = act else {
                script = script.then(act.clone());
                continue;
            };
            let mut rest = bytes.clone();
            let part_max = 2 * (rest.len() / parts) as u64;
            while rest.len() > 1 {
                let count = (1 + chance.below(part_max) as usize).min(rest.len() - 1);
                script = script.then(Act::Part(rest.split_to(count)));
            }
            script = script.input(rest);
        }
        script
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
            if let Act::Input(bytes) | Act::Part(bytes) = &step.act {
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    #[test]
    fn joining_and_splitting_keep_every_byte_every_pause_and_every_command() {
        let script = Script::new().input("hello").input(" world").wait(Duration::from_millis(3)).input("!");
        let script = script.command(()).wait(Duration::from_millis(4)).eof().finished();
        for seed in 0..200 {
            let mut chance = Entropy::from_seed(seed);
            let other = script.clone().joined(&mut chance).split(&mut chance);
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
