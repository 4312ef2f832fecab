//! What happened, line by line, and a hash of all of it. The same seed gives the same lines in any process.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use zrpc_core::base::Time;

/// The lines of one run. Their hash covers all of them; how many are kept is up to who reads them.
#[derive(Debug)]
pub struct Transcript {
    hash: u64,
    count: u64,
    line: String,
    kept: VecDeque<String>,
    kept_max: usize,
}

impl Transcript {
    /// Keeps the last `kept_max` lines.
    #[must_use]
    pub fn keeping(kept_max: usize) -> Transcript {
        let line = String::with_capacity(160);
        Transcript { hash: hash_of(b"zrpc-sim"), count: 0, line, kept: VecDeque::new(), kept_max }
    }

    /// Adds a line.
    pub fn note(&mut self, now: Time, what: fmt::Arguments<'_>) {
        self.line.clear();
        let _infallible = write!(self.line, "{:>14.6} ms  {what}", (now.as_nanos() - 1) as f64 / 1e6);
        self.hash = mixed(self.hash, hash_of(self.line.as_bytes()));
        self.count += 1;
        if self.kept_max > 0 {
            if self.kept.len() == self.kept_max {
                self.kept.pop_front();
            }
            self.kept.push_back(self.line.clone());
        }
    }

    /// A hash of all lines so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Lines so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.count
    }

    /// The lines that were kept, the oldest first.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(String::as_str)
    }
}

/// A hash of bytes that is the same on every machine. It keeps nothing secret.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let start = mixed(0x5851_f42d_4c95_7f2d, bytes.len() as u64);
    let hash = words.iter().fold(start, |hash, word| mixed(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| mixed(hash, u64::from(*byte)))
}

fn mixed(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * 0x9e37_79b9_7f4a_7c15;
    (product as u64) ^ ((product >> 64) as u64).rotate_left(32) ^ word.rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_in_anything_hash_differently_and_only_the_last_are_kept() {
        let run = |words: [&str; 3]| {
            let mut transcript = Transcript::keeping(2);
            words.iter().for_each(|word| transcript.note(Time::START, format_args!("{word}")));
            (transcript.hash(), transcript.kept().map(|line| line.trim().to_owned()).collect::<Vec<_>>())
        };
        let (hash, kept) = run(["a", "b", "c"]);
        assert_eq!(kept, ["0.000000 ms  b", "0.000000 ms  c"]);
        assert_eq!(hash, run(["a", "b", "c"]).0);
        assert!(hash != run(["a", "c", "b"]).0 && hash != run(["a", "b", ""]).0);
    }
}
