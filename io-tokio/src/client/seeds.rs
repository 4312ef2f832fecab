//! Where the seeds of a channel's connections come from: the system, or one number that its user chose.

use crate::clock;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use zrpc_core::base::Entropy;

/// See the module.
pub(super) enum Seeds {
    /// Each is a fresh one, so that no two connections share any.
    System,
    /// They follow from the seed that was given, in the order in which they are taken.
    Given(Mutex<Entropy>),
}

impl Seeds {
    pub(super) fn new(given: Option<u64>) -> Seeds {
        given.map_or(Seeds::System, |seed| Seeds::Given(Mutex::new(Entropy::from_seed(seed))))
    }

    /// A seed that this channel has not handed out before.
    pub(super) fn take(&self) -> u64 {
        match self {
            Seeds::System => RandomState::new().hash_one(clock::now()),
            Seeds::Given(entropy) => entropy.lock().unwrap_or_else(PoisonError::into_inner).next_u64(),
        }
    }
}
