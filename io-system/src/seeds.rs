//! Where seeds come from: the system, or one number that a channel's user chose.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Mutex, PoisonError};
use zrpc_core::base::{Entropy, Secret};

/// The seeds of a channel's connections.
pub enum Seeds {
    /// Each is a fresh one, so that no two connections share any.
    System,
    /// They follow from the seed that was given, in the order in which they are taken.
    Given(Mutex<Entropy>),
}

impl Seeds {
    /// Those of one number, or else the system's.
    #[must_use]
    pub fn new(given: Option<u64>) -> Seeds {
        given.map_or(Seeds::System, |seed| Seeds::Given(Mutex::new(Entropy::from_seed(seed))))
    }

    /// A seed that this channel has not handed out before.
    pub fn take(&self) -> u64 {
        match self {
            Seeds::System => from_system(),
            Seeds::Given(entropy) => entropy.lock().unwrap_or_else(PoisonError::into_inner).next_u64(),
        }
    }
}

impl fmt::Debug for Seeds {
    /// Whoever knows a seed knows what follows from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Seeds::System => "Seeds::System",
            Seeds::Given(_) => "Seeds::Given(..)",
        })
    }
}

/// A source of what a peer must not guess, for one connection.
#[must_use]
pub fn secret() -> Secret {
    let mut seed = [0; 32];
    for part in seed.as_chunks_mut::<8>().0 {
        *part = from_system().to_le_bytes();
    }
    Secret::from_seed(seed)
}

/// The keys of std's hasher come from the system's randomness, and what it makes of nothing under a fresh key is as
/// unpredictable as they are.
fn from_system() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_is_another() {
        let mut seen: Vec<[u8; 4]> = (0..1_000).map(|_| secret().next_bytes()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 990);
    }

    #[test]
    fn seeds_that_were_given_none_differ_from_channel_to_channel() {
        let seeds: std::collections::BTreeSet<u64> = (0..1_000).map(|_| Seeds::new(None).take()).collect();
        assert_eq!(seeds.len(), 1_000);
    }
}
